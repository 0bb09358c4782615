//! How a volume is encrypted, what would open it, and opening it.

use apfs_core::apfs::{Encryption, Protection, UnlockKind, UnlockRecord};
use apfs_core::{AnyVolume, Error};

use crate::error::apfs_error;
use crate::ptr::apfs_bytes;
use crate::secret::apfs_secret;
use crate::status::apfs_status;
use crate::volume::apfs_volume;

/// Protection flag: the volume's key is bound to the hardware of the device that made it.
pub const APFS_PROTECTION_HARDWARE_BOUND: u32 = 1;
/// Protection flag: taken over from CoreStorage (FileVault on HFS+) by a conversion.
pub const APFS_PROTECTION_FROM_CORE_STORAGE: u32 = 2;
/// Protection flag: encryption is being changed and not finished; see `rolling_percent` and `rolling_flags`.
pub const APFS_PROTECTION_ROLLING: u32 = 4;

/// Unlock record flag: it also needs the hardware of the device that made it.
pub const APFS_UNLOCK_HARDWARE_BOUND: u32 = 1;
/// Unlock record flag: it should be opened by a password and is damaged.
pub const APFS_UNLOCK_DAMAGED: u32 = 2;
/// Unlock record flag: something that a person can type opens it.
pub const APFS_UNLOCK_TAKES_PASSWORD: u32 = 4;

/// Which keys the files of a volume have.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum apfs_encryption {
    /// Not encrypted.
    None = 0,
    /// One key for everything, which software can use.
    VolumeKey = 1,
    /// A key for every file, wrapped by secure hardware.
    FileKeys = 2,
    /// A kind that this version of the header has no number for.
    Other = 99,
}

/// Who or what an unlock record is for.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum apfs_unlock_kind {
    /// A user of the Mac, by login password.
    User = 1,
    /// The password of a disk that belongs to no Mac's users.
    DiskPassword = 2,
    /// The recovery key that was shown when FileVault was turned on.
    PersonalRecovery = 3,
    /// A recovery certificate of an institution.
    InstitutionalRecovery = 4,
    /// A user of an institution.
    InstitutionalUser = 5,
    /// A recovery key kept in an iCloud account.
    IcloudRecovery = 6,
    /// A user by an iCloud account.
    IcloudUser = 7,
    /// A kind that this version of the header has no number for.
    Other = 99,
}

/// How a volume is encrypted. Text belongs to the volume.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct apfs_protection {
    /// Which keys files have.
    pub encryption: apfs_encryption,
    /// APFS_PROTECTION_*.
    pub flags: u32,
    /// Hint to the password, empty if there is none.
    pub hint: apfs_bytes,
    /// Number of unlock records.
    pub records: usize,
    /// How much of a change of encryption is done, in percent; -1 if that can't be said.
    pub rolling_percent: i32,
    /// What the change is, as stored (`ersb_flags`).
    pub rolling_flags: u64,
}

/// One way to open a volume.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct apfs_unlock_record {
    /// Id of the user, or one that stands for a kind.
    pub uuid: [u8; 16],
    /// Who or what it is for.
    pub kind: apfs_unlock_kind,
    /// The same in words; lives for ever.
    pub kind_text: apfs_bytes,
    /// APFS_UNLOCK_*.
    pub flags: u32,
    /// Rounds of key derivation that a password costs; 0 where no password opens it.
    pub rounds: u32,
}

impl From<Encryption> for apfs_encryption {
    fn from(encryption: Encryption) -> apfs_encryption {
        match encryption {
            Encryption::None => apfs_encryption::None,
            Encryption::VolumeKey => apfs_encryption::VolumeKey,
            Encryption::FileKeys => apfs_encryption::FileKeys,
            _ => apfs_encryption::Other,
        }
    }
}

impl From<UnlockKind> for apfs_unlock_kind {
    fn from(kind: UnlockKind) -> apfs_unlock_kind {
        match kind {
            UnlockKind::User => apfs_unlock_kind::User,
            UnlockKind::DiskPassword => apfs_unlock_kind::DiskPassword,
            UnlockKind::PersonalRecovery => apfs_unlock_kind::PersonalRecovery,
            UnlockKind::InstitutionalRecovery => apfs_unlock_kind::InstitutionalRecovery,
            UnlockKind::InstitutionalUser => apfs_unlock_kind::InstitutionalUser,
            UnlockKind::ICloudRecovery => apfs_unlock_kind::IcloudRecovery,
            UnlockKind::ICloudUser => apfs_unlock_kind::IcloudUser,
            _ => apfs_unlock_kind::Other,
        }
    }
}

