#!/usr/bin/env python3
"""Makes UDIF disk images for `benches/udif.rs`: one disk, stored with each codec.

    pip install pyliblzfse
    python3 benches/make_udif.py FOLDER [MEGABYTES]

The disk is one table, as `hdiutil` writes a disk without partitions, and `7zz t` accepts it. In it are files of this
machine, such as are found on Macs too: programs, libraries, documents; one chunk in eight is zeros.
"""

import base64
import binascii
import bz2
import lzma
import os
import struct
import sys
import zlib

import liblzfse

SECTOR = 512
CHUNK_SECTORS = 2048
CHUNK = CHUNK_SECTORS * SECTOR
XZ = [{"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": CHUNK}]
CODECS = {
    "zlib": (0x80000005, lambda data: zlib.compress(data, 6)),
    "bzip2": (0x80000006, lambda data: bz2.compress(data, 9)),
    "lzfse": (0x80000007, liblzfse.compress),
    "lzma": (0x80000008, lambda data: lzma.compress(data, lzma.FORMAT_XZ, lzma.CHECK_NONE, filters=XZ)),
}
PLIST = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple Computer//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
<key>resource-fork</key>
<dict>
<key>blkx</key>
<array>
<dict><key>Attributes</key><string>0x0050</string><key>CFName</key><string>whole disk (unknown partition : 0)</string>
<key>Data</key><data>
%s</data><key>ID</key><string>0</string><key>Name</key><string>whole disk (unknown partition : 0)</string></dict>
</array>
</dict>
</dict>
</plist>
"""


def contents(size):
    """Bytes of files of this machine, the same ones every time on one machine."""
    found = bytearray()
    for top in ("/usr/bin", "/usr/lib", "/usr/share"):
        for folder, folders, names in os.walk(top):
            folders.sort()
            for name in sorted(names):
                path = os.path.join(folder, name)
                if os.path.islink(path) or not os.path.isfile(path) or os.path.getsize(path) > 8 << 20:
                    continue
                with open(path, "rb") as file:
                    data = file.read()
                found += data + bytes(-len(data) % 4096)
            if len(found) >= size:
                return bytes(found[:size])
    return bytes(found) * (size // len(found)) + bytes(found[: size % len(found)])


def checksum(value):
    return struct.pack(">II", 2, 32) + struct.pack(">I", value) + bytes(124)


def image(disk, kind, compress):
    """The disk as a UDIF image."""
    fork, chunks, sum_of_disk = bytearray(), bytearray(), 0
    for start in range(0, len(disk), CHUNK):
        piece = disk[start : start + CHUNK]
        where, count = start // SECTOR, len(piece) // SECTOR
        if not any(piece):
            chunks += struct.pack(">IIQQQQ", 2, 0, where, count, len(fork), 0)
            continue
        sum_of_disk = binascii.crc32(piece, sum_of_disk)
        stored, how = compress(piece), kind
        if len(stored) >= len(piece):
            stored, how = piece, 1
        chunks += struct.pack(">IIQQQQ", how, 0, where, count, len(fork), len(stored))
        fork += stored
    sectors = len(disk) // SECTOR
    chunks += struct.pack(">IIQQQQ", 0xFFFFFFFF, 0, sectors, 0, len(fork), 0)
    table = struct.pack(">4sIQQQII24x", b"mish", 1, 0, sectors, 0, CHUNK_SECTORS + 8, 0)
    table += checksum(sum_of_disk) + struct.pack(">I", len(chunks) // 40) + chunks
    xml = (PLIST % base64.encodebytes(table).decode()).encode()
    koly = struct.pack(">4sIIIQQQQQII16x", b"koly", 4, 512, 1, 0, 0, len(fork), 0, 0, 1, 1)
    koly += checksum(binascii.crc32(fork)) + struct.pack(">QQ", len(fork), len(xml)) + bytes(64 + 16 + 40)
    koly += checksum(binascii.crc32(struct.pack(">I", sum_of_disk))) + struct.pack(">IQ12x", 1, sectors)
    assert len(koly) == 512
    return bytes(fork) + xml + koly


def main():
    folder, size = sys.argv[1], int(sys.argv[2] if len(sys.argv) > 2 else 320) << 20
    disk = bytearray(contents(size))
    for start in range(7 * CHUNK, len(disk), 8 * CHUNK):
        disk[start : start + CHUNK] = bytes(len(disk[start : start + CHUNK]))
    with open(os.path.join(folder, "disk.img"), "wb") as file:
        file.write(disk)
    for name, (kind, compress) in CODECS.items():
        with open(os.path.join(folder, name + ".dmg"), "wb") as file:
            stored = image(bytes(disk), kind, compress)
            file.write(stored)
        print(f"{name}.dmg: {len(stored)} bytes for {len(disk)}")


main()
