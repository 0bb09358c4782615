//! Decryption in CBC mode (SP 800-38A, 6.2): AES in place, and triple DES with padding.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use aes::{Aes128Dec, Aes256Dec};
use cbc::Decryptor;
use cbc::cipher::array::Array;
use cbc::cipher::{BlockCipherDecrypt, BlockModeDecrypt, InnerIvInit, KeyInit, KeyIvInit};
use des::TdesEde3;
use zeroize::Zeroizing;

/// An AES key of 128 or 256 bits, ready for decryption. It is wiped when dropped.
#[derive(Clone)]
pub struct AesCbc(Key);

#[derive(Clone)]
enum Key {
    Aes128(Box<Aes128Dec>),
    Aes256(Box<Aes256Dec>),
}

impl AesCbc {
    /// Sets a key of 16 or 32 bytes up; `None` for any other length.
    #[must_use]
    pub fn new(key: &[u8]) -> Option<AesCbc> {
        let aes128 = || Aes128Dec::new_from_slice(key).ok().map(|key| Key::Aes128(Box::new(key)));
        let aes256 = || Aes256Dec::new_from_slice(key).ok().map(|key| Key::Aes256(Box::new(key)));
        aes128().or_else(aes256).map(AesCbc)
    }

    /// Decrypts the whole 16-byte blocks of `data`. What is left behind the last of them stays as it is.
    pub fn decrypt(&self, iv: &[u8; 16], data: &mut [u8]) {
        match &self.0 {
            Key::Aes128(key) => decrypt(&**key, iv, data),
            Key::Aes256(key) => decrypt(&**key, iv, data),
        }
    }
}

fn decrypt<C>(key: &C, iv: &[u8; 16], data: &mut [u8])
where
    C: BlockCipherDecrypt<BlockSize = cbc::cipher::consts::U16>,
{
    let (blocks, _) = Array::slice_as_chunks_mut(data);
    Decryptor::inner_iv_init(key, iv.into()).decrypt_blocks(blocks);
}

/// Decrypts by triple DES (EDE, three keys) and takes the padding of PKCS #7 off. `None` if there is no sound padding:
/// the key is wrong, or what was encrypted is damaged.
#[must_use]
pub fn decrypt_3des(key: &[u8; 24], iv: &[u8; 8], data: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut plain = Zeroizing::new(data.to_vec());
    let (blocks, rest) = Array::slice_as_chunks_mut(&mut plain);
    if !rest.is_empty() {
        return None;
    }
    Decryptor::<TdesEde3>::new(key.into(), iv.into()).decrypt_blocks(blocks);
    let len = unpadded_len(&plain, 8)?;
    plain.truncate(len);
    Some(plain)
}

/// Length without the padding of PKCS #7: the last byte says how many bytes are padding, and all of them say the same.
fn unpadded_len(data: &[u8], block: usize) -> Option<usize> {
    let byte = *data.last()?;
    let padding = usize::from(byte);
    let len = data.len().checked_sub(padding).filter(|_| (1..=block).contains(&padding))?;
    data.get(len..)?.iter().all(|other| *other == byte).then_some(len)
}

impl fmt::Debug for AesCbc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AesCbc(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::secret::Secret;

    fn hex(text: &str) -> Vec<u8> {
        let Some(Secret::Key(bytes)) = Secret::key_from_hex(text) else { panic!("{text} is hexadecimal") };
        bytes.to_vec()
    }

    /// The first two blocks of SP 800-38A, F.2.2 and F.2.6; a rest that is no block is left alone.
    #[test]
    fn aes() {
        let iv = hex("000102030405060708090a0b0c0d0e0f").try_into().unwrap();
        let plain = hex("6bc1bee22e409f96e93d7e117393172a ae2d8a571e03ac9c9eb76fac45af8e51");
        for (key, secret) in [
            (
                "2b7e151628aed2a6abf7158809cf4f3c",
                "7649abac8119b246cee98e9b12e9197d 5086cb9b507219ee95db113a917678b2",
            ),
            (
                "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
                "f58c4c04d6e5f1ba779eabfb5f7bfbd6 9cfc4e967edb808d679f777bc6702c7d",
            ),
        ] {
            let mut data = hex(secret);
            data.extend([1, 2, 3]);
            AesCbc::new(&hex(key)).unwrap().decrypt(&iv, &mut data);
            assert_eq!(data, [plain.as_slice(), &[1, 2, 3]].concat());
        }
        assert!(AesCbc::new(&[0; 24]).is_none(), "images have keys of 128 and 256 bits");
    }

    /// A text that openssl encrypted (`-des-ede3-cbc`), with a whole block of padding.
    #[test]
    fn triple_des() {
        let key = hex("0123456789abcdef23456789abcdef01456789abcdef0123").try_into().unwrap();
        let iv = hex("f69f2445df4f9b17").try_into().unwrap();
        let secret = hex(SECRET);
        let plain = decrypt_3des(&key, &iv, &secret).unwrap();
        assert_eq!(plain.as_slice(), b"The quick brown fox jump");
        assert!(decrypt_3des(&key, &iv, &secret[..31]).is_none());
        assert!(decrypt_3des(&key, &iv, &secret[..24]).is_none(), "no padding");
    }

    const SECRET: &str = "63693c3d378a862f8051ae7c2934a296aa6c3102b6e5b79e75b00dc01ec9cbb6";

    /// Padding is 1 to 8 equal bytes that count themselves.
    #[test]
    fn padding() {
        for (data, len) in [
            (&[7, 1][..], Some(1)),
            (&[8; 8], Some(0)),
            (&[9; 9], None),
            (&[5, 0], None),
            (&[1, 2], None),
            (&[3, 3], None),
            (&[], None),
        ] {
            assert_eq!(unpadded_len(data, 8), len, "{data:?}");
        }
    }
}
