//! Why something encrypted is still locked. The numbers are stable: one is never given another meaning.

use core::ffi::{CStr, c_char};

use apfs_core::LockReason;

use crate::error::apfs_error;
use crate::guard;

/// Why something is still locked, and so what would help.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum apfs_lock_reason {
    /// The error is of another kind.
    None = 0,
    /// No password or key was given, and one of them would do.
    NeedsSecret = 1,
    /// None of the passwords and keys that were given fits.
    WrongSecret = 2,
    /// Every file has a key of its own, wrapped by the secure hardware of its device (iOS, T2, Apple silicon).
    PerFileKeys = 3,
    /// All keys are wrapped by secure hardware (T2, Apple silicon).
    HardwareBound = 4,
    /// Only a private key that an institution keeps opens it.
    InstitutionalKey = 5,
    /// Only a key kept in an iCloud account opens it.
    IcloudKey = 6,
    /// There is no record that would open it.
    NoKey = 7,
    /// Its encryption is being changed; the message says how far it is, if that is known.
    Converting = 8,
    /// Its key records are in a file on another partition (CoreStorage startup disks).
    NeedsKeyFile = 9,
    /// A reason that this version of the header has no number for.
    Other = 99,
}

impl From<LockReason> for apfs_lock_reason {
    fn from(reason: LockReason) -> apfs_lock_reason {
        match reason {
            LockReason::NeedsSecret => apfs_lock_reason::NeedsSecret,
            LockReason::WrongSecret => apfs_lock_reason::WrongSecret,
            LockReason::PerFileKeys => apfs_lock_reason::PerFileKeys,
            LockReason::HardwareBound => apfs_lock_reason::HardwareBound,
            LockReason::InstitutionalKey => apfs_lock_reason::InstitutionalKey,
            LockReason::ICloudKey => apfs_lock_reason::IcloudKey,
            LockReason::NoKey => apfs_lock_reason::NoKey,
            LockReason::Converting(_) => apfs_lock_reason::Converting,
            LockReason::NeedsKeyFile => apfs_lock_reason::NeedsKeyFile,
            _ => apfs_lock_reason::Other,
        }
    }
}

/// Every reason with its word.
const WORDS: [(u32, &CStr); 11] = [
    (0, c"none"),
    (1, c"needs-secret"),
    (2, c"wrong-secret"),
    (3, c"per-file-keys"),
    (4, c"hardware-bound"),
    (5, c"institutional-key"),
    (6, c"icloud-key"),
    (7, c"no-key"),
    (8, c"converting"),
    (9, c"needs-key-file"),
    (99, c"other"),
];

/// Why something is locked, if the error is APFS_STATUS_LOCKED; the error's message says it in a sentence.
/// APFS_LOCK_REASON_NONE for any other error and for NULL.
///
/// # Safety
/// `error` is NULL or not yet freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_error_lock_reason(error: *const apfs_error) -> apfs_lock_reason {
    guard::or(apfs_lock_reason::None, || {
        optional!(error).map_or(apfs_lock_reason::None, apfs_error::lock_reason)
    })
}

/// One English word for a reason, such as "needs-secret"; lives for ever. "unknown" for any other number.
#[unsafe(no_mangle)]
pub extern "C" fn apfs_lock_reason_text(reason: u32) -> *const c_char {
    let found = WORDS.iter().find(|(number, _)| *number == reason);
    found.map_or(c"unknown", |(_, text)| text).as_ptr()
}

#[cfg(test)]
#[allow(clippy::as_conversions, reason = "discriminants of an enum")]
mod tests {
    use super::*;

    /// Every reason of the core has a number of its own, which stays what it is, and the core's word.
    #[test]
    fn covers_all_reasons() {
        let numbers: Vec<u32> =
            LockReason::ALL.iter().map(|why| apfs_lock_reason::from(*why) as u32).collect();
        assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
        for (number, why) in numbers.into_iter().zip(LockReason::ALL) {
            let found: Vec<_> = WORDS.iter().filter(|(known, _)| *known == number).collect();
            assert_eq!(found.len(), 1, "{why:?}");
            assert_eq!(found[0].1.to_str(), Ok(why.word()));
        }
    }
}
