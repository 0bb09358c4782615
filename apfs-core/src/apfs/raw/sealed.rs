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

/// The highest version of [`IntegrityMetaPhys`] (`INTEGRITY_META_VERSION_HIGHEST`).
pub const INTEGRITY_META_VERSION_HIGHEST: u32 = 2;
/// Flag: the volume was changed after it was sealed.
pub const APFS_SEAL_BROKEN: u32 = 1;
/// Where the root hash may begin at the earliest.
pub const LEAST_ROOT_HASH_OFFSET: u32 = 0x30;

/// Hash function: SHA-256.
pub const APFS_HASH_SHA256: u32 = 1;
/// Hash function: SHA-512/256, by a number that current systems refuse.
pub const APFS_HASH_SHA512_256_OLD: u32 = 2;
/// Hash function: SHA-384.
pub const APFS_HASH_SHA384: u32 = 3;
/// Hash function: SHA-512.
pub const APFS_HASH_SHA512: u32 = 4;
/// Hash function: SHA-512/256.
pub const APFS_HASH_SHA512_256: u32 = 5;
/// Hash function: SHA3-256.
pub const APFS_HASH_SHA3_256: u32 = 6;
/// Hash function: SHA3-384.
pub const APFS_HASH_SHA3_384: u32 = 7;
/// Hash function: SHA3-512.
pub const APFS_HASH_SHA3_512: u32 = 8;

/// Type of a `FILE_INFO` record: the hash of a piece of data.
pub const APFS_FILE_INFO_DATA_HASH: u64 = 1;

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
