//! SHA-256 and its HMAC, as keys of APFS are made and checked with.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// SHA-256 of several pieces, one after the other.
#[must_use]
pub fn sha256(pieces: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    let mut hash = Sha256::new();
    for piece in pieces {
        hash.update(piece);
    }
    Zeroizing::new(hash.finalize().into())
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
