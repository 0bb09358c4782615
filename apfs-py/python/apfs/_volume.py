"""Volumes, and their states: live or a snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import UUID

from ._errors import build
from ._path import OnError, Path
from ._protection import Protection, UnlockRecord, protection_of
from ._recipe import Recipe, open_view, open_volume, remember

if TYPE_CHECKING:
    from ._apfs import Snapshot, Stat, ViewHandle, VolumeHandle
    from ._disk import Container

SCAN_BATCH = 1024


class Volume:
    """A volume. It can always be asked for its names and snapshots; files are in a `View` of it."""

    def __init__(self, container: Container, handle: VolumeHandle) -> None:
        self._container = container
        self._handle = handle
        self._live: View | None = None
        self._snapshots: list[Snapshot] | None = None

    @property
    def container(self) -> Container:
        """The container that it is in."""
        return self._container

    @property
    def name(self) -> str:
        """Its name."""
        return self._handle.name

    @property
    def uuid(self) -> UUID:
        """Its id."""
        return self._handle.uuid

    @property
    def index(self) -> int:
        """Its slot in the container."""
        return self._handle.index

    @property
    def role(self) -> str:
        """What it is for, as ``diskutil`` says: ``system``, ``data``, ``none``, ..."""
        return self._handle.role

    @property
    def group(self) -> UUID | None:
        """Id shared by the System and Data volumes of one macOS."""
        return self._handle.group

    @property
    def is_locked(self) -> bool:
        """True if it is encrypted and not unlocked so far.

        Passwords and keys that were given to `open` are tried when a view is first asked for, since that takes time.
        """
        return self._handle.is_locked

    def unlock(self, *, password: str | bytes | None = None, key: bytes | str | None = None) -> UnlockRecord | None:
        """Opens it with a password or a raw key. Returns the record that a password opened.

        `LockedError` with the reason if it does not fit, or nothing would. From then on
        every `Volume` of the same open disk that stands for it can be read.
        """
        if password is not None and key is not None:
            raise TypeError("unlock takes a password or a key, not both")
        record = self._handle.unlock(password, key)
        remember(self._container.disk)
        self._snapshots = None  # ids of snapshots can be encrypted
        return None if record is None else UnlockRecord(*record)

    @property
    def protection(self) -> Protection:
        """How it is encrypted and what would open it; no password is needed for that."""
        return protection_of(self._handle)

    @property
    def is_encrypted(self) -> bool:
        """True if its files are encrypted."""
        return self._handle.is_encrypted

    @property
    def is_sealed(self) -> bool:
        """True for a sealed system volume."""
        return self._handle.is_sealed

    @property
    def is_case_sensitive(self) -> bool:
        """True if ``a`` and ``A`` are two names."""
        return self._handle.is_case_sensitive

    @property
    def used_bytes(self) -> int:
        """Bytes that it takes, snapshots included."""
        return self._handle.used_bytes

    @property
    def snapshots(self) -> list[Snapshot]:
        """Its snapshots, oldest first."""
        if self._snapshots is None:
            self._snapshots = self._handle.snapshots()
        return list(self._snapshots)

    @property
    def view(self) -> View:
        """The live state. `LockedError` if it is locked."""
        if self._live is None:
            self._live = View(self, None)
        return self._live

    @property
    def root(self) -> Path:
        """Root directory of the live state."""
        return self.view.root

    def open_snapshot(self, snapshot: Snapshot | str | int) -> View:
        """The state that a snapshot keeps, by name or transaction."""
        for known in self.snapshots:
            # One that was listed before the volume was unlocked has no id.
            xid = snapshot if isinstance(snapshot, int) else getattr(snapshot, "xid", None)
            if snapshot == known.name or xid == known.xid:
                return View(self, known)
        raise build("NotFoundError", f"not found: snapshot {snapshot}", None, {})

    def at(self, snapshot: Snapshot | str | int | None) -> View:
        """The state that a snapshot keeps, or the live one for ``None``."""
        return self.view if snapshot is None else self.open_snapshot(snapshot)

    def scan(self, *, batch: int = SCAN_BATCH, on_error: OnError | None = None) -> Iterator[list[tuple[str, Stat]]]:
        """As `View.scan` of the live state."""
        return self.view.scan(batch=batch, on_error=on_error)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Volume):
            return NotImplemented
        return self.index == other.index and self._container == other._container

    def __hash__(self) -> int:
        return hash((self.index, self._container))

    def __repr__(self) -> str:
        return f"<apfs.Volume {self.index} {self.name!r} role={self.role}{' locked' if self.is_locked else ''}>"

    def __reduce__(self) -> tuple[object, ...]:
        return open_volume, (Recipe.of(self._container), self.index, self.uuid)


class View:
    """A volume at one moment: live, or a snapshot."""

    def __init__(self, volume: Volume, snapshot: Snapshot | None) -> None:
        self._volume = volume
        self._snapshot = snapshot
        self._handle: ViewHandle = volume._handle.view(snapshot)

    @property
    def volume(self) -> Volume:
        """The volume."""
        return self._volume

    @property
    def snapshot(self) -> Snapshot | None:
        """The snapshot that this is; ``None`` for the live state."""
        return self._snapshot

    @property
    def xid(self) -> int:
        """Transaction of this state."""
        return self._handle.xid

    @property
    def root(self) -> Path:
        """The root directory."""
        return Path(self)

    def path(self, path: str) -> Path:
        """The path of that name."""
        return Path(self, path)

    def path_of(self, file_id: int) -> Path:
        """Path of the file of that number, by its primary link."""
        return Path(self, self._handle.path_of(file_id))

    def scan(self, *, batch: int = SCAN_BATCH, on_error: OnError | None = None) -> Iterator[list[tuple[str, Stat]]]:
        """Lists the whole volume in the fastest order, in batches of about ``batch`` pairs of path and metadata.

        The order is that of the records, not of the folders. What can't be read is raised and ends the scan; with
        ``on_error`` it is handed over and the scan goes on.
        """
        entries = self._handle.scan(batch)
        try:
            while (found := entries.next_batch()) is not None:
                if found[0]:
                    yield found[0]
                for error in found[1]:
                    if on_error is None:
                        raise error
                    on_error(error)
        finally:
            entries.close()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, View):
            return NotImplemented
        return self.xid == other.xid and self._snapshot == other._snapshot and self._volume == other._volume

    def __hash__(self) -> int:
        return hash((self.xid, self._volume))

    def __repr__(self) -> str:
        state = "live" if self._snapshot is None else repr(self._snapshot.name)
        return f"<apfs.View of {self._volume.name!r}: {state}, transaction {self.xid}>"

    def __reduce__(self) -> tuple[object, ...]:
        xid = None if self._snapshot is None else self._snapshot.xid
        return open_view, (self._volume, xid)
