//! Key blobs: wrapped keys with what unwraps them (sheet apfs-07, section 4).

use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

use super::raw::keybag::{KEY_BLOB_CORE_STORAGE, KEY_BLOB_HARDWARE};
use super::record::Flaw;
use crate::base::bytes::u32_at;
use crate::base::damage::Damage;
use crate::base::error::Result;
use crate::base::ids::Uuid;
use crate::base::limits::Limits;
use crate::crypto::der::{Element, Elements};
use crate::crypto::hash::{hmac_sha256_is, sha256};
use crate::crypto::kdf::pbkdf2_sha256;
use crate::crypto::keywrap;

const STRUCTURE: &str = "key blob";
/// Put before the salt to make the key of the blob's HMAC.
const HMAC_PREFIX: [u8; 6] = [0x01, 0x16, 0x20, 0x17, 0x15, 0x05];
/// Bytes of a wrapped AES-128 key.
const WRAPPED_128: usize = 24;
/// Bytes of a wrapped AES-256 key.
const WRAPPED_256: usize = 40;

/// A key. It is wiped when dropped.
pub(crate) type Key = Zeroizing<Vec<u8>>;

/// A wrapped key whose integrity was checked.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyBlob {
    uuid: Uuid,
    flags: u32,
    wrapped: Vec<u8>,
    rounds: Option<u32>,
    salt: Vec<u8>,
}

impl KeyBlob {
    /// Decodes the data of a keybag's entry and compares its HMAC.
    ///
    /// # Errors
    /// A blob that is not whole, of impossible lengths, or changed.
    pub fn parse(data: &[u8]) -> Result<KeyBlob, Flaw> {
        let missing = |field| Flaw::new(Damage::Bounds, STRUCTURE, field);
        let outer = Elements::new(data).next().filter(|element| element.tag == 0x30);
        let outer = Elements::new(outer.ok_or(missing(""))?.value);
        let hmac = field(outer, 0x81).ok_or(missing("hmac"))?;
        let hmac_salt = field(outer, 0x82).ok_or(missing("hmac salt"))?;
        let inner = field(outer, 0xA3).ok_or(missing("key"))?;
        let hmac_key = sha256(&[&HMAC_PREFIX, hmac_salt.value]);
        if !hmac_sha256_is(hmac_key.as_slice(), inner.whole, hmac.value) {
            return Err(Flaw::new(Damage::Checksum, STRUCTURE, "hmac"));
        }

        let inner = Elements::new(inner.value);
        let range = |field| Flaw::new(Damage::Range, STRUCTURE, field);
        let uuid = field(inner, 0x81).and_then(|uuid| uuid.value.try_into().ok()).ok_or(missing("uuid"))?;
        let flags = field(inner, 0x82).and_then(|flags| u32_at(flags.value, 0)).ok_or(missing("flags"))?;
        let wrapped = field(inner, 0x83).ok_or(missing("wrapped key"))?.value;
        let len = if flags & KEY_BLOB_CORE_STORAGE != 0 || wrapped.len() == WRAPPED_128 {
            WRAPPED_128
        } else {
            WRAPPED_256
        };
        let wrapped = wrapped.get(..len).ok_or(range("wrapped key"))?.to_vec();
        let rounds = match field(inner, 0x84) {
            None => None,
            Some(rounds) => {
                let rounds = rounds.number().and_then(|rounds| u32::try_from(rounds).ok());
                Some(rounds.filter(|rounds| *rounds > 0).ok_or(range("iterations"))?)
            }
        };
        let salt = field(inner, 0x85).map_or(&[][..], |salt| salt.value).to_vec();
        Ok(KeyBlob { uuid: Uuid(uuid), flags, wrapped, rounds, salt })
    }

    /// Id of the key.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// True if only the hardware of the device that made it unwraps it.
    #[must_use]
    pub fn is_hardware_bound(&self) -> bool {
        self.flags & KEY_BLOB_HARDWARE != 0
    }

    /// True for an AES-128 key that a conversion from CoreStorage has taken over.
    #[must_use]
    pub fn is_core_storage(&self) -> bool {
        self.flags & KEY_BLOB_CORE_STORAGE != 0
    }

    /// Rounds of key derivation; `None` for a key that no password unwraps.
    #[must_use]
    pub fn rounds(&self) -> Option<u32> {
        self.rounds
    }

    /// The key in it if the password is the right one.
    pub(crate) fn unwrap_with_password(&self, password: &[u8], limits: &Limits) -> Result<Option<Key>> {
        let Some(rounds) = self.rounds else { return Ok(None) };
        let mut derived = Zeroizing::new([0; 32]);
        pbkdf2_sha256(password, &self.salt, rounds, derived.as_mut_slice(), limits)?;
        Ok(self.unwrap_with(derived.as_slice()))
    }

    /// The key in it if it was wrapped with this one.
    pub(crate) fn unwrap_with(&self, key: &[u8]) -> Option<Key> {
        let key = match key.split_at_checked(16) {
            // An AES-128 key may stand in a field of 32 bytes.
            Some((low, high)) if self.is_core_storage() || high.iter().all(|byte| *byte == 0) => low,
            _ => key,
        };
        keywrap::unwrap(key, &self.wrapped)
    }
}

fn field<'a>(mut elements: Elements<'a>, tag: u8) -> Option<Element<'a>> {
    elements.find(|element| element.tag == tag)
}

impl fmt::Debug for KeyBlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyBlob")
            .field("uuid", &self.uuid)
            .field("flags", &self.flags)
            .field("rounds", &self.rounds)
            .finish_non_exhaustive()
    }
}
