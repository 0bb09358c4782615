"""Volumes, and their states: live or a snapshot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias, Union
from uuid import UUID

from ._check import Report, report_of
from ._delta import Delta, Version, history
from ._errors import build
from ._path import OnError, Path
from ._protection import Protection, UnlockRecord, protection_of
from ._recipe import Recipe, open_view, open_volume, remember
from ._seal import Seal, SealVerdict, seal_of, verify
from ._space import Freed

if TYPE_CHECKING:
    from ._apfs import HfsInfo, Snapshot, Stat, ViewHandle, VolumeHandle
    from ._disk import Container, Disk

SCAN_BATCH = 1024

AnySnapshot: TypeAlias = Union["Snapshot", str, int, UUID, datetime]
"""A snapshot, or what tells which one is meant."""


class Volume:
    """A volume of any kind. It can always be asked for its names and snapshots; files are in a `View` of it.

    What one kind of volume does not have is empty: an HFS+ volume has no snapshots, no group and no encryption.
    """

    def __init__(self, disk: Disk, container: Container | None, handle: VolumeHandle) -> None:
        self._disk = disk
        self._container = container
        self._handle = handle
        self._live: View | None = None
        self._snapshots: list[Snapshot] | None = None

    @property
    def disk(self) -> Disk:
        """The disk that it is on."""
        return self._disk

    @property
    def partition(self) -> int:
        """Number of the partition that it is in."""
        return self._handle.partition

    @property
    def kind(self) -> str:
        """Which file system it is: ``apfs``, ``hfs+`` or ``hfsx``."""
        return self._handle.kind

    @property
    def container(self) -> Container:
        """The APFS container that it is in. `UnsupportedError` for an HFS+ volume, which is in none."""
        if self._container is None:
            details: dict[str, object] = {"what": "container of an HFS+ volume", "hint": "see disk and partition"}
            raise build("UnsupportedError", "an HFS+ volume is in no container; see disk and partition", None, details)
        return self._container

    @property
    def hfs(self) -> HfsInfo | None:
        """What only HFS+ volumes have: counts and dates of the header, and the journal. ``None`` for any other."""
        return self._handle.hfs

    @property
    def name(self) -> str:
        """Its name."""
        return self._handle.name

    @property
    def uuid(self) -> UUID | None:
        """Its id. HFS+ volumes may have none."""
        return self._handle.uuid

    @property
    def index(self) -> int:
        """Its slot in the container, 0 on HFS+."""
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
        remember(self._disk)
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
        """Bytes that it takes, snapshots included; on HFS+ as recorded."""
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

    def open_snapshot(self, snapshot: AnySnapshot) -> View:
        """The state that a snapshot keeps.

        A number is a transaction. A text is a name; else a UUID, a transaction (``42``, ``0x2a``), or a date or time in
        UTC (``2024-05-01``, ``2024-05-01 12:30:00``): that means the newest one taken until then, of a date until its
        end. A datetime with a time zone means the same. `NotFoundError` if there is none, or if several fit: the message
        lists them.

            before = volume.open_snapshot("2024-05-01")
        """
        return View(self, self._find_snapshot(snapshot))

    def _find_snapshot(self, wanted: AnySnapshot) -> Snapshot:
        if isinstance(wanted, str):
            return self._handle.snapshot(wanted)
        if isinstance(wanted, datetime):
            # Without a time zone it could mean any.
            if wanted.tzinfo is None:
                raise ValueError("a time needs a time zone, as in datetime(2024, 5, 1, tzinfo=timezone.utc)")
            until = [known for known in self.snapshots if known.created <= wanted]
            if until:
                return max(until, key=lambda known: (known.create_time_ns, known.xid))
        for known in self.snapshots:
            # One that was listed before the volume was unlocked has no id.
            if getattr(wanted, "xid", wanted) == known.xid or (isinstance(wanted, UUID) and wanted == known.uuid):
                return known
        raise build("NotFoundError", f"not found: snapshot {wanted}", None, {})

    def freed_by_deleting(self, snapshot: AnySnapshot) -> Freed:
        """Blocks that would be free without a snapshot, which is told as for `open_snapshot`. No key is needed."""
        return Freed(*self._handle.freed_by_deleting(self._find_snapshot(snapshot)))

    def at(self, snapshot: AnySnapshot | None) -> View:
        """The state that a snapshot keeps, as for `open_snapshot`, or the live one for ``None``."""
        return self.view if snapshot is None else self.open_snapshot(snapshot)

    def check(self, *, snapshots: bool = False, findings_per_rule: int = 100) -> Report:
        """Checks an HFS+ volume by itself; of an APFS volume the container with all its volumes: they share the blocks.

        That something is damaged is no exception but the answer. Nothing is written.

        snapshots: read the trees of all snapshots too.
        findings_per_rule: of each rule in a container or volume so many findings are listed; the others are counted.
        """
        return report_of(self._handle.check(snapshots, findings_per_rule))

    def diff(
        self,
        from_: View | AnySnapshot | None,
        to: View | AnySnapshot | None = None,
        path: str | None = None,
        *,
        on_error: OnError | None = None,
    ) -> Delta:
        """What differs between two states: snapshots as for `open_snapshot`, ``None`` for the live one, or views.

        Only what is at or below ``path``, on either side, if that is given. `View.changes` says more.

            for change in volume.diff("yesterday"):
                print(change.op, change.path, change.fields)
        """
        first, second = (state if isinstance(state, View) else self.at(state) for state in (from_, to))
        return first.changes(second, path, on_error=on_error)

    def history(
        self, path: str, states: Iterable[View] | None = None, *, on_error: OnError | None = None
    ) -> list[Version]:
        """All versions of a file, oldest first: over the snapshots and the live state, or the states that are given.

        The file is followed by its number, through renames; the path is looked for in the newest state first. States of
        older checkpoints are those of volumes from `Container.at`; give states in the order of their transactions.
        """
        if states is None:
            usable = (snapshot for snapshot in self.snapshots if snapshot.unusable_because is None)
            states = [*(View(self, snapshot) for snapshot in usable), self.view]
        return history(path, states, on_error)

    def scan(
        self, *, private: bool = False, batch: int = SCAN_BATCH, on_error: OnError | None = None
    ) -> Iterator[list[tuple[str, Stat]]]:
        """As `View.scan` of the live state."""
        return self.view.scan(private=private, batch=batch, on_error=on_error)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Volume):
            return NotImplemented
        if self._container is not None:
            return self.index == other.index and self._container == other._container
        same = (self.partition, self.kind, self.uuid, self.name) == (other.partition, other.kind, other.uuid, other.name)
        return same and (self._disk is other._disk or self._disk.source == other._disk.source is not None)

    def __hash__(self) -> int:
        return hash((self.partition, self.index, self.uuid))

    def __repr__(self) -> str:
        facts = f"role={self.role}{' locked' if self.is_locked else ''}" if self.kind == "apfs" else self.kind
        return f"<apfs.Volume {self.index} {self.name!r} {facts}>"

    def __reduce__(self) -> tuple[object, ...]:
        return open_volume, (Recipe.of(self), self.index, self.uuid)


class View:
    """A volume at one moment: live, or a snapshot."""

    def __init__(self, volume: Volume, snapshot: Snapshot | None, handle: ViewHandle | None = None) -> None:
        self._volume = volume
        self._snapshot = snapshot
        self._handle = volume._handle.view(snapshot) if handle is None else handle

    @property
    def volume(self) -> Volume:
        """The volume."""
        return self._volume

    @property
    def snapshot(self) -> Snapshot | None:
        """The snapshot that this is; ``None`` for the live state."""
        return self._snapshot

    @property
    def xid(self) -> int | None:
        """Transaction of this state; ``None`` on HFS+, which has none, and for a merged tree, made of several."""
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

    @property
    def seal(self) -> Seal | None:
        """What the volume records of its seal; ``None`` if it is not sealed."""
        return seal_of(self._handle)

    def verify_seal(self, *, threads: int | None = None) -> SealVerdict | None:
        """Checks the seal: the root hash, every node, the data of every file. ``None`` if the volume is not sealed.

        On so many threads, or as many as the machine has; other Python threads go on.

            verdict = volume.view.verify_seal()
            if verdict is not None and not verdict:
                print(verdict.word, [file.path for file in verdict.files])
        """
        return verify(self._handle, threads)

    def changes(self, other: View, path: str | None = None, *, on_error: OnError | None = None) -> Delta:
        """What another state of the same volume has that this one has not, and the other way round.

        The cost follows what differs, not the size of the volume. States of different checkpoints of one disk can be
        compared too: `Container.at`. What can't be compared is raised in its place, or handed to ``on_error``.
        """
        return Delta(self, other, path, on_error)

    def scan(
        self, *, private: bool = False, batch: int = SCAN_BATCH, on_error: OnError | None = None
    ) -> Iterator[list[tuple[str, Stat]]]:
        """Lists the whole volume in the fastest order, in batches of about ``batch`` pairs of path and metadata.

        The order is that of the records, not of the folders. What can't be read is raised and ends the scan; with
        ``on_error`` it is handed over and the scan goes on.

        With ``private`` every record comes once, what the file system keeps for itself included. Without, what a Mac
        shows comes, as in `Path.walk`: a volume with hard links to directories (Time Machine on HFS+) is gone through by
        directories for that.
        """
        entries = self._handle.scan(batch, private)
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
        return f"<apfs.View of {self._volume.name!r}: {state}{'' if self.xid is None else f', transaction {self.xid}'}>"

    def __reduce__(self) -> tuple[object, ...]:
        xid = None if self._snapshot is None else self._snapshot.xid
        return open_view, (self._volume, xid)
