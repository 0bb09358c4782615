"""The compiled part. Handles are private; `Stat`, `Snapshot`, `HfsInfo` and the like are part of the package."""

from datetime import datetime
from os import PathLike
from typing import Final, TypeAlias, final
from uuid import UUID

from typing_extensions import Buffer

from ._disk import BinaryFile
from ._errors import ApfsError, CorruptError

__all__ = [
    "DEBUG_BUILD",
    "Change",
    "ContainerHandle",
    "DeltaHandle",
    "DiskHandle",
    "Entries",
    "Extent",
    "FileHandle",
    "GroupHandle",
    "HfsInfo",
    "HistoryHandle",
    "Journal",
    "Listing",
    "Partition",
    "Snapshot",
    "Stat",
    "ViewHandle",
    "VolumeHandle",
    "formats",
    "lock_reasons",
    "rules",
]

DEBUG_BUILD: Final[bool]
"""True if this was built without optimisation."""

def formats() -> list[str]:
    """Words for the formats of disk images."""

def rules() -> list[tuple[str, str, str, str, str]]:
    """All rules of checks: code, name, group, severity, text."""

def lock_reasons() -> list[str]:
    """Words for why something is locked."""

@final
class Stat:
    """Metadata of a file: the names of `os.stat_result`, and friendlier ones beside them.

    Times are UTC. Where a time is not kept, the datetime is ``None`` and the number 0; APFS keeps all four, HFS+ those
    that were ever set.
    """

    @property
    def st_mode(self) -> int:
        """Type and permission bits, as in the `stat` module."""
    @property
    def st_ino(self) -> int:
        """Number of the file in its volume."""
    @property
    def st_nlink(self) -> int:
        """Number of hard links; 1 for directories without links of their own."""
    @property
    def st_uid(self) -> int:
        """Owner."""
    @property
    def st_gid(self) -> int:
        """Group."""
    @property
    def st_size(self) -> int:
        """Bytes that a program reads: decompressed size of a compressed file, length of a link's target."""
    @property
    def st_blocks(self) -> int:
        """Units of 512 bytes that the data takes."""
    @property
    def st_flags(self) -> int:
        """BSD flags, as in the `stat` module (``UF_*``, ``SF_*``)."""
    @property
    def st_rdev(self) -> int:
        """Device number as stored, 0 for anything but a device; `device` has its parts."""
    @property
    def st_atime(self) -> float:
        """Last access in seconds since 1970."""
    @property
    def st_mtime(self) -> float:
        """Last change of the content in seconds since 1970."""
    @property
    def st_ctime(self) -> float:
        """Last change of the metadata in seconds since 1970."""
    @property
    def st_birthtime(self) -> float:
        """Creation in seconds since 1970."""
    @property
    def st_atime_ns(self) -> int:
        """Last access in nanoseconds since 1970."""
    @property
    def st_mtime_ns(self) -> int:
        """Last change of the content in nanoseconds since 1970."""
    @property
    def st_ctime_ns(self) -> int:
        """Last change of the metadata in nanoseconds since 1970."""
    @property
    def st_birthtime_ns(self) -> int:
        """Creation in nanoseconds since 1970."""
    @property
    def accessed(self) -> datetime | None:
        """Last access."""
    @property
    def modified(self) -> datetime | None:
        """Last change of the content."""
    @property
    def changed(self) -> datetime | None:
        """Last change of the metadata."""
    @property
    def created(self) -> datetime | None:
        """Creation."""
    @property
    def kind(self) -> str:
        """``file``, ``dir``, ``symlink``, ``char``, ``block``, ``fifo``, ``socket``, ``whiteout`` or ``unknown``."""
    @property
    def size(self) -> int:
        """Same as `st_size`."""
    @property
    def allocated(self) -> int:
        """Bytes allocated for the data, holes included."""
    @property
    def sparse_bytes(self) -> int | None:
        """Bytes of holes, where the volume keeps count."""
    @property
    def parent_ino(self) -> int:
        """Number of the directory of the primary link."""
    @property
    def bsd_flags(self) -> int:
        """Same as `st_flags`."""
    @property
    def internal_flags(self) -> int:
        """Flags that only the file system sees (``INODE_*``)."""
    @property
    def private_id(self) -> int:
        """Id of the data stream; clones of a file share data but not this."""
    @property
    def device(self) -> tuple[int, int] | None:
        """Major and minor number of a device."""
    @property
    def document_id(self) -> int | None:
        """Document id, if the file has one."""
    @property
    def compression(self) -> int | None:
        """Type of transparent compression, if the file is compressed."""
    @property
    def resource_size(self) -> int | None:
        """Bytes of the resource fork, 0 if there is none, where that is no attribute: HFS+."""
    @property
    def protection_class(self) -> int:
        """Default protection class, 0 where there is none."""
    @property
    def is_dataless(self) -> bool:
        """True if the data is not on this disk but in a cloud."""
    def is_dir(self) -> bool:
        """True for a directory."""
    def is_file(self) -> bool:
        """True for a regular file."""
    def is_symlink(self) -> bool:
        """True for a symbolic link."""

