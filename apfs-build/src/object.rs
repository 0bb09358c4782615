//! The header every object begins with (`obj_phys_t`) and its Fletcher-64 checksum.

use super::bytes::{put, u32_at, u64_at};

/// Length of `obj_phys_t`.
pub const HEADER_LEN: usize = 0x20;

pub const OBJ_VIRTUAL: u32 = 0;
pub const OBJ_EPHEMERAL: u32 = 0x8000_0000;
pub const OBJ_PHYSICAL: u32 = 0x4000_0000;
pub const OBJ_ENCRYPTED: u32 = 0x1000_0000;

pub const OBJECT_TYPE_NX_SUPERBLOCK: u32 = 0x01;
pub const OBJECT_TYPE_BTREE: u32 = 0x02;
pub const OBJECT_TYPE_BTREE_NODE: u32 = 0x03;
pub const OBJECT_TYPE_SPACEMAN: u32 = 0x05;
pub const OBJECT_TYPE_SPACEMAN_CAB: u32 = 0x06;
pub const OBJECT_TYPE_SPACEMAN_CIB: u32 = 0x07;
pub const OBJECT_TYPE_SPACEMAN_FREE_QUEUE: u32 = 0x09;
pub const OBJECT_TYPE_EXTENT_LIST_TREE: u32 = 0x0a;
pub const OBJECT_TYPE_OMAP: u32 = 0x0b;
pub const OBJECT_TYPE_CHECKPOINT_MAP: u32 = 0x0c;
pub const OBJECT_TYPE_FS: u32 = 0x0d;
pub const OBJECT_TYPE_FSTREE: u32 = 0x0e;
pub const OBJECT_TYPE_BLOCKREFTREE: u32 = 0x0f;
pub const OBJECT_TYPE_SNAPMETATREE: u32 = 0x10;
pub const OBJECT_TYPE_NX_REAPER: u32 = 0x11;
pub const OBJECT_TYPE_OMAP_SNAPSHOT: u32 = 0x13;
pub const OBJECT_TYPE_FUSION_MIDDLE_TREE: u32 = 0x15;
pub const OBJECT_TYPE_NX_FUSION_WBC: u32 = 0x16;
pub const OBJECT_TYPE_NX_FUSION_WBC_LIST: u32 = 0x17;
pub const OBJECT_TYPE_SNAP_META_EXT: u32 = 0x1d;
pub const OBJECT_TYPE_INTEGRITY_META: u32 = 0x1e;
pub const OBJECT_TYPE_FEXT_TREE: u32 = 0x1f;

/// `o_type` of a physical tree's root, as the fields that name such a tree store it.
pub const PHYSICAL_TREE: u32 = OBJ_PHYSICAL | OBJECT_TYPE_BTREE;

/// `obj_phys_t` without its checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    pub o_oid: u64,
    pub o_xid: u64,
    pub o_type: u32,
    pub o_subtype: u32,
}

impl Header {
    /// Writes the header over the start of `object`, then the checksum of the whole.
    pub fn stamp(self, object: &mut [u8]) {
        put(object, 0x08, self.o_oid.to_le_bytes());
        put(object, 0x10, self.o_xid.to_le_bytes());
        put(object, 0x18, self.o_type.to_le_bytes());
        put(object, 0x1c, self.o_subtype.to_le_bytes());
        fix_checksum(object);
    }

    /// The header `object` begins with.
    pub fn read(object: &[u8]) -> Self {
        Header {
            o_oid: u64_at(object, 0x08),
            o_xid: u64_at(object, 0x10),
            o_type: u32_at(object, 0x18),
            o_subtype: u32_at(object, 0x1c),
        }
    }
}

/// Fletcher-64 of `object`, which is everything behind the checksum's own eight bytes.
pub fn fletcher64(object: &[u8]) -> u64 {
    const M: u64 = 0xffff_ffff;
    let (mut sum1, mut sum2) = (0_u64, 0_u64);
    for word in object[8..].chunks_exact(4) {
        sum1 = (sum1 + u64::from(u32_at(word, 0))) % M;
        sum2 = (sum2 + sum1) % M;
    }
    let low = M - (sum1 + sum2) % M;
    let high = M - (sum1 + low) % M;
    high << 32 | low
}

/// Stores the checksum that fits the rest of `object`.
pub fn fix_checksum(object: &mut [u8]) {
    let checksum = fletcher64(object);
    put(object, 0, checksum.to_le_bytes());
}

/// Whether the stored checksum fits.
pub fn checksum_is_right(object: &[u8]) -> bool {
    u64_at(object, 0) == fletcher64(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_all_zero_body_gives_all_ones() {
        assert_eq!(fletcher64(&[0; 4096]), u64::MAX);
    }

    #[test]
    fn one_word_by_hand() {
        // sum1 = 1 and sum2 = 2 after the words 1, 0: low = M - 3, high = M - (1 + M - 3) % M = 2.
        let mut object = [0; 16];
        object[8] = 1;
        assert_eq!(fletcher64(&object), 2 << 32 | 0xffff_fffc);
    }

    #[test]
    fn a_repaired_object_is_right_until_a_byte_changes() {
        let mut object = vec![0x5a; 4096];
        assert!(!checksum_is_right(&object));
        fix_checksum(&mut object);
        assert!(checksum_is_right(&object));
        object[4000] ^= 1;
        assert!(!checksum_is_right(&object));
    }
}
