//! Floor 3: the header of transparently compressed files (sheet decmpfs). Decoding comes later.

use alloc::boxed::Box;
use alloc::string::String;

use crate::base::bytes::{u32_at, u64_at};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::fs::types::{Compression, Kind, Stat};

/// Magic at the start of the header, `fpmc` on disk.
const MAGIC: u32 = 0x636D_7066;

/// Header of the attribute `com.apple.decmpfs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DecmpfsHeader {
    /// How and where the data is stored.
    pub kind: u32,
    /// Bytes that a program reads.
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
}

impl DecmpfsHeader {
    /// Completes the metadata of a compressed file: how it is stored, and its size as a program sees it.
    pub(crate) fn apply(&self, stat: &mut Stat) {
        stat.compression = Some(Compression { kind: self.kind });
        // Of a dataless directory the number counts something else.
        if stat.kind == Kind::File {
            stat.size = self.uncompressed_size;
        }
    }
}

/// Name of a compression type for messages, for example `type 8 (LZVN in the resource fork)`.
#[must_use]
pub fn kind_name(kind: u32) -> String {
    let name = match kind {
        1 => "stored in the attribute",
        3 => "zlib in the attribute",
        4 => "zlib in the resource fork",
        5 => "sparse, de-duplicated",
        7 => "LZVN in the attribute",
        8 => "LZVN in the resource fork",
        9 => "stored in the attribute, after a marker",
        10 => "stored in the resource fork",
        11 => "LZFSE in the attribute",
        12 => "LZFSE in the resource fork",
        13 => "LZBITMAP in the attribute",
        14 => "LZBITMAP in the resource fork",
        0x8000_0001 => "dataless file",
        0x8000_0002 => "dataless package",
        _ => "unknown",
    };
    alloc::format!("type {kind} ({name})")
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