@final
class Snapshot:
    """A snapshot of a volume."""

    @property
    def name(self) -> str:
        """Its name."""
    @property
    def xid(self) -> int:
        """Its transaction: the state that it keeps."""
    @property
    def uuid(self) -> UUID | None:
        """Its id, where the volume keeps one."""
    @property
    def created(self) -> datetime:
        """When it was taken, in UTC."""
    @property
    def create_time_ns(self) -> int:
        """When it was taken, in nanoseconds since 1970."""
    @property
    def changed(self) -> datetime:
        """When its record was last changed, in UTC."""
    @property
    def change_time_ns(self) -> int:
        """When its record was last changed, in nanoseconds since 1970."""
    @property
    def flags(self) -> int:
        """Flags as stored: 1 becoming dataless, 2 being merged away."""
    @property
    def map_flags(self) -> int | None:
        """Flags in the object map: 1 deleted, 2 reverted; ``None`` if the map does not know it."""
    @property
    def flag_names(self) -> list[str]:
        """Both in words: ``pending-deletion``, ``reverted``, ``merging``, ``pending-dataless``; ``purgatory`` if its name
        is that of a snapshot whose deletion has begun; ``unmapped`` if the object map does not know it."""
    @property
    def unusable_because(self) -> str | None:
        """Why it can't be relied on, if it can't."""

@final
class Change:
    """What differs between two states of a volume, for one name or one file.

    A file has one change with its `fields`, `ranges` and `xattrs`: the first that is ``renamed`` if it was renamed, else
    ``modified``. Further names that came or went are changes of their own with the same `ino`. A file that is in one state
    only has none of the three: all of it came or went.
    """

    @property
    def op(self) -> str:
        """What happened: ``created``, ``deleted``, ``renamed`` or ``modified``.

        What is in a renamed directory is not listed for that. A file with several names may have one more, or one less.
        """
    @property
    def path(self) -> str:
        """Path in the second state; of what was deleted, in the first."""
    @property
    def old_path(self) -> str | None:
        """Path in the first state, where the file is in both and that differs: it was renamed, or a directory above it."""
    @property
    def ino(self) -> int:
        """Number of the file."""
    @property
    def kind(self) -> str:
        """Type, as `Stat.kind`; of what was deleted, in the first state."""
    @property
    def fields(self) -> list[str]:
        """Metadata that differs: ``mode``, ``uid``, ``gid``, ``nlink``, ``nchildren``, ``size``, ``allocated``, ``sparse``,
        ``mtime``, ``ctime``, ``btime``, ``atime``, ``bsd_flags``, ``internal_flags``, ``stream``, ``rdev``,
        ``document_id``, ``compression``, ``protection_class``, ``write_generation``; ``other`` where it has no name here."""
    @property
    def ranges(self) -> list[tuple[int, int]]:
        """Offset and length of data that differs, in order.

        A block that was written again counts, even with the bytes that it had. Of a compressed file all of it.
        """
    @property
    def xattrs(self) -> dict[str, str]:
        """Extended attributes that differ: ``created``, ``deleted`` or ``changed``, by name."""
    @property
    def before(self) -> Stat | None:
        """Metadata in the first state."""
    @property
    def after(self) -> Stat | None:
        """Metadata in the second state."""

