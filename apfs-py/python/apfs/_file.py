"""Open files."""

from __future__ import annotations

import io
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from ._apfs import Extent, FileHandle


class RawFile(io.RawIOBase):
    """One stream of a file, unbuffered: an `io.RawIOBase` with positioned reads beside it.

    `read_at` may be called from any number of threads at a time. The cursor of `read` and `seek` is one for all:
    give each thread a file of its own, or use `read_at`.
    """

    mode = "rb"

    def __init__(self, handle: FileHandle, name: str) -> None:
        super().__init__()
        self._handle = handle
        self._name = name
        self._position = 0
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """Path inside the volume."""
        return self._name

    @property
    def size(self) -> int:
        """Length in bytes."""
        return self._handle.size

    def read_at(self, offset: int, length: int) -> bytes:
        """Up to ``length`` bytes from ``offset`` on, less only at the end."""
        self._check_open()
        return self._handle.read_at(offset, length)

    def extents(self) -> list[Extent]:
        """The runs of the stream in order: where in the container its bytes are, and its holes."""
        self._check_open()
        return self._handle.extents()

    def readable(self) -> bool:
        self._check_open()
        return True

    def seekable(self) -> bool:
        self._check_open()
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        self._check_open()
        with self._lock:
            length = self._handle.size if size is None or size < 0 else size
            data = self._handle.read_at(self._position, length)
            self._position += len(data)
            return data

    def readall(self) -> bytes:
        return self.read()

    def readinto(self, buffer: Buffer, /) -> int:
        with memoryview(buffer) as view, view.cast("B") as target:
            data = self.read(len(target))
            target[: len(data)] = data
            return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self._check_open()
        with self._lock:
            if whence == io.SEEK_SET:
                position = offset
            elif whence == io.SEEK_CUR:
                position = self._position + offset
            elif whence == io.SEEK_END:
                position = self._handle.size + offset
            else:
                raise ValueError(f"invalid whence {whence}")
            if position < 0:
                raise ValueError(f"negative seek position {position}")
            self._position = position
            return position

    def tell(self) -> int:
        self._check_open()
        return self._position

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")

    def __repr__(self) -> str:
        return f"<apfs.RawFile {self._name!r} size={self.size}>"
