//! One B-tree node, completely checked when it is built (sheet hfsplus, sections 3.1 and 3.4).

use alloc::vec::Vec;
use core::cmp::Ordering;
use core::fmt;

use super::raw::btree::{BTNodeDescriptor, INDEX_NODE, LEAF_NODE};
use super::tree_kind::TreeKind;
use crate::base::bytes::{be16_at, be32_at, get, len64, pod};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::tree::node::TreeNode;

const STRUCTURE: &str = "BTNodeDescriptor";
const DESCRIPTOR_LEN: usize = size_of::<BTNodeDescriptor>();
/// Bytes of a child's number.
const CHILD_LEN: usize = 4;

/// How the nodes of one tree are laid out.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// What the tree is of.
    pub kind: &'static TreeKind,
    /// Nodes of the tree: a node's number is below it.
    pub nodes: u32,
    /// Length that every key of an index node takes, or as long as it is.
    pub fixed_index_key: Option<u16>,
}

/// A node whose offsets, keys and values were all checked: its accessors can't fail.
pub struct Node {
    bytes: Vec<u8>,
    number: u32,
    kind: &'static TreeKind,
    level: u16,
    count: usize,
    next: u32,
    previous: u32,
    fixed_index_key: Option<u16>,
}

impl Node {
    /// Checks a leaf or index node of a tree.
    ///
    /// # Errors
    /// `Corrupt` with the field or record that is wrong.
    pub fn parse(bytes: Vec<u8>, number: u32, layout: &Layout) -> Result<Node> {
        let place = |field| place(layout.kind, number, field);
        let wrong = |damage, field| Error::from(Corrupt::new(damage, place(field)));
        let raw: &BTNodeDescriptor = pod(&bytes).ok_or_else(|| wrong(Damage::Bounds, ""))?;
        let height = raw.height;
        let is_leaf = match raw.kind {
            LEAF_NODE => true,
            INDEX_NODE => false,
            other => return Err(Corrupt::new(Damage::ObjectType, place("kind")).found(other).into()),
        };
        if height == 0 || is_leaf != (height == 1) {
            return Err(Corrupt::new(Damage::Level, place("height")).found(height).into());
        }
        let (next, previous) = (raw.fLink.get(), raw.bLink.get());
        for (link, field) in [(next, "fLink"), (previous, "bLink")] {
            if link >= layout.nodes || (link == number && number != 0) {
                return Err(Corrupt::new(Damage::Range, place(field)).found(link).into());
            }
        }
        let count = usize::from(raw.numRecords.get());
        if count == 0 {
            return Err(wrong(Damage::Range, "numRecords"));
        }
        let level = u16::from(height).saturating_sub(1);
        let Layout { kind, fixed_index_key, .. } = *layout;
        let node = Node { bytes, number, kind, level, count, next, previous, fixed_index_key };
        node.check_records()?;
        Ok(node)
    }

    /// A leaf without records: the root of a tree that is empty.
    pub(super) fn empty(kind: &'static TreeKind) -> Node {
        let (bytes, fixed_index_key) = (Vec::new(), None);
        Node { bytes, number: 0, kind, level: 0, count: 0, next: 0, previous: 0, fixed_index_key }
    }

    fn check_records(&self) -> Result<()> {
        // The table grows down from the end; its last entry is where free space begins.
        let table = self.count.saturating_add(1).saturating_mul(2);
        let records_end = self.bytes.len().checked_sub(table).filter(|end| *end >= DESCRIPTOR_LEN);
        let records_end =
            records_end.ok_or_else(|| Error::damage(Damage::Bounds, self.place("numRecords")))?;
        let mut end = self.offset(0);
        if end != Some(DESCRIPTOR_LEN) {
            return Err(Error::damage(Damage::Bounds, self.place("offsets").offset(0)));
        }
        let mut previous: Option<&[u8]> = None;
        for index in 0..self.count {
            let place = |field| self.place(field).offset(len64(index));
            let start = end;
            end = self.offset(index.saturating_add(1));
            let fits = matches!((start, end), (Some(start), Some(end))
                if start < end && end.is_multiple_of(2) && end <= records_end);
            if !fits {
                return Err(Error::damage(Damage::Bounds, place("offsets")));
            }
            let key = self.try_key(index).filter(|key| (self.kind.is_key)(key));
            let key = key.ok_or_else(|| Error::damage(Damage::Bounds, place("key")))?;
            let value = self.try_value(index).filter(|value| self.level == 0 || value.len() >= CHILD_LEN);
            if value.is_none() {
                return Err(Error::damage(Damage::Bounds, place("record")));
            }
            if previous.is_some_and(|previous| (self.kind.order)(previous, key) != Ordering::Less) {
                return Err(Error::damage(Damage::KeyOrder, place("key")));
            }
            previous = Some(key);
        }
        Ok(())
    }

