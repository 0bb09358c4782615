"""What differs between two states of a volume, and all versions of a file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ._apfs import Change, HistoryHandle
from ._errors import ApfsError, NotADirectoryError, NotFoundError, build

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._apfs import Stat
    from ._path import OnError
    from ._volume import View


@dataclass(frozen=True)
class DeltaStats:
    """What a comparison has read so far. Paths and files are looked up besides."""

    changes: int
    """Changes found, those outside of the path that was asked for included."""
    leaves: tuple[int, int]
    """Leaves of the tree of files, of the first and the second state."""
    index_nodes: tuple[int, int]
    """Index nodes of the tree of files."""
    omap_nodes: int
    """Nodes of the object map that are newer than the older state."""
    older_omap_nodes: int
    """Nodes of the object map that were read and passed over, since they are not newer."""
    method: str | None
    """How leaves were found: ``map`` through the object map of both states, ``trees`` through both trees."""


class Delta(Iterator[Change]):
    """All changes between two states of a volume, by the number of the file; from `View.changes` or `Volume.diff`.

    An iterator that can be gone through once. What can't be compared is raised in its place, and the next call goes on
    behind it; with ``on_error`` it is handed over instead. What lies in a part that can't be read is told by that error
    alone, never taken for deleted.
    """

    def __init__(self, from_: View, to: View, path: str | None = None, on_error: OnError | None = None) -> None:
        self._handle = from_._handle.changes(to._handle)
        self._below = None if path is None else tuple(part for part in path.split("/") if part not in ("", "."))
        self._on_error = on_error
        self._ready: list[Change | ApfsError] = []
        self._ended = False

    @property
    def stats(self) -> DeltaStats:
        """What has been read so far."""
        changes, leaves, index_nodes, omap_nodes, older_omap_nodes, method = self._handle.stats()
        return DeltaStats(changes, leaves, index_nodes, omap_nodes, older_omap_nodes, method)

    def __next__(self) -> Change:
        while True:
            if not self._ready:
                batch = [] if self._ended else self._handle.next_batch()
                self._ended = not batch
                self._ready = batch[::-1]
                if self._ended:
                    raise StopIteration
            item = self._ready.pop()
            if isinstance(item, Change):
                if self._is_meant(item):
                    return item
            elif self._on_error is None:
                raise item
            else:
                self._on_error(item)

    def _is_meant(self, change: Change) -> bool:
        if self._below is None:
            return True
        paths = [change.path] if change.old_path is None else [change.path, change.old_path]
        return any(tuple(path.split("/")[1 : len(self._below) + 1]) == self._below for path in paths)


@dataclass(frozen=True)
class Version:
    """A version of a file, and the states that have it."""

    views: tuple[View, ...]
    """The states, in the order of their transactions."""
    path: str | None
    """Its path; ``None`` where there is no such file."""
    stat: Stat | None
    """Its metadata."""
    change: Change | None
    """What differs from the version before, if that has the file too."""


def history(path: str, views: Iterable[View], on_error: OnError | None) -> list[Version]:
    """The versions of a file in states that are given oldest first; its number is that of the newest that has it."""
    states = list(views)
    number = None
    for view in reversed(states):
        try:
            number = view._handle.find(path, False)
            break
        except (NotFoundError, NotADirectoryError):
            continue
    if number is None:
        raise build("NotFoundError", f"not found: {path}, in any of {len(states)} states", path, {})
    handle = HistoryHandle(number)
    for place, view in enumerate(states):
        try:
            handle.add(place, view._handle)
        except ApfsError as error:
            if on_error is None:
                raise
            on_error(error)
    return [
        Version(tuple(states[place] for place in places), file and file[0], file and file[1], change)
        for places, file, change in handle.versions()
    ]
