//! Passwords and keys from the caller.

use apfs_core::{Error, Result, Secret};

use crate::options::apfs_options;

/// Secret: a password as typed, in UTF-8, or a personal recovery key with its dashes.
pub const APFS_SECRET_PASSWORD: u32 = 0;
/// Secret: a key itself. Of an APFS volume 32 bytes, or 16 after a conversion from CoreStorage; of an encrypted disk
/// image 36 or 52 bytes, the AES key and the 20 bytes of the HMAC key behind it.
pub const APFS_SECRET_KEY: u32 = 1;

/// A password or key. The bytes are copied; the copies are wiped from memory when the handles made with them are
/// freed, and never printed. Wiping your own copy is yours to do.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct apfs_secret {
    /// APFS_SECRET_*.
    pub kind: u32,
    /// First byte.
    pub data: *const u8,
    /// Number of bytes; a NUL at the end is not counted.
    pub len: usize,
}

/// Copies the bytes of a secret.
pub(crate) fn secret(given: &apfs_secret) -> Result<Secret> {
    let bytes = bytes!(given.data, given.len);
    match given.kind {
        APFS_SECRET_PASSWORD => Ok(Secret::password(bytes)),
        APFS_SECRET_KEY => Ok(Secret::key(bytes)),
        _ => Err(Error::Misuse("secret: unknown kind")),
    }
}

/// Copies the secrets of options.
pub(crate) fn secrets(options: &apfs_options) -> Result<Vec<Secret>> {
    secrets!(options).iter().map(secret).collect()
}
