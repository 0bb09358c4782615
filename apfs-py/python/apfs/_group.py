"""Volume groups: the volumes of one macOS, and these as the one tree that it shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from ._volume import AnySnapshot, View, Volume

if TYPE_CHECKING:
    from ._apfs import GroupHandle, Snapshot, VolumeHandle
    from ._disk import Container
    from ._path import Path


@dataclass(frozen=True)
class Problem:
    """Something that is not as it should be with a group, or where its volumes are joined."""

    word: str
    """Which kind, in a word for programs: ``no-data``, ``several-systems``, ``disagrees``, ``loop``, ..."""
    text: str
    """What it is, in a sentence."""
    path: str | None = None
    """Of a merged tree: path on the System volume."""
    is_usual: bool = False
    """Met on sound Macs too, and costs nothing."""

    def __str__(self) -> str:
        return self.text if self.path is None else f"{self.path}: {self.text}"


@dataclass(frozen=True)
class Firmlink:
    """A directory of System that stands for one of Data."""

    path: str
    """Path on System, and in the merged tree."""
    target: str
    """Path on Data."""
    source: str
    """What says so: ``attribute``, or ``list`` for ``/usr/share/firmlinks``."""


@dataclass(frozen=True)
class Backing:
    """What a file of a merged tree is on its volume."""

    volume: Volume
    """The volume."""
    ino: int
    """Its number there."""
    xid: int
    """Transaction of the state that is shown."""
    snapshot: str | None
    """Name of the snapshot that is shown; ``None`` for the live state."""
    by: str
    """How it got its place: ``system``, ``firmlink``, or ``mount`` on a volume in a directory of its own."""
    at: str | None
    """Directory of the firmlink or of the volume."""
    target: str | None
    """Where the firmlink leads on Data."""
    source: str | None
    """What says that it is a firmlink: ``attribute`` or ``list``."""


class VolumeGroup:
    """The volumes of one macOS: System and Data, and those that it shows in the same tree; from `Container.groups`.

        for group in disk.groups:
            print(group.name, group.problems, list(group.open().root.iterdir()))
    """

    def __init__(self, container: Container, handle: GroupHandle) -> None:
        self._container = container
        self._handle = handle

    @property
    def container(self) -> Container:
        """The container that it is in."""
        return self._container

    @property
    def id(self) -> UUID:
        """What its members have in common."""
        return self._handle.id

    @property
    def name(self) -> str:
        """Name of its System volume, of another member if there is none."""
        return self._handle.name

    @property
    def systems(self) -> list[Volume]:
        """The volumes with the role of System: one on a Mac."""
        return self._volumes(self._handle.systems)

    @property
    def data(self) -> list[Volume]:
        """The volumes with the role of Data: one on a Mac."""
        return self._volumes(self._handle.data)

    @property
    def others(self) -> list[Volume]:
        """Members with other roles: none on a Mac."""
        return self._volumes(self._handle.others)

    @property
    def companions(self) -> dict[str, Volume]:
        """Volumes that are no members and are shown in ``/System/Volumes``, by the names of their directories there."""
        return {directory: self._volume(volume) for directory, volume in self._handle.companions}

    @property
    def problems(self) -> list[Problem]:
        """What is not as it should be with its members."""
        return [Problem(*problem) for problem in self._handle.problems]

    def open(
        self,
        *,
        system: AnySnapshot | None = None,
        system_live: bool = False,
        data: AnySnapshot | None = None,
        without_data: bool = False,
    ) -> MergedView:
        """System and Data as one tree, as macOS shows it.

        system: System at this snapshot, not the one that a Mac starts from; as for `Volume.open_snapshot`.
        system_live: System as it is live.
        data: Data at this snapshot.
        without_data: System and the others without Data, as if there were none: for Data that is locked or damaged.

        `LockedError` if one of the two is locked; `UnsupportedError` if one is not there; `CorruptError` if there are
        several of a role: which one is meant would be a guess.
        """
        if without_data and data is not None:
            raise ValueError("a snapshot of Data, and no Data")
        if system_live and system is not None:
            raise ValueError("System live, and at a snapshot")

        def found(volumes: list[Volume], wanted: AnySnapshot | None) -> Snapshot | None:
            # Without exactly one volume the group can't be opened, and says why.
            return None if wanted is None or len(volumes) != 1 else volumes[0]._find_snapshot(wanted)

        return MergedView(self, found(self.systems, system), system_live, found(self.data, data), without_data)

    def _volume(self, handle: VolumeHandle) -> Volume:
        return next(volume for volume in self._container.volumes if volume.index == handle.index)

    def _volumes(self, handles: list[VolumeHandle]) -> list[Volume]:
        return [self._volume(handle) for handle in handles]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, VolumeGroup):
            return NotImplemented
        return self.id == other.id and self._container == other._container

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"<apfs.VolumeGroup {self.name!r} {self.id}>"


class MergedView(View):
    """System and Data of one macOS as the tree that it shows; from `VolumeGroup.open`.

    A `View` like any other. Firmlinks, absolute symbolic links and ``..`` lead where they do on a Mac. Each file is listed
    once: what firmlinks show is hidden in ``/System/Volumes/Data``, and found there all the same. `volume` is System.
    """

    def __init__(
        self, group: VolumeGroup, system: Snapshot | None, system_live: bool, data: Snapshot | None, without_data: bool
    ) -> None:
        handle = group._handle.view(system, system_live, data, without_data)
        super().__init__(group.systems[0], None, handle)
        self._group = group
        self._states = (system, system_live, data, without_data)

    @property
    def group(self) -> VolumeGroup:
        """The group."""
        return self._group

    @property
    def boot(self) -> str:
        """How the state of System was chosen.

        ``root-to-xid``: the volume says its snapshot. ``newest-update``: the newest of a system update. ``live``: there is
        none. ``chosen``: by the caller.
        """
        return self._handle.boot

    @property
    def firmlinks(self) -> list[Firmlink]:
        """The firmlinks that are followed, by path."""
        return [Firmlink(*firmlink) for firmlink in self._handle.firmlinks]

    @property
    def findings(self) -> list[Problem]:
        """What is not as it should be with firmlinks and mount points; of the group: `VolumeGroup.problems`."""
        return [Problem(word, text, path, usual) for path, word, text, usual in self._handle.findings]

    def backing(self, path: Path | str) -> Backing | None:
        """What a file is on its volume, symbolic links not followed; ``None`` for a directory that no volume has."""
        path = self.path(path) if isinstance(path, str) else path
        found = self._handle.backing(path._own_id(), str(path))
        if found is None:
            return None
        volume = next(volume for volume in self._group.container.volumes if volume.index == found[0])
        return Backing(volume, *found[1:])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, View):
            return NotImplemented
        return isinstance(other, MergedView) and (self._group, self._states) == (other._group, other._states)

    def __hash__(self) -> int:
        return hash((self._group, self._states))

    def __repr__(self) -> str:
        return f"<apfs.MergedView of {self._group.name!r}>"

    def __reduce__(self) -> tuple[object, ...]:
        system, system_live, data, without_data = self._states
        marks = tuple(None if snapshot is None else snapshot.xid for snapshot in (system, data))
        return open_merged, (self._volume, self._group.id, marks, system_live, without_data)


def open_merged(
    system: Volume, group_id: UUID, xids: tuple[int | None, int | None], system_live: bool, without_data: bool
) -> MergedView:
    """A merged tree again, by one of its volumes."""
    group = next(group for group in system.container.groups if group.id == group_id)
    return group.open(system=xids[0], system_live=system_live, data=xids[1], without_data=without_data)
