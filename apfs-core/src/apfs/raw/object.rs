//! The object header and the object types (sheet apfs-01, section 2).

use zerocopy::byteorder::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

/// Header of every object (`obj_phys_t`).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct ObjPhys {
    /// Fletcher-64 of the object after this field.
    pub o_cksum: U64,
    /// Object id; of a physical object its block number.
    pub o_oid: U64,
    /// Transaction that wrote it.
    pub o_xid: U64,
    /// Low half type, high half flags.
    pub o_type: U32,
    /// What a tree holds, else 0.
    pub o_subtype: U32,
}

const _: () = assert!(size_of::<ObjPhys>() == 32);

/// Part of `o_type` that is the type.
pub const OBJECT_TYPE_MASK: u32 = 0x0000_FFFF;
/// Part of `o_type` that says how the object is addressed.
pub const OBJ_STORAGETYPE_MASK: u32 = 0xC000_0000;
/// Storage: addressed through an object map.
pub const OBJ_VIRTUAL: u32 = 0;
/// Storage: addressed through the checkpoint map.
pub const OBJ_EPHEMERAL: u32 = 0x8000_0000;
/// Storage: addressed by block number.
pub const OBJ_PHYSICAL: u32 = 0x4000_0000;

/// Container superblock.
pub const OBJECT_TYPE_NX_SUPERBLOCK: u32 = 0x01;
/// Root node of a tree.
pub const OBJECT_TYPE_BTREE: u32 = 0x02;
/// Other node of a tree.
pub const OBJECT_TYPE_BTREE_NODE: u32 = 0x03;
/// Space manager.
pub const OBJECT_TYPE_SPACEMAN: u32 = 0x05;
/// Addresses of chunk info blocks.
pub const OBJECT_TYPE_SPACEMAN_CAB: u32 = 0x06;
/// Chunks of the space manager.
pub const OBJECT_TYPE_SPACEMAN_CIB: u32 = 0x07;
/// Free queue tree of the space manager.
pub const OBJECT_TYPE_SPACEMAN_FREE_QUEUE: u32 = 0x09;
/// Tree of extents of a fragmented checkpoint area.
pub const OBJECT_TYPE_EXTENT_LIST_TREE: u32 = 0x0A;
/// Object map, and its tree.
pub const OBJECT_TYPE_OMAP: u32 = 0x0B;
/// Checkpoint map.
pub const OBJECT_TYPE_CHECKPOINT_MAP: u32 = 0x0C;
/// Volume superblock.
pub const OBJECT_TYPE_FS: u32 = 0x0D;
/// File-system tree.
pub const OBJECT_TYPE_FSTREE: u32 = 0x0E;
/// Extent reference tree.
pub const OBJECT_TYPE_BLOCKREFTREE: u32 = 0x0F;
/// Snapshot metadata tree.
pub const OBJECT_TYPE_SNAPMETATREE: u32 = 0x10;
/// Tree of the snapshots of an object map.
pub const OBJECT_TYPE_OMAP_SNAPSHOT: u32 = 0x13;
/// Place of the EFI driver.
pub const OBJECT_TYPE_EFI_JUMPSTART: u32 = 0x14;
/// Middle tree of a Fusion pair.
pub const OBJECT_TYPE_FUSION_MIDDLE_TREE: u32 = 0x15;
/// Write-back cache of a Fusion pair.
pub const OBJECT_TYPE_NX_FUSION_WBC: u32 = 0x16;
/// List of the write-back cache.
pub const OBJECT_TYPE_NX_FUSION_WBC_LIST: u32 = 0x17;
/// State of a change of encryption.
pub const OBJECT_TYPE_ER_STATE: u32 = 0x18;
/// More metadata of a snapshot.
pub const OBJECT_TYPE_SNAP_META_EXT: u32 = 0x1D;
/// Seal of a volume.
pub const OBJECT_TYPE_INTEGRITY_META: u32 = 0x1E;
/// File extents of a sealed volume.
pub const OBJECT_TYPE_FEXT_TREE: u32 = 0x1F;
/// Documents of a volume by id.
pub const OBJECT_TYPE_DOC_ID_TREE: u32 = 0x22;
