//! One B-tree node, completely checked when it is built (sheet apfs-02, section 1).

use alloc::vec::Vec;
use core::cmp::Ordering;
use core::fmt;

use super::object::{Header, too_short};
use super::raw::btree::{
    BTNODE_FIXED_KV_SIZE, BTNODE_HASHED, BTNODE_LEAF, BTNODE_NOHEADER, BTNODE_ROOT, BTOFF_EMPTY,
    BTOFF_INVALID, BtreeInfo, BtreeNodePhys,
};
use super::tree_kind::TreeKind;
use crate::base::bytes::{get, len64, pod, u16_at, u64_at};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::ids::Paddr;
use crate::tree::node::TreeNode;

const STRUCTURE: &str = "btree_node_phys_t";
const INFO_LEN: usize = size_of::<BtreeInfo>();
const DATA: usize = size_of::<BtreeNodePhys>();

/// A node whose table, keys and values were all checked: its accessors can't fail.
pub struct Node {
    bytes: Vec<u8>,
    block: Paddr,
    header: Header,
    kind: &'static TreeKind,
    flags: u16,
    level: u16,
    count: usize,
    keys_at: usize,
    table_at: usize,
    values_end: usize,
    info: Option<BtreeInfo>,
}

impl Node {
    /// Checks a node of a tree of a given kind. The object header is the caller's business.
    pub(crate) fn parse(bytes: Vec<u8>, block: Paddr, kind: &'static TreeKind) -> Result<Node> {
        let header = Header::parse(&bytes).ok_or_else(|| too_short(STRUCTURE, block))?;
        let raw: &BtreeNodePhys = pod(&bytes).ok_or_else(|| too_short(STRUCTURE, block))?;
        let (flags, level) = (raw.btn_flags.get(), raw.btn_level.get());
        let place = |field| Place::new(STRUCTURE, field).block(block).oid(header.oid).xid(header.xid);
        let bounds = |field| Error::from(Corrupt::new(Damage::Bounds, place(field)));

        if (flags & BTNODE_LEAF != 0) != (level == 0) {
            return Err(Corrupt::new(Damage::Level, place("btn_level")).found(level).into());
        }
        let fixed = flags & BTNODE_FIXED_KV_SIZE != 0;
        if fixed && kind.fixed.is_none() {
            return Err(Corrupt::new(Damage::Contradiction, place("btn_flags"))
                .expected("records of variable size")
                .into());
        }
        let info = if flags & BTNODE_ROOT != 0 {
            let at = bytes.len().checked_sub(INFO_LEN).ok_or_else(|| bounds("btn_data"))?;
            let info: &BtreeInfo = bytes.get(at..).and_then(pod).ok_or_else(|| bounds("btn_data"))?;
            Some(*info)
        } else {
            None
        };
        let values_end = bytes.len().saturating_sub(if info.is_some() { INFO_LEN } else { 0 });
        let table_at = DATA.saturating_add(usize::from(raw.btn_table_space.off.get()));
        let keys_at = table_at.saturating_add(usize::from(raw.btn_table_space.len.get()));
        let free_at = keys_at.saturating_add(usize::from(raw.btn_free_space.off.get()));
        let values_at = free_at.saturating_add(usize::from(raw.btn_free_space.len.get()));
        if keys_at > values_end {
            return Err(bounds("btn_table_space"));
        }
        if values_at > values_end {
            return Err(bounds("btn_free_space"));
        }
        let entry_len: u64 = if fixed { 4 } else { 8 };
        let count = raw.btn_nkeys.get();
        if u64::from(count).saturating_mul(entry_len) > u64::from(raw.btn_table_space.len.get()) {
            return Err(Corrupt::new(Damage::Bounds, place("btn_nkeys")).found(count).into());
        }
        if count == 0 && (info.is_none() || level > 0) {
            return Err(Corrupt::new(Damage::Range, place("btn_nkeys")).found(0).into());
        }
        if let (Some(info), Some((key, value)), true) = (&info, kind.fixed, fixed)
            && (info.bt_key_size.get() != u32::from(key) || info.bt_val_size.get() != u32::from(value))
        {
            let found = alloc::format!("{}/{}", info.bt_key_size.get(), info.bt_val_size.get());
            let finding = Corrupt::new(Damage::Range, Place::new("btree_info_t", "bt_key_size").block(block));
            return Err(finding.expected(alloc::format!("{key}/{value}")).found(found).into());
        }
        let count = usize::try_from(count).map_err(|_| bounds("btn_nkeys"))?;
        let node =
            Node { bytes, block, header, kind, flags, level, count, keys_at, table_at, values_end, info };
        node.check_entries(free_at, values_at)?;
        Ok(node)
    }

