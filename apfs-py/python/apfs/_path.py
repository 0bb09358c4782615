"""Paths inside a volume."""

from __future__ import annotations

import io
import os
import posixpath
from collections.abc import Callable, Iterator, Mapping
from importlib.resources.abc import Traversable
from typing import IO, TYPE_CHECKING, Any, BinaryIO, Literal, TextIO, overload

from ._errors import ApfsError, LimitError, NotADirectoryError, NotFoundError, TooManyLinksError
from ._file import RawFile

if TYPE_CHECKING:
    from ._apfs import Extent, Stat
    from ._volume import View

LIST_BATCH = 256
WALK_BATCH = 256
BUFFER_SIZE = 128 * 1024
READ_LIMIT = 1 << 30

Stream = Literal["data", "raw", "resource_fork"]
OnError = Callable[[ApfsError], None]


class Path(Traversable):
    """A path inside a volume at one moment; it follows `importlib.resources.abc.Traversable`.

    Works like `pathlib.Path`, as far as reading goes. Symbolic links are followed inside the volume. Names that are
    not UTF-8 have lone surrogates, as `os.fsdecode` gives them.
    """

    def __init__(self, view: View, path: str = "/") -> None:
        # No resolving here: as in pathlib, "a/../b" is not "b" if "a" is a link.
        self._view = view
        self._path = "/" + "/".join(part for part in path.split("/") if part not in ("", "."))
        self._id: int | None = None
        self._kind: str | None = None
        self._lstat: Stat | None = None

    @property
    def view(self) -> View:
        """The volume or snapshot that it is in."""
        return self._view

    @property
    def parts(self) -> tuple[str, ...]:
        """Its components, ``/`` first."""
        return ("/", *self._path.split("/")[1:]) if self._path != "/" else ("/",)

    @property
    def name(self) -> str:
        """The last component, empty for the root."""
        return posixpath.basename(self._path)

    @property
    def suffix(self) -> str:
        """The last dot of the name and what follows, or empty."""
        return posixpath.splitext(self.name)[1]

    @property
    def stem(self) -> str:
        """The name without its suffix."""
        return posixpath.splitext(self.name)[0]

    @property
    def parent(self) -> Path:
        """The path without its last component; that of the root is the root."""
        return Path(self._view, posixpath.dirname(self._path))

    def joinpath(self, *descendants: str | os.PathLike[str]) -> Path:
        """The path with more components; one that begins with ``/`` starts again from the root."""
        return Path(self._view, posixpath.join(self._path, *descendants))

    def __truediv__(self, child: str | os.PathLike[str]) -> Path:
        return self.joinpath(child)

    def stat(self) -> Stat:
        """Metadata of the file, a final symbolic link followed."""
        if self._entry_kind() != "symlink":
            return self.lstat()
        handle = self._view._handle
        return handle.stat(handle.find(self._path, True), self._path)

    def lstat(self) -> Stat:
        """Metadata of the file, a final symbolic link not followed."""
        if self._lstat is None:
            self._lstat = self._view._handle.stat(self._own_id(), self._path)
        return self._lstat

    def exists(self, *, follow_symlinks: bool = True) -> bool:
        """True if there is such a file; a link that leads nowhere does not count unless it is not followed."""
        return self._kind_or_none(follow_symlinks) is not None

    def is_dir(self) -> bool:
        """True for a directory, or a link to one."""
        return self._kind_or_none(True) == "dir"

    def is_file(self) -> bool:
        """True for a regular file, or a link to one."""
        return self._kind_or_none(True) == "file"

    def is_symlink(self) -> bool:
        """True for a symbolic link."""
        return self._kind_or_none(False) == "symlink"

    def readlink(self) -> str:
        """Target of a symbolic link as stored."""
        return self._view._handle.read_link(self._own_id(), self._path)

    def iterdir(self, *, private: bool = False) -> Iterator[Path]:
        """The entries of a directory in stored order.

        With ``private`` also what the file system keeps for itself and a Mac does not show: folders of hard links and
        files of the journal on HFS+.
        """
        listing = self._view._handle.list(self._target_id(), self._path, private)
        while batch := listing.next_batch(LIST_BATCH):
            for name, file_id, kind in batch:
                yield self._child(name, file_id, kind)

    def walk(self, *, private: bool = False, on_error: OnError | None = None) -> Iterator[Path]:
        """Everything from here down, itself first, directories before their content.

        What can't be read is raised and ends the walk; with ``on_error`` it is handed over and the walk goes on.
        A directory with several hard links (Time Machine on HFS+) is entered at each of them. With ``private`` every
        entry comes once instead: these directories are not entered, and what the file system keeps for itself, where
        their content is, comes too.
        """
        entries = self._view._handle.walk(self._target_id(), self._path, WALK_BATCH, private)
        try:
            while (batch := entries.next_batch()) is not None:
                for path, stat in batch[0]:
                    yield self._known(path, stat)
                for error in batch[1]:
                    if on_error is None:
                        raise error
                    on_error(error)
        finally:
            entries.close()

    def xattrs(self) -> Xattrs:
        """The extended attributes: a mapping from name to value, read when asked for. Links are not followed."""
        return Xattrs(self)

    def extents(self, stream: Stream = "data") -> list[Extent]:
        """Where the bytes of the file are on the disk, and its holes."""
        return self.open_raw(stream).extents()

    def open_raw(self, stream: Stream = "data") -> RawFile:
        """Opens a stream unbuffered: `RawFile.read_at` reads at any place from any thread.

        ``raw`` is the data stream as stored, compressed or not; ``resource_fork`` the other fork, whose length on HFS+
        is `Stat.resource_size`.
        """
        handle = self._view._handle.open(self._target_id(), stream, None, self._path)
        return RawFile(handle, self._path)

    @overload
    def open(
        self,
        mode: Literal["r", "rt"] = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
    ) -> TextIO: ...
    @overload
    def open(self, mode: Literal["rb"], buffering: int = -1) -> BinaryIO: ...
    @overload
    def open(self, mode: str, *args: Any, **kwargs: Any) -> IO[Any]: ...
    def open(
        self,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
    ) -> Any:
        """Opens the file for reading, as the built-in ``open`` does; text is UTF-8 unless said otherwise."""
        if mode not in ("r", "rt", "rb", "br", "tr"):
            raise ValueError(f"mode {mode!r}: files can only be read, with 'r' or 'rb'")
        raw = self.open_raw()
        if "b" in mode and buffering == 0:
            return raw
        buffered = io.BufferedReader(raw, buffering if buffering > 1 else BUFFER_SIZE)
        if "b" in mode:
            return buffered
        return io.TextIOWrapper(buffered, encoding or "utf-8", errors, newline)

    def read_bytes(self, *, limit: int | None = READ_LIMIT) -> bytes:
        """The whole content. A file longer than ``limit`` (1 GiB) is a `LimitError`: sparse files can say any length."""
        raw = self.open_raw()
        if limit is not None and raw.size > limit:
            error = LimitError(f"{self._path}: {raw.size} bytes, at most {limit} allowed; open() it, or raise limit")
            error.path, error.what, error.limit, error.found = self._path, "file length", limit, raw.size
            raise error
        return raw.read()

    def read_text(self, encoding: str | None = None, errors: str | None = None) -> str:
        """The whole content as text, UTF-8 unless said otherwise."""
        text = io.TextIOWrapper(io.BytesIO(self.read_bytes()), encoding or "utf-8", errors)
        return text.read()

    def links(self) -> list[Path]:
        """All hard links of the file, in stored order."""
        handle = self._view._handle
        found = handle.names(self._own_id())
        return [Path(self._view, posixpath.join(handle.path_of(parent), name)) for parent, name in found]

    @property
    def link_id(self) -> int | None:
        """Which of several hard links of the file this is, where the volume numbers them."""
        return self._view._handle.link_id(self._path)

    def _child(self, name: str, file_id: int, kind: str) -> Path:
        child = Path.__new__(Path)
        child._view = self._view
        child._path = f"{self._path}/{name}" if self._path != "/" else f"/{name}"
        child._id, child._kind, child._lstat = file_id, kind, None
        return child

    def _known(self, path: str, stat: Stat) -> Path:
        known = Path.__new__(Path)
        known._view, known._path = self._view, path
        known._id, known._kind, known._lstat = stat.st_ino, stat.kind, stat
        return known

    def _own_id(self) -> int:
        # An image does not change, so what was found once stays true.
        if self._id is None:
            self._id = self._view._handle.find(self._path, False)
        return self._id

    def _entry_kind(self) -> str:
        if self._kind is None:
            self._kind = self.lstat().kind
        return self._kind

    def _target_id(self) -> int:
        if self._entry_kind() != "symlink":
            return self._own_id()
        return self._view._handle.find(self._path, True)

    def _kind_or_none(self, follow: bool) -> str | None:
        # As in pathlib: what is not there is an answer, damage is an error.
        try:
            return self.stat().kind if follow else self._entry_kind()
        except (NotFoundError, NotADirectoryError, TooManyLinksError):
            return None

    def __str__(self) -> str:
        return self._path

    def __repr__(self) -> str:
        return f"apfs.Path({self._path!r}, volume={self._view.volume.name!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Path):
            return NotImplemented
        return self._path == other._path and self._view == other._view

    def __hash__(self) -> int:
        return hash(self._path)

    def __lt__(self, other: Path) -> bool:
        return self.parts < other.parts

    def __reduce__(self) -> tuple[object, ...]:
        return Path, (self._view, self._path)


