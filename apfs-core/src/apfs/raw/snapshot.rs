//! Snapshot records (sheet apfs-05, section 2).

use zerocopy::byteorder::little_endian::{I64, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use super::object::ObjPhys;

/// Value of a snapshot metadata record (`j_snap_metadata_val_t`); the name follows.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct JSnapMetadataVal {
    /// Extent reference tree, physical.
    pub extentref_tree_oid: U64,
    /// Copy of the volume superblock, physical.
    pub sblock_oid: U64,
    /// Creation, ns.
    pub create_time: I64,
    /// Last change, ns.
    pub change_time: I64,
    /// Id taken from the volume's file ids.
    pub inum: U64,
    /// Type of the tree.
    pub extentref_tree_type: U32,
    /// 1 becoming dataless, 2 being merged.
    pub flags: U32,
    /// Bytes of the name, NUL included.
    pub name_len: U16,
}

const _: () = assert!(size_of::<JSnapMetadataVal>() == 50);

/// More metadata of a snapshot (`snap_meta_ext_obj_phys_t`).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct SnapMetaExt {
    /// Object header.
    pub sme_o: ObjPhys,
    /// 1.
    pub sme_version: U32,
    /// 0.
    pub sme_flags: U32,
    /// Transaction of the snapshot.
    pub sme_snap_xid: U64,
    /// Id of the snapshot.
    pub sme_uuid: [u8; 16],
    /// Opaque.
    pub sme_token: U64,
}

const _: () = assert!(size_of::<SnapMetaExt>() == 72);
