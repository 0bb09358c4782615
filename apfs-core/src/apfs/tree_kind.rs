//! Every kind of B-tree: what it holds and in which order (sheet apfs-02, sections 3 and 5).

use core::cmp::Ordering;

use super::raw::fs::{J_DREC_HASH_MASK, OBJ_ID_MASK, OBJ_TYPE_SHIFT};
use super::raw::object::{
    OBJ_EPHEMERAL, OBJ_PHYSICAL, OBJ_VIRTUAL, OBJECT_TYPE_BLOCKREFTREE, OBJECT_TYPE_EXTENT_LIST_TREE,
    OBJECT_TYPE_FEXT_TREE, OBJECT_TYPE_FSTREE, OBJECT_TYPE_FUSION_MIDDLE_TREE, OBJECT_TYPE_OMAP,
    OBJECT_TYPE_OMAP_SNAPSHOT, OBJECT_TYPE_SNAPMETATREE,
};
use crate::base::bytes::{u32_at, u64_at};

/// A kind of B-tree.
#[derive(Debug)]
#[non_exhaustive]
pub struct TreeKind {
    /// Name for messages.
    pub name: &'static str,
    /// `o_subtype` of its nodes.
    pub subtype: u32,
    /// How child references are addressed: storage bits of `o_type`.
    pub storage: u32,
    /// Sizes of keys and leaf values in nodes of fixed records.
    pub(crate) fixed: Option<(u16, u16)>,
    /// Shortest key.
    pub(crate) min_key: usize,
    /// True if leaves may hold keys without values.
    pub(crate) ghosts: bool,
    /// Order of keys. Total, also for keys that are too short.
    pub(crate) order: fn(&[u8], &[u8]) -> Ordering,
}

const fn physical(name: &'static str, subtype: u32, key: u16, value: u16) -> TreeKind {
    let order = if key == 16 { by_two_numbers } else { by_number };
    let min_key = if key == 16 { 16 } else { 8 };
    TreeKind {
        name,
        subtype,
        storage: OBJ_PHYSICAL,
        fixed: Some((key, value)),
        min_key,
        ghosts: false,
        order,
    }
}

/// Object map: (oid, xid) to block.
pub static OMAP: TreeKind = physical("object map tree", OBJECT_TYPE_OMAP, 16, 16);
/// Snapshots of an object map: xid to flags.
pub static OMAP_SNAPSHOTS: TreeKind = physical("object map snapshot tree", OBJECT_TYPE_OMAP_SNAPSHOT, 8, 16);
/// Extents of a scattered checkpoint area: logical block to run of blocks.
pub static EXTENT_LIST: TreeKind = physical("extent list tree", OBJECT_TYPE_EXTENT_LIST_TREE, 8, 16);
/// Middle tree of a Fusion pair: block of tier 2 to its copy on the main device.
pub static FUSION_MIDDLE: TreeKind = physical("Fusion middle tree", OBJECT_TYPE_FUSION_MIDDLE_TREE, 8, 16);
/// File extents of a sealed volume: (stream, offset) to block.
pub static FEXT: TreeKind = physical("file extent tree", OBJECT_TYPE_FEXT_TREE, 16, 16);
/// Free queue of the space manager: (xid, block) to count.
pub static FREE_QUEUE: TreeKind = TreeKind {
    name: "free queue tree",
    subtype: super::raw::object::OBJECT_TYPE_SPACEMAN_FREE_QUEUE,
    storage: OBJ_EPHEMERAL,
    fixed: Some((16, 8)),
    min_key: 16,
    ghosts: true,
    order: by_two_numbers,
};
/// Documents of a volume: id to file.
pub static DOCUMENT_IDS: TreeKind = TreeKind {
    name: "document id tree",
    subtype: super::raw::object::OBJECT_TYPE_DOC_ID_TREE,
    storage: OBJ_PHYSICAL,
    fixed: Some((4, 8)),
    min_key: 4,
    ghosts: false,
    order: by_short_number,
};
/// Snapshots of a volume by xid and by name.
pub static SNAP_META: TreeKind = TreeKind {
    name: "snapshot metadata tree",
    subtype: OBJECT_TYPE_SNAPMETATREE,
    storage: OBJ_PHYSICAL,
    fixed: None,
    min_key: 8,
    ghosts: false,
    order: by_record_and_name,
};
/// Extent references of a volume: block to owner and count.
pub static EXTENT_REFERENCES: TreeKind = TreeKind {
    name: "extent reference tree",
    subtype: OBJECT_TYPE_BLOCKREFTREE,
    storage: OBJ_PHYSICAL,
    fixed: None,
    min_key: 8,
    ghosts: false,
    order: by_record_and_name,
};
/// File-system records of a volume whose directory keys carry hashes.
pub static FS_HASHED: TreeKind = TreeKind {
    name: "file-system tree",
    subtype: OBJECT_TYPE_FSTREE,
    storage: OBJ_VIRTUAL,
    fixed: None,
    min_key: 8,
    ghosts: false,
    order: fs_hashed,
};
/// File-system records of a volume with plain directory keys.
pub static FS_PLAIN: TreeKind = TreeKind {
    name: "file-system tree",
    subtype: OBJECT_TYPE_FSTREE,
    storage: OBJ_VIRTUAL,
    fixed: None,
    min_key: 8,
    ghosts: false,
    order: fs_plain,
};

