//! Records of the attributes file (sheet hfsplus, section 6).

/// The value is in the record.
pub const kHFSPlusAttrInlineData: u32 = 0x10;
/// The value is a fork.
pub const kHFSPlusAttrForkData: u32 = 0x20;
/// More extents of a value that is a fork.
pub const kHFSPlusAttrExtents: u32 = 0x30;
