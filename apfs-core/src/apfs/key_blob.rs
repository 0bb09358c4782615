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

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use hmac::{Hmac, KeyInit, Mac};
    use sha2::{Digest, Sha256};

    fn element(tag: u8, value: &[u8]) -> Vec<u8> {
        let len = u8::try_from(value.len()).unwrap();
        let head = if len < 0x80 { vec![tag, len] } else { vec![tag, 0x81, len] };
        [&head, value].concat()
    }

    /// A blob around the elements of its inner part, with the right HMAC.
    fn blob(inner: &[Vec<u8>]) -> Vec<u8> {
        let inner = element(0xA3, &inner.concat());
        let key = Sha256::digest(b"\x01\x16\x20\x17\x15\x05saltsalt");
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.update(&inner);
        let mac = element(0x81, &mac.finalize().into_bytes());
        let whole = [element(0x80, &[0]), mac, element(0x82, b"saltsalt"), inner].concat();
        [element(0x30, &whole), vec![0; 5]].concat()
    }

    /// The inner part of a key that a password unwraps: uuid, flags, wrapped key, iterations, salt.
    fn inner() -> Vec<Vec<u8>> {
        vec![
            element(0x81, &[7; 16]),
            element(0x82, &[0x10, 0, 0, 0, 2, 9, 9, 9]),
            element(0x83, &[3; 40]),
            element(0x84, &[1, 0x86, 0xA0]),
            element(0x85, &[5; 16]),
            element(0x99, &[0xFF; 100]),
        ]
    }

    /// What stands in a blob is what is said of it; unknown elements and padding do not matter.
    #[test]
    fn fields() {
        let blob = KeyBlob::parse(&blob(&inner())).unwrap();
        assert_eq!((blob.uuid(), blob.rounds(), blob.salt.len()), (Uuid([7; 16]), Some(100_000), 16));
        assert_eq!(
            (blob.is_hardware_bound(), blob.is_core_storage(), blob.wrapped.len()),
            (false, false, 40)
        );
    }

    /// Flags: bound to hardware, and an AES-128 key in a field for a longer one.
    #[test]
    fn flags() {
        for (flags, bound, core_storage, len) in
            [(1, true, false, 40), (2, false, true, 24), (3, true, true, 24)]
        {
            let mut inner = inner();
            inner[1] = element(0x82, &[flags, 0, 0, 0, 1, 0, 0, 0]);
            let blob = KeyBlob::parse(&blob(&inner)).unwrap();
            assert_eq!((blob.is_hardware_bound(), blob.is_core_storage()), (bound, core_storage));
            assert_eq!(blob.wrapped.len(), len);
        }
    }

    /// Each part that is missing or of impossible length is named; any changed byte of the inner part is found.
    #[test]
    fn flaws() {
        let field = |bytes: &[u8]| KeyBlob::parse(bytes).unwrap_err().field;
        for (index, name) in [(0, "uuid"), (1, "flags"), (2, "wrapped key")] {
            let mut inner = inner();
            inner.remove(index);
            assert_eq!(field(&blob(&inner)), name);
        }
        for (index, short, name) in [
            (0, element(0x81, &[7; 15]), "uuid"),
            (1, element(0x82, &[0; 3]), "flags"),
            (2, element(0x83, &[3; 39]), "wrapped key"),
            (3, element(0x84, &[]), "iterations"),
            (3, element(0x84, &[1, 0, 0, 0, 0]), "iterations"),
        ] {
            let mut inner = inner();
            inner[index] = short;
            assert_eq!(field(&blob(&inner)), name, "{index}");
        }
        let sound = blob(&inner());
        for index in 60..sound.len() - 5 {
            let mut changed = sound.clone();
            changed[index] ^= 0x40;
            assert!(KeyBlob::parse(&changed).is_err(), "{index}");
        }
        for len in 0..sound.len() - 5 {
            assert!(KeyBlob::parse(&sound[..len]).is_err(), "{len}");
        }
    }

    /// A key whose second half is zero is an AES-128 key in a field of 32 bytes.
    #[test]
    fn short_key_in_a_long_field() {
        // RFC 3394, section 4.1.
        let wrapped = b"\x1F\xA6\x8B\x0A\x81\x12\xB4\x47\xAE\xF3\x4B\xD8\xFB\x5A\x7B\x82\x9D\x3E\x86\x23\x71\xD2\xCF\xE5";
        let mut inner = inner();
        inner[2] = element(0x83, wrapped);
        let blob = KeyBlob::parse(&blob(&inner)).unwrap();
        let mut key: Vec<u8> = (0..16).collect();
        let expected: Vec<u8> = (0..16).map(|n| n * 0x11).collect();
        assert_eq!(blob.unwrap_with(&key).as_deref(), Some(&expected));
        key.resize(32, 0);
        assert_eq!(blob.unwrap_with(&key).as_deref(), Some(&expected));
        key[31] = 1;
        assert_eq!(blob.unwrap_with(&key), None);
    }
}
