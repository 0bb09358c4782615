//! The header of a compressed file (sheet decmpfs, section 2).

use alloc::boxed::Box;

use crate::base::bytes::{u32_at, u64_at};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::fs::types::{Compression, Kind, Stat};

/// Bytes of the header.
pub const HEADER_LEN: usize = 16;

/// Magic at the start of the header, `fpmc` on disk.
const MAGIC: u32 = 0x636D_7066;

/// Header of the attribute `com.apple.decmpfs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DecmpfsHeader {
    /// How and where the data is stored (`compression_type`); [`kind_name`](super::kind_name) names it.
    pub kind: u32,
    /// Bytes that a program reads; of a dataless directory it counts something else.
    pub uncompressed_size: u64,
}

impl DecmpfsHeader {
    /// Reads a header.
    ///
    /// # Errors
    /// Too short, or a wrong magic.
    pub fn parse(value: &[u8]) -> Result<DecmpfsHeader, Box<Corrupt>> {
        let place = |field| Place::new("decmpfs_disk_header", field);
        let short = || Box::new(Corrupt::new(Damage::Bounds, place("")));
        let magic = u32_at(value, 0).ok_or_else(short)?;
        if magic != MAGIC {
            return Err(Box::new(Corrupt::new(Damage::Magic, place("compression_magic")).expected("fpmc")));
        }
        let kind = u32_at(value, 4).ok_or_else(short)?;
        let uncompressed_size = u64_at(value, 8).ok_or_else(short)?;
        Ok(DecmpfsHeader { kind, uncompressed_size })
    }

    /// Completes the metadata of a compressed file: how it is stored, and its size as a program sees it.
    pub(crate) fn apply(&self, stat: &mut Stat) {
        stat.compression = Some(Compression { kind: self.kind });
        // Of a dataless directory the number counts something else.
        if stat.kind == Kind::File {
            stat.size = self.uncompressed_size;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Type and size come out of a header; anything else is refused.
    #[test]
    fn header() {
        let bytes = [b'f', b'p', b'm', b'c', 8, 0, 0, 0, 0x10, 0x27, 0, 0, 0, 0, 0, 0];
        assert_eq!(DecmpfsHeader::parse(&bytes), Ok(DecmpfsHeader { kind: 8, uncompressed_size: 10_000 }));
        assert!(DecmpfsHeader::parse(&bytes[..15]).is_err());
        assert!(DecmpfsHeader::parse(&[0; 16]).is_err());
    }
}
