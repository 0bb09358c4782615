"""Opening disks, and what they say about containers, volumes and snapshots."""

from __future__ import annotations

import datetime
import io
import mmap
import pathlib
import uuid
from collections.abc import Callable
from typing import Any

import apfs
import pytest


def test_volumes_by_place_name_and_id(disk: apfs.Disk) -> None:
    """A volume is found by each of its three handles, and all give the same one."""
    volume = disk.volumes[0]
    assert isinstance(volume.uuid, uuid.UUID)
    assert disk.volumes[volume.name] == disk.volumes[volume.uuid] == disk.volumes[-len(disk.volumes)] == volume
    assert volume.name in disk.volumes and "no such volume" not in disk.volumes
    assert [each.name for each in disk.volumes] == disk.volumes.names


def test_missing_volume(disk: apfs.Disk) -> None:
    """A missing volume is a KeyError and an IndexError, with the names there are."""
    with pytest.raises(KeyError, match=disk.volumes[0].name) as caught:
        disk.volumes["no such volume"]
    assert isinstance(caught.value, apfs.NotFoundError)
    with pytest.raises(IndexError):
        disk.volumes[len(disk.volumes)]


def test_container(disk: apfs.Disk) -> None:
    """The container knows its size, and the newest checkpoint is the open one."""
    container = disk.containers[0]
    assert container.block_size >= 4096
    assert container.block_size * container.block_count <= disk.size
    assert container.xid in container.checkpoints
    assert disk.partitions[container.partition].content == "APFS"
    assert disk.failures == []


def test_older_checkpoint(image: pathlib.Path, disk: apfs.Disk) -> None:
    """A checkpoint can be pinned; one that is not there is not found."""
    container = disk.containers[0]
    with apfs.open(image, checkpoint=container.xid) as pinned:
        assert pinned.containers == disk.containers
    with pytest.raises(apfs.NotFoundError):
        apfs.open(image, checkpoint=container.xid + 1000)


def test_partition(image: pathlib.Path, disk: apfs.Disk) -> None:
    """One partition can be asked for; one that is not there is not found."""
    with apfs.open(image, partition=disk.containers[0].partition) as one:
        assert one.containers[0] == disk.containers[0]
    with pytest.raises(apfs.NotFoundError):
        apfs.open(image, partition=99)


def test_snapshots(volume: apfs.Volume) -> None:
    """Snapshots have a name, a transaction and an aware time, and open by each of them."""
    if not volume.snapshots:
        pytest.skip("the image has no snapshot")
    for snapshot in volume.snapshots:
        assert snapshot.created.utcoffset() == datetime.timedelta(0)
        assert int(snapshot.created.timestamp()) == snapshot.create_time_ns // 10**9
        view = volume.open_snapshot(snapshot.name)
        assert view == volume.at(snapshot.xid) == volume.at(snapshot)
        assert view.xid == snapshot.xid and view.snapshot == snapshot
        assert view.root.is_dir()
    states = [{str(path): path.lstat() for path in volume.at(snapshot).root.walk()} for snapshot in volume.snapshots]
    assert states[0] != {str(path): path.lstat() for path in volume.root.walk()}
    assert volume.at(None) == volume.view
    with pytest.raises(FileNotFoundError):
        volume.open_snapshot("no such snapshot")


@pytest.mark.parametrize("kind", ["str", "bytes", "bytearray", "memoryview", "mmap", "file", "BytesIO"])
def test_sources(image: pathlib.Path, disk: apfs.Disk, kind: str) -> None:
    """Every kind of source gives the same listing."""
    wanted = {path: stat for batch in disk.volumes[0].scan() for path, stat in batch}
    with image.open("rb") as file:
        content = image.read_bytes() if image.stat().st_size < 1 << 26 else b""
        if not content and kind not in ("str", "mmap", "file"):
            pytest.skip("the image is too large for memory")
        sources: dict[str, Callable[[], Any]] = {
            "str": lambda: str(image),
            "bytes": lambda: content,
            "bytearray": lambda: bytearray(content),
            "memoryview": lambda: memoryview(content),
            "mmap": lambda: mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ),
            "file": lambda: file,
            "BytesIO": lambda: io.BytesIO(content),
        }
        with apfs.open(sources[kind]()) as other:
            assert {path: stat for batch in other.volumes[0].scan() for path, stat in batch} == wanted
            assert [p.read_bytes() for p in sorted(other.volumes[0].root.iterdir()) if p.is_file()] == [
                p.read_bytes() for p in sorted(disk.volumes[0].root.iterdir()) if p.is_file()
            ]


def test_closed(image: pathlib.Path) -> None:
    """After the with block the source is let go of, and reading is refused."""
    with apfs.open(image) as disk:
        file = next(path for path in disk.volumes[0].root.walk() if path.lstat().is_file() and path.lstat().size)
        raw = file.open_raw()
    assert disk.closed
    with pytest.raises(ValueError, match="closed"):
        disk.volumes
    with pytest.raises(apfs.MisuseError, match="closed"):
        raw.read_at(0, 1)


def test_options_are_checked(image: pathlib.Path) -> None:
    """A wrong word for an option is a ValueError that lists the right ones."""
    with pytest.raises(ValueError, match="require"):
        apfs.open(image, checksums="sometimes")
