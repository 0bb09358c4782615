"""Disks and containers: the way in."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Protocol, overload
from uuid import UUID

from ._apfs import DiskHandle
from ._check import Report, report_of
from ._errors import ApfsError, CorruptError, MisuseError, build
from ._group import Problem, VolumeGroup
from ._recipe import remember
from ._space import Space, space_of
from ._volume import Volume

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from ._apfs import ContainerHandle, Partition

Checksums = Literal["require", "report", "ignore"]
Format = Literal["raw", "udif", "cdsaencr", "encrcdsa", "sparseimage", "sparsebundle", "asif", "split", "ewf"]


class BinaryFile(Protocol):
    """What a file object must have to be a source."""

    def read(self, size: int, /) -> bytes: ...
    def seek(self, offset: int, whence: int = 0, /) -> object: ...


@dataclass(frozen=True)
class Options:
    """How a disk was opened. No passwords or keys: what knows these is the compiled part alone."""

    open_as: str | None
    tier2: str | None
    checksums: str
    no_journal: bool
    force: bool
    cache_bytes: int | None


def open(
    source: str | os.PathLike[str] | Buffer | BinaryFile,
    *,
    tier2: str | os.PathLike[str] | Buffer | BinaryFile | None = None,
    password: str | bytes | None = None,
    key: bytes | str | None = None,
    passwords: Iterable[str | bytes] = (),
    open_as: Format | str | None = None,
    checksums: Checksums | str = "require",
    checkpoint: int | None = None,
    no_journal: bool = False,
    force: bool = False,
    cache_bytes: int | None = None,
    partition: int | None = None,
) -> Disk:
    """Opens a disk image, device node, sparse bundle, buffer or seekable binary file object.

    tier2: the other half of a Fusion pair, if it is not on the same disk. Which half is which they say themselves. Of a
        pair whose other half is missing everything can be read that is not on it: `Container.fusion`.
    password, key, passwords: for encrypted disk images and volumes; each is tried on each. A recovery key is a
        password, with its dashes. A ``key`` is a raw key, as bytes or in hexadecimal. None of them is kept in Python,
        shown, or pickled.
    open_as: format of the image, whatever it looks like; ``raw`` takes nothing off.
    checksums: of APFS: ``require`` refuses what does not match, ``report`` adds it to `Disk.findings`, ``ignore`` does
        not look.
    checkpoint: of APFS: open this transaction instead of the newest.
    no_journal: of HFS+: show volumes as they are stored, without what their journals would change.
    force: go on in spite of features that are not known; answers may be wrong.
    cache_bytes: memory for metadata of each container or HFS+ volume, 16 MiB if not said.
    partition: look in this partition only.

    Files are read fastest from a path: without the interpreter lock and from many threads at a time.
    """
    if isinstance(passwords, (str, bytes)):
        raise TypeError("passwords takes several; one is given as password")
    words = [*([] if password is None else [password]), *passwords]
    keys = [] if key is None else [key]
    handle = DiskHandle(
        source, tier2, open_as, words, keys, checksums, checkpoint, no_journal, force, cache_bytes, partition
    )
    path, second = (
        os.fspath(one) if isinstance(one, (str, os.PathLike)) else None for one in (source, tier2)
    )
    if tier2 is not None and second is None:
        # It can't be found again in another process.
        path = None
    disk = Disk(handle, path, Options(open_as, second, checksums, no_journal, force, cache_bytes))
    if words or keys:
        remember(disk)
    return disk


@dataclass(frozen=True)
class Layer:
    """A disk image around a disk."""

    format: str
    """Its format by its word, as for ``open_as``."""
    name: str
    """Its format by a name for people."""
    size: int
    """Bytes of the disk in it."""


class Disk:
    """An open disk. A context manager; what came from it can't be read any more once it is closed."""

    def __init__(self, handle: DiskHandle, source: str | None, options: Options) -> None:
        self._handle = handle
        self._source = source
        self._options = options
        self._containers = [Container(self, container) for container in handle.containers]
        found = [volume for container in self._containers for volume in container.volumes]
        found += [Volume(self, None, volume) for volume in handle.volumes]
        self._volumes = sorted(found, key=lambda volume: volume.partition)

    @property
    def source(self) -> str | None:
        """Path that it was opened from, if it was."""
        return self._source

    @property
    def size(self) -> int:
        """Length in bytes, without the disk images around it."""
        return self._handle.size

    @property
    def layers(self) -> list[Layer]:
        """The disk images around it, outermost first."""
        return [Layer(*layer) for layer in self._handle.layers]

    @property
    def scheme(self) -> str:
        """How its partitions are described: ``none``, ``gpt``, ``apm`` or ``mbr``."""
        return self._handle.scheme

    @property
    def partitions(self) -> list[Partition]:
        """Its partitions; one if there is no table."""
        return self._handle.partitions

    @property
    def containers(self) -> list[Container]:
        """Its APFS containers."""
        self._check_open()
        return list(self._containers)

    @property
    def volumes(self) -> Volumes:
        """The volumes of all partitions, APFS and HFS+, locked ones too."""
        self._check_open()
        return Volumes(self._volumes)

    def check(self, *, snapshots: bool = False, findings_per_rule: int = 100) -> Report:
        """Checks all that is on it: each structure is read, and what is said twice is compared.

        That something is damaged is no exception but the answer. Nothing is written.

        snapshots: read the trees of all snapshots too.
        findings_per_rule: of each rule in a container or volume so many findings are listed; the others are counted.

            for finding in disk.check():
                print(finding.severity, finding.code, finding.message)
        """
        return report_of(self._handle.check(snapshots, findings_per_rule))

    @property
    def groups(self) -> list[VolumeGroup]:
        """The volume groups of all containers: each opens as the tree that its macOS shows."""
        return [group for container in self.containers for group in container.groups]

    @property
    def failures(self) -> list[ApfsError]:
        """Why containers and volumes that should be there could not be opened."""
        return self._handle.failures + [error for found in self._containers for error in found.failures]

    @property
    def findings(self) -> list[CorruptError]:
        """What was found wrong so far and did not stop the work, at most 10,000."""
        return self._handle.findings

    @property
    def closed(self) -> bool:
        """True after `close`."""
        return self._handle.closed

    def close(self) -> None:
        """Lets go of the source."""
        self._handle.close()

    def _check_open(self) -> None:
        if self.closed:
            raise MisuseError("the disk is closed")

    def __enter__(self) -> Disk:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<apfs.Disk {self._source or 'from memory'}{' closed' if self.closed else ''}>"


