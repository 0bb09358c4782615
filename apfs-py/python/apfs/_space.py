"""Which blocks of a container are in use, and whose they are. All counts are of blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ._errors import ApfsError

if TYPE_CHECKING:
    from ._apfs import ContainerHandle


@dataclass(frozen=True)
class Counted:
    """A number that is stored, and what it is when counted."""

    stored: int
    """As stored."""
    counted: int
    """As counted."""

    @property
    def holds(self) -> bool:
        """Both are the same."""
        return self.stored == self.counted


@dataclass(frozen=True)
class Freed:
    """Blocks that would be free without a snapshot."""

    data: int
    """Data of files that no other state has."""
    metadata: int
    """Nodes and other objects that no other state has."""
    own: int
    """Its superblock and its own trees, part of which may move to another state."""

    @property
    def total(self) -> int:
        """All of it."""
        return self.data + self.metadata + self.own


@dataclass(frozen=True)
class DeviceUse:
    """Blocks of a device by its bitmaps."""

    device: str
    """``main``, or ``tier2`` for the slow one of a Fusion pair."""
    blocks: int
    """Blocks."""
    used: int
    """Blocks in use."""
    unknown: int
    """Blocks about which the bitmaps could not be read."""
    free_stored: int
    """Free blocks, as the space manager says."""


@dataclass(frozen=True)
class Owner:
    """Blocks of one owner; one that several have counts for the first."""

    volume: int | None
    """Slot of the volume; ``None`` for the container itself."""
    part: str
    """What they are for: ``data``, ``object-map``, ``free-queue``, ..."""
    blocks: int
    """How many."""


@dataclass(frozen=True)
class VolumeSpace:
    """Blocks of a volume."""

    index: int
    """Its slot in the container."""
    name: str
    """Its name."""
    alloc_count: Counted
    """The volume's own count (``apfs_fs_alloc_count``), and ours."""
    metadata: int
    """Metadata of the live state."""
    kept_metadata: int
    """Metadata that is there for snapshots."""
    data: int
    """Data, of all states."""
    data_unshared: int
    """Data used once by the live volume."""
    data_shared: int
    """Data used several times by the live volume: clones share it."""
    data_kept: int
    """Data used by snapshots alone."""
    snapshots: dict[str, Freed]
    """What deleting each snapshot alone would free, by its name, oldest first."""


@dataclass(frozen=True)
class SpaceFinding:
    """Something that is not as it should be."""

    kind: str
    """``leaked``: in use, and nothing refers to them; ``claimed-twice``: two owners have them; ``not-allocated``: owned, and
    free by the bitmaps; ``damaged``: something could not be read, and what it owns is among the leaked blocks."""
    start: int | None
    """First block, where it is about blocks."""
    count: int
    """Number of blocks."""
    owners: tuple[str, ...]
    """Who has them, in words."""
    error: ApfsError | None
    """What could not be read."""


@dataclass(frozen=True)
class Space:
    """All blocks of a container, with their owners."""

    block_size: int
    """Bytes of a block."""
    devices: list[DeviceUse]
    """The devices: one, or two of a Fusion pair."""
    owners: list[Owner]
    """Who has how many."""
    volumes: list[VolumeSpace]
    """The volumes that could be opened."""
    leaked: int
    """In use, and nothing refers to them."""
    claimed_twice: int
    """Two owners have them."""
    not_allocated: int
    """Owned, and free by the bitmaps."""
    damaged: int
    """Things that could not be read."""
    used: Counted
    """Blocks in use, by the space manager's count of free ones and as owners have them."""
    is_sound: bool
    """Every block in use has one owner, every owned block is in use, and all stored counts are right."""
    findings: list[SpaceFinding]
    """What is not as it should be, at most 10,000."""

    @property
    def allocated(self) -> int:
        """Blocks in use by the bitmaps."""
        return sum(device.used for device in self.devices)


def space_of(handle: ContainerHandle) -> Space:
    """The account of a container."""
    block_size, devices, owners, volumes, wrong, used, is_sound, findings = handle.space()
    return Space(
        block_size,
        [DeviceUse(*device) for device in devices],
        [Owner(*owner) for owner in owners],
        [
            VolumeSpace(
                index, name, Counted(*alloc), *blocks, *data, {name: Freed(*freed) for name, _, freed in snapshots}
            )
            for index, name, alloc, blocks, data, snapshots in volumes
        ],
        *wrong,
        Counted(*used),
        is_sound,
        [SpaceFinding(kind, start, count, tuple(names), error) for kind, start, count, names, error in findings],
    )
