//! Keys to search for, without their length word.

use alloc::vec::Vec;

use crate::base::bytes::len64;
use crate::hfsplus::fork::ForkType;

/// Key of an entry of a folder by its stored name; with an empty name that of the folder's or file's own thread.
#[must_use]
pub fn catalog(parent: u32, stored_name: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(stored_name.len().saturating_add(6));
    key.extend_from_slice(&parent.to_be_bytes());
    push_name(&mut key, stored_name);
    key
}

/// Key of the record of extents that begins with a block of a fork.
pub(crate) fn extent(file: u32, fork: ForkType, block: u32) -> Vec<u8> {
    let mut key = alloc::vec![fork.code(), 0];
    key.extend_from_slice(&file.to_be_bytes());
    key.extend_from_slice(&block.to_be_bytes());
    key
}

/// Key of an attribute by its stored name; `block` is 0 but for more extents of a value that is a fork.
#[must_use]
pub fn attribute(file: u32, stored_name: &[u8], block: u32) -> Vec<u8> {
    let mut key = Vec::with_capacity(stored_name.len().saturating_add(12));
    key.extend_from_slice(&[0; 2]);
    key.extend_from_slice(&file.to_be_bytes());
    key.extend_from_slice(&block.to_be_bytes());
    push_name(&mut key, stored_name);
    key
}

/// A name behind its length in code units. Stored names have at most 255 of them.
fn push_name(key: &mut Vec<u8>, stored_name: &[u8]) {
    let units = u16::try_from(len64(stored_name.len()) >> 1).unwrap_or(u16::MAX);
    key.extend_from_slice(&units.to_be_bytes());
    key.extend_from_slice(stored_name);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fields stand where sections 4.1, 5 and 6 have them.
    #[test]
    fn layout() {
        assert_eq!(catalog(2, b"\0a"), [0, 0, 0, 2, 0, 1, 0, b'a']);
        assert_eq!(extent(17, ForkType::Resource, 9), [0xFF, 0, 0, 0, 0, 17, 0, 0, 0, 9]);
        assert_eq!(attribute(17, b"\0a", 0), [0, 0, 0, 0, 0, 17, 0, 0, 0, 0, 0, 1, 0, b'a']);
    }
}
