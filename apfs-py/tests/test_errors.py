"""Exceptions: what goes wrong is ours and the built-in one, and says where."""

from __future__ import annotations

import errno
import io
import pathlib
import pickle
import re
import struct

import apfs
import pytest


def test_built_in_exceptions(volume: apfs.Volume, files: list[apfs.Path]) -> None:
    """Mistakes in paths are the built-in exceptions, with number and path."""
    with pytest.raises(FileNotFoundError) as missing:
        (volume.root / "no such file").stat()
    assert isinstance(missing.value, apfs.ApfsError)
    assert (missing.value.errno, missing.value.filename) == (errno.ENOENT, "/no such file")
    with pytest.raises(IsADirectoryError) as directory:
        volume.root.open("rb")
    assert directory.value.errno == errno.EISDIR and isinstance(directory.value, apfs.IsADirectoryError)
    with pytest.raises(NotADirectoryError) as file:
        list(files[0].iterdir())
    assert file.value.errno == errno.ENOTDIR and file.value.filename == str(files[0])
    with pytest.raises(NotADirectoryError):
        (files[0] / "below").stat()
    with pytest.raises(OSError) as link:
        files[0].readlink()
    assert link.value.errno == errno.EINVAL


def test_bad_sources(tmp_path: pathlib.Path) -> None:
    """What is no image is refused: not there, a folder, text, nothing known, another format."""
    with pytest.raises(FileNotFoundError) as missing:
        apfs.open(tmp_path / "missing.img")
    assert missing.value.errno == errno.ENOENT and not isinstance(missing.value, apfs.ApfsError)
    with pytest.raises(IsADirectoryError):
        apfs.open(tmp_path)
    with pytest.raises(TypeError):
        apfs.open(7)  # type: ignore[arg-type]
    with pytest.raises(apfs.NotFoundError):
        apfs.open(bytes(100_000))
    with pytest.raises(NotImplementedError, match="zip"):
        apfs.open(b"PK\x03\x04" + bytes(100_000))


def whole(image: pathlib.Path) -> bytes:
    if image.stat().st_size > 1 << 26:
        pytest.skip("the image is too large for memory")
    return image.read_bytes()


def damage(image: pathlib.Path, offset: int) -> bytes:
    content = bytearray(whole(image))
    content[offset] ^= 0xFF
    return bytes(content)


def first_damaged(image: pathlib.Path, disk: apfs.Disk) -> tuple[bytes, list[apfs.CorruptError]]:
    """An image with one damaged block, such that the volume opens and something in it can't be read."""
    container = disk.containers[0]
    start = disk.partitions[container.partition].start
    for block in range(2, container.block_count):
        content = damage(image, start + block * container.block_size + 100)
        try:
            errors: list[apfs.ApfsError] = []
            for _ in apfs.open(content).volumes[0].root.walk(on_error=errors.append):
                pass
        except (apfs.ApfsError, KeyError):
            continue
        corrupt = [error for error in errors if isinstance(error, apfs.CorruptError)]
        if corrupt:
            return content, corrupt
    pytest.skip("no block of this image can be damaged like that")


def test_damage_is_named(image: pathlib.Path, disk: apfs.Disk) -> None:
    """A damaged block is a ValueError that names structure and block; it can be reported instead, or ignored."""
    content, errors = first_damaged(image, disk)
    error = errors[0]
    assert isinstance(error, ValueError) and error.damage > 0 and error.structure and error.block is not None
    assert str(error.block) in str(error) and error.reason in str(error)
    with pytest.raises(apfs.CorruptError):
        list(apfs.open(content).volumes[0].root.walk())
    with pytest.raises(apfs.CorruptError):
        list(apfs.open(content).volumes[0].scan())
    with apfs.open(content, checksums="report") as disk:
        for _ in disk.volumes[0].root.walk(on_error=lambda error: None):
            pass
        assert any(finding.damage == error.damage and finding.block == error.block for finding in disk.findings)


def test_entry_that_leads_nowhere(image: pathlib.Path, files: list[apfs.Path]) -> None:
    """A directory entry whose file is not there is damage, never an answer that there is no such path."""
    number = struct.pack("<Q", files[0].lstat().st_ino)
    # file_id, date_added, flags of a directory record of a regular file
    record = re.compile(re.escape(number) + rb"(.{8}\x08\x00)", re.DOTALL)
    content, changed = record.subn(struct.pack("<Q", 1 << 40) + rb"\1", whole(image))
    assert changed
    root = apfs.open(content, checksums="ignore").volumes[0].root
    errors: list[apfs.ApfsError] = []
    assert str(files[0]) not in map(str, root.walk(on_error=errors.append))
    assert any(isinstance(error, apfs.CorruptError) and error.path == str(files[0]) for error in errors)
    path = root / str(files[0])
    with pytest.raises(apfs.CorruptError):
        path.exists()
    with pytest.raises(apfs.CorruptError):
        path.read_bytes()


def test_exceptions_can_be_pickled(image: pathlib.Path, disk: apfs.Disk, volume: apfs.Volume) -> None:
    """Exceptions cross process borders with everything they say."""
    with pytest.raises(apfs.NotFoundError) as caught:
        (volume.root / "missing").stat()
    _, errors = first_damaged(image, disk)
    for error in (caught.value, errors[0]):
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error) and str(again) == str(error) and vars(again) == vars(error)


class Failing(io.BytesIO):
    """A file object that fails when told to."""

    failure: BaseException | None = None

    def read(self, size: int | None = -1, /) -> bytes:
        if self.failure is not None:
            raise self.failure
        return super().read(size)


def test_failing_file_object(image: pathlib.Path) -> None:
    """What a file object raises is the cause of a ReadError; an interrupt passes through as it is."""
    file = Failing(whole(image))
    with apfs.open(file) as disk:
        path = next(path for path in disk.volumes[0].root.walk() if path.lstat().is_file() and path.lstat().size)
        raw = path.open_raw()
        file.failure = ConnectionError("gone")
        with pytest.raises(OSError) as caught:
            raw.read_at(0, 10)
        assert isinstance(caught.value, apfs.ReadError) and caught.value.__cause__ is file.failure
        file.failure = KeyboardInterrupt()
        with pytest.raises(KeyboardInterrupt):
            raw.read_at(0, 10)
        file.failure = None
        assert raw.read_at(0, 10) == path.read_bytes()[:10]
