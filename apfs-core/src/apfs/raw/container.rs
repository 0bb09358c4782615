//! Container superblock and checkpoint map (sheet apfs-01, sections 5 and 7).

use zerocopy::byteorder::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use super::object::ObjPhys;

/// Container superblock (`nx_superblock_t`).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct NxSuperblock {
    /// Object header.
    pub nx_o: ObjPhys,
    /// `NXSB`.
    pub nx_magic: [u8; 4],
    /// Bytes in a block.
    pub nx_block_size: U32,
    /// Blocks in the container, both devices of a Fusion pair together.
    pub nx_block_count: U64,
    /// Optional features.
    pub nx_features: U64,
    /// Features that forbid writing if unknown.
    pub nx_readonly_compatible_features: U64,
    /// Features that forbid reading if unknown.
    pub nx_incompatible_features: U64,
    /// Id of the container.
    pub nx_uuid: [u8; 16],
    /// Next virtual or ephemeral object id.
    pub nx_next_oid: U64,
    /// Next transaction.
    pub nx_next_xid: U64,
    /// Blocks of the descriptor area; bit 31: behind a tree.
    pub nx_xp_desc_blocks: U32,
    /// Blocks of the data area; bit 31: behind a tree.
    pub nx_xp_data_blocks: U32,
    /// First block of the descriptor area, or its tree.
    pub nx_xp_desc_base: U64,
    /// First block of the data area, or its tree.
    pub nx_xp_data_base: U64,
    /// Index of the next checkpoint in the descriptor area.
    pub nx_xp_desc_next: U32,
    /// The same in the data area.
    pub nx_xp_data_next: U32,
    /// Index of this checkpoint in the descriptor area.
    pub nx_xp_desc_index: U32,
    /// Blocks of this checkpoint in the descriptor area.
    pub nx_xp_desc_len: U32,
    /// Index of this checkpoint in the data area.
    pub nx_xp_data_index: U32,
    /// Blocks of this checkpoint in the data area.
    pub nx_xp_data_len: U32,
    /// Space manager, ephemeral.
    pub nx_spaceman_oid: U64,
    /// Object map, physical.
    pub nx_omap_oid: U64,
    /// Reaper, ephemeral.
    pub nx_reaper_oid: U64,
    /// For tests.
    pub nx_test_type: U32,
    /// Volumes that the container can have.
    pub nx_max_file_systems: U32,
    /// Volume superblocks, virtual; 0 is an empty slot.
    pub nx_fs_oid: [U64; 100],
    /// Counters of checksums set and failed.
    pub nx_counters: [U64; 32],
    /// Blocks that no one may allocate: a shrink is under way.
    pub nx_blocked_out_prange: Prange,
    /// Where blocks went during a shrink.
    pub nx_evict_mapping_tree_oid: U64,
    /// Flags; 4: software encryption.
    pub nx_flags: U64,
    /// Boot driver, physical, or 0.
    pub nx_efi_jumpstart: U64,
    /// Id of the Fusion pair, or zeros.
    pub nx_fusion_uuid: [u8; 16],
    /// Container keybag.
    pub nx_keylocker: Prange,
    /// Sizes of ephemeral data.
    pub nx_ephemeral_info: [U64; 4],
    /// For tests.
    pub nx_test_oid: U64,
    /// Fusion middle tree, physical, or 0.
    pub nx_fusion_mt_oid: U64,
    /// Fusion write-back cache, ephemeral, or 0.
    pub nx_fusion_wbc_oid: U64,
    /// Blocks of the write-back cache.
    pub nx_fusion_wbc: Prange,
    /// Newest APFS version that mounted it, as decimal fixed point.
    pub nx_newest_mounted_version: U64,
    /// Wrapped media key.
    pub nx_mkb_locker: Prange,
    /// First transaction of temporary checkpoints, normally 0.
    pub nx_xp_pending_xid: U64,
}

const _: () = assert!(size_of::<NxSuperblock>() == 1416);

/// Run of blocks (`prange_t`).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Prange {
    /// First block.
    pub pr_start_paddr: U64,
    /// Number of blocks.
    pub pr_block_count: U64,
}

const _: () = assert!(size_of::<Prange>() == 16);

/// Magic of a container superblock.
pub const NX_MAGIC: [u8; 4] = *b"NXSB";
/// Flag in the lengths of the checkpoint areas: the area is scattered, the base is a tree.
pub const NX_XP_FRAGMENTED: u32 = 0x8000_0000;

bitflags::bitflags! {
    /// Optional features of a container (`nx_features`).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct NxFeatures: u64 {
        /// Defragmentation.
        const DEFRAG = 1;
        /// Low-capacity Fusion drive.
        const LCFD = 2;
    }
}

bitflags::bitflags! {
    /// Features without which a container can't be read (`nx_incompatible_features`).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct NxIncompat: u64 {
        /// Prerelease of macOS 10.12, another format.
        const VERSION1 = 1;
        /// Every released version.
        const VERSION2 = 2;
        /// Two devices as one container.
        const FUSION = 0x100;
    }
}

/// Head of a checkpoint map block (`checkpoint_map_phys_t`); mappings follow.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct CheckpointMapPhys {
    /// Object header.
    pub cpm_o: ObjPhys,
    /// 1: last map of the checkpoint.
    pub cpm_flags: U32,
    /// Mappings in this block.
    pub cpm_count: U32,
}

const _: () = assert!(size_of::<CheckpointMapPhys>() == 40);

/// Where an ephemeral object lies (`checkpoint_mapping_t`).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct CheckpointMapping {
    /// Its `o_type`.
    pub cpm_type: U32,
    /// Its `o_subtype`.
    pub cpm_subtype: U32,
    /// Its size in bytes.
    pub cpm_size: U32,
    /// Padding.
    pub cpm_pad: U32,
    /// Volume that it belongs to, or 0.
    pub cpm_fs_oid: U64,
    /// Its ephemeral object id.
    pub cpm_oid: U64,
    /// Its first block.
    pub cpm_paddr: U64,
}

const _: () = assert!(size_of::<CheckpointMapping>() == 40);

/// Flag of the last map block of a checkpoint.
pub const CHECKPOINT_MAP_LAST: u32 = 1;
