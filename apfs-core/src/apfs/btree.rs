//! B-trees of APFS over any kind of storage (sheet apfs-02, sections 4 to 6).

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
use crate::tree;
use crate::tree::node::{SearchTree, TreeNode};

/// A position in a tree.
pub type Cursor = tree::cursor::Cursor<Node>;

/// One record of a tree.
pub type Record = tree::node::Record<Node>;

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
        tree::node::check_levels(&*root, "btn_level")?;
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

    /// Where an object is that the tree's references can lead to.
    pub(crate) fn locate(&self, oid: Oid) -> Result<Location<'_>> {
        self.resolve.locate(oid)
    }

    /// The node of an id, read from where it is; what leads to it is not looked at.
    pub(crate) fn node(&self, oid: Oid) -> Result<Arc<Node>> {
        if oid == self.root_oid {
            return Ok(self.root.clone());
        }
        let location = self.resolve.locate(oid)?;
        self.store.node(&request(self.kind, oid, &location, false))
    }

    /// True if an object is none of a tree of this kind, by a header whose checksum is right.
    pub(crate) fn is_stranger(&self, oid: Oid) -> Result<bool> {
        let location = self.resolve.locate(oid)?;
        if location.headerless {
            return Ok(false);
        }
        let header = self.store.header(location.block, self.kind.name, location.key.map(|key| &**key))?;
        let is_node = matches!(header.object_type(), OBJECT_TYPE_BTREE | OBJECT_TYPE_BTREE_NODE);
        Ok(!is_node || header.subtype != self.kind.subtype)
    }

    /// The record with exactly this key.
    ///
    /// # Errors
    /// Damage or I/O on the way to it.
    pub fn get(&self, key: &[u8]) -> Result<Option<Record>> {
        tree::node::get(self, key)
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

    /// Object id of the root.
    pub(crate) fn root_oid(&self) -> Oid {
        self.root_oid
    }

    /// Object id of the child that an entry leads to.
    pub(crate) fn child_oid(&self, parent: &Node, index: usize) -> Result<Oid> {
        let stored =
            parent.child(index).ok_or_else(|| Error::damage(Damage::Bounds, parent.place("value")))?;
        // In hashed trees child references count from the root (sheet apfs-02, section 4).
        Ok(if self.hashed { Oid(stored.wrapping_add(self.root_oid.0)) } else { Oid(stored) })
    }

    /// Where a node is, and its bytes, whatever they are; decrypted if they are encrypted.
    pub(crate) fn node_bytes(&self, oid: Oid) -> Result<(Paddr, Vec<u8>)> {
        let Location { block, key, .. } = self.resolve.locate(oid)?;
        let mut bytes = self.store.blocks(block, 1)?;
        if let Some(key) = key {
            self.store.decrypt(key, block.0, &mut bytes);
        }
        Ok((block, bytes))
    }

    /// Ids at which nodes begin, at least `wanted` of them if the tree has so many above its leaves: borders for
    /// cutting the tree into parts. Nodes that can't be read are not looked into.
    pub(crate) fn border_ids(&self, wanted: usize) -> Vec<u64> {
        let nodes = tree::node::borders(self, wanted);
        let heads =
            nodes.iter().flat_map(|node| (0..node.count()).filter_map(|index| u64_at(node.key(index), 0)));
        heads.map(|head| head & OBJ_ID_MASK).collect()
    }
}

impl SearchTree for Tree {
    type Node = Node;

    fn root(&self) -> &Arc<Node> {
        &self.root
    }

    fn child(&self, parent: &Arc<Node>, index: usize) -> Result<Arc<Node>> {
        let oid = self.child_oid(parent, index)?;
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
