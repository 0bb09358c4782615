"""Whose every block is: an image with eight blocks of data, five of which a snapshot alone has."""

from __future__ import annotations

import pathlib

import apfs
import pytest


def account(made: pathlib.Path, name: str) -> tuple[apfs.Space, list[tuple[int, int]]]:
    with apfs.open(made / f"{name}.img") as disk:
        return disk.containers[0].space(), disk.containers[0].allocated()


def test_sound(made: pathlib.Path) -> None:
    """Every block has one owner, and what is stored is what is counted."""
    space, runs = account(made, "space")
    assert space.is_sound and space.findings == [] and space.used.holds and space.block_size == 4096
    (device,) = space.devices
    assert (device.device, device.blocks, device.unknown) == ("main", 256, 0)
    assert device.used == space.allocated == space.used.counted == sum(owner.blocks for owner in space.owners)
    assert sum(count for _, count in runs) == space.allocated and runs == sorted(runs)
    assert apfs.Owner(0, "data", 8) in space.owners and apfs.Owner(None, "block-zero", 1) in space.owners
    (volume,) = space.volumes
    assert (volume.index, volume.name, volume.alloc_count.holds) == (0, "Space", True)
    assert (volume.data, volume.data_unshared, volume.data_shared, volume.data_kept) == (8, 3, 0, 5)


def test_freed(made: pathlib.Path) -> None:
    """Deleting the snapshot frees the five blocks of the file that was removed since, and its metadata."""
    space, _ = account(made, "space")
    freed = space.volumes[0].snapshots["then"]
    assert freed.data == 5 and freed.own > 0 and freed.total == freed.data + freed.metadata + freed.own
    with apfs.open(made / "space.img") as disk:
        volume = disk.volumes[0]
        assert volume.freed_by_deleting("then") == volume.freed_by_deleting(volume.snapshots[0]) == freed
        with pytest.raises(apfs.NotFoundError):
            volume.freed_by_deleting("no such snapshot")


def test_leaked(made: pathlib.Path) -> None:
    """A block in use that nobody has is leaked, and nothing else is changed by it."""
    sound, before = account(made, "space")
    space, runs = account(made, "leaked")
    assert not space.is_sound and space.leaked == 1 and space.owners == sound.owners
    assert space.findings == [apfs.SpaceFinding("leaked", 250, 1, (), None)]
    assert set(runs) - set(before) == {(250, 1)} and space.allocated == sound.allocated + 1


def test_devices(made: pathlib.Path) -> None:
    """A device that is no word is refused; a container without a second one has nothing on it."""
    with apfs.open(made / "space.img") as disk:
        with pytest.raises(ValueError, match="tier2"):
            disk.containers[0].allocated("third")


def test_no_key_is_needed(encrypted: pathlib.Path) -> None:
    """Encrypted volumes are accounted for without their keys."""
    with apfs.open(encrypted / "volume.img") as disk:
        space = disk.containers[0].space()
        assert disk.volumes["Secret"].is_locked and space.is_sound
        assert {volume.name for volume in space.volumes} == {"Secret", "Open"}