    fn check_entries(&self, free_at: usize, values_at: usize) -> Result<()> {
        let mut previous: Option<&[u8]> = None;
        for index in 0..self.count {
            let place = |field| self.place(field).offset(len64(index));
            let key_range =
                self.key_range(index).filter(|(start, len)| start.saturating_add(*len) <= free_at);
            let key = key_range.and_then(|(start, len)| get(&self.bytes, start, len));
            let key = key
                .filter(|key| key.len() >= self.kind.min_key)
                .ok_or_else(|| Error::from(Corrupt::new(Damage::Bounds, place("key"))))?;
            let value_fits = match self.value_range(index) {
                ValueRange::Bytes(start, len) => {
                    start >= values_at
                        && start.saturating_add(len) <= self.values_end
                        && (self.level == 0 || len >= 8)
                }
                ValueRange::Ghost => self.level == 0 && self.kind.ghosts,
                ValueRange::Outside => false,
            };
            if !value_fits {
                return Err(Corrupt::new(Damage::Bounds, place("value")).into());
            }
            if previous.is_some_and(|previous| (self.kind.order)(previous, key) != Ordering::Less) {
                return Err(Corrupt::new(Damage::KeyOrder, place("key")).into());
            }
            previous = Some(key);
        }
        Ok(())
    }

    #[inline]
    fn key_range(&self, index: usize) -> Option<(usize, usize)> {
        if self.is_fixed() {
            let entry = self.table_at.checked_add(index.checked_mul(4)?)?;
            let start = self.keys_at.checked_add(usize::from(u16_at(&self.bytes, entry)?))?;
            Some((start, usize::from(self.kind.fixed?.0)))
        } else {
            let entry = self.table_at.checked_add(index.checked_mul(8)?)?;
            let start = self.keys_at.checked_add(usize::from(u16_at(&self.bytes, entry)?))?;
            Some((start, usize::from(u16_at(&self.bytes, entry.checked_add(2)?)?)))
        }
    }

    #[inline]
    fn value_range(&self, index: usize) -> ValueRange {
        self.try_value_range(index).unwrap_or(ValueRange::Outside)
    }

    #[inline]
    fn try_value_range(&self, index: usize) -> Option<ValueRange> {
        let (offset, len) = if self.is_fixed() {
            let entry = self.table_at.checked_add(index.checked_mul(4)?)?.checked_add(2)?;
            let value_len = if self.level == 0 { usize::from(self.kind.fixed?.1) } else { 8 };
            (u16_at(&self.bytes, entry)?, value_len)
        } else {
            let entry = self.table_at.checked_add(index.checked_mul(8)?)?.checked_add(4)?;
            (u16_at(&self.bytes, entry)?, usize::from(u16_at(&self.bytes, entry.checked_add(2)?)?))
        };
        if matches!(offset, BTOFF_INVALID | BTOFF_EMPTY) && self.kind.ghosts {
            return Some(ValueRange::Ghost);
        }
        Some(ValueRange::Bytes(self.values_end.checked_sub(usize::from(offset))?, len))
    }

    /// Key of an entry; empty past the last entry.
    #[must_use]
    #[inline]
    pub fn key(&self, index: usize) -> &[u8] {
        if index >= self.count {
            return &[];
        }
        self.key_range(index).and_then(|(start, len)| get(&self.bytes, start, len)).unwrap_or(&[])
    }

