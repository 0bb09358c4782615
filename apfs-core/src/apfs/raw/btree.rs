//! B-tree nodes (sheet apfs-02, sections 1 and 2).

use zerocopy::byteorder::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use super::object::ObjPhys;

/// Head of a node (`btree_node_phys_t`); table of contents, keys and values follow.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct BtreeNodePhys {
    /// Object header; zeros in a header-less node.
    pub btn_o: ObjPhys,
    /// `BTNODE_*`.
    pub btn_flags: U16,
    /// 0 for a leaf.
    pub btn_level: U16,
    /// Entries.
    pub btn_nkeys: U32,
    /// Table of contents.
    pub btn_table_space: Nloc,
    /// Free space between keys and values.
    pub btn_free_space: Nloc,
    /// Holes among the keys.
    pub btn_key_free_list: Nloc,
    /// Holes among the values.
    pub btn_val_free_list: Nloc,
}

const _: () = assert!(size_of::<BtreeNodePhys>() == 56);

/// Place inside a node (`nloc_t`).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Nloc {
    /// Offset.
    pub off: U16,
    /// Length.
    pub len: U16,
}

const _: () = assert!(size_of::<Nloc>() == 4);

/// Table entry of a record of variable size (`kvloc_t`).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Kvloc {
    /// Key.
    pub k: Nloc,
    /// Value.
    pub v: Nloc,
}

const _: () = assert!(size_of::<Kvloc>() == 8);

/// Table entry of a record of fixed size (`kvoff_t`).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Kvoff {
    /// Key.
    pub k: U16,
    /// Value.
    pub v: U16,
}

const _: () = assert!(size_of::<Kvoff>() == 4);

/// Last bytes of a root node (`btree_info_t`).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct BtreeInfo {
    /// `BTREE_*`.
    pub bt_flags: U32,
    /// Bytes in a node.
    pub bt_node_size: U32,
    /// Size of keys, 0 if it varies.
    pub bt_key_size: U32,
    /// Size of values, 0 if it varies.
    pub bt_val_size: U32,
    /// Longest key ever.
    pub bt_longest_key: U32,
    /// Longest value ever.
    pub bt_longest_val: U32,
    /// Records in the tree.
    pub bt_key_count: U64,
    /// Nodes of the tree.
    pub bt_node_count: U64,
}

const _: () = assert!(size_of::<BtreeInfo>() == 40);

/// Node flag: root.
pub const BTNODE_ROOT: u16 = 1;
/// Node flag: leaf.
pub const BTNODE_LEAF: u16 = 2;
/// Node flag: table entries are [`Kvoff`].
pub const BTNODE_FIXED_KV_SIZE: u16 = 4;
/// Node flag: child references carry hashes.
pub const BTNODE_HASHED: u16 = 8;
/// Node flag: no object header.
pub const BTNODE_NOHEADER: u16 = 0x10;
/// Value offset of a ghost: a key without a value.
pub const BTOFF_INVALID: u16 = 0xFFFF;
/// Value offset of an empty value, as newer systems write it.
pub const BTOFF_EMPTY: u16 = 0xFFFE;
/// Tree flag: child references are relative and hashed.
pub const BTREE_HASHED: u32 = 0x80;
/// Tree flag: nodes have no object header.
pub const BTREE_NOHEADER: u32 = 0x100;
/// Tree flag: child references are ephemeral object ids.
pub const BTREE_EPHEMERAL: u32 = 8;
/// Tree flag: child references are block numbers.
pub const BTREE_PHYSICAL: u32 = 0x10;
