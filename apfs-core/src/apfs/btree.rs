//! B-trees: search, and a cursor with an explicit stack (sheet apfs-02, sections 4 to 6).

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::fmt;

use super::node::Node;
use super::object::{Expect, XidRule};
use super::raw::btree::{BTREE_HASHED, BtreeInfo};
use super::raw::fs::OBJ_ID_MASK;
use super::raw::object::{OBJ_PHYSICAL, OBJECT_TYPE_BTREE, OBJECT_TYPE_BTREE_NODE};
use super::store::{NodeRequest, Store};
use super::tree_kind::TreeKind;
use crate::base::bytes::u64_at;
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::ids::{Oid, Paddr, Xid};
use crate::crypto::xts::Xts;

/// Most levels of a tree. Real ones have up to 6; Apple's own code for HFS+ stops at 16.
const MAX_LEVELS: u16 = 16;

/// Where an object is, and what its header must say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Location<'k> {
    pub(crate) block: Paddr,
    pub(crate) xid: XidRule,
    pub(crate) headerless: bool,
    /// What it is encrypted with.
    pub(crate) key: Option<&'k Arc<Xts>>,
}

/// Turns child references into places: one implementation per kind of storage.
pub(crate) trait Resolve: Send + Sync {
    /// Where the object is now.
    fn locate(&self, oid: Oid) -> Result<Location<'_>>;
}

/// References that are block numbers.
#[derive(Debug)]
pub(crate) struct Physical {
    /// Newest transaction that an object can be of.
    pub(crate) newest: Xid,
}

impl Resolve for Physical {
    fn locate(&self, oid: Oid) -> Result<Location<'_>> {
        let xid = XidRule::AtMost(self.newest);
        Ok(Location { block: Paddr(oid.0), xid, headerless: false, key: None })
    }
}

/// A B-tree, with its root node read.
#[derive(Clone)]
pub struct Tree {
    store: Arc<Store>,
    kind: &'static TreeKind,
    resolve: Arc<dyn Resolve>,
    root: Arc<Node>,
    root_oid: Oid,
    hashed: bool,
}

impl Tree {
    /// Reads the root of a tree.
    pub(crate) fn open(
        store: Arc<Store>,
        kind: &'static TreeKind,
        resolve: Arc<dyn Resolve>,
        root_oid: Oid,
    ) -> Result<Tree> {
        let location = resolve.locate(root_oid)?;
        let root = store.node(&request(kind, root_oid, &location, true))?;
        if root.level() >= MAX_LEVELS {
            let finding = Corrupt::new(Damage::Level, root.place("btn_level"));
            return Err(finding.expected(alloc::format!("below {MAX_LEVELS}")).found(root.level()).into());
        }
        let hashed =
            root.info().is_some_and(|info| info.bt_flags.get() & BTREE_HASHED != 0) || root.is_hashed();
        let node_size = root.info().map_or(0, |info| info.bt_node_size.get());
        if u64::from(node_size) != store.block_size().bytes() {
            let place = Place::new("btree_info_t", "bt_node_size").block(root.block()).oid(root_oid);
            let finding = Corrupt::new(Damage::Range, place).expected(store.block_size().bytes());
            return Err(finding.found(node_size).into());
        }
        Ok(Tree { store, kind, resolve, root, root_oid, hashed })
    }

