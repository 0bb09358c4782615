"""Open files: reading, seeking, text, threads, other libraries."""

from __future__ import annotations

import io
import plistlib
import random
import tarfile
import zipfile
from concurrent.futures import ThreadPoolExecutor

import apfs
import pytest


def test_reads_like_a_file_in_memory(largest: apfs.Path) -> None:
    """Any order of seeks and reads gives what the same order gives on the bytes in memory."""
    content = largest.read_bytes()
    assert len(content) == largest.stat().size > 0
    dice = random.Random(1)
    memory = io.BytesIO(content)
    for buffering in (-1, 0, 512):
        with largest.open("rb", buffering) as file:
            for _ in range(200):
                target, whence = dice.choice([(dice.randrange(len(content) + 50), 0), (-dice.randrange(len(content)), 2)])
                assert file.seek(target, whence) == memory.seek(target, whence)
                size = dice.choice([0, 1, 100, 5000, 200_000])
                assert file.read(size) == memory.read(size)
                assert file.tell() == memory.tell()


def test_readinto_and_ends(largest: apfs.Path) -> None:
    """readinto fills what it can, and says 0 at the end."""
    raw = largest.open_raw()
    buffer = bytearray(raw.size + 10)
    assert raw.readinto(buffer) == raw.size and bytes(buffer[: raw.size]) == largest.read_bytes()
    assert raw.readinto(buffer) == 0 and raw.read() == b"" == raw.read_at(raw.size + 5, 3)
    with pytest.raises(ValueError):
        raw.seek(-1)
    with pytest.raises(OverflowError):
        raw.read_at(-1, 1)
    raw.close()
    with pytest.raises(ValueError, match="closed"):
        raw.read(1)


def test_text(volume: apfs.Volume, files: list[apfs.Path]) -> None:
    """Text is UTF-8 unless said otherwise; files can't be opened for writing."""
    found = next((file for file in files if file.suffix == ".txt" and file.lstat().size), None)
    if found is None:
        pytest.skip("the image has no text")
    text = found.read_text()
    assert text.encode() == found.read_bytes() and "".join(found.open()) == text
    assert found.read_text("latin-1").encode("latin-1") == found.read_bytes()
    with pytest.raises(ValueError, match="only be read"):
        found.open("w")


def test_threads_share_a_file(largest: apfs.Path) -> None:
    """Eight threads reading one open file at random places all see the same bytes."""
    content = largest.read_bytes()
    raw = largest.open_raw()

    def read(seed: int) -> bool:
        dice = random.Random(seed)
        offsets = [dice.randrange(len(content)) for _ in range(200)]
        return all(raw.read_at(offset, 777) == content[offset : offset + 777] for offset in offsets)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read, range(8)))


def test_threads_share_a_file_object_source(disk: apfs.Disk, largest: apfs.Path) -> None:
    """A source that is a Python file object is shared by threads without mixing up seeks and reads."""
    assert disk.source is not None
    with open(disk.source, "rb") as file, apfs.open(file) as other:
        root = other.volumes[0].root
        expected = largest.read_bytes()
        with ThreadPoolExecutor(8) as pool:
            assert all(got == expected for got in pool.map(lambda _: (root / str(largest)).read_bytes(), range(32)))


def test_read_limit(largest: apfs.Path) -> None:
    """A whole read over the limit is refused with both numbers; other ways of reading are not."""
    size = largest.stat().size
    with pytest.raises(apfs.LimitError) as caught:
        largest.read_bytes(limit=size - 1)
    assert (caught.value.limit, caught.value.found) == (size - 1, size)
    assert len(largest.read_bytes(limit=size)) == len(largest.read_bytes(limit=None)) == size


@pytest.mark.parametrize("suffix", [".tar", ".zip", ".plist"])
def test_other_libraries(files: list[apfs.Path], suffix: str) -> None:
    """tarfile, zipfile and plistlib read straight from the image."""
    found = [file for file in files if file.suffix == suffix]
    if not found:
        pytest.skip(f"the image has no {suffix}")
    for path in found:
        with path.open("rb") as file:
            if suffix == ".tar":
                assert tarfile.open(fileobj=file).getnames()
            elif suffix == ".zip":
                assert zipfile.ZipFile(file).testzip() is None
            else:
                assert plistlib.load(file)
