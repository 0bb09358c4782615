//! B-tree nodes (sheet hfsplus, section 3).

use zerocopy::byteorder::big_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

/// Head of every node (`BTNodeDescriptor`).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct BTNodeDescriptor {
    /// Next node of the level, 0: none.
    pub fLink: U32,
    /// Previous node of the level.
    pub bLink: U32,
    /// `kBT*Node`.
    pub kind: i8,
    /// 1 for a leaf, 0 for header and map nodes.
    pub height: u8,
    /// Records.
    pub numRecords: U16,
    /// Zero.
    pub reserved: U16,
}

const _: () = assert!(size_of::<BTNodeDescriptor>() == 14);

/// First record of the header node (`BTHeaderRec`).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct BTHeaderRec {
    /// Levels, 0 if the tree is empty.
    pub treeDepth: U16,
    /// Root, 0 if the tree is empty.
    pub rootNode: U32,
    /// Records of all leaves.
    pub leafRecords: U32,
    /// First leaf.
    pub firstLeafNode: U32,
    /// Last leaf.
    pub lastLeafNode: U32,
    /// Bytes of a node.
    pub nodeSize: U16,
    /// Longest key.
    pub maxKeyLength: U16,
    /// Nodes, free ones included.
    pub totalNodes: U32,
    /// Free nodes.
    pub freeNodes: U32,
    /// Zero.
    pub reserved1: U16,
    /// Hint for growing.
    pub clumpSize: U32,
    /// 0 for the trees of the volume itself.
    pub btreeType: u8,
    /// Catalog of HFSX: how names are compared.
    pub keyCompareType: u8,
    /// `kBT*Mask`.
    pub attributes: U32,
    /// Zero.
    pub reserved3: [u8; 64],
}

const _: () = assert!(size_of::<BTHeaderRec>() == 106);

/// A leaf (`kBTLeafNode`).
pub const LEAF_NODE: i8 = -1;
/// A node above the leaves (`kBTIndexNode`).
pub const INDEX_NODE: i8 = 0;
/// The header node (`kBTHeaderNode`).
pub const HEADER_NODE: i8 = 1;
/// A node with more of the map of used nodes (`kBTMapNode`).
pub const MAP_NODE: i8 = 2;

/// Lengths of keys take two bytes (`kBTBigKeysMask`).
pub const BIG_KEYS: u32 = 2;
/// Keys in index nodes are as long as they are, not `maxKeyLength` (`kBTVariableIndexKeysMask`).
pub const VARIABLE_INDEX_KEYS: u32 = 4;

/// Names are compared without regard to case (`kHFSCaseFolding`).
pub const CASE_FOLDING: u8 = 0xCF;
/// Names are compared by their code units (`kHFSBinaryCompare`).
pub const BINARY_COMPARE: u8 = 0xBC;
