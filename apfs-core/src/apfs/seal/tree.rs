//! The hashed tree: as a cursor goes along it, every node is compared with the hash that its parent keeps.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::ops::Range;

use super::finding::{SealStep, SealedNode};
use crate::apfs::btree::Tree;
use crate::apfs::node::Node;
use crate::apfs::raw::fs::OBJ_ID_MASK;
use crate::base::bytes::u64_at;
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::ids::Paddr;
use crate::crypto::digest::{Algorithm, Hex};
use crate::tree::node::{SearchTree, TreeNode};

/// Bytes of a child's reference in an index entry; its hash follows.
const REFERENCE_LEN: usize = 8;

/// A tree whose nodes are compared when they are met. One pass along a range of ids compares each node of the range
/// once: a node belongs to the range that holds the id of the key which leads to it.
pub(super) struct HashedTree<'t> {
    tree: &'t Tree,
    algorithm: Algorithm,
    ids: Range<u64>,
    found: RefCell<Vec<SealedNode>>,
    /// What the last error says has been told, here or by the check of another range.
    told: Cell<bool>,
    nodes: Cell<u64>,
    bytes: Cell<u64>,
}

impl<'t> HashedTree<'t> {
    pub(super) fn new(tree: &'t Tree, algorithm: Algorithm, ids: Range<u64>) -> HashedTree<'t> {
        let (found, told) = (RefCell::new(Vec::new()), Cell::new(false));
        HashedTree { tree, algorithm, ids, found, told, nodes: Cell::new(0), bytes: Cell::new(0) }
    }

    /// What was found since the last call.
    pub(super) fn take_found(&self) -> Vec<SealedNode> {
        self.found.take()
    }

    /// True if the error that a cursor has just met is told already.
    pub(super) fn was_told(&self) -> bool {
        self.told.take()
    }

    /// Nodes that were compared, and their bytes.
    pub(super) fn compared(&self) -> (u64, u64) {
        (self.nodes.get(), self.bytes.get())
    }

    /// Compares the root with the hash that the volume records.
    pub(super) fn compare_root(&self, expected: &[u8]) {
        let root = self.tree.root();
        if let Err(error) = self.compare(root.bytes(), expected, root.place("").oid(self.tree.root_oid())) {
            self.found.borrow_mut().push(SealedNode {
                oid: self.tree.root_oid(),
                block: Some(root.block()),
                level: root.level(),
                path: Vec::new(),
                ids: 0..u64::MAX,
                error,
            });
        }
    }

    fn compare(&self, bytes: &[u8], expected: &[u8], place: Place) -> Result<()> {
        let len = u64::try_from(bytes.len()).unwrap_or(0);
        self.bytes.set(self.bytes.get().saturating_add(len));
        let digest = self.algorithm.digest(bytes);
        if digest.as_bytes() == expected {
            return Ok(());
        }
        let place = Place { structure: "btree_node_phys_t", field: "", ..place };
        Err(Corrupt::new(Damage::Hash, place).expected(Hex(expected)).found(digest).into())
    }

    /// Compares a child, read or not, with the hash in its parent; gives what is wrong and its block.
    fn compare_child(
        &self,
        parent: &Node,
        index: usize,
        child: &Result<Arc<Node>>,
    ) -> (Option<Paddr>, Result<()>) {
        let oid = match self.tree.child_oid(parent, index) {
            Ok(oid) => oid,
            Err(error) => return (None, Err(error)),
        };
        let expected = parent.value(index).and_then(|value| value.get(REFERENCE_LEN..)).unwrap_or(&[]);
        if expected.len() != self.algorithm.len() {
            let finding = Corrupt::new(Damage::Bounds, parent.place("btn_index_node_val_t"));
            let finding = finding.expected(alloc::format!("a hash of {} bytes", self.algorithm.len()));
            let block = child.as_ref().ok().map(|child| child.block());
            return (block, Err(finding.found(expected.len()).into()));
        }
        let (block, compared) = match child {
            Ok(child) => {
                let compared = self.compare(child.bytes(), expected, child.place("").oid(oid));
                (child.block(), compared)
            }
            Err(_) => match self.tree.node_bytes(oid) {
                Ok((block, bytes)) => {
                    let place = Place::default().block(block).oid(oid);
                    (block, self.compare(&bytes, expected, place))
                }
                Err(error) => return (None, Err(error)),
            },
        };
        (Some(block), compared)
    }

    fn judge(&self, parent: &Node, index: usize, child: Result<Arc<Node>>) -> Result<Arc<Node>> {
        self.nodes.set(self.nodes.get().saturating_add(1));
        let (block, compared) = self.compare_child(parent, index, &child);
        // A hash that differs says more than what is wrong inside of the node.
        let (child, error) = match (child, compared) {
            (Ok(child), Ok(())) => return Ok(child),
            (Ok(child), Err(error)) => (Ok(child), error),
            (Err(_), Err(error)) => (Err(Error::Misuse("a node that can't be read is told of")), error),
            (Err(error), Ok(())) => (Err(Error::Misuse("a node that can't be read is told of")), error),
        };
        let (path, end) = self.path_to(parent, index);
        self.found.borrow_mut().push(SealedNode {
            oid: self.tree.child_oid(parent, index).unwrap_or_default(),
            block,
            level: parent.level().saturating_sub(1),
            path,
            ids: id_of(parent.key(index))..end,
            error,
        });
        child
    }

    /// The way from the root to an entry, and the id behind all that can be below it.
    fn path_to(&self, parent: &Node, index: usize) -> (Vec<SealStep>, u64) {
        let key = parent.key(index);
        let (mut path, mut end) = (Vec::new(), u64::MAX);
        let (mut node, mut oid) = (self.tree.root().clone(), self.tree.root_oid());
        while node.level() > 0 {
            let entry = node.entries_below(key, true).saturating_sub(1);
            path.push(SealStep { oid, block: node.block(), entry, id: id_of(node.key(entry)) });
            let next = entry.saturating_add(1);
            if next < node.count() {
                // Records of the next key's file can stand before it.
                end = id_of(node.key(next)).saturating_add(1);
            }
            if node.block() == parent.block() {
                break;
            }
            oid = self.tree.child_oid(&node, entry).unwrap_or_default();
            let Ok(child) = self.tree.child(&node, entry) else { break };
            node = child;
        }
        (path, end)
    }
}

/// Number of the file or stream that a key is about.
pub(super) fn id_of(key: &[u8]) -> u64 {
    u64_at(key, 0).unwrap_or(0) & OBJ_ID_MASK
}

impl SearchTree for HashedTree<'_> {
    type Node = Node;

    fn root(&self) -> &Arc<Node> {
        self.tree.root()
    }

    fn child(&self, parent: &Arc<Node>, index: usize) -> Result<Arc<Node>> {
        let child = self.tree.child(parent, index);
        let is_ours = self.ids.contains(&id_of(parent.key(index)));
        let child = if is_ours { self.judge(parent, index, child) } else { child };
        self.told.set(child.is_err());
        child
    }
}