    /// What the tree is of.
    #[must_use]
    pub fn kind(&self) -> &'static TreeKind {
        self.kind
    }

    /// Footer of the root: sizes and counts as stored. Do not size anything by it.
    #[must_use]
    pub fn info(&self) -> Option<&BtreeInfo> {
        self.root.info()
    }

    /// Levels of the tree, 1 if the root is a leaf.
    #[must_use]
    pub fn levels(&self) -> u16 {
        self.root.level().saturating_add(1)
    }

    /// The record with exactly this key.
    ///
    /// # Errors
    /// Damage or I/O on the way to it.
    pub fn get(&self, key: &[u8]) -> Result<Option<Record>> {
        let mut node = self.root.clone();
        loop {
            let below = node.entries_below(key, true);
            let Some(index) = below.checked_sub(1) else { return Ok(None) };
            if node.level() == 0 {
                let equal = (self.kind.order)(node.key(index), key) == Ordering::Equal;
                return Ok(equal.then_some(Record { node, index }));
            }
            node = self.child(&node, index)?;
        }
    }

    /// The last record whose key is not above this one.
    ///
    /// # Errors
    /// Damage or I/O on the way to it.
    pub fn floor(&self, key: &[u8]) -> Result<Option<Record>> {
        let mut node = self.root.clone();
        loop {
            let below = node.entries_below(key, true);
            match (below.checked_sub(1), node.level()) {
                (Some(index), 0) => return Ok(Some(Record { node, index })),
                (Some(index), _) => node = self.child(&node, index)?,
                (None, _) if Arc::ptr_eq(&node, &self.root) => return Ok(None),
                // The key lies between a separator and the first key below it: the record is in an earlier leaf.
                (None, _) => {
                    let mut cursor = Cursor::new();
                    cursor.seek(self, key)?;
                    cursor.back(self)?;
                    return Ok(cursor.record());
                }
            }
        }
    }

    /// Ids at which nodes begin, at least `wanted` of them if the tree has so many above its leaves: borders for
    /// cutting the tree into parts. Nodes that can't be read are not looked into.
    pub(crate) fn border_ids(&self, wanted: usize) -> Vec<u64> {
        let mut nodes = alloc::vec![self.root.clone()];
        loop {
            let total: usize = nodes.iter().fold(0, |sum, node| sum.saturating_add(node.count()));
            let level = nodes.first().map_or(0, |node| node.level());
            if total >= wanted || level < 2 {
                break;
            }
            let children = nodes.iter().flat_map(|node| (0..node.count()).map(move |index| (node, index)));
            nodes = children.filter_map(|(node, index)| self.child(node, index).ok()).collect();
        }
        let heads =
            nodes.iter().flat_map(|node| (0..node.count()).filter_map(|index| u64_at(node.key(index), 0)));
        heads.map(|head| head & OBJ_ID_MASK).collect()
    }

    /// Reads a child and checks it against its parent: level, and first key not below the separator.
    fn child(&self, parent: &Arc<Node>, index: usize) -> Result<Arc<Node>> {
        let stored =
            parent.child(index).ok_or_else(|| Error::damage(Damage::Bounds, parent.place("value")))?;
        // In hashed trees child references count from the root (sheet apfs-02, section 4).
        let oid = if self.hashed { Oid(stored.wrapping_add(self.root_oid.0)) } else { Oid(stored) };
        let location = self.resolve.locate(oid)?;
        let child = self.store.node(&request(self.kind, oid, &location, false))?;
        if child.level().checked_add(1) != Some(parent.level()) {
            let finding = Corrupt::new(Damage::Level, child.place("btn_level").oid(oid));
            return Err(finding.expected(parent.level().saturating_sub(1)).found(child.level()).into());
        }
        if (self.kind.order)(child.key(0), parent.key(index)) == Ordering::Less {
            return Err(Corrupt::new(Damage::KeyOrder, child.place("key").oid(oid)).into());
        }
        Ok(child)
    }
}

fn request<'k>(kind: &'static TreeKind, oid: Oid, location: &Location<'k>, root: bool) -> NodeRequest<'k> {
    let expect = Expect {
        structure: kind.name,
        oid,
        xid: location.xid,
        object_type: if root { OBJECT_TYPE_BTREE } else { OBJECT_TYPE_BTREE_NODE },
        storage: kind.storage,
        subtype: kind.subtype,
    };
    let Location { block, headerless, key, .. } = *location;
    NodeRequest { block, kind, expect, root, headerless, key }
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let physical = self.kind.storage == OBJ_PHYSICAL;
        f.debug_struct("Tree")
            .field("kind", &self.kind.name)
            .field("root", &self.root_oid)
            .field("physical", &physical)
            .field("levels", &self.levels())
            .finish()
    }
}

/// One record: its leaf, which stays in memory as long as the record, and its place there.
#[derive(Clone, Debug)]
pub struct Record {
    node: Arc<Node>,
    index: usize,
}

impl Record {
    /// Key as stored.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        self.node.key(self.index)
    }

    /// Value as stored; empty for a ghost.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        self.node.value(self.index).unwrap_or(&[])
    }

    /// Place for an error about the record.
    pub(crate) fn place(&self, structure: &'static str, field: &'static str) -> Place {
        Place { structure, field, ..self.node.place("") }
    }
}

/// A position in a tree. It borrows nothing: it can be stored, sent and paused.
///
/// After an error, [`Cursor::advance`] goes on behind the node that could not be read.
#[derive(Clone, Debug, Default)]
pub struct Cursor {
    /// Nodes from the root down, each with the entry taken.
    stack: Vec<(Arc<Node>, usize)>,
}

impl Cursor {
    /// A cursor that is nowhere yet.
    #[must_use]
    pub fn new() -> Cursor {
        Cursor::default()
    }

