//! SHA-256 and its HMAC, as keys of APFS are made and checked with; MD5 for names that are UUIDs.

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::base::ids::Uuid;

/// SHA-256 of several pieces, one after the other.
#[must_use]
pub fn sha256(pieces: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    let mut hash = Sha256::new();
    for piece in pieces {
        hash.update(piece);
    }
    Zeroizing::new(hash.finalize().into())
}

/// The UUID that stands for a name in a namespace (RFC 9562, version 3).
#[must_use]
pub fn uuid_v3(namespace: &[u8; 16], name: &[u8]) -> Uuid {
    let mut hash = Md5::new();
    hash.update(namespace);
    hash.update(name);
    let mut bytes: [u8; 16] = hash.finalize().into();
    let [_, _, _, _, _, _, version, _, variant, ..] = &mut bytes;
    *version = (*version & 0x0F) | 0x30;
    *variant = (*variant & 0x3F) | 0x80;
    Uuid(bytes)
}

/// True if `expected` is the HMAC-SHA-256 of `bytes`.
#[must_use]
pub fn hmac_sha256_is(key: &[u8], bytes: &[u8], expected: &[u8]) -> bool {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return false };
    mac.update(bytes);
    mac.verify_slice(expected).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::secret::Secret;

    fn hex(text: &str) -> alloc::vec::Vec<u8> {
        let Some(Secret::Key(bytes)) = Secret::key_from_hex(text) else { panic!("{text}") };
        bytes.to_vec()
    }

    /// The one-block vector of FIPS 180, whole and in pieces.
    #[test]
    fn fips_180() {
        let abc = hex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(sha256(&[b"abc"]).as_slice(), abc);
        assert_eq!(sha256(&[b"a", b"", b"bc"]).as_slice(), abc);
    }

    /// The example of RFC 9562, appendix A.2: `www.example.com` in the namespace of domain names.
    #[test]
    fn rfc_9562() {
        let dns = hex("6ba7b8109dad11d180b400c04fd430c8").try_into().unwrap();
        let uuid = uuid_v3(&dns, b"www.example.com");
        assert_eq!(alloc::format!("{uuid}").to_lowercase(), "5df41881-3aed-3515-88a7-2f4a814cf09e");
    }

    /// Test case 2 of RFC 4231; a changed byte or a shorter code is refused.
    #[test]
    fn rfc_4231() {
        let mut mac = hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        let check = |mac: &[u8]| hmac_sha256_is(b"Jefe", b"what do ya want for nothing?", mac);
        assert!(check(&mac));
        assert!(!check(&mac[..31]));
        mac[31] ^= 1;
        assert!(!check(&mac));
    }
}