fn flag(is_set: bool, bit: u32) -> u32 {
    if is_set { bit } else { 0 }
}

impl From<&UnlockRecord> for apfs_unlock_record {
    fn from(record: &UnlockRecord) -> apfs_unlock_record {
        apfs_unlock_record {
            uuid: record.uuid.0,
            kind: record.kind.into(),
            kind_text: record.kind.name().as_bytes().into(),
            flags: flag(record.hardware_bound, APFS_UNLOCK_HARDWARE_BOUND)
                | flag(record.damaged, APFS_UNLOCK_DAMAGED)
                | flag(record.kind.takes_password(), APFS_UNLOCK_TAKES_PASSWORD),
            rounds: record.rounds.unwrap_or(0),
        }
    }
}

/// What is not encrypted.
const UNPROTECTED: apfs_protection = apfs_protection {
    encryption: apfs_encryption::None,
    flags: 0,
    hint: apfs_bytes::EMPTY,
    records: 0,
    rolling_percent: -1,
    rolling_flags: 0,
};

impl From<&Protection> for apfs_protection {
    fn from(protection: &Protection) -> apfs_protection {
        let hint = protection.hint.as_ref().map_or(apfs_bytes::EMPTY, |hint| hint.as_bytes().into());
        let percent = protection.rolling.and_then(|rolling| rolling.percent);
        apfs_protection {
            encryption: protection.encryption.into(),
            flags: flag(protection.hardware_bound, APFS_PROTECTION_HARDWARE_BOUND)
                | flag(protection.from_core_storage, APFS_PROTECTION_FROM_CORE_STORAGE)
                | flag(protection.rolling.is_some(), APFS_PROTECTION_ROLLING),
            hint,
            records: protection.records.len(),
            rolling_percent: percent.map_or(-1, i32::from),
            rolling_flags: protection.rolling.map_or(0, |rolling| rolling.flags),
        }
    }
}

/// How a volume is encrypted. No password or key is needed for that. HFS+ volumes are not.
///
/// # Safety
/// `volume` is a handle; `out` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_volume_get_protection(
    volume: *const apfs_volume,
    out: *mut apfs_protection,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (volume, out) = (given!(volume), out!(out));
        out.put(volume.protection()?.map_or(UNPROTECTED, apfs_protection::from));
        Ok(())
    })
}

/// Lists what opens a volume, from the record number `first` on: up to `cap` into `out`, how many into `n`. None
/// written means the end.
///
/// # Safety
/// `volume` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_volume_unlock_records(
    volume: *const apfs_volume,
    first: usize,
    out: *mut apfs_unlock_record,
    cap: usize,
    n: *mut usize,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (volume, out, n) = (given!(volume), slots!(out, cap), out!(n));
        let records = volume.protection()?.map_or(&[][..], |protection| &protection.records).iter();
        n.put(out.fill(records.skip(first).map(apfs_unlock_record::from)));
        Ok(())
    })
}

/// Opens an encrypted volume with a password or key. From then on views of it and of every other handle to the same
/// volume of the same container can be opened. Deriving a key from a password takes up to some seconds.
///
/// # Safety
/// `volume` is a handle; `secret` is valid, as are its bytes; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_volume_unlock(
    volume: *const apfs_volume,
    secret: *const apfs_secret,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (volume, given) = (given!(volume), given!(secret));
        let secret = crate::secret::secret(given)?;
        match &volume.volume {
            AnyVolume::Apfs(volume) => volume.unlock(&secret).map(|_| ()),
            _ => Err(Error::Misuse("a volume that is not encrypted needs no unlocking")),
        }
    })
}

#[cfg(test)]
#[allow(clippy::as_conversions, reason = "discriminants of an enum")]
mod tests {
    use super::*;

    /// The numbers stay what they are.
    #[test]
    fn numbers() {
        let encryption = [Encryption::None, Encryption::VolumeKey, Encryption::FileKeys];
        assert_eq!(encryption.map(|kind| apfs_encryption::from(kind) as u32), [0, 1, 2]);
        let kinds = [
            UnlockKind::User,
            UnlockKind::DiskPassword,
            UnlockKind::PersonalRecovery,
            UnlockKind::InstitutionalRecovery,
            UnlockKind::InstitutionalUser,
            UnlockKind::ICloudRecovery,
            UnlockKind::ICloudUser,
        ];
        assert_eq!(kinds.map(|kind| apfs_unlock_kind::from(kind) as u32), [1, 2, 3, 4, 5, 6, 7]);
    }
}