class Xattrs(Mapping[str, bytes]):
    """Extended attributes of a file: a mapping from name to value. Values are read when asked for."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._infos: dict[str, tuple[int, int]] | None = None

    def size(self, name: str) -> int:
        """Length of a value in bytes."""
        return self._info(name)[0]

    def flags(self, name: str) -> int:
        """Flags as stored: 1 in a stream, 2 embedded, 4 owned by the file system."""
        return self._info(name)[1]

    def open(self, name: str) -> RawFile:
        """Opens a value for reading in pieces."""
        self._info(name)
        path = self._path
        handle = path._view._handle.open(path._own_id(), "xattr", name, str(path))
        return RawFile(handle, f"{path}:{name}")

    def __getitem__(self, name: str) -> bytes:
        self._info(name)
        path = self._path
        return path._view._handle.xattr(path._own_id(), name, str(path))

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def _info(self, name: str) -> tuple[int, int]:
        return self._all()[name]

    def _all(self) -> dict[str, tuple[int, int]]:
        if self._infos is None:
            path = self._path
            found = path._view._handle.xattrs(path._own_id(), str(path))
            self._infos = {name: (size, flags) for name, size, flags in found}
        return self._infos

    def __repr__(self) -> str:
        return f"apfs.Xattrs({list(self)!r})"
