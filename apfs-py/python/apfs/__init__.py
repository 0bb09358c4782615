"""Reads Apple disks and disk images, APFS and HFS+, without a Mac.

    import apfs

    with apfs.open("disk.img") as disk:
        for path in disk.volumes[0].root.iterdir():
            print(path.name, path.lstat().size)

Nothing is ever written. All objects may be used from several threads; the interpreter lock is released while the
image is read. What goes wrong is an `ApfsError` and, where one fits, the built-in exception too.
"""

import warnings

from ._apfs import DEBUG_BUILD, Change, Extent, HfsInfo, Journal, Partition, Snapshot, Stat
from ._check import Finding, Report, Rule, rules
from ._delta import Delta, DeltaStats, Version
from ._disk import Container, Disk, Fusion, Layer, Volumes, open
from ._errors import (
    ApfsError,
    CorruptError,
    IsADirectoryError,
    LimitError,
    LockedError,
    MisuseError,
    NoSuchVolumeError,
    NotADirectoryError,
    NotASymlinkError,
    NotFoundError,
    ReadError,
    TooManyLinksError,
    UnsupportedError,
)
from ._file import RawFile
from ._group import Backing, Firmlink, MergedView, Problem, VolumeGroup
from ._path import Path, Xattrs
from ._protection import LockReason, Protection, Rolling, UnlockRecord
from ._seal import Seal, SealedFile, SealedNode, SealVerdict
from ._space import Counted, DeviceUse, Freed, Owner, Space, SpaceFinding, VolumeSpace
from ._volume import AnySnapshot, View, Volume

__all__ = [
    "AnySnapshot",
    "ApfsError",
    "Backing",
    "Change",
    "Container",
    "CorruptError",
    "Counted",
    "Delta",
    "DeltaStats",
    "DeviceUse",
    "Disk",
    "Extent",
    "Finding",
    "Firmlink",
    "Freed",
    "Fusion",
    "HfsInfo",
    "IsADirectoryError",
    "Journal",
    "Layer",
    "LimitError",
    "LockReason",
    "LockedError",
    "MergedView",
    "MisuseError",
    "NoSuchVolumeError",
    "NotADirectoryError",
    "NotASymlinkError",
    "NotFoundError",
    "Owner",
    "Partition",
    "Path",
    "Problem",
    "Protection",
    "RawFile",
    "ReadError",
    "Report",
    "Rolling",
    "Rule",
    "Seal",
    "SealVerdict",
    "SealedFile",
    "SealedNode",
    "Snapshot",
    "Space",
    "SpaceFinding",
    "Stat",
    "TooManyLinksError",
    "UnlockRecord",
    "UnsupportedError",
    "Version",
    "View",
    "Volume",
    "VolumeGroup",
    "VolumeSpace",
    "Volumes",
    "Xattrs",
    "open",
    "rules",
]

if DEBUG_BUILD:
    warnings.warn(
        "this apfs was built without optimisation and is many times slower; build it with --release",
        RuntimeWarning,
        stacklevel=2,
    )