    /// Value of an entry; `None` for a ghost or past the last entry.
    #[must_use]
    #[inline]
    pub fn value(&self, index: usize) -> Option<&[u8]> {
        if index >= self.count {
            return None;
        }
        match self.value_range(index) {
            ValueRange::Bytes(start, len) => get(&self.bytes, start, len),
            ValueRange::Ghost | ValueRange::Outside => None,
        }
    }

    /// The whole node as stored.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where the key of an entry lies, and its length.
    pub(crate) fn key_place(&self, index: usize) -> (usize, usize) {
        self.key_range(index).unwrap_or_default()
    }

    /// Where the value of an entry lies, and its length; `None` for a ghost.
    pub(crate) fn value_place(&self, index: usize) -> Option<(usize, usize)> {
        match self.value_range(index) {
            ValueRange::Bytes(start, len) => Some((start, len)),
            ValueRange::Ghost | ValueRange::Outside => None,
        }
    }

    /// Child reference of an entry of an index node, as stored.
    pub(crate) fn child(&self, index: usize) -> Option<u64> {
        u64_at(self.value(index)?, 0)
    }

    /// Number of entries.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// 0 for a leaf.
    #[must_use]
    pub fn level(&self) -> u16 {
        self.level
    }

    /// Block that the node was read from.
    #[must_use]
    pub fn block(&self) -> Paddr {
        self.block
    }

    /// Object header, zeros in a header-less node.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Footer, of a root node only.
    #[must_use]
    pub fn info(&self) -> Option<&BtreeInfo> {
        self.info.as_ref()
    }

    /// The kind of tree that the node was checked for.
    pub(crate) fn kind(&self) -> &'static TreeKind {
        self.kind
    }

    pub(crate) fn is_hashed(&self) -> bool {
        self.flags & BTNODE_HASHED != 0
    }

    pub(crate) fn is_headerless(&self) -> bool {
        self.flags & BTNODE_NOHEADER != 0
    }

    pub(crate) fn is_root(&self) -> bool {
        self.flags & BTNODE_ROOT != 0
    }

    fn is_fixed(&self) -> bool {
        self.flags & BTNODE_FIXED_KV_SIZE != 0
    }

    pub(crate) fn place(&self, field: &'static str) -> Place {
        let place = Place::new(STRUCTURE, field).block(self.block);
        if self.is_headerless() { place } else { place.oid(self.header.oid).xid(self.header.xid) }
    }
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
        Node::key(self, index)
    }

    #[inline]
    fn value(&self, index: usize) -> &[u8] {
        Node::value(self, index).unwrap_or(&[])
    }

    #[inline]
    fn order(&self, a: &[u8], b: &[u8]) -> Ordering {
        (self.kind.order)(a, b)
    }

    fn place(&self, field: &'static str) -> Place {
        Node::place(self, field)
    }
}

#[derive(Clone, Copy)]
enum ValueRange {
    Bytes(usize, usize),
    Ghost,
    Outside,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("tree", &self.kind.name)
            .field("block", &self.block)
            .field("level", &self.level)
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "offsets written by hand")]
mod tests {
    use super::*;
    use crate::apfs::tree_kind::{FREE_QUEUE, OMAP, SNAP_META};

    /// A leaf root of 4096 bytes: table at 0x38 of `table` bytes, keys after it, values before the footer.
    struct Hand(Vec<u8>);

    impl Hand {
        fn new(flags: u16, count: u32, table: u16, keys: u16, values: u16) -> Hand {
            let mut node = Hand(alloc::vec![0; 4096]);
            node.put(0x20, &(flags | BTNODE_ROOT | BTNODE_LEAF).to_le_bytes());
            node.put(0x24, &count.to_le_bytes());
            node.put(0x2A, &table.to_le_bytes());
            node.put(0x2C, &keys.to_le_bytes());
            let free = 4096 - 40 - 0x38 - table - keys - values;
            node.put(0x2E, &free.to_le_bytes());
            node
        }

        fn put(&mut self, at: usize, bytes: &[u8]) {
            self.0[at..at + bytes.len()].copy_from_slice(bytes);
        }

        fn parse(self, kind: &'static TreeKind) -> Result<Node> {
            Node::parse(self.0, Paddr(7), kind)
        }
    }