    /// Goes to the first record whose key is not below `key`.
    ///
    /// # Errors
    /// Damage or I/O on the way.
    pub fn seek(&mut self, tree: &Tree, key: &[u8]) -> Result<()> {
        self.stack.clear();
        let mut node = tree.root.clone();
        loop {
            if node.level() == 0 {
                let index = node.entries_below(key, false);
                let past = index >= node.count();
                self.stack.push((node, index));
                return if past { self.advance(tree) } else { Ok(()) };
            }
            let index = node.entries_below(key, true).saturating_sub(1);
            self.stack.push((node, index));
            node = self.child_of_top(tree)?;
        }
    }

    /// Goes to the last record whose key is not above `key`, or to the first record if there is none.
    ///
    /// # Errors
    /// Damage or I/O on the way.
    pub fn seek_floor(&mut self, tree: &Tree, key: &[u8]) -> Result<()> {
        self.stack.clear();
        let mut node = tree.root.clone();
        // Only nodes on the way down: a damaged node behind the record must not matter.
        while node.level() > 0 {
            let index = node.entries_below(key, true).saturating_sub(1);
            self.stack.push((node, index));
            node = self.child_of_top(tree)?;
        }
        let behind = node.entries_below(key, true);
        self.stack.push((node, behind));
        self.back(tree)?;
        // Before the first record: go to it.
        if self.stack.is_empty() { self.seek(tree, key) } else { Ok(()) }
    }

    /// Goes to the next record, or past the end.
    ///
    /// # Errors
    /// Damage or I/O; the next call goes on behind it.
    pub fn advance(&mut self, tree: &Tree) -> Result<()> {
        while let Some((node, index)) = self.stack.last_mut() {
            let next = index.saturating_add(1);
            if next < node.count() {
                *index = next;
                return self.descend(tree, false);
            }
            self.stack.pop();
        }
        Ok(())
    }

    /// Goes to the previous record; before the first one the cursor is nowhere.
    ///
    /// # Errors
    /// Damage or I/O.
    pub fn back(&mut self, tree: &Tree) -> Result<()> {
        if self.stack.is_empty() {
            // Past the end: the last record is the previous one.
            let last = tree.root.count();
            self.stack.push((tree.root.clone(), last));
        }
        while let Some((_, index)) = self.stack.last_mut() {
            if let Some(previous) = index.checked_sub(1) {
                *index = previous;
                return self.descend(tree, true);
            }
            self.stack.pop();
        }
        Ok(())
    }

    /// The record here, or `None` past an end or at a node that could not be read.
    #[must_use]
    pub fn record(&self) -> Option<Record> {
        let (node, index) = self.leaf()?;
        Some(Record { node: node.clone(), index })
    }

    /// Leaf and entry here, borrowed: what inner loops use.
    #[must_use]
    #[inline]
    pub fn leaf(&self) -> Option<(&Arc<Node>, usize)> {
        let (node, index) = self.stack.last()?;
        (node.level() == 0 && *index < node.count()).then_some((node, *index))
    }

    /// Key of the entry taken here: of the record, or after an error of the entry that leads to the bad node.
    pub(crate) fn entry_key(&self) -> Option<&[u8]> {
        self.stack.last().map(|(node, index)| node.key(*index))
    }

    /// After an error: the smallest key that lies behind the node that could not be read.
    #[must_use]
    pub fn key_behind(&self) -> Option<&[u8]> {
        self.stack.iter().rev().find_map(|(node, index)| {
            let next = index.saturating_add(1);
            (next < node.count()).then(|| node.key(next))
        })
    }

    /// Down from the top of the stack to a leaf, along the first or last entries.
    fn descend(&mut self, tree: &Tree, last: bool) -> Result<()> {
        while self.stack.last().is_some_and(|(node, _)| node.level() > 0) {
            let child = self.child_of_top(tree)?;
            let index = if last { child.count().saturating_sub(1) } else { 0 };
            self.stack.push((child, index));
        }
        Ok(())
    }

    /// The child at the top of the stack. All its keys must lie below the next separator, which also makes it
    /// impossible to reach one node twice.
    fn child_of_top(&self, tree: &Tree) -> Result<Arc<Node>> {
        let Some((node, index)) = self.stack.last() else { return Ok(tree.root.clone()) };
        let child = tree.child(node, *index)?;
        let last = child.key(child.count().saturating_sub(1));
        if self.key_behind().is_some_and(|bound| (tree.kind.order)(last, bound) != Ordering::Less) {
            return Err(Corrupt::new(Damage::KeyOrder, child.place("key").oid(child.oid())).into());
        }
        Ok(child)
    }
}
