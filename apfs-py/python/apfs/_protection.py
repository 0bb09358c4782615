"""How volumes are encrypted, and what would open them."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from ._apfs import VolumeHandle


class LockReason(enum.StrEnum):
    """Why something encrypted is still locked, and so what would help. Each is also its word."""

    NEEDS_SECRET = "needs-secret"
    """No password or key was given, and one of them would do."""
    WRONG_SECRET = "wrong-secret"
    """None of the passwords and keys that were given fits."""
    PER_FILE_KEYS = "per-file-keys"
    """Every file has a key of its own, wrapped by the secure hardware of its device (iOS, T2, Apple silicon)."""
    HARDWARE_BOUND = "hardware-bound"
    """All keys are wrapped by secure hardware (T2, Apple silicon)."""
    INSTITUTIONAL_KEY = "institutional-key"
    """Only a private key that an institution keeps opens it."""
    ICLOUD_KEY = "icloud-key"
    """Only a key kept in an iCloud account opens it."""
    NO_KEY = "no-key"
    """There is no record that would open it."""
    CONVERTING = "converting"
    """Its encryption is being changed; `LockedError.percent` says how far it is, if that is known."""
    NEEDS_KEY_FILE = "needs-key-file"
    """Its key records are in a file on another partition (CoreStorage startup disks)."""


@dataclass(frozen=True)
class UnlockRecord:
    """One way to open a volume."""

    uuid: UUID
    """Id of the user, or one that stands for a kind."""
    kind: str
    """``user``, ``disk password``, ``personal recovery key``, ``institutional recovery key``, ..."""
    hardware_bound: bool
    """It also needs the hardware of the device that made it."""
    rounds: int | None
    """Rounds of key derivation that a password costs; ``None`` where no password opens it."""
    damaged: bool
    """It should be opened by a password and is damaged."""


@dataclass(frozen=True)
class Rolling:
    """A change of a volume's encryption that is not finished."""

    percent: int | None
    """How much is done, if that can be read."""
    flags: int
    """What the change is, as stored (``ersb_flags``): 1 encrypting, 2 decrypting, 4 changing keys, ..."""


@dataclass(frozen=True)
class Protection:
    """How a volume is encrypted: all that can be said without a password."""

    encryption: str
    """``none``, ``volume-key``, or ``file-keys`` (by secure hardware)."""
    hint: str | None
    """Hint to the password."""
    records: tuple[UnlockRecord, ...]
    """What opens it."""
    hardware_bound: bool
    """The volume's key is bound to the hardware of the device that made it."""
    from_core_storage: bool
    """Taken over from CoreStorage (FileVault on HFS+) by a conversion."""
    rolling: Rolling | None
    """A change of encryption that is not finished."""


def protection_of(handle: VolumeHandle) -> Protection:
    """How a volume is encrypted."""
    encryption, hint, records, (hardware_bound, from_core_storage), rolling = handle.protection()
    return Protection(
        encryption=encryption,
        hint=hint,
        records=tuple(UnlockRecord(*record) for record in records),
        hardware_bound=hardware_bound,
        from_core_storage=from_core_storage,
        rolling=None if rolling is None else Rolling(*rolling),
    )
