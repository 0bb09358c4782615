//! Keys of file-system records: decoded, and made for searching (sheet apfs-04, section 1).

use alloc::vec::Vec;

use crate::apfs::raw::fs::{OBJ_ID_MASK, OBJ_TYPE_SHIFT};
use crate::base::bytes::u64_at;

/// Type of a record (`j_obj_types`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordType {
    /// Inode.
    Inode,
    /// Extended attribute.
    Xattr,
    /// One of several hard links of a file.
    SiblingLink,
    /// Users of a data stream.
    DstreamId,
    /// State of a key.
    CryptoState,
    /// Extent of a data stream.
    FileExtent,
    /// Directory record.
    DirRec,
    /// Statistics of a directory.
    DirStats,
    /// From a hard link to its file.
    SiblingMap,
    /// Hash of file data.
    FileInfo,
    /// Any other; the four type bits.
    Other(u8),
}

impl RecordType {
    fn from_bits(bits: u64) -> RecordType {
        match bits {
            3 => RecordType::Inode,
            4 => RecordType::Xattr,
            5 => RecordType::SiblingLink,
            6 => RecordType::DstreamId,
            7 => RecordType::CryptoState,
            8 => RecordType::FileExtent,
            9 => RecordType::DirRec,
            0xA => RecordType::DirStats,
            0xC => RecordType::SiblingMap,
            0xD => RecordType::FileInfo,
            other => RecordType::Other(u8::try_from(other).unwrap_or(0)),
        }
    }

    fn bits(self) -> u64 {
        match self {
            RecordType::Inode => 3,
            RecordType::Xattr => 4,
            RecordType::SiblingLink => 5,
            RecordType::DstreamId => 6,
            RecordType::CryptoState => 7,
            RecordType::FileExtent => 8,
            RecordType::DirRec => 9,
            RecordType::DirStats => 0xA,
            RecordType::SiblingMap => 0xC,
            RecordType::FileInfo => 0xD,
            RecordType::Other(bits) => u64::from(bits),
        }
    }
}

/// Id and type at the start of a key (`j_key_t`).
#[must_use]
#[inline]
pub fn decode(key: &[u8]) -> Option<(u64, RecordType)> {
    let head = u64_at(key, 0)?;
    Some((head & OBJ_ID_MASK, RecordType::from_bits(head >> OBJ_TYPE_SHIFT)))
}

/// The smallest key of an id and type.
#[must_use]
pub fn first(id: u64, record_type: RecordType) -> [u8; 8] {
    (id & OBJ_ID_MASK | record_type.bits() << OBJ_TYPE_SHIFT).to_le_bytes()
}

/// Key of an extent of a stream.
#[must_use]
pub fn file_extent(id: u64, logical: u64) -> [u8; 16] {
    two_numbers(first(id, RecordType::FileExtent), logical)
}

/// Key of one of a file's hard links.
#[must_use]
pub fn sibling_link(id: u64, sibling_id: u64) -> [u8; 16] {
    two_numbers(first(id, RecordType::SiblingLink), sibling_id)
}

/// Key of a sealed volume's extent.
#[must_use]
pub fn fext(id: u64, logical: u64) -> [u8; 16] {
    two_numbers(id.to_le_bytes(), logical)
}

fn two_numbers(head: [u8; 8], number: u64) -> [u8; 16] {
    let mut key = [0; 16];
    let (low, high) = key.split_at_mut(8);
    low.copy_from_slice(&head);
    high.copy_from_slice(&number.to_le_bytes());
    key
}

/// Key of an attribute, or of a plain directory record; `None` if the name is too long for any key.
#[must_use]
pub fn named(id: u64, record_type: RecordType, name: &[u8]) -> Option<Vec<u8>> {
    let len = u16::try_from(name.len().checked_add(1)?).ok()?;
    let mut key = first(id, record_type).to_vec();
    key.extend_from_slice(&len.to_le_bytes());
    key.extend_from_slice(name);
    key.push(0);
    Some(key)
}

/// The smallest key of a hashed directory record with a 22-bit hash.
#[must_use]
pub fn hashed_dir(id: u64, hash: u32) -> [u8; 12] {
    let mut key = [0; 12];
    let (head, rest) = key.split_at_mut(8);
    head.copy_from_slice(&first(id, RecordType::DirRec));
    rest.copy_from_slice(&(hash << 10).to_le_bytes());
    key
}
