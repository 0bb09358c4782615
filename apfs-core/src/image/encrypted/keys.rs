//! The keys of the data of an encrypted disk image, and the decryption of its blocks.

use crate::base::error::{Error, Result};
use crate::crypto::cbc::AesCbc;
use crate::crypto::mac::HmacSha1;

/// Bytes of the key that initialization vectors are made with.
pub(super) const HMAC_KEY_LEN: usize = 20;

/// AES key and HMAC key, ready for use; wiped when dropped.
#[derive(Debug)]
pub(super) struct DataKeys {
    aes: AesCbc,
    hmac: HmacSha1,
}

impl DataKeys {
    /// The two keys one behind the other, as they are wrapped in version 2 and given by users: 36 or 52 bytes.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<DataKeys> {
        let (aes, hmac) = bytes.split_at_checked(bytes.len().checked_sub(HMAC_KEY_LEN)?)?;
        DataKeys::new(aes, hmac)
    }

    pub(super) fn new(aes: &[u8], hmac: &[u8]) -> Option<DataKeys> {
        if hmac.len() != HMAC_KEY_LEN {
            return None;
        }
        Some(DataKeys { aes: AesCbc::new(aes)?, hmac: HmacSha1::new(hmac)? })
    }

    /// Decrypts one block. Its initialization vector is made of its number.
    pub(super) fn decrypt(&self, block: u64, data: &mut [u8]) -> Result<()> {
        let number = u32::try_from(block)
            .map_err(|_| Error::limit("number of an encrypted block", u64::from(u32::MAX), block))?;
        let code = self.hmac.of(&number.to_be_bytes());
        let iv = code.first_chunk().ok_or(Error::Misuse("a SHA-1 has 20 bytes"))?;
        self.aes.decrypt(iv, data);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys come in two lengths.
    #[test]
    fn lengths() {
        for (len, ok) in [(36, true), (52, true), (20, false), (16, false), (44, false), (0, false)] {
            assert_eq!(DataKeys::from_bytes(&alloc::vec![7; len]).is_some(), ok, "{len}");
        }
    }

    /// The number of a block has 32 bits.
    #[test]
    fn block_numbers() {
        let keys = DataKeys::from_bytes(&[7; 36]).unwrap();
        assert!(keys.decrypt(u64::from(u32::MAX), &mut [0; 16]).is_ok());
        assert!(matches!(keys.decrypt(1 << 32, &mut [0; 16]), Err(Error::Limit(_))));
    }
}
