"""What the tests share: the image, opened once."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterator

import apfs
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def image() -> pathlib.Path:
    """The image: that of the environment variable APFS_TEST_IMAGE, or the sample of the repository."""
    return pathlib.Path(os.environ.get("APFS_TEST_IMAGE", ROOT / "samples" / "demo.img"))


PASSWORD = "correct horse"


@pytest.fixture(scope="session")
def encrypted() -> pathlib.Path:
    """Folder of images that need `PASSWORD`: that of the environment variable APFS_TEST_ENCRYPTED."""
    folder = os.environ.get("APFS_TEST_ENCRYPTED")
    if folder is None:
        pytest.skip("cargo xtask python makes the encrypted images and sets APFS_TEST_ENCRYPTED")
    return pathlib.Path(folder)


@pytest.fixture(scope="session")
def hfs() -> pathlib.Path:
    """Folder of images with HFS+ volumes: that of the environment variable APFS_TEST_HFS."""
    folder = os.environ.get("APFS_TEST_HFS")
    if folder is None:
        pytest.skip("cargo xtask python makes the HFS+ images and sets APFS_TEST_HFS")
    return pathlib.Path(folder)


@pytest.fixture(scope="session")
def made() -> pathlib.Path:
    """Folder of images of tests/support/apfs_images.rs: that of the environment variable APFS_TEST_APFS."""
    folder = os.environ.get("APFS_TEST_APFS")
    if folder is None:
        pytest.skip("cargo xtask python makes the APFS images and sets APFS_TEST_APFS")
    return pathlib.Path(folder)


@pytest.fixture
def disk(image: pathlib.Path) -> Iterator[apfs.Disk]:
    with apfs.open(image) as disk:
        yield disk


@pytest.fixture
def volume(disk: apfs.Disk) -> apfs.Volume:
    return disk.volumes[0]


@pytest.fixture
def files(volume: apfs.Volume) -> list[apfs.Path]:
    """Regular files of the volume, smallest path first."""
    return sorted(path for path in volume.root.walk() if path.lstat().is_file())


@pytest.fixture
def largest(files: list[apfs.Path]) -> apfs.Path:
    """The largest file that is not too large to read whole."""
    return max((file for file in files if file.lstat().size < 1 << 24), key=lambda file: file.lstat().size)