    /// Where a record begins; for the number of records, where free space does.
    #[inline]
    fn offset(&self, index: usize) -> Option<usize> {
        let at = self.bytes.len().checked_sub(index.checked_add(1)?.checked_mul(2)?)?;
        be16_at(&self.bytes, at).map(usize::from)
    }

    #[inline]
    fn try_key(&self, index: usize) -> Option<&[u8]> {
        let start = self.offset(index)?;
        let end = self.offset(index.checked_add(1)?)?;
        let len = usize::from(be16_at(&self.bytes, start)?);
        let key = get(&self.bytes, start.checked_add(2)?, len)?;
        (start.checked_add(2)?.checked_add(len)? <= end && len <= self.kind.max_key).then_some(key)
    }

    #[inline]
    fn try_value(&self, index: usize) -> Option<&[u8]> {
        let start = self.offset(index)?;
        let end = self.offset(index.checked_add(1)?)?;
        let len = match self.fixed_index_key {
            Some(len) if self.level > 0 => usize::from(len),
            _ => usize::from(be16_at(&self.bytes, start)?),
        };
        let value = start.checked_add(2)?.checked_add(len)?.checked_next_multiple_of(2)?;
        self.bytes.get(value..end)
    }

    /// Number of the child that an entry of an index node leads to.
    pub(crate) fn child(&self, index: usize) -> Option<u32> {
        be32_at(self.value(index), 0)
    }

    /// Number of the node in its tree.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Next node of the level as the node says, 0 if there is none.
    #[must_use]
    pub fn next(&self) -> u32 {
        self.next
    }

    /// Previous node of the level as the node says, 0 if there is none.
    #[must_use]
    pub fn previous(&self) -> u32 {
        self.previous
    }
}

/// Place of a field of a node.
pub(super) fn place(kind: &TreeKind, number: u32, field: &'static str) -> Place {
    Place::new(STRUCTURE, field).node(number).cnid(kind.cnid)
}

impl TreeNode for Node {
    #[inline]
    fn level(&self) -> u16 {
        self.level
    }

    #[inline]
    fn count(&self) -> usize {
        self.count
    }

    #[inline]
    fn key(&self, index: usize) -> &[u8] {
        if index >= self.count {
            return &[];
        }
        self.try_key(index).unwrap_or(&[])
    }

    #[inline]
    fn value(&self, index: usize) -> &[u8] {
        if index >= self.count {
            return &[];
        }
        self.try_value(index).unwrap_or(&[])
    }

    #[inline]
    fn order(&self, a: &[u8], b: &[u8]) -> Ordering {
        (self.kind.order)(a, b)
    }

    fn place(&self, field: &'static str) -> Place {
        place(self.kind, self.number, field)
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("tree", &self.kind.name)
            .field("number", &self.number)
            .field("level", &self.level)
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "offsets written by hand")]
mod tests {
    use super::*;
    use crate::hfsplus::record::key;
    use crate::hfsplus::tree_kind::{CATALOG_FOLDED, EXTENTS};

    const LAYOUT: Layout = Layout { kind: &CATALOG_FOLDED, nodes: 100, fixed_index_key: None };

    /// A node of 512 bytes with these records, each a key and a value.
    fn node(kind: i8, height: u8, records: &[(&[u8], &[u8])]) -> Vec<u8> {
        let mut bytes = alloc::vec![0; 512];
        bytes[8..10].copy_from_slice(&[kind.to_be_bytes()[0], height]);
        bytes[10..12].copy_from_slice(&u16::try_from(records.len()).unwrap().to_be_bytes());
        let mut at = 14;
        let offset = |index: usize, at: usize, bytes: &mut Vec<u8>| {
            let place = 512 - 2 * (index + 1);
            bytes[place..place + 2].copy_from_slice(&u16::try_from(at).unwrap().to_be_bytes());
        };
        for (index, (key, value)) in records.iter().enumerate() {
            offset(index, at, &mut bytes);
            let len = u16::try_from(key.len()).unwrap().to_be_bytes();
            let record = [&len[..], key, value].concat();
            bytes[at..at + record.len()].copy_from_slice(&record);
            at += record.len().next_multiple_of(2);
        }
        offset(records.len(), at, &mut bytes);
        bytes
    }

