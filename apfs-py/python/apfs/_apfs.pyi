"""The compiled part. Handles are private; `Stat`, `Snapshot`, `Extent` and `Partition` are part of the package."""

from datetime import datetime
from os import PathLike
from typing import Final, TypeAlias, final
from uuid import UUID

from typing_extensions import Buffer

from ._disk import BinaryFile
from ._errors import ApfsError, CorruptError

__all__ = [
    "DEBUG_BUILD",
    "ContainerHandle",
    "DiskHandle",
    "Entries",
    "Extent",
    "FileHandle",
    "Listing",
    "Partition",
    "Snapshot",
    "Stat",
    "ViewHandle",
    "VolumeHandle",
    "formats",
    "lock_reasons",
]

DEBUG_BUILD: Final[bool]
"""True if this was built without optimisation."""

def formats() -> list[str]:
    """Words for the formats of disk images."""

def lock_reasons() -> list[str]:
    """Words for why something is locked."""

@final
class Stat:
    """Metadata of a file: the names of `os.stat_result`, and friendlier ones beside them.

    Times are UTC. Where a time is not kept, the datetime is ``None`` and the number 0; APFS keeps all four.
    """

    @property
    def st_mode(self) -> int:
        """Type and permission bits, as in the `stat` module."""
    @property
    def st_ino(self) -> int:
        """Number of the file in its volume."""
    @property
    def st_nlink(self) -> int:
        """Number of hard links; 1 for directories."""
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
    def flags(self) -> int:
        """Flags as stored: 1 becoming dataless, 2 being merged away."""
    @property
    def unusable_because(self) -> str | None:
        """Why it can't be relied on, if it can't."""

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
        """Byte offset in the container, ``None`` where nothing is stored."""
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
        """Type as the partition table has it."""
    @property
    def type_name(self) -> str:
        """Name of the type, empty if it has none."""
    @property
    def label(self) -> str:
        """Name in the table."""
    @property
    def content(self) -> str:
        """What is in it by its signature: ``APFS``, ``HFS+``, ..., empty if it is not known."""

@final
class DiskHandle:
    def __new__(
        cls,
        source: str | PathLike[str] | Buffer | BinaryFile,
        open_as: str | None,
        passwords: list[str | bytes],
        keys: list[bytes | str],
        checksums: str,
        checkpoint: int | None,
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
    @property
    def failures(self) -> list[ApfsError]: ...
    @property
    def findings(self) -> list[CorruptError]: ...
    @property
    def closed(self) -> bool: ...
    def close(self) -> None: ...

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
    def volumes(self) -> tuple[list[VolumeHandle], list[ApfsError]]: ...

_Record: TypeAlias = tuple[UUID, str, bool, int | None, bool]

@final
class VolumeHandle:
    @property
    def index(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def uuid(self) -> UUID: ...
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
    def snapshots(self) -> list[Snapshot]: ...
    def view(self, snapshot: Snapshot | None = None) -> ViewHandle: ...

@final
class ViewHandle:
    @property
    def xid(self) -> int: ...
    @property
    def root(self) -> int: ...
    def find(self, path: str | bytes, follow: bool) -> int: ...
    def stat(self, id: int, path: str | bytes) -> Stat: ...
    def list(self, id: int, path: str | bytes) -> Listing: ...
    def read_link(self, id: int, path: str | bytes) -> str: ...
    def xattrs(self, id: int, path: str | bytes) -> _list[tuple[str, int, int]]: ...
    def xattr(self, id: int, name: str | bytes, path: str | bytes) -> bytes: ...
    def open(self, id: int, stream: str, xattr: str | bytes | None, path: str | bytes) -> FileHandle: ...
    def names(self, id: int) -> _list[tuple[int, str]]: ...
    def path_of(self, id: int) -> str: ...
    def scan(self, batch: int) -> Entries: ...
    def walk(self, id: int, path: str | bytes, batch: int) -> Entries: ...

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