    /// Two snapshot records with variable keys and values: 8-byte keys 1 and 2, values "one" and "two!".
    fn variable() -> Hand {
        let mut node = Hand::new(0, 2, 16, 16, 8);
        for (entry, words) in [[0u16, 8, 8, 3], [8, 8, 4, 4]].into_iter().enumerate() {
            for (word, value) in words.into_iter().enumerate() {
                node.put(0x38 + entry * 8 + word * 2, &value.to_le_bytes());
            }
        }
        node.put(0x48, &1u64.to_le_bytes());
        node.put(0x50, &2u64.to_le_bytes());
        node.put(4096 - 40 - 8, b"one");
        node.put(4096 - 40 - 4, b"two!");
        node
    }

    fn damage(node: Hand, kind: &'static TreeKind) -> Damage {
        node.parse(kind).unwrap_err().corrupt().unwrap().damage
    }

    /// Keys and values of variable size come out as they went in; past the last entry there is nothing.
    #[test]
    fn variable_records() {
        let node = variable().parse(&SNAP_META).unwrap();
        assert_eq!((node.count(), node.level()), (2, 0));
        assert_eq!(node.value(0), Some(&b"one"[..]));
        assert_eq!((node.key(1), node.value(1)), (&2u64.to_le_bytes()[..], Some(&b"two!"[..])));
        assert_eq!((node.key(2), node.value(2)), (&[][..], None));
        assert_eq!(node.entries_below(&2u64.to_le_bytes(), false), 1);
        assert_eq!(node.entries_below(&2u64.to_le_bytes(), true), 2);
    }

    /// A ghost is a key without a value, in the one tree that may have them.
    #[test]
    fn ghosts() {
        let node = || {
            let mut node = Hand::new(BTNODE_FIXED_KV_SIZE, 1, 4, 16, 0);
            node.put(0x38, &[0, 0, 0xFF, 0xFF]);
            node.put(4096 - 32, &[16, 0, 0, 0, 8, 0, 0, 0]);
            node
        };
        assert_eq!(node().parse(&FREE_QUEUE).unwrap().value(0), None);
        let mut other = node();
        other.put(4096 - 28, &[16]);
        assert_eq!(damage(other, &OMAP), Damage::Bounds);
    }

    /// Counts and offsets that leave their area, and keys out of order, are refused with their kind of damage.
    #[test]
    fn lies() {
        let changed = |at: usize, bytes: &[u8]| {
            let mut node = variable();
            node.put(at, bytes);
            damage(node, &SNAP_META)
        };
        assert_eq!(changed(0x24, &u32::MAX.to_le_bytes()), Damage::Bounds, "btn_nkeys");
        assert_eq!(changed(0x2A, &u16::MAX.to_le_bytes()), Damage::Bounds, "table length");
        assert_eq!(changed(0x2E, &u16::MAX.to_le_bytes()), Damage::Bounds, "free space");
        assert_eq!(changed(0x38, &u16::MAX.to_le_bytes()), Damage::Bounds, "key offset");
        assert_eq!(changed(0x3A, &7u16.to_le_bytes()), Damage::Bounds, "key too short");
        assert_eq!(changed(0x3C, &u16::MAX.to_le_bytes()), Damage::Bounds, "value offset");
        assert_eq!(changed(0x3E, &9u16.to_le_bytes()), Damage::Bounds, "value length");
        assert_eq!(changed(0x48, &3u64.to_le_bytes()), Damage::KeyOrder);
        assert_eq!(changed(0x48, &2u64.to_le_bytes()), Damage::KeyOrder, "equal keys");
        assert_eq!(changed(0x22, &1u16.to_le_bytes()), Damage::Level, "a leaf above level 0");
        assert_eq!(changed(0x20, &7u16.to_le_bytes()), Damage::Contradiction, "fixed records");
    }

    /// Bytes too short for a node are an error, at every length.
    #[test]
    fn short() {
        for len in 0..0x60 {
            assert!(Node::parse(alloc::vec![3; len], Paddr(1), &SNAP_META).is_err());
        }
    }
}
