//! Sealed volumes (sheet apfs-08, sections 2 to 4).

use zerocopy::byteorder::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use super::object::ObjPhys;

/// Seal of a volume (`integrity_meta_phys_t`), version 1.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct IntegrityMetaPhys {
    /// Object header.
    pub im_o: ObjPhys,
    /// 1 or 2.
    pub im_version: U32,
    /// 1: the seal is broken.
    pub im_flags: U32,
    /// Hash function.
    pub im_hash_type: U32,
    /// Where the root hash lies in this object.
    pub im_root_hash_offset: U32,
    /// Transaction that broke the seal, or 0.
    pub im_broken_xid: U64,
}

const _: () = assert!(size_of::<IntegrityMetaPhys>() == 56);

/// Key of a sealed volume's extent (`fext_tree_key_t`).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct FextTreeKey {
    /// Stream.
    pub private_id: U64,
    /// Byte offset in it.
    pub logical_addr: U64,
}

const _: () = assert!(size_of::<FextTreeKey>() == 16);

/// A sealed volume's extent (`fext_tree_val_t`).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct FextTreeVal {
    /// Length in bytes, flags in the top byte.
    pub len_and_flags: U64,
    /// First block, 0: hole.
    pub phys_block_num: U64,
}

const _: () = assert!(size_of::<FextTreeVal>() == 16);