@final
class HfsInfo:
    """What an HFS+ volume says about itself, after its journal.

    Where the copy of the header is used, counts and dates are often old.
    """

    @property
    def attributes(self) -> int:
        """Attributes as stored (``kHFSVolume*``): 0x100 cleanly unmounted, 0x2000 journaled, ..."""
    @property
    def last_mounted_version(self) -> str:
        """Who mounted it last: ``10.0``, ``HFSJ``, ``fsck``, ``H+Lx``, ..."""
    @property
    def is_clean(self) -> bool:
        """True if it was unmounted cleanly."""
    @property
    def from_copy(self) -> bool:
        """True if the volume header is damaged or leads nowhere, and its copy is used."""
    @property
    def wrapper_offset(self) -> int | None:
        """First byte of the volume in its partition, if it is embedded in a classic HFS volume."""
    @property
    def block_size(self) -> int:
        """Bytes of an allocation block."""
    @property
    def total_blocks(self) -> int:
        """Allocation blocks."""
    @property
    def free_blocks(self) -> int:
        """Those that are free, as recorded."""
    @property
    def files(self) -> int:
        """Files as recorded, those that hard links lead to included."""
    @property
    def folders(self) -> int:
        """Folders as recorded, the root not counted."""
    @property
    def next_id(self) -> int:
        """Next catalog node id: files have smaller numbers, unless they are reused."""
    @property
    def write_count(self) -> int:
        """Counts mounts that could write."""
    @property
    def encodings(self) -> int:
        """Text encodings that names had, a bit for each."""
    @property
    def finder_info(self) -> list[int]:
        """``finderInfo`` as stored: blessed folders, and the id that the UUID is made of."""
    @property
    def created_local(self) -> datetime | None:
        """Creation, in the local time of whoever made it: without a time zone."""
    @property
    def modified(self) -> datetime | None:
        """Last change."""
    @property
    def backed_up(self) -> datetime | None:
        """Last backup."""
    @property
    def checked(self) -> datetime | None:
        """Last check."""
    @property
    def journal(self) -> Journal | None:
        """Its journal, if it has one."""

@final
class Journal:
    """The journal of an HFS+ volume. What is wrong with it is in `Disk.findings`."""

    @property
    def state(self) -> str:
        """What it asks for.

        ``clean``: nothing. ``dirty``: it holds changes. ``needs-init``: it is not written yet. ``on-other-device``: that
        may hold changes that are missing here. ``unusable``: nothing of it can be replayed, the volume may lack changes.
        """
    @property
    def replayed(self) -> bool:
        """True if the volume is shown with the changes that the journal holds."""
    @property
    def byte_order(self) -> str | None:
        """``little`` or ``big``, by the machine that wrote it, if there is a valid header."""
    @property
    def offset(self) -> int | None:
        """First byte, from the start of the volume, if that can be read."""
    @property
    def length(self) -> int | None:
        """Length in bytes, if that can be read."""
    @property
    def start(self) -> int | None:
        """Where changes begin, from the start of the journal."""
    @property
    def end(self) -> int | None:
        """Where changes end, from the start of the journal; equal to `start` if there are none."""
    @property
    def transactions(self) -> int:
        """Transactions to replay."""
    @property
    def blocks(self) -> int:
        """Blocks that they write."""
    @property
    def bytes(self) -> int:
        """Bytes of these blocks."""
    @property
    def device(self) -> str | None:
        """UUID of the partition of a journal on another device, as stored."""

@final
class Extent:
    """One run of a stream."""

    @property
    def logical(self) -> int:
        """Byte offset in the stream."""
    @property
    def length(self) -> int:
        """Length in bytes; the last run may pass the end of the stream."""
    @property
    def physical(self) -> int | None:
        """Byte offset in the container or HFS+ volume, ``None`` where nothing is stored."""
    @property
    def kind(self) -> str:
        """``data``, ``hole`` or ``unwritten``."""
    @property
    def crypto_id(self) -> int:
        """Key or tweak as stored, 0 where there is none."""

