//! Unwrapping of keys that are encrypted with other keys (RFC 3394).

use aes::{Aes128, Aes192, Aes256};
use aes_kw::cipher::KeyInit;
use aes_kw::{AesKw, IV_LEN};
use alloc::vec::Vec;
use zeroize::Zeroizing;

use crate::base::bytes::zeroed;

/// The key in `wrapped`, if it was wrapped with `key` (16, 24 or 32 bytes).
///
/// `None` if the integrity value inside is not the right one, which is how a wrong key shows, and for lengths that
/// are never used.
#[must_use]
pub fn unwrap(key: &[u8], wrapped: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let len = wrapped.len().checked_sub(IV_LEN).filter(|len| *len > 0)?;
    let mut out = Zeroizing::new(zeroed(len).ok()?);
    match key.len() {
        16 => AesKw::<Aes128>::new_from_slice(key).ok()?.unwrap_key(wrapped, &mut out).ok()?,
        24 => AesKw::<Aes192>::new_from_slice(key).ok()?.unwrap_key(wrapped, &mut out).ok()?,
        _ => AesKw::<Aes256>::new_from_slice(key).ok()?.unwrap_key(wrapped, &mut out).ok()?,
    };
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::secret::Secret;

    fn hex(text: &str) -> Vec<u8> {
        let Some(Secret::Key(bytes)) = Secret::key_from_hex(text) else { panic!("{text}") };
        bytes.to_vec()
    }

    const KEY: &str = "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F";
    const DATA: &str = "00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F";

    /// The vectors of RFC 3394, sections 4.1 to 4.6: every length of key and of what is wrapped.
    #[test]
    fn rfc_3394() {
        for (key, data, wrapped) in [
            (16, 16, "1FA68B0A8112B447AEF34BD8FB5A7B829D3E862371D2CFE5"),
            (24, 16, "96778B25AE6CA435F92B5B97C050AED2468AB8A17AD84E5D"),
            (32, 16, "64E8C3F9CE0F5BA263E9777905818A2A93C8191E7D6E8AE7"),
            (24, 24, "031D33264E15D33268F24EC260743EDCE1C6C7DDEE725A936BA814915C6762D2"),
            (32, 24, "A8F9BC1612C68B3FF6E6F4FBE30E71E4769C8B80A32CB8958CD5D17D6B254DA1"),
            (32, 32, "28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21"),
        ] {
            let unwrapped = unwrap(&hex(KEY)[..key], &hex(wrapped));
            assert_eq!(unwrapped.as_deref().map(Vec::as_slice), Some(&hex(DATA)[..data]), "{key} {data}");
        }
    }

    /// Another key, a changed byte and lengths that can't be are refused.
    #[test]
    fn integrity() {
        let wrapped = hex("1FA68B0A8112B447AEF34BD8FB5A7B829D3E862371D2CFE5");
        assert!(unwrap(&hex(KEY)[1..17], &wrapped).is_none());
        for index in 0..wrapped.len() {
            let mut changed = wrapped.clone();
            changed[index] ^= 1;
            assert!(unwrap(&hex(KEY)[..16], &changed).is_none(), "{index}");
        }
        for (key, len) in [(16, 0), (16, 8), (16, 23), (15, 24), (31, 24)] {
            assert!(unwrap(&hex(KEY)[..key], &wrapped[..len]).is_none(), "{key} {len}");
        }
    }
}
