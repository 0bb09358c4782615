//! Middle tree and write-back cache of a Fusion pair (sheet apfs-09, sections 4 and 5).

use zerocopy::byteorder::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use super::container::Prange;
use super::object::ObjPhys;

/// Value of a record of the middle tree (`fusion_mt_val_t`); the key is the address of a tier-2 block.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct FusionMtVal {
    /// First block of the copy on the main device.
    pub fmv_lba: U64,
    /// Blocks.
    pub fmv_length: U32,
    /// Flags.
    pub fmv_flags: U32,
}

const _: () = assert!(size_of::<FusionMtVal>() == 16);

bitflags::bitflags! {
    /// State of a copy on the main device (`fmv_flags`): exactly one of the two.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct FusionMt: u32 {
        /// The copy is newer than tier 2.
        const DIRTY = 1;
        /// The copy is equal to tier 2.
        const TENANT = 2;
    }
}

/// Write-back cache (`fusion_wbc_phys_t`).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct FusionWbcPhys {
    /// Object header.
    pub fwp_obj_hdr: ObjPhys,
    /// Version.
    pub fwp_version: U64,
    /// First list, ephemeral.
    pub fwp_list_head_oid: U64,
    /// Last list, ephemeral.
    pub fwp_list_tail_oid: U64,
    /// Where in the log what counts begins.
    pub fwp_stable_head_offset: U64,
    /// Where in the log what counts ends.
    pub fwp_stable_tail_offset: U64,
    /// Blocks of lists.
    pub fwp_list_blocks_count: U32,
    /// Reserved.
    pub fwp_reserved: U32,
    /// Space used by the read cache.
    pub fwp_used_by_rc: U64,
    /// Space put aside for the read cache.
    pub fwp_rc_stash: Prange,
}

const _: () = assert!(size_of::<FusionWbcPhys>() == 104);

/// Head of a list of the write-back cache (`fusion_wbc_list_phys_t`); entries follow.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct FusionWbcListPhys {
    /// Object header.
    pub fwlp_obj_hdr: ObjPhys,
    /// Version.
    pub fwlp_version: U64,
    /// Where in the log its last entry ends.
    pub fwlp_tail_offset: U64,
    /// First entry in use.
    pub fwlp_index_begin: U32,
    /// Behind the last entry in use.
    pub fwlp_index_end: U32,
    /// Entries that it has room for.
    pub fwlp_index_max: U32,
    /// Reserved.
    pub fwlp_reserved: U32,
}

const _: () = assert!(size_of::<FusionWbcListPhys>() == 64);

/// Entry of such a list (`fusion_wbc_list_entry_t`).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct FusionWbcListEntry {
    /// Where the data is: a block of the main device.
    pub fwle_wbc_lba: U64,
    /// Where it belongs: a block of tier 2.
    pub fwle_target_lba: U64,
    /// Blocks.
    pub fwle_length: U64,
}

const _: () = assert!(size_of::<FusionWbcListEntry>() == 24);
