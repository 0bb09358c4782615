//! The key that wraps others, made of a password.

use alloc::format;
use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::raw::{KDF_PBKDF2, Kdf, PRNG_SHA1_HMAC};
use crate::base::bytes::{get, to_usize};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::limits::Limits;
use crate::crypto::kdf::pbkdf2_sha1;

/// A checked [`Kdf`].
#[derive(Debug)]
pub(super) struct Password {
    pub(super) rounds: u32,
    salt: Vec<u8>,
}

impl Password {
    /// Checks how a key is derived. `structure` names what it stands in.
    pub(super) fn parse(raw: &Kdf, structure: &'static str) -> Result<Password> {
        require("key derivation", raw.algorithm.get(), KDF_PBKDF2)?;
        require("key derivation function", raw.prng.get(), PRNG_SHA1_HMAC)?;
        let (rounds, salt_len) = (raw.rounds.get(), raw.salt_len.get());
        if rounds == 0 {
            return Err(Corrupt::new(Damage::Range, Place::new(structure, "rounds")).found(rounds).into());
        }
        let salt = get(&raw.salt, 0, to_usize(u64::from(salt_len))?).ok_or_else(|| {
            Corrupt::new(Damage::Bounds, Place::new(structure, "salt length"))
                .expected("at most 32")
                .found(salt_len)
        })?;
        Ok(Password { rounds, salt: salt.to_vec() })
    }

    /// The wrapping key, for triple DES.
    pub(super) fn derive(&self, password: &[u8], limits: &Limits) -> Result<Zeroizing<[u8; 24]>> {
        let mut key = Zeroizing::new([0; 24]);
        pbkdf2_sha1(password, &self.salt, self.rounds, &mut *key, limits)?;
        Ok(key)
    }
}

/// What a field must say; anything else is sound, but a form that this version does not know.
pub(super) fn require(what: &str, found: u32, wanted: u32) -> Result<()> {
    if found == wanted {
        return Ok(());
    }
    let what = format!("encrypted disk image with {what} {found:#x}");
    Err(Error::unsupported(what, "convert it on a Mac with `hdiutil convert`"))
}