    fn leaf() -> Vec<u8> {
        node(-1, 1, &[(&key::catalog(2, b"\0A"), b"one!"), (&key::catalog(2, b"\0b"), b"two")])
    }

    fn damage(bytes: Vec<u8>) -> Damage {
        Node::parse(bytes, 7, &LAYOUT).unwrap_err().corrupt().unwrap().damage
    }

    fn changed(at: usize, new: &[u8]) -> Vec<u8> {
        let mut bytes = leaf();
        bytes[at..at + new.len()].copy_from_slice(new);
        bytes
    }

    /// Keys and values come out as they went in; past the last entry there is nothing.
    #[test]
    fn records() {
        let node = Node::parse(leaf(), 7, &LAYOUT).unwrap();
        assert_eq!((node.count(), node.level(), node.number()), (2, 0, 7));
        assert_eq!((node.key(0), node.value(0)), (&[0, 0, 0, 2, 0, 1, 0, b'A'][..], &b"one!"[..]));
        assert_eq!(node.value(1), b"two\0", "a record is filled up to an even length");
        assert_eq!((node.key(2), node.value(2)), (&[][..], &[][..]));
        assert_eq!(node.entries_below(&key::catalog(2, b"\0a"), true), 1, "case does not count");
    }

    /// An index node leads to children; where keys have a fixed length, the child's number is behind that.
    #[test]
    fn index() {
        let index = Node::parse(node(0, 2, &[(&key::catalog(2, b""), &[0, 0, 0, 9])]), 1, &LAYOUT).unwrap();
        assert_eq!((index.level(), index.child(0)), (1, Some(9)));
        let padded = [&key::catalog(2, b"")[..], &[0xEE; 4], &[0, 0, 0, 9]].concat();
        let bytes = node(0, 2, &[(&padded[..6], &padded[6..])]);
        let fixed = Layout { fixed_index_key: Some(10), ..LAYOUT };
        assert_eq!(Node::parse(bytes, 1, &fixed).unwrap().child(0), Some(9));
        assert_eq!(damage(node(0, 2, &[(&key::catalog(2, b""), &[0, 9])])), Damage::Bounds, "no child");
    }

    /// Whatever is not as section 3.1 says is refused with its kind of damage.
    #[test]
    fn lies() {
        assert_eq!(damage(changed(8, &[2])), Damage::ObjectType, "kind");
        assert_eq!(damage(changed(9, &[2])), Damage::Level, "a leaf above level 0");
        assert_eq!(damage(changed(9, &[0])), Damage::Level);
        assert_eq!(damage(changed(0, &[0, 0, 0, 100])), Damage::Range, "fLink past the last node");
        assert_eq!(damage(changed(4, &[0, 0, 0, 7])), Damage::Range, "bLink to itself");
        assert_eq!(damage(changed(10, &[0, 0])), Damage::Range, "no records");
        assert_eq!(damage(changed(10, &[0xFF, 0xFF])), Damage::Bounds, "more records than fit");
        assert_eq!(damage(changed(510, &[0, 16])), Damage::Bounds, "first record");
        assert_eq!(damage(changed(508, &[0, 14])), Damage::Bounds, "offsets do not rise");
        assert_eq!(damage(changed(508, &[0, 29])), Damage::Bounds, "an odd offset");
        assert_eq!(damage(changed(506, &[1, 0xFC])), Damage::Bounds, "free space inside the table");
        assert_eq!(damage(changed(14, &[0, 9])), Damage::Bounds, "key length");
        assert_eq!(damage(changed(20, &[0, 2])), Damage::Bounds, "name length");
        assert_eq!(damage(changed(23, b"c")), Damage::KeyOrder);
        assert_eq!(damage(changed(23, b"B")), Damage::KeyOrder, "equal keys");
        for len in 0..40 {
            assert!(Node::parse(leaf()[..len].to_vec(), 7, &LAYOUT).is_err());
        }
    }

    /// The keys of the extents overflow tree are as long as they must be.
    #[test]
    fn extents() {
        let layout = Layout { kind: &EXTENTS, nodes: 9, fixed_index_key: Some(10) };
        let bytes = |len: usize| node(-1, 1, &[(&[0; 10][..len], &[0; 64])]);
        assert!(Node::parse(bytes(10), 1, &layout).is_ok());
        assert!(Node::parse(bytes(8), 1, &layout).is_err());
    }
}