@dataclass(frozen=True)
class Fusion:
    """A Fusion pair: two devices that are one container."""

    main_uuid: UUID
    """Id of the main device."""
    tier2_uuid: UUID
    """Id of tier 2; what it should be if that is missing."""
    main_blocks: int
    """Blocks of the main device."""
    tier2_blocks: int
    """Blocks of tier 2."""
    tier2_size: int | None
    """Bytes of tier 2; ``None`` if it is missing: data on it can't be read then, everything else can."""
    findings: list[ApfsError]
    """What is wrong, the missing device among it, at most 1,000."""
    finding_count: int
    """How many findings there are."""


class Container:
    """An APFS container at one checkpoint."""

    def __init__(self, disk: Disk, handle: ContainerHandle) -> None:
        self._disk = disk
        self._handle = handle
        volumes, self._failures = handle.volumes()
        self._volumes = [Volume(disk, self, volume) for volume in volumes]

    @property
    def disk(self) -> Disk:
        """The disk that it is on."""
        return self._disk

    @property
    def partition(self) -> int:
        """Number of the partition that it is in."""
        return self._handle.partition

    @property
    def uuid(self) -> UUID:
        """Its id."""
        return self._handle.uuid

    @property
    def xid(self) -> int:
        """Transaction of the checkpoint."""
        return self._handle.xid

    @property
    def block_size(self) -> int:
        """Bytes in a block."""
        return self._handle.block_size

    @property
    def block_count(self) -> int:
        """Number of blocks."""
        return self._handle.block_count

    @property
    def checkpoints(self) -> list[int]:
        """Transactions that `open` can be asked for, newest first; not all of them need be whole."""
        return self._handle.checkpoints

    def at(self, xid: int) -> Container:
        """The container at another checkpoint, one of `checkpoints`, whose volumes can be compared with those of this one.

            then = container.at(container.checkpoints[1])
            changes = then.volumes[0].view.changes(container.volumes[0].view)
        """
        return Container(self._disk, self._disk._handle.checkpoint(self.partition, xid))

    @property
    def volumes(self) -> Volumes:
        """Its volumes, locked ones too."""
        return Volumes(self._volumes)

    def check(self, *, snapshots: bool = False, findings_per_rule: int = 100) -> Report:
        """Checks it with all its volumes. What is locked is checked as far as that goes without a key.

        That something is damaged is no exception but the answer. Nothing is written.

        snapshots: read the trees of all snapshots too.
        findings_per_rule: of each rule in a container or volume so many findings are listed; the others are counted.
        """
        return report_of(self._handle.check(snapshots, findings_per_rule))

    @property
    def fusion(self) -> Fusion | None:
        """What is known of the two devices of a Fusion pair; ``None`` if it is none."""
        found = self._handle.fusion()
        if found is None:
            return None
        (main_uuid, tier2_uuid), (main_blocks, tier2_blocks), tier2_size, findings, count = found
        return Fusion(main_uuid, tier2_uuid, main_blocks, tier2_blocks, tier2_size, findings, count)

    def space(self) -> Space:
        """Tells whose every block is: bitmaps against owners. Works on encrypted volumes without a key.

            space = container.space()
            print(space.used, space.leaked, [(volume.name, volume.data) for volume in space.volumes])
        """
        return space_of(self._handle)

    def allocated(self, device: str = "main") -> list[tuple[int, int]]:
        """First block and number of blocks of all runs in use by the bitmaps; of ``tier2`` for a Fusion pair's slow device."""
        return self._handle.allocated(device)

    @property
    def groups(self) -> list[VolumeGroup]:
        """Its volume groups: the volumes of each macOS, locked ones too."""
        return [VolumeGroup(self, group) for group in self._handle.groups()[0]]

    @property
    def group_problems(self) -> list[Problem]:
        """What is not as it should be with volumes that belong to a group, and concerns no single one."""
        return [Problem(*problem) for problem in self._handle.groups()[1]]

    @property
    def failures(self) -> list[ApfsError]:
        """Why volumes that should be there could not be opened."""
        return list(self._failures)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Container):
            return NotImplemented
        same = (self.uuid, self.xid, self.partition) == (other.uuid, other.xid, other.partition)
        return same and (self._disk is other._disk or self._disk.source == other._disk.source is not None)

    def __hash__(self) -> int:
        return hash((self.uuid, self.xid))

    def __repr__(self) -> str:
        return f"<apfs.Container {self.uuid} transaction {self.xid}>"


