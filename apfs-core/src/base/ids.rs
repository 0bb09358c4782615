//! Numbers that must not be mixed up: object ids, transactions, blocks, file ids, block sizes.

use core::fmt;

use super::bytes::{len64, to_usize};
use super::error::Result;

/// Object id (`oid_t`). For physical objects it is the block number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Oid(pub u64);

/// Transaction id (`xid_t`), starts at 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Xid(pub u64);

/// Block number in a container (`paddr_t`). Negative values on disk are refused when parsed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Paddr(pub u64);

/// Number of a file or directory in its volume: the inode number, or the CNID on HFS+.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u64);

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl fmt::Display for Xid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Display for Paddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Display for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Universally unique id as the 16 stored bytes.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(pub [u8; 16]);

impl Uuid {
    /// True if all bytes are zero, which stands for "none" on disk.
    #[must_use]
    pub fn is_nil(&self) -> bool {
        self.0 == [0; 16]
    }

    /// The id from its usual text form: 32 hexadecimal digits with dashes between its groups.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Uuid> {
        let groups = text.split('-').map(str::len);
        if !groups.eq([8, 4, 4, 4, 12]) {
            return None;
        }
        let digits = text.bytes().filter(|byte| *byte != b'-');
        let mut number = 0u128;
        for digit in digits {
            number = number << 4 | u128::from(char::from(digit).to_digit(16)?);
        }
        Some(Uuid(number.to_be_bytes()))
    }

    /// The id from GPT bytes, whose first three fields are little-endian.
    #[must_use]
    pub fn from_mixed_endian(bytes: [u8; 16]) -> Uuid {
        let [a, b, c, d, e, f, g, h, rest @ ..] = bytes;
        let [i, j, k, l, m, n, o, p] = rest;
        Uuid([d, c, b, a, f, e, h, g, i, j, k, l, m, n, o, p])
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, byte) in self.0.iter().enumerate() {
            if matches!(i, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02X}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A valid block size: a power of two from 4096 to 65536 bytes (`nx_block_size`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockSize(u32);

impl BlockSize {
    /// The block size, or `None` if the format does not allow it.
    #[must_use]
    pub fn new(bytes: u32) -> Option<BlockSize> {
        (bytes.is_power_of_two() && (4096..=65536).contains(&bytes)).then_some(BlockSize(bytes))
    }

    /// Bytes in a block.
    #[must_use]
    pub fn bytes(self) -> u64 {
        u64::from(self.0)
    }

    /// Bytes in a block, as a length in memory.
    #[must_use]
    #[allow(clippy::as_conversions, reason = "at most 65536")]
    pub fn as_usize(self) -> usize {
        self.0 as usize
    }

    /// Byte offset of a block, or `None` on overflow.
    #[must_use]
    pub fn offset_of(self, block: Paddr) -> Option<u64> {
        block.0.checked_mul(self.bytes())
    }

    /// Blocks needed to hold so many bytes.
    #[must_use]
    pub fn blocks_for(self, bytes: u64) -> u64 {
        bytes.div_ceil(self.bytes())
    }

    pub(crate) fn is_multiple(self, bytes: u64) -> bool {
        bytes & (self.bytes().wrapping_sub(1)) == 0
    }
}

impl Paddr {
    /// The block so many blocks further on, or `None` on overflow.
    #[must_use]
    pub fn checked_add(self, blocks: u64) -> Option<Paddr> {
        self.0.checked_add(blocks).map(Paddr)
    }
}

/// A run of blocks (`prange_t`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlockRange {
    /// First block.
    pub start: Paddr,
    /// Number of blocks.
    pub count: u64,
}

impl BlockRange {
    /// True if the run lies within a container of `total` blocks.
    #[must_use]
    pub fn fits(&self, total: u64) -> bool {
        self.start.0.checked_add(self.count).is_some_and(|end| end <= total)
    }

    /// Length in bytes as a length in memory.
    ///
    /// # Errors
    /// [`Limit`](super::error::Error::Limit) if memory can't address it.
    pub fn byte_len(&self, block_size: BlockSize) -> Result<usize> {
        to_usize(self.count.saturating_mul(len64(block_size.as_usize())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    /// GPT stores the first three fields of an id little-endian.
    #[test]
    fn mixed_endian() {
        let stored = [0xEF, 0x57, 0x34, 0x7C, 0, 0, 0xAA, 0x11, 0xAA, 0x11, 0, 0x30, 0x65, 0x43, 0xEC, 0xAC];
        assert_eq!(Uuid::from_mixed_endian(stored).to_string(), "7C3457EF-0000-11AA-AA11-00306543ECAC");
    }

    /// Text is read as it is written, in letters of either case; anything else is no id.
    #[test]
    fn from_text() {
        let text = "5CE1F624-A359-46BF-A255-1E26BFE55A83";
        assert_eq!(Uuid::from_text(text).map(|id| id.to_string()).as_deref(), Some(text));
        assert_eq!(Uuid::from_text(&text.to_ascii_lowercase()), Uuid::from_text(text));
        for bad in [
            "",
            "none",
            &text[1..],
            &text.replace('A', "G"),
            &text.replace('-', ""),
            &text.replace("5C", "é"),
        ] {
            assert_eq!(Uuid::from_text(bad), None, "{bad}");
        }
    }

    /// Only powers of two from 4096 to 65536 are block sizes.
    #[test]
    fn block_sizes() {
        let good: alloc::vec::Vec<u32> =
            (0..=20).map(|n| 1 << n).filter(|n| BlockSize::new(*n).is_some()).collect();
        assert_eq!(good, [4096, 8192, 16384, 32768, 65536]);
        assert!(BlockSize::new(4097).is_none() && BlockSize::new(0).is_none());
    }
}
