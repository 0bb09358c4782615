//! The kinds of trees: which keys they have and how those order (sheet hfsplus, sections 4.1, 4.6, 5 and 6).

use core::cmp::Ordering;
use core::fmt;

use super::raw::catalog::{ATTRIBUTES_FILE_ID, CATALOG_FILE_ID, EXTENTS_FILE_ID};
use crate::base::bytes::{be16_at, be32_at, get};
use crate::text::hfs_name::HfsNameRule;

/// One kind of tree.
pub struct TreeKind {
    /// Name for messages.
    pub name: &'static str,
    /// Number of the tree's file.
    pub cnid: u32,
    /// Longest key.
    pub(crate) max_key: usize,
    /// True for keys that are as long as they say and can be compared.
    pub(super) is_key: fn(&[u8]) -> bool,
    /// Order of two valid keys.
    pub(super) order: fn(&[u8], &[u8]) -> Ordering,
}

/// The catalog of a volume whose names are equal without regard to case.
pub static CATALOG_FOLDED: TreeKind = TreeKind {
    name: "catalog",
    cnid: CATALOG_FILE_ID,
    max_key: 516,
    is_key: |key| has_name(key, CATALOG_NAME, 255),
    order: |a, b| catalog_order(a, b, HfsNameRule::CaseFolding),
};

/// The catalog of a volume that tells `a` from `A`.
pub static CATALOG_BINARY: TreeKind = TreeKind {
    name: "catalog",
    cnid: CATALOG_FILE_ID,
    max_key: 516,
    is_key: |key| has_name(key, CATALOG_NAME, 255),
    order: |a, b| catalog_order(a, b, HfsNameRule::Binary),
};

/// Extents that the metadata of a fork has no room for.
pub static EXTENTS: TreeKind = TreeKind {
    name: "extents overflow",
    cnid: EXTENTS_FILE_ID,
    max_key: 10,
    is_key: |key| key.len() == 10,
    order: |a, b| extent_key(a).cmp(&extent_key(b)),
};

/// Extended attributes.
pub static ATTRIBUTES: TreeKind = TreeKind {
    name: "attributes",
    cnid: ATTRIBUTES_FILE_ID,
    max_key: 266,
    is_key: |key| has_name(key, ATTRIBUTE_NAME, 127),
    order: attribute_order,
};

/// Where the length of the name stands in a catalog key.
const CATALOG_NAME: usize = 4;
/// Where the length of the name stands in an attribute's key.
const ATTRIBUTE_NAME: usize = 10;

fn has_name(key: &[u8], at: usize, longest: u16) -> bool {
    let Some(units) = be16_at(key, at).filter(|units| *units <= longest) else { return false };
    at.saturating_add(2).saturating_add(usize::from(units).saturating_mul(2)) == key.len()
}

/// Folder and stored name of a catalog key.
#[inline]
pub(crate) fn catalog_parts(key: &[u8]) -> (u32, &[u8]) {
    (be32_at(key, 0).unwrap_or(0), key.get(6..).unwrap_or(&[]))
}

/// File, stored name, and first block of an attribute's key.
pub(crate) fn attribute_parts(key: &[u8]) -> (u32, &[u8], u32) {
    (be32_at(key, 2).unwrap_or(0), key.get(12..).unwrap_or(&[]), be32_at(key, 6).unwrap_or(0))
}

/// File, fork and first block of an extent's key, in the order that counts.
pub(crate) fn extent_key(key: &[u8]) -> (u32, u8, u32) {
    let fork = get(key, 0, 1).and_then(<[u8]>::first).copied().unwrap_or(0);
    (be32_at(key, 2).unwrap_or(0), fork, be32_at(key, 6).unwrap_or(0))
}

fn catalog_order(a: &[u8], b: &[u8], rule: HfsNameRule) -> Ordering {
    let ((parent_a, name_a), (parent_b, name_b)) = (catalog_parts(a), catalog_parts(b));
    parent_a.cmp(&parent_b).then_with(|| rule.compare(name_a, name_b))
}

fn attribute_order(a: &[u8], b: &[u8]) -> Ordering {
    let ((file_a, name_a, block_a), (file_b, name_b, block_b)) = (attribute_parts(a), attribute_parts(b));
    let names = || HfsNameRule::Binary.compare(name_a, name_b);
    file_a.cmp(&file_b).then_with(names).then(block_a.cmp(&block_b))
}

impl fmt::Debug for TreeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TreeKind").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hfsplus::fork::ForkType;
    use crate::hfsplus::record::key;
    use Ordering::{Equal, Less};
    use alloc::vec::Vec;

    /// Catalog: folder first, then the name by the volume's rule; threads, which have no name, come first.
    #[test]
    fn catalog() {
        let compare = |kind: &TreeKind, a: (u32, &[u8]), b: (u32, &[u8])| {
            (kind.order)(&key::catalog(a.0, a.1), &key::catalog(b.0, b.1))
        };
        assert_eq!(compare(&CATALOG_FOLDED, (2, b"\0z"), (3, b"")), Less);
        assert_eq!(compare(&CATALOG_FOLDED, (2, b""), (2, b"\0\0")), Less);
        assert_eq!(compare(&CATALOG_FOLDED, (2, b"\0A"), (2, b"\0a")), Equal);
        assert_eq!(compare(&CATALOG_BINARY, (2, b"\0A"), (2, b"\0a")), Less);
    }

    /// Extents: file, fork, block, though the key has the fork first.
    #[test]
    fn extents() {
        let key = |file, fork, block| key::extent(file, fork, block);
        let compare = |a: Vec<u8>, b: Vec<u8>| (EXTENTS.order)(&a, &b);
        assert_eq!(compare(key(16, ForkType::Resource, 0), key(17, ForkType::Data, 0)), Less);
        assert_eq!(compare(key(16, ForkType::Data, 9), key(16, ForkType::Resource, 8)), Less);
        assert_eq!(compare(key(16, ForkType::Data, 8), key(16, ForkType::Data, 9)), Less);
    }

    /// Attributes: file, name by its code units, block.
    #[test]
    fn attributes() {
        let compare = |a: (u32, &[u8], u32), b: (u32, &[u8], u32)| {
            (ATTRIBUTES.order)(&key::attribute(a.0, a.1, a.2), &key::attribute(b.0, b.1, b.2))
        };
        assert_eq!(compare((16, b"\0z", 9), (17, b"\0a", 0)), Less);
        assert_eq!(compare((16, b"\0A", 9), (16, b"\0a", 0)), Less);
        assert_eq!(compare((16, b"\0a", 0), (16, b"\0a", 9)), Less);
    }

    /// A key is exactly as long as its name says, and names have a longest length.
    #[test]
    fn lengths() {
        let mut key = key::catalog(2, b"\0a");
        assert!((CATALOG_FOLDED.is_key)(&key));
        key.push(0);
        assert!(!(CATALOG_FOLDED.is_key)(&key));
        assert!((CATALOG_FOLDED.is_key)(&key::catalog(2, &[0; 510])));
        assert!(!(CATALOG_FOLDED.is_key)(&key::catalog(2, &[0; 512])));
        assert!(!(ATTRIBUTES.is_key)(&key::attribute(2, &[0; 256], 0)));
        assert!(!(CATALOG_FOLDED.is_key)(&[]));
    }
}
