//! Records of extent reference trees (sheet apfs-04, section 9).

use zerocopy::byteorder::little_endian::{I32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

/// Value of an extent's record (`j_phys_ext_val_t`).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct JPhysExtVal {
    /// Length in blocks, kind in the top four bits.
    pub len_and_kind: U64,
    /// Whom the blocks were allocated for.
    pub owning_obj_id: U64,
    /// References, or how many more.
    pub refcnt: I32,
}

const _: () = assert!(size_of::<JPhysExtVal>() == 20);

/// Length part of `len_and_kind`.
pub const PEXT_LEN_MASK: u64 = 0x0FFF_FFFF_FFFF_FFFF;
/// Bits of the kind in `len_and_kind`.
pub const PEXT_KIND_SHIFT: u32 = 60;
