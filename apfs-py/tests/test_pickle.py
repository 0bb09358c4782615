"""Volumes, views and paths cross process borders as recipes."""

from __future__ import annotations

import multiprocessing
import pathlib
import pickle

import apfs
import pytest


def digest(path: apfs.Path) -> tuple[str, bytes]:
    return str(path), path.read_bytes()


def test_round_trip(volume: apfs.Volume) -> None:
    """Volume, live view, snapshots and paths come back equal, and readable."""
    for view in [volume.view, *(volume.at(snapshot) for snapshot in volume.snapshots)]:
        again = pickle.loads(pickle.dumps(view))
        assert again == view and again is not view and again.snapshot == view.snapshot
        path, other = pickle.loads(pickle.dumps((view.root, view.root / "x")))
        assert path == view.root and list(map(str, path.iterdir())) == list(map(str, view.root.iterdir()))
        assert other.view.volume.container.disk is path.view.volume.container.disk
    assert pickle.loads(pickle.dumps(volume)) == volume


def test_other_process(files: list[apfs.Path]) -> None:
    """A process that was started afresh reads what its parent chose."""
    chosen = [file for file in files if file.lstat().size < 1 << 20][:20]
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert pool.map(digest, chosen) == [digest(file) for file in chosen]


def test_memory_has_no_recipe(image: pathlib.Path) -> None:
    """What was not opened from a path can't be found again, and says so."""
    with image.open("rb") as file, apfs.open(file) as disk, pytest.raises(TypeError, match="path"):
        pickle.dumps(disk.volumes[0].root)


def test_another_image_in_its_place(image: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """A recipe whose image is gone fails; it never gives other files."""
    if image.stat().st_size > 1 << 26:
        pytest.skip("the image is too large to copy")
    copy = tmp_path / "copy.img"
    copy.write_bytes(image.read_bytes())
    with apfs.open(copy) as disk:
        recipe = pickle.dumps(disk.volumes[0].root)
    copy.unlink()
    with pytest.raises(FileNotFoundError):
        pickle.loads(recipe)
