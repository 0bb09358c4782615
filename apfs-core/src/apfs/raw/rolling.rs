//! State of a change of a volume's encryption (sheet apfs-06, section 7).

use zerocopy::byteorder::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use super::object::ObjPhys;

/// State of a change of encryption (`er_state_phys_t`), up to where its versions part.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct ErStatePhys {
    /// Object header.
    pub ersb_o: ObjPhys,
    /// [`ER_MAGIC`].
    pub ersb_magic: U32,
    /// 1 or 2.
    pub ersb_version: U32,
    /// `ERSB_FLAG_*`: 1 encrypting, 2 decrypting, 4 changing keys, 8 paused, 0x10 failed.
    pub ersb_flags: U64,
    /// Snapshot that is being worked on.
    pub ersb_snap_xid: U64,
    /// File extent that is being worked on.
    pub ersb_current_fext_obj_id: U64,
    /// Where in it.
    pub ersb_file_offset: U64,
}

const _: () = assert!(size_of::<ErStatePhys>() == 0x48);

/// What follows in version 1.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct ErStateV1 {
    /// Block of the file extent.
    pub ersb_fext_pbn: U64,
    /// Block that is being worked on.
    pub ersb_paddr: U64,
    /// Blocks done.
    pub ersb_progress: U64,
    /// Blocks in all.
    pub ersb_total_blk_to_encrypt: U64,
}

const _: () = assert!(size_of::<ErStateV1>() == 32);

/// What follows in version 2.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct ErStateV2 {
    /// Blocks done.
    pub ersb_progress: U64,
    /// Blocks in all.
    pub ersb_total_blk_to_encrypt: U64,
}

const _: () = assert!(size_of::<ErStateV2>() == 16);

/// `FLAB`.
pub const ER_MAGIC: u32 = 0x464C_4142;
