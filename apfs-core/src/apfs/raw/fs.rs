//! Records of the file-system tree (sheet apfs-04).

use zerocopy::byteorder::little_endian::{I32, I64, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

/// Fixed part of an inode (`j_inode_val_t`); extended fields follow.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct JInodeVal {
    /// Directory of the primary link.
    pub parent_id: U64,
    /// Data stream.
    pub private_id: U64,
    /// Creation, ns.
    pub create_time: I64,
    /// Last change of the content, ns.
    pub mod_time: I64,
    /// Last change of the metadata, ns.
    pub change_time: I64,
    /// Last access, ns.
    pub access_time: I64,
    /// `INODE_*`.
    pub internal_flags: U64,
    /// Entries of a directory, links of anything else.
    pub nchildren_or_nlink: I32,
    /// Protection class.
    pub default_protection_class: U32,
    /// Counts data changes.
    pub write_generation_counter: U32,
    /// `UF_*`, `SF_*`.
    pub bsd_flags: U32,
    /// User.
    pub owner: U32,
    /// Group.
    pub group: U32,
    /// POSIX mode.
    pub mode: U16,
    /// Zero.
    pub pad1: U16,
    /// Size of a compressed file, if flagged.
    pub uncompressed_size: U64,
}

const _: () = assert!(size_of::<JInodeVal>() == 92);

/// Fixed part of a directory record's value (`j_drec_val_t`); extended fields follow.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct JDrecVal {
    /// File that it leads to.
    pub file_id: U64,
    /// When it was made, ns.
    pub date_added: I64,
    /// Low four bits: type.
    pub flags: U16,
}

const _: () = assert!(size_of::<JDrecVal>() == 18);

/// Head of an extended attribute's value (`j_xattr_val_t`); data follows.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct JXattrVal {
    /// `XATTR_*`.
    pub flags: U16,
    /// Bytes that follow.
    pub xdata_len: U16,
}

const _: () = assert!(size_of::<JXattrVal>() == 4);

/// Value of an attribute kept in a stream (`j_xattr_dstream_t`).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct JXattrDstream {
    /// Stream.
    pub xattr_obj_id: U64,
    /// Its size.
    pub dstream: JDstream,
}

const _: () = assert!(size_of::<JXattrDstream>() == 48);

/// Size of a data stream (`j_dstream_t`).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct JDstream {
    /// Bytes.
    pub size: U64,
    /// Bytes allocated, holes included.
    pub alloced_size: U64,
    /// Key of new extents.
    pub default_crypto_id: U64,
    /// Counter.
    pub total_bytes_written: U64,
    /// Counter.
    pub total_bytes_read: U64,
}

const _: () = assert!(size_of::<JDstream>() == 40);

/// Value of a file extent (`j_file_extent_val_t`).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct JFileExtentVal {
    /// Length in bytes, flags in the top byte.
    pub len_and_flags: U64,
    /// First block, 0: hole.
    pub phys_block_num: U64,
    /// Key or tweak.
    pub crypto_id: U64,
}

const _: () = assert!(size_of::<JFileExtentVal>() == 24);

/// Head of a hard link's record (`j_sibling_val_t`); the name follows.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct JSiblingVal {
    /// Directory.
    pub parent_id: U64,
    /// Bytes of the name, NUL included.
    pub name_len: U16,
}

const _: () = assert!(size_of::<JSiblingVal>() == 10);

/// Statistics of a directory (`j_dir_stats_val_t`).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct JDirStatsVal {
    /// Entries.
    pub num_children: U64,
    /// Bytes of all files below.
    pub total_size: U64,
    /// Statistics of the parent, or 0.
    pub chained_key: U64,
    /// Counts changes.
    pub gen_count: U64,
}

const _: () = assert!(size_of::<JDirStatsVal>() == 32);

/// Head of a crypto state (`j_crypto_val_t`).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct JCryptoVal {
    /// Users.
    pub refcnt: U32,
    /// Version.
    pub major_version: U16,
    /// Version.
    pub minor_version: U16,
    /// Flags.
    pub cpflags: U32,
    /// Protection class.
    pub persistent_class: U32,
    /// System that made the key.
    pub key_os_version: U32,
    /// Revision.
    pub key_revision: U16,
    /// Bytes of the key that follow.
    pub key_len: U16,
}

const _: () = assert!(size_of::<JCryptoVal>() == 24);

/// Head of an extended field (`x_field_t`).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct XField {
    /// Type.
    pub x_type: u8,
    /// Flags.
    pub x_flags: u8,
    /// Bytes of its value.
    pub x_size: U16,
}

const _: () = assert!(size_of::<XField>() == 4);

/// Bits of the record type in a key.
pub const OBJ_TYPE_SHIFT: u32 = 60;
/// Bits of the id in a key.
pub const OBJ_ID_MASK: u64 = 0x0FFF_FFFF_FFFF_FFFF;
/// Length part of an extent's `len_and_flags`.
pub const FILE_EXTENT_LEN_MASK: u64 = 0x00FF_FFFF_FFFF_FFFF;
/// Extent flag: `crypto_id` is a tweak, not a key.
pub const FEXT_CRYPTO_ID_IS_TWEAK: u64 = 1;
/// Extent flag: allocated and never written (reads as zeros).
pub const FEXT_PREALLOCATED: u64 = 2;
/// Hash part of a hashed directory key.
pub const J_DREC_HASH_MASK: u32 = 0xFFFF_FC00;
/// Length part of a hashed directory key.
pub const J_DREC_LEN_MASK: u32 = 0x0000_03FF;
/// Attribute flag: the value is a stream.
pub const XATTR_DATA_STREAM: u16 = 1;
/// Attribute flag: the value is in the record.
pub const XATTR_DATA_EMBEDDED: u16 = 2;

/// Inode flag: `uncompressed_size` counts.
pub const INODE_HAS_UNCOMPRESSED_SIZE: u64 = 0x4_0000;

/// Inode field: snapshot.
pub const INO_EXT_TYPE_SNAP_XID: u8 = 1;
/// Inode field: delta tree.
pub const INO_EXT_TYPE_DELTA_TREE_OID: u8 = 2;
/// Inode field: document id.
pub const INO_EXT_TYPE_DOCUMENT_ID: u8 = 3;
/// Inode field: name of the primary link.
pub const INO_EXT_TYPE_NAME: u8 = 4;
/// Inode field: size before an unfinished truncation.
pub const INO_EXT_TYPE_PREV_FSIZE: u8 = 5;
/// Inode field: Finder info.
pub const INO_EXT_TYPE_FINDER_INFO: u8 = 7;
/// Inode field: data stream.
pub const INO_EXT_TYPE_DSTREAM: u8 = 8;
/// Inode field: directory statistics.
pub const INO_EXT_TYPE_DIR_STATS_KEY: u8 = 10;
/// Inode field: file system mounted here.
pub const INO_EXT_TYPE_FS_UUID: u8 = 11;
/// Inode field: bytes of holes.
pub const INO_EXT_TYPE_SPARSE_BYTES: u8 = 13;
/// Inode field: device number.
pub const INO_EXT_TYPE_RDEV: u8 = 14;
/// Inode field: purgeable flags.
pub const INO_EXT_TYPE_PURGEABLE_FLAGS: u8 = 15;
/// Inode field: sync root.
pub const INO_EXT_TYPE_ORIG_SYNC_ROOT_ID: u8 = 16;
/// Directory record field: which of several hard links.
pub const DREC_EXT_TYPE_SIBLING_ID: u8 = 1;
