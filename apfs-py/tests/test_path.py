"""Paths: names, metadata, listings, links, attributes."""

from __future__ import annotations

import contextlib
import datetime
import pathlib
import stat
import time
from importlib.resources.abc import Traversable

import apfs
import pytest


def test_is_traversable(volume: apfs.Volume) -> None:
    """A path is what the standard library calls a Traversable."""
    assert isinstance(volume.root, Traversable)


def test_names(volume: apfs.Volume) -> None:
    """Paths come apart and together as those of pathlib."""
    path = volume.root / "a" / "b.tar.gz"
    assert str(path) == "/a/b.tar.gz" and path.parts == ("/", "a", "b.tar.gz")
    assert (path.name, path.stem, path.suffix) == ("b.tar.gz", "b.tar", ".gz")
    assert path.parent == volume.root / "a" and volume.root.parent == volume.root
    assert volume.root.joinpath("a", "b.tar.gz") == path == volume.root / "x" / "/a/./b.tar.gz"
    assert volume.root.name == "" and volume.root.parts == ("/",)
    assert not path.exists()


def test_listing_agrees_with_lookup(volume: apfs.Volume) -> None:
    """Everything that a directory lists is found by its path and is the same file."""
    for directory in [path for path in volume.root.walk() if path.is_dir()]:
        for entry in directory.iterdir():
            again = volume.view.path(str(entry))
            assert again.lstat() == entry.lstat() and again == entry
            assert entry.parent == directory


def test_walk_equals_scan(volume: apfs.Volume) -> None:
    """Walking folder by folder and scanning in record order give the same paths and metadata."""
    views = [volume.view, *(volume.at(snapshot) for snapshot in volume.snapshots)]
    for view in views:
        walked = [(str(path), path.lstat()) for path in view.root.walk()]
        scanned = [entry for batch in view.scan(batch=7) for entry in batch]
        assert sorted(path for path, _ in walked) == sorted(path for path, _ in scanned)
        assert dict(walked) == dict(scanned)


def test_walk_from_below(volume: apfs.Volume) -> None:
    """A walk from a folder gives full paths, itself first."""
    folder = next(path for path in volume.root.iterdir() if path.is_dir() and any(path.iterdir()))
    paths = [str(path) for path in folder.walk()]
    assert paths[0] == str(folder) and len(paths) > 1
    assert all(path.startswith(f"{folder}/") for path in paths[1:])
    assert set(paths) == {str(path) for path in volume.root.walk() if f"{path}/".startswith(f"{folder}/")}


def listing_threads() -> int:
    names = []
    for task in pathlib.Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # it may end before it is asked
            names.append(task.joinpath("comm").read_text().strip())
    return names.count("apfs-entries")


@pytest.mark.skipif(not pathlib.Path("/proc/self/task").exists(), reason="threads are counted in /proc")
def test_given_up_scan(volume: apfs.Volume) -> None:
    """A scan that is given up early ends its thread."""
    scan = volume.scan(batch=1)
    next(scan)
    assert listing_threads() == 1
    del scan
    deadline = time.monotonic() + 10
    while listing_threads() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert listing_threads() == 0


def test_metadata(files: list[apfs.Path]) -> None:
    """The names of os.stat_result, the datetimes and the nanoseconds say the same."""
    for file in files:
        found = file.stat()
        assert stat.S_ISREG(found.st_mode) and found.kind == "file" and file.is_file()
        assert found.st_size == found.size and found.st_nlink >= 1 and found.st_ino > 2
        times = [
            (found.modified, found.st_mtime_ns, found.st_mtime),
            (found.changed, found.st_ctime_ns, found.st_ctime),
            (found.accessed, found.st_atime_ns, found.st_atime),
            (found.created, found.st_birthtime_ns, found.st_birthtime),
        ]
        for moment, nanoseconds, seconds in times:
            assert moment is not None and moment.utcoffset() == datetime.timedelta(0)
            epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
            assert (moment - epoch) // datetime.timedelta(microseconds=1) == nanoseconds // 1000
            assert seconds == pytest.approx(nanoseconds / 1e9)
        with pytest.raises(AttributeError):
            found.st_size = 1  # type: ignore[misc]


def test_links(volume: apfs.Volume) -> None:
    """Symbolic links are read, followed, and told from their targets; hard links know one another."""
    paths = list(volume.root.walk())
    symlinks = [path for path in paths if path.is_symlink()]
    for link in symlinks:
        assert len(link.readlink().encode(errors="surrogateescape")) == link.lstat().size
        assert link.exists(follow_symlinks=False)
        if link.exists():
            assert link.stat().kind != "symlink"
    assert any(link.exists() for link in symlinks) or not symlinks
    for path in paths:
        if path.lstat().is_file() and path.lstat().st_nlink > 1:
            assert path in path.links() and len(path.links()) == path.lstat().st_nlink
            assert len({other.lstat().st_ino for other in path.links()}) == 1


def test_xattrs(volume: apfs.Volume) -> None:
    """Extended attributes are a mapping whose values have the length that it says."""
    found = 0
    for path in volume.root.walk():
        xattrs = path.xattrs()
        for name, value in xattrs.items():
            found += 1
            assert xattrs.size(name) == len(value) and xattrs.open(name).read() == value
        with pytest.raises(KeyError):
            xattrs["no such attribute"]
    assert found > 0


def test_extents_cover_the_file(files: list[apfs.Path]) -> None:
    """Runs follow one another without gaps, from the start to the end of the file."""
    for file in files:
        at = 0
        for run in file.extents():
            assert run.logical == at and (run.physical is None) == (run.kind != "data")
            at += run.length
        assert at >= file.lstat().size or file.lstat().compression is not None


def test_extents_hold_the_content(disk: apfs.Disk, files: list[apfs.Path]) -> None:
    """The bytes at the physical offsets on the disk are the content of the file."""
    source = disk.source
    assert source is not None
    start = disk.partitions[disk.containers[0].partition].start
    with open(source, "rb") as image:
        for file in files[:200]:
            if file.lstat().compression is None and file.lstat().size < 1 << 24:
                stored = b""
                for run in file.extents():
                    image.seek(start + (run.physical or 0))
                    stored += image.read(run.length) if run.physical is not None else bytes(run.length)
                assert stored[: file.lstat().size] == file.read_bytes()
