"""The exceptions: each is an `ApfsError`, and the built-in exception that fits."""

from __future__ import annotations

import builtins
import errno
from typing import ClassVar

from ._protection import LockReason


class ApfsError(Exception):
    """Anything that goes wrong in this package."""

    path: str | None = None
    """Path inside the volume that it is about, if there is one."""


class CorruptError(ApfsError, ValueError):
    """The image is damaged, at the place that is named."""

    damage: int = 0
    """Stable number of the kind of damage, for example 1 for a wrong checksum."""
    reason: str = ""
    """The kind of damage in words."""
    structure: str = ""
    """Structure by Apple's name, for example ``nx_superblock_t``."""
    field: str = ""
    """Field of the structure, empty if all of it is meant."""
    offset: int | None = None
    """Byte offset inside the structure."""
    block: int | None = None
    """Block number in the container."""
    oid: int | None = None
    """Object id."""
    xid: int | None = None
    """Transaction id."""
    node: int | None = None
    """Number of a node in its tree, on HFS+."""
    cnid: int | None = None
    """Number of a file or folder, on HFS+."""
    expected: str = ""
    """What should stand there."""
    found: str = ""
    """What stands there."""


class UnsupportedError(ApfsError, NotImplementedError):
    """The image is sound, but this version can't read it."""

    what: str = ""
    """What it is, by name and number."""
    hint: str = ""
    """What can be done."""


class LimitError(ApfsError, RuntimeError):
    """The image asks for more than a ceiling allows."""

    what: str = ""
    """What is limited."""
    limit: int = 0
    """The ceiling."""
    found: int = 0
    """What the image asks for."""


class MisuseError(ApfsError, ValueError):
    """A call that makes no sense, for example on a disk that was closed."""


class ReadError(ApfsError, OSError):
    """The source of the image could not give the bytes; ``__cause__`` is what a file object raised."""

    code: ClassVar[int] = errno.EIO
    offset: int = 0
    """Byte offset in the image."""
    length: int = 0
    """Length of the read in bytes."""


class LockedError(ApfsError, PermissionError):
    """Something is encrypted and could not be unlocked; the reason says what would help."""

    code: ClassVar[int] = errno.EACCES
    what: str = ""
    """What is encrypted, by name."""
    reason: LockReason | None = None
    """Why it is still locked."""
    percent: int | None = None
    """How far a change of encryption is, for `LockReason.CONVERTING`; ``None`` if that is not known."""


class NotFoundError(ApfsError, FileNotFoundError):
    """There is nothing of that name or number."""

    code: ClassVar[int] = errno.ENOENT


class NoSuchVolumeError(NotFoundError, KeyError, IndexError):
    """There is no such volume."""


class NotADirectoryError(ApfsError, builtins.NotADirectoryError):
    """A directory was needed."""

    code: ClassVar[int] = errno.ENOTDIR


class IsADirectoryError(ApfsError, builtins.IsADirectoryError):
    """Something other than a directory was needed."""

    code: ClassVar[int] = errno.EISDIR


class NotASymlinkError(ApfsError, OSError):
    """A symbolic link was needed."""

    code: ClassVar[int] = errno.EINVAL


class TooManyLinksError(ApfsError, OSError):
    """A path leads through too many symbolic links."""

    code: ClassVar[int] = errno.ELOOP


def build(class_name: str, message: str, path: str | None, details: dict[str, object]) -> ApfsError:
    """Makes an exception; called by the compiled module."""
    cls: type[ApfsError] = globals()[class_name]
    if issubclass(cls, OSError):
        number: int = getattr(cls, "code")
        # OSError takes its text apart by the number of arguments.
        error: ApfsError = cls(number, message) if path is None else cls(number, message, path)
    else:
        error = cls(message if path is None else f"{path}: {message}")
    error.path = path
    if isinstance(error, LockedError):
        details = {**details, "reason": LockReason(str(details["reason"]))}
    for name, value in details.items():
        setattr(error, name, value)
    return error
