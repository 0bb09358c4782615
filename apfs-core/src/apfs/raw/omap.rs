//! Object maps (sheet apfs-02, section 7).

use zerocopy::byteorder::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use super::object::ObjPhys;

/// Head of an object map (`omap_phys_t`).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct OmapPhys {
    /// Object header.
    pub om_o: ObjPhys,
    /// `OMAP_*`.
    pub om_flags: U32,
    /// Number of snapshots.
    pub om_snap_count: U32,
    /// Type of the mapping tree.
    pub om_tree_type: U32,
    /// Type of the snapshot tree.
    pub om_snapshot_tree_type: U32,
    /// Mapping tree, physical.
    pub om_tree_oid: U64,
    /// Snapshot tree, physical, or 0.
    pub om_snapshot_tree_oid: U64,
    /// Newest snapshot, or 0.
    pub om_most_recent_snap: U64,
    /// First transaction being reverted, or 0.
    pub om_pending_revert_min: U64,
    /// Last transaction being reverted.
    pub om_pending_revert_max: U64,
}

const _: () = assert!(size_of::<OmapPhys>() == 88);

/// Key of a mapping (`omap_key_t`).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct OmapKey {
    /// Virtual object id.
    pub ok_oid: U64,
    /// Transaction.
    pub ok_xid: U64,
}

const _: () = assert!(size_of::<OmapKey>() == 16);

/// Where the object lies (`omap_val_t`).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct OmapVal {
    /// `OMAP_VAL_*`.
    pub ov_flags: U32,
    /// Size in bytes.
    pub ov_size: U32,
    /// Block.
    pub ov_paddr: U64,
}

const _: () = assert!(size_of::<OmapVal>() == 16);

/// Value of a snapshot of the map (`omap_snapshot_t`).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct OmapSnapshot {
    /// 1 deleted, 2 reverted.
    pub oms_flags: U32,
    /// Padding.
    pub oms_pad: U32,
    /// 0.
    pub oms_oid: U64,
}

const _: () = assert!(size_of::<OmapSnapshot>() == 16);

/// Mapping flag: the object does not exist at that transaction.
pub const OMAP_VAL_DELETED: u32 = 1;
/// Mapping flag: the object is encrypted.
pub const OMAP_VAL_ENCRYPTED: u32 = 4;
/// Mapping flag: the object has no header.
pub const OMAP_VAL_NOHEADER: u32 = 8;
/// Snapshot flag: being deleted.
pub const OMAP_SNAPSHOT_DELETED: u32 = 1;
/// Snapshot flag: given up by a revert.
pub const OMAP_SNAPSHOT_REVERTED: u32 = 2;
