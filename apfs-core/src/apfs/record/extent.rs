//! File extents, in the file-system tree and in the tree of a sealed volume
//! (sheets apfs-04, section 9, and apfs-08, section 4).

use super::Flaw;
use crate::apfs::raw::fs::{
    FEXT_CRYPTO_ID_IS_TWEAK, FEXT_PREALLOCATED, FILE_EXTENT_LEN_MASK, JFileExtentVal,
};
use crate::apfs::raw::sealed::FextTreeVal;
use crate::base::bytes::{pod, u64_at};
use crate::base::damage::Damage;
use crate::base::ids::{BlockSize, Paddr};

/// One extent of a data stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileExtent {
    /// Byte offset in the stream.
    pub logical: u64,
    /// Length in bytes, a multiple of the block size, not 0.
    pub len: u64,
    /// Top byte of the stored length: flags.
    pub flags: u8,
    /// First block; 0 is a hole.
    pub block: Paddr,
    /// Key or tweak.
    pub crypto_id: u64,
}

impl FileExtent {
    /// Decodes a record of the file-system tree.
    ///
    /// # Errors
    /// Key or value too short, or a length that is not whole blocks.
    pub fn parse(key: &[u8], value: &[u8], block_size: BlockSize) -> Result<FileExtent, Flaw> {
        let short = Flaw::new(Damage::Bounds, "j_file_extent_val_t", "");
        let logical = u64_at(key, 8).ok_or(short)?;
        let raw: &JFileExtentVal = pod(value).ok_or(short)?;
        let (len_and_flags, block) = (raw.len_and_flags.get(), raw.phys_block_num.get());
        FileExtent::new(logical, len_and_flags, block, raw.crypto_id.get(), block_size)
    }

    /// Decodes a record of a sealed volume's extent tree.
    ///
    /// # Errors
    /// As [`FileExtent::parse`].
    pub fn parse_sealed(key: &[u8], value: &[u8], block_size: BlockSize) -> Result<FileExtent, Flaw> {
        let short = Flaw::new(Damage::Bounds, "fext_tree_val_t", "");
        let logical = u64_at(key, 8).ok_or(short)?;
        let raw: &FextTreeVal = pod(value).ok_or(short)?;
        FileExtent::new(logical, raw.len_and_flags.get(), raw.phys_block_num.get(), 0, block_size)
    }

    fn new(
        logical: u64,
        len_and_flags: u64,
        block: u64,
        crypto_id: u64,
        block_size: BlockSize,
    ) -> Result<FileExtent, Flaw> {
        let range = |field| Flaw::new(Damage::Range, "j_file_extent_val_t", field);
        let len = len_and_flags & FILE_EXTENT_LEN_MASK;
        if len == 0 || !block_size.is_multiple(len) {
            return Err(range("len_and_flags"));
        }
        if !block_size.is_multiple(logical) || logical.checked_add(len).is_none() {
            return Err(range("logical_addr"));
        }
        let flags = u8::try_from(len_and_flags >> 56).unwrap_or(0);
        Ok(FileExtent { logical, len, flags, block: Paddr(block), crypto_id })
    }

    /// True if nothing is stored.
    #[must_use]
    pub fn is_hole(&self) -> bool {
        self.block.0 == 0
    }

    /// True if space is reserved and was never written: it reads as zeros.
    #[must_use]
    pub fn is_unwritten(&self) -> bool {
        u64::from(self.flags) & FEXT_PREALLOCATED != 0
    }

    /// True if `crypto_id` is the number of its first block for the cipher, not the id of a key.
    #[must_use]
    pub fn has_tweak(&self) -> bool {
        u64::from(self.flags) & FEXT_CRYPTO_ID_IS_TWEAK != 0
    }

    /// Offset behind the extent.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.logical.saturating_add(self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(logical: u64, len_and_flags: u64, block: u64) -> Result<FileExtent, Flaw> {
        let key = [&[0; 8][..], &logical.to_le_bytes()].concat();
        let value = [len_and_flags.to_le_bytes(), block.to_le_bytes(), 7u64.to_le_bytes()].concat();
        FileExtent::parse(&key, &value, BlockSize::new(4096).unwrap())
    }

    /// Length and flags share a field; block 0 is a hole; flag 2 reads as zeros.
    #[test]
    fn fields() {
        let extent = parse(4096, 2 << 56 | 8192, 5).unwrap();
        assert_eq!((extent.len, extent.end(), extent.block, extent.crypto_id), (8192, 12_288, Paddr(5), 7));
        assert!(extent.is_unwritten() && !extent.is_hole());
        assert!(parse(0, 4096, 0).unwrap().is_hole());
    }

    /// Lengths and offsets that are not whole blocks, or pass the end of all numbers, are refused.
    #[test]
    fn odd_lengths() {
        for (logical, len) in [(0, 0), (0, 4095), (1, 4096), (u64::MAX - 4095, 8192)] {
            assert!(parse(logical, len, 5).is_err(), "{logical} {len}");
        }
    }
}
