//! Records of the attributes file (sheet hfsplus, section 6).

/// The value is in the record (`kHFSPlusAttrInlineData`).
pub const ATTR_INLINE_DATA: u32 = 0x10;
/// The value is a fork (`kHFSPlusAttrForkData`).
pub const ATTR_FORK_DATA: u32 = 0x20;
/// More extents of a value that is a fork (`kHFSPlusAttrExtents`).
pub const ATTR_EXTENTS: u32 = 0x30;
