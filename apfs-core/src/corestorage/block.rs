//! A block of metadata whose checksum is right.

use alloc::boxed::Box;

use super::raw::{MetadataHeader, WIPED};
use crate::base::bytes::{get, len64, pod_rest};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::ids::{Oid, Paddr, Xid};
use crate::sum::crc32::crc32c_plain;

/// Name of the head in messages.
const HEADER: &str = "metadata_header";

/// Head and content of a block, verified.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block<'a> {
    pub(super) header: &'a MetadataHeader,
    /// What follows the head.
    pub(super) body: &'a [u8],
    /// All of it; offsets in a block count from here.
    pub(super) bytes: &'a [u8],
}

/// Why bytes are no block.
#[derive(Debug)]
pub(super) enum Rejected {
    /// Its content was wiped on purpose; the head is still there.
    Wiped,
    Damaged(Box<Corrupt>),
}

impl<'a> Block<'a> {
    /// Verifies a block; `block` is where it lies, for messages.
    pub(super) fn parse(bytes: &'a [u8], block: Paddr) -> Result<Block<'a>, Rejected> {
        let place = |field| Place::new(HEADER, field).block(block);
        let damaged = |damage, field| Rejected::Damaged(Box::new(Corrupt::new(damage, place(field))));
        let parsed = Block::verified(bytes).ok_or(damaged(Damage::Bounds, ""))?;
        let header = parsed.header;
        if get(bytes, 0, WIPED.len()) == Some(&WIPED) {
            return Err(Rejected::Wiped);
        }
        let sum = crc32c_plain(bytes.get(8..).unwrap_or_default());
        let stored = header.mh_cksum.get();
        if sum != stored || header.mh_cksum_initial.get() != u32::MAX {
            let corrupt = Corrupt::new(Damage::Checksum, place("mh_cksum"));
            return Err(Rejected::Damaged(Box::new(corrupt.expected(sum).found(stored))));
        }
        if header.mh_format_version.get() != 1 {
            return Err(damaged(Damage::Range, "mh_format_version"));
        }
        if u64::from(header.mh_blk_size.get()) != len64(bytes.len()) {
            return Err(damaged(Damage::Bounds, "mh_blk_size"));
        }
        Ok(parsed)
    }

    /// A block that was verified before.
    pub(super) fn verified(bytes: &'a [u8]) -> Option<Block<'a>> {
        let (header, body) = pod_rest::<MetadataHeader>(bytes)?;
        Some(Block { header, body, bytes })
    }

    /// Object id.
    pub(super) fn vaddr(&self) -> u64 {
        self.header.mh_vaddr.get()
    }

    /// Transaction.
    pub(super) fn txg(&self) -> u64 {
        self.header.mh_txg_id.get()
    }

    /// Type and subtype.
    pub(super) fn kind(&self) -> (u8, u8) {
        (self.header.mh_blk_type, self.header.mh_blk_subtype)
    }

    /// A place in this block.
    pub(super) fn place(&self, structure: &'static str, field: &'static str) -> Place {
        Place::new(structure, field).oid(Oid(self.vaddr())).xid(Xid(self.txg()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn block(version: u16, size: u32) -> Vec<u8> {
        let mut bytes = [0xFFu32.to_le_bytes().as_slice(), &[0xFF; 4]].concat();
        bytes.extend(version.to_le_bytes());
        bytes.extend([5, 3]);
        bytes.resize(48, 7);
        bytes.extend(size.to_le_bytes());
        bytes.resize(512, 9);
        let sum = crc32c_plain(&bytes[8..]);
        bytes[..4].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// A sound block is taken, and no byte of it can be changed; a wiped one is told from a damaged one.
    #[test]
    fn verified() {
        let mut bytes = block(1, 512);
        let found = Block::parse(&bytes, Paddr(0)).unwrap();
        assert_eq!((found.kind(), found.vaddr(), found.body.len()), ((5, 3), 0x0707_0707_0707_0707, 448));
        for at in 0..bytes.len() {
            bytes[at] ^= 1;
            assert!(matches!(Block::parse(&bytes, Paddr(0)), Err(Rejected::Damaged(_))), "{at}");
            bytes[at] ^= 1;
        }
        bytes[..8].copy_from_slice(b"LVFwiped");
        assert!(matches!(Block::parse(&bytes, Paddr(0)), Err(Rejected::Wiped)));
        for bad in [block(2, 512), block(1, 8192), Vec::new()] {
            assert!(matches!(Block::parse(&bad, Paddr(0)), Err(Rejected::Damaged(_))));
        }
    }
}