class Volumes(Sequence[Volume]):
    """Volumes in order. They can be asked for by place, name or id: ``volumes[0]``, ``volumes["Data"]``."""

    def __init__(self, volumes: list[Volume]) -> None:
        self._volumes = volumes

    @property
    def names(self) -> list[str]:
        """The names in order."""
        return [volume.name for volume in self._volumes]

    @overload
    def __getitem__(self, key: int | str | UUID) -> Volume: ...
    @overload
    def __getitem__(self, key: slice) -> list[Volume]: ...
    def __getitem__(self, key: int | str | UUID | slice) -> Volume | list[Volume]:
        if isinstance(key, slice):
            return self._volumes[key]
        if isinstance(key, int):
            if -len(self._volumes) <= key < len(self._volumes):
                return self._volumes[key]
        else:
            for volume in self._volumes:
                if key in (volume.name, volume.uuid):
                    return volume
        raise build("NoSuchVolumeError", f"not found: volume {key!r}; there are {self.names}", None, {})

    def __contains__(self, key: object) -> bool:
        return any(key in (volume, volume.name, volume.uuid) for volume in self._volumes)

    def __len__(self) -> int:
        return len(self._volumes)

    def __iter__(self) -> Iterator[Volume]:
        return iter(self._volumes)

    def __repr__(self) -> str:
        return repr(self._volumes)