fn number(key: &[u8], offset: usize) -> u64 {
    u64_at(key, offset).unwrap_or(0)
}

fn rest(key: &[u8], offset: usize) -> &[u8] {
    key.get(offset..).unwrap_or(&[])
}

fn by_number(a: &[u8], b: &[u8]) -> Ordering {
    number(a, 0).cmp(&number(b, 0))
}

fn by_short_number(a: &[u8], b: &[u8]) -> Ordering {
    let short = |key| u32_at(key, 0).unwrap_or(0);
    short(a).cmp(&short(b))
}

fn by_two_numbers(a: &[u8], b: &[u8]) -> Ordering {
    by_number(a, b).then_with(|| number(a, 8).cmp(&number(b, 8)))
}

/// Order of `j_key_t`: id first, then type; never the raw integer, whose top nibble is the type.
#[inline]
fn by_record(a: u64, b: u64) -> Ordering {
    (a & OBJ_ID_MASK).cmp(&(b & OBJ_ID_MASK)).then_with(|| (a >> OBJ_TYPE_SHIFT).cmp(&(b >> OBJ_TYPE_SHIFT)))
}

fn by_record_and_name(a: &[u8], b: &[u8]) -> Ordering {
    by_record(number(a, 0), number(b, 0)).then_with(|| rest(a, 10).cmp(rest(b, 10)))
}

fn fs_hashed(a: &[u8], b: &[u8]) -> Ordering {
    fs_order(a, b, true)
}

fn fs_plain(a: &[u8], b: &[u8]) -> Ordering {
    fs_order(a, b, false)
}

#[inline]
fn fs_order(a: &[u8], b: &[u8], hashed: bool) -> Ordering {
    let (head_a, head_b) = (number(a, 0), number(b, 0));
    by_record(head_a, head_b).then_with(|| match head_a >> OBJ_TYPE_SHIFT {
        9 if hashed => {
            let hash = |key| u32_at(key, 8).unwrap_or(0) & J_DREC_HASH_MASK;
            hash(a).cmp(&hash(b)).then_with(|| rest(a, 12).cmp(rest(b, 12)))
        }
        4 | 9 => rest(a, 10).cmp(rest(b, 10)),
        5 | 8 => number(a, 8).cmp(&number(b, 8)),
        0xD => {
            // The offset orders; the info type above it only tells records of one offset apart.
            let low = |key| number(key, 8) & 0x00FF_FFFF_FFFF_FFFF;
            low(a).cmp(&low(b)).then_with(|| number(a, 8).cmp(&number(b, 8)))
        }
        // Keys of nothing but an id: what may stand behind it is no part of the key.
        3 | 6 | 7 | 0xA | 0xC => Ordering::Equal,
        _ => rest(a, 8).cmp(rest(b, 8)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn key(id: u64, kind: u64, rest: &[u8]) -> Vec<u8> {
        let mut key = (id | kind << 60).to_le_bytes().to_vec();
        key.extend_from_slice(rest);
        key
    }

    /// The id orders before the type, although the type has the higher bits.
    #[test]
    fn id_before_type() {
        assert_eq!(fs_hashed(&key(2, 9, &[]), &key(3, 3, &[])), Ordering::Less);
        assert_eq!(fs_hashed(&key(2, 3, &[]), &key(2, 9, &[])), Ordering::Less);
    }

    /// Hashed directory keys: hash, then name; the length bits do not order.
    #[test]
    fn directory_keys() {
        let hashed = |hash: u32, len: u32, name: &[u8]| {
            let mut rest = (hash << 10 | len).to_le_bytes().to_vec();
            rest.extend_from_slice(name);
            key(2, 9, &rest)
        };
        assert_eq!(fs_hashed(&hashed(5, 9, b"a\0"), &hashed(5, 2, b"b\0")), Ordering::Less);
        assert_eq!(fs_hashed(&hashed(4, 2, b"z\0"), &hashed(5, 2, b"a\0")), Ordering::Less);
    }
}