@final
class Partition:
    """One partition of a disk."""

    @property
    def index(self) -> int:
        """Its number among the used ones, from 0; logical partitions after the others."""
    @property
    def start(self) -> int:
        """First byte on the disk."""
    @property
    def length(self) -> int:
        """Length in bytes."""
    @property
    def type_guid(self) -> UUID | None:
        """Type in a GUID partition table."""
    @property
    def type_text(self) -> str | None:
        """Type in an Apple partition map."""
    @property
    def type_byte(self) -> int | None:
        """Type in a master boot record."""
    @property
    def type_name(self) -> str:
        """Name of the type, empty if it has none."""
    @property
    def label(self) -> str:
        """Name in the table."""
    @property
    def content(self) -> str:
        """What is in it by its signature: ``APFS``, ``HFS+``, ..., empty if it is not known."""

_Finding: TypeAlias = tuple[str, str, str, str, int | None, int | None, CorruptError]
_Counts: TypeAlias = list[tuple[str, int]]
_Report: TypeAlias = tuple[list[_Finding], tuple[int, int, int], _Counts, _Counts, list[tuple[str, str]]]

@final
class DiskHandle:
    def __new__(
        cls,
        source: str | PathLike[str] | Buffer | BinaryFile,
        tier2: str | PathLike[str] | Buffer | BinaryFile | None,
        open_as: str | None,
        passwords: list[str | bytes],
        keys: list[bytes | str],
        checksums: str,
        checkpoint: int | None,
        no_journal: bool,
        force: bool,
        cache_bytes: int | None,
        partition: int | None,
    ) -> DiskHandle: ...
    @property
    def layers(self) -> list[tuple[str, str, int]]: ...
    @property
    def scheme(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def partitions(self) -> list[Partition]: ...
    @property
    def containers(self) -> list[ContainerHandle]: ...
    def check(self, snapshots: bool, findings_per_rule: int) -> _Report: ...
    def checkpoint(self, partition: int, xid: int) -> ContainerHandle: ...
    @property
    def volumes(self) -> list[VolumeHandle]: ...
    @property
    def failures(self) -> list[ApfsError]: ...
    @property
    def findings(self) -> list[CorruptError]: ...
    @property
    def closed(self) -> bool: ...
    def close(self) -> None: ...

_Freed: TypeAlias = tuple[str, int, tuple[int, int, int]]
_VolumeSpace: TypeAlias = tuple[int, str, tuple[int, int], tuple[int, int, int], tuple[int, int, int], list[_Freed]]
_SpaceFinding: TypeAlias = tuple[str, int | None, int, list[str], ApfsError | None]
_Space: TypeAlias = tuple[
    int,
    list[tuple[str, int, int, int, int]],
    list[tuple[int | None, str, int]],
    list[_VolumeSpace],
    tuple[int, int, int, int],
    tuple[int, int],
    bool,
    list[_SpaceFinding],
]

_Fusion: TypeAlias = tuple[tuple[UUID, UUID], tuple[int, int], int | None, list[ApfsError], int]

@final
class ContainerHandle:
    @property
    def partition(self) -> int: ...
    @property
    def uuid(self) -> UUID: ...
    @property
    def xid(self) -> int: ...
    @property
    def block_size(self) -> int: ...
    @property
    def block_count(self) -> int: ...
    @property
    def checkpoints(self) -> list[int]: ...
    def check(self, snapshots: bool, findings_per_rule: int) -> _Report: ...
    def fusion(self) -> _Fusion | None: ...
    def space(self) -> _Space: ...
    def allocated(self, device: str) -> list[tuple[int, int]]: ...
    def groups(self) -> tuple[list[GroupHandle], list[tuple[str, str]]]: ...
    def volumes(self) -> tuple[list[VolumeHandle], list[ApfsError]]: ...

_Record: TypeAlias = tuple[UUID, str, bool, int | None, bool]

@final
class VolumeHandle:
    @property
    def partition(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def hfs(self) -> HfsInfo | None: ...
    @property
    def index(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def uuid(self) -> UUID | None: ...
    @property
    def role(self) -> str: ...
    @property
    def group(self) -> UUID | None: ...
    @property
    def is_encrypted(self) -> bool: ...
    @property
    def is_locked(self) -> bool: ...
    def unlock(self, password: str | bytes | None, key: bytes | str | None) -> _Record | None: ...
    def protection(
        self,
    ) -> tuple[str, str | None, list[_Record], tuple[bool, bool], tuple[int | None, int] | None]: ...
    @property
    def is_sealed(self) -> bool: ...
    @property
    def is_case_sensitive(self) -> bool: ...
    @property
    def used_bytes(self) -> int: ...
    def check(self, snapshots: bool, findings_per_rule: int) -> _Report: ...
    def snapshots(self) -> list[Snapshot]: ...
    def freed_by_deleting(self, snapshot: Snapshot) -> tuple[int, int, int]: ...
    def snapshot(self, wanted: str | bytes) -> Snapshot: ...
    def view(self, snapshot: Snapshot | None = None) -> ViewHandle: ...

_Node: TypeAlias = tuple[int, int | None, int, int, int, ApfsError]
_File: TypeAlias = tuple[int, str | None, int, int, ApfsError]
_Findings: TypeAlias = tuple[list[CorruptError], list[_Node], list[_File]]
_Verdict: TypeAlias = tuple[str, int | None, tuple[int, int, int, int], _Findings, int]

@final
class ViewHandle:
    @property
    def xid(self) -> int | None: ...
    @property
    def root(self) -> int: ...
    def find(self, path: str | bytes, follow: bool) -> int: ...
    def stat(self, id: int, path: str | bytes) -> Stat: ...
    def link_id(self, path: str | bytes) -> int | None: ...
    def list(self, id: int, path: str | bytes, private: bool) -> Listing: ...
    def read_link(self, id: int, path: str | bytes) -> str: ...
    def xattrs(self, id: int, path: str | bytes) -> _list[tuple[str, int, int]]: ...
    def xattr(self, id: int, name: str | bytes, path: str | bytes) -> bytes: ...
    def open(self, id: int, stream: str, xattr: str | bytes | None, path: str | bytes) -> FileHandle: ...
    def names(self, id: int) -> _list[tuple[int, str]]: ...
    def path_of(self, id: int) -> str: ...
    def seal(self) -> tuple[int, int, int, str, bytes | None, int, int] | None: ...
    def verify_seal(self, threads: int) -> _Verdict | None: ...
    @property
    def boot(self) -> str: ...
    @property
    def firmlinks(self) -> _list[tuple[str, str, str]]: ...
    @property
    def findings(self) -> _list[tuple[str, str, str, bool]]: ...
    def backing(
        self, id: int, path: str | bytes
    ) -> tuple[int, int, int, str | None, str, str | None, str | None, str | None] | None: ...
    def changes(self, other: ViewHandle) -> DeltaHandle: ...
    def scan(self, batch: int, private: bool) -> Entries: ...
    def walk(self, id: int, path: str | bytes, batch: int, private: bool) -> Entries: ...

# The name of a method hides that of the type.
_list = list

@final
class Listing:
    def next_batch(self, max: int) -> list[tuple[str, int, str]]: ...

@final
class FileHandle:
    @property
    def size(self) -> int: ...
    def read_at(self, offset: int, length: int) -> bytes: ...
    def extents(self) -> list[Extent]: ...

@final
class Entries:
    def next_batch(self) -> tuple[list[tuple[str, Stat]], list[ApfsError]] | None: ...
    def close(self) -> None: ...

@final
class GroupHandle:
    @property
    def id(self) -> UUID: ...
    @property
    def name(self) -> str: ...
    @property
    def systems(self) -> list[VolumeHandle]: ...
    @property
    def data(self) -> list[VolumeHandle]: ...
    @property
    def others(self) -> list[VolumeHandle]: ...
    @property
    def companions(self) -> list[tuple[str, VolumeHandle]]: ...
    @property
    def problems(self) -> list[tuple[str, str]]: ...
    def view(
        self, system: Snapshot | None, system_live: bool, data: Snapshot | None, without_data: bool
    ) -> ViewHandle: ...

@final
class DeltaHandle:
    def next_batch(self) -> list[Change | ApfsError]: ...
    def stats(self) -> tuple[int, tuple[int, int], tuple[int, int], int, int, str | None]: ...

@final
class HistoryHandle:
    def __new__(cls, id: int) -> HistoryHandle: ...
    def add(self, state: int, view: ViewHandle) -> None: ...
    def versions(self) -> list[tuple[list[int], tuple[str, Stat] | None, Change | None]]: ...
