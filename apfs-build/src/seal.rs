//! How a sealed volume is sealed: the hash function, and how the seal is recorded.

use sha2::{Digest, Sha256, Sha384, Sha512, Sha512_256};
use sha3::{Sha3_256, Sha3_384, Sha3_512};

use super::bytes::put;

/// The seal of a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seal {
    /// `im_hash_type`; numbers that mean no function are hashed with SHA-256.
    pub im_hash_type: u32,
    /// `im_version`.
    pub im_version: u32,
    /// `im_root_hash_offset`.
    pub im_root_hash_offset: u32,
    /// Transaction that broke the seal.
    pub broken: Option<u64>,
    /// `hashed_len` of all pieces of a file but the last, in blocks.
    pub piece_blocks: u16,
}

impl Default for Seal {
    fn default() -> Self {
        Seal { im_hash_type: 1, im_version: 2, im_root_hash_offset: 0x80, broken: None, piece_blocks: 1 }
    }
}

impl Seal {
    /// Hash of some bytes.
    pub fn hash(&self, bytes: &[u8]) -> Vec<u8> {
        match self.im_hash_type {
            2 | 5 => Sha512_256::digest(bytes).to_vec(),
            3 => Sha384::digest(bytes).to_vec(),
            4 => Sha512::digest(bytes).to_vec(),
            6 => Sha3_256::digest(bytes).to_vec(),
            7 => Sha3_384::digest(bytes).to_vec(),
            8 => Sha3_512::digest(bytes).to_vec(),
            _ => Sha256::digest(bytes).to_vec(),
        }
    }

    /// `integrity_meta_phys_t`, its header still to be stamped.
    pub fn encode(&self, root_hash: &[u8], block_size: usize) -> Vec<u8> {
        let mut object = vec![0; block_size];
        let flags = u32::from(self.broken.is_some());
        for (n, word) in
            [self.im_version, flags, self.im_hash_type, self.im_root_hash_offset].iter().enumerate()
        {
            put(&mut object, 0x20 + n * 4, word.to_le_bytes());
        }
        put(&mut object, 0x30, self.broken.unwrap_or(0).to_le_bytes());
        put(&mut object, self.im_root_hash_offset as usize, root_hash);
        object
    }
}
