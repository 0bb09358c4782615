//! A checked header of either version, and how secrets open it.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::ops::Range;

use super::info::{EncryptionInfo, Method};
use super::keys::{DataKeys, HMAC_KEY_LEN};
use super::{v1, v2};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, LockReason, Result};
use crate::base::limits::Limits;
use crate::base::secret::Secret;
use crate::io::read_at::ReadAt;

/// Blocks that are encrypted together: 512 and 4096 bytes have been seen.
const BLOCK_SIZES: core::ops::RangeInclusive<u32> = 512..=1 << 20;

/// A header that is understood.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) info: EncryptionInfo,
    /// Bytes of the AES key.
    pub(super) key_len: usize,
    /// Where the encrypted blocks lie in the file of the header. Those of a bundle lie elsewhere.
    pub(super) data: Range<u64>,
    pub(super) locks: Vec<Lock>,
}

/// One record that holds the keys, wrapped.
#[derive(Debug)]
pub(super) enum Lock {
    PasswordV1(Box<v1::PasswordLock>),
    PasswordV2(v2::PasswordLock),
    Certificate,
    Other(u32),
    Unreadable(Error),
}

impl Lock {
    pub(super) fn method(&self) -> Method {
        match self {
            Lock::PasswordV1(lock) => Method::Password { rounds: lock.password.rounds },
            Lock::PasswordV2(lock) => Method::Password { rounds: lock.password.rounds },
            Lock::Certificate => Method::Certificate,
            Lock::Other(number) => Method::Other(*number),
            Lock::Unreadable(_) => Method::Unreadable,
        }
    }

    fn open(&self, password: &[u8], limits: &Limits) -> Result<Option<DataKeys>> {
        match self {
            Lock::PasswordV1(lock) => lock.open(password, limits),
            Lock::PasswordV2(lock) => lock.open(password, limits),
            Lock::Certificate | Lock::Other(_) | Lock::Unreadable(_) => Ok(None),
        }
    }
}

/// What an encrypted disk image says about itself; no secret is needed.
///
/// # Errors
/// `Corrupt` if there is no such header or it makes no sense, `Unsupported` for a form that this version does not read.
pub fn inspect(device: &dyn ReadAt, limits: &Limits) -> Result<EncryptionInfo> {
    Header::read(device, limits).map(|header| header.info)
}

impl Header {
    /// Reads the header at the start or end of a device.
    pub(super) fn read(device: &dyn ReadAt, limits: &Limits) -> Result<Header> {
        if v2::is_here(device)? {
            return v2::read(device, limits);
        }
        if v1::is_here(device)? {
            return v1::read(device);
        }
        Err(Error::damage(Damage::Magic, Place::new("encrypted disk image", "signature")))
    }

    /// The keys, by the first secret that fits. Keys that were given can only be told right by what they decrypt:
    /// `is_plain` says.
    pub(super) fn unlock(
        self,
        secrets: &[Secret],
        limits: &Limits,
        is_plain: impl Fn(&DataKeys) -> bool,
    ) -> Result<DataKeys> {
        let (mut attempts, mut failed) = (0u32, None);
        let mut count = || {
            attempts = attempts.saturating_add(1);
            let (limit, found) = (limits.unlock_attempts, attempts);
            let error =
                || Error::limit("attempts to unlock a disk image", u64::from(limit), u64::from(found));
            if found > limit { Err(error()) } else { Ok(()) }
        };
        for secret in secrets {
            match secret {
                Secret::Key(bytes) => {
                    count()?;
                    let fits = bytes.len().checked_sub(HMAC_KEY_LEN) == Some(self.key_len);
                    let keys = fits.then(|| DataKeys::from_bytes(bytes)).flatten();
                    if let Some(keys) = keys.filter(&is_plain) {
                        return Ok(keys);
                    }
                }
                Secret::KeyFile(_) => {}
                Secret::Password(password) => {
                    let is_password = |lock: &&Lock| matches!(lock.method(), Method::Password { .. });
                    for lock in self.locks.iter().filter(is_password) {
                        count()?;
                        match lock.open(password, limits) {
                            Ok(Some(keys)) => return Ok(keys),
                            Ok(None) => {}
                            Err(error) => failed = failed.or(Some(error)),
                        }
                    }
                }
            }
        }
        Err(failed.unwrap_or_else(|| self.verdict(secrets.is_empty())))
    }

    /// Why no secret opened it.
    fn verdict(self, none_given: bool) -> Error {
        let what = self.info.format.to_string();
        let has = |wanted: fn(&Method) -> bool| self.info.methods.iter().any(wanted);
        if has(|method| matches!(method, Method::Password { .. })) {
            let why = if none_given { LockReason::NeedsSecret } else { LockReason::WrongSecret };
            return Error::locked(what, why);
        }
        if has(|method| *method == Method::Certificate) {
            return Error::locked(what, LockReason::InstitutionalKey);
        }
        let mut unknown = None;
        for lock in self.locks {
            match lock {
                Lock::Unreadable(error) => return error,
                Lock::Other(number) => unknown = unknown.or(Some(number)),
                _ => {}
            }
        }
        match unknown {
            Some(number) => {
                let hint =
                    "give the raw key (AES key and HMAC key), or convert it on a Mac with `hdiutil convert`";
                Error::unsupported(format!("{what}, key wrapped in way {number}"), hint)
            }
            None => Error::locked(what, LockReason::NoKey),
        }
    }
}

/// Bytes of a key of so many bits.
pub(super) fn key_len(bits: u32, structure: &'static str) -> Result<usize> {
    match bits {
        128 => Ok(16),
        256 => Ok(32),
        _ => {
            let corrupt = Corrupt::new(Damage::Range, Place::new(structure, "key bits"));
            Err(corrupt.expected("128 or 256").found(bits).into())
        }
    }
}

/// The size of blocks, if it makes sense.
pub(super) fn check_block_size(size: u32, structure: &'static str) -> Result<u32> {
    if BLOCK_SIZES.contains(&size) && size.is_power_of_two() {
        return Ok(size);
    }
    let corrupt = Corrupt::new(Damage::Range, Place::new(structure, "block size"));
    Err(corrupt.expected("a power of two from 512 to 1 MiB").found(size).into())
}
