"""Prints the files of the first volume as another reader sees them: SHA-256 and path. Exit 77: that reader is not here.

readers.py READER IMAGE PASSWORD

libfvde prints the bytes of the first logical volume as one file. It takes the physical volumes IMAGE.0, IMAGE.1, ..., and
IMAGE.wipekey if it is there.
"""

import hashlib
import itertools
import os
import sys

reader, image, password = sys.argv[1:]


def line(path, content):
    print(hashlib.sha256(content).hexdigest(), path)


def dissect():
    from dissect.apfs.apfs import APFS

    volume = APFS(open(image, "rb")).volumes[0]
    volume.unlock(password)
    pending = [("", volume.root)]
    while pending:
        path, folder = pending.pop()
        for entry in folder.iterdir():
            inode, name = entry.inode, f"{path}/{entry.name}"
            if inode.is_dir():
                pending.append((name, inode))
            elif inode.is_file():
                line(name, inode.open().read())


def libfsapfs():
    import pyfsapfs

    container = pyfsapfs.container()
    container.open_file_object(open(image, "rb"))
    volume = container.get_volume(0)
    volume.set_password(password)
    assert volume.unlock(), "wrong password"
    pending = [("", volume.get_root_directory())]
    while pending:
        path, folder = pending.pop()
        for entry in folder.sub_file_entries:
            name = f"{path}/{entry.name}"
            if entry.file_mode & 0o170000 == 0o040000:
                pending.append((name, entry))
            else:
                line(name, entry.read_buffer(entry.size) if entry.size else b"")


def libfvde():
    import pyfvde

    names = itertools.takewhile(os.path.exists, (f"{image}.{number}" for number in itertools.count()))
    files = [open(name, "rb") for name in names]
    volume = pyfvde.volume()
    if os.path.exists(f"{image}.wipekey"):
        volume.read_encrypted_root_plist(f"{image}.wipekey")
    volume.open_file_object(files[0])
    volume.open_physical_volume_files_as_file_objects(files)
    logical = volume.get_volume_group().get_logical_volume(0)
    logical.set_password(password)
    assert logical.unlock(), "wrong password"
    parts = iter(lambda: logical.read(65536), b"")
    line("/", b"".join(parts))


try:
    {"dissect": dissect, "libfsapfs": libfsapfs, "libfvde": libfvde}[reader]()
except ImportError:
    sys.exit(77)
