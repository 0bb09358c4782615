//! What searching needs to know of nodes and trees, and records found in them.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::fmt;

use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::Result;

/// Most levels of a tree. Real ones have up to 6; Apple's own code for HFS+ stops at 16.
const MAX_LEVELS: u16 = 16;

/// A node that was completely checked when it was built: keys in order, every accessor safe for every index.
pub trait TreeNode: fmt::Debug {
    /// Levels below this one, 0 for a leaf.
    fn level(&self) -> u16;

    /// Number of entries.
    fn count(&self) -> usize;

    /// Key of an entry; empty past the last entry.
    fn key(&self, index: usize) -> &[u8];

    /// Value of an entry; empty if it has none and past the last entry.
    fn value(&self, index: usize) -> &[u8];

    /// Order of two keys in this node's tree.
    fn order(&self, a: &[u8], b: &[u8]) -> Ordering;

    /// Place for an error about the node.
    fn place(&self, field: &'static str) -> Place;

    /// Number of entries whose key is below `target`; with `or_equal`, not above it.
    #[inline]
    fn entries_below(&self, target: &[u8], or_equal: bool) -> usize {
        let (mut low, mut high) = (0usize, self.count());
        while low < high {
            let middle = low.midpoint(high);
            let below = match self.order(self.key(middle), target) {
                Ordering::Less => true,
                Ordering::Equal => or_equal,
                Ordering::Greater => false,
            };
            if below {
                low = middle.saturating_add(1);
            } else {
                high = middle;
            }
        }
        low
    }
}

/// A tree that can be searched: its root, and a way from a node to its children.
pub trait SearchTree {
    /// Its nodes.
    type Node: TreeNode;

    /// The root. An empty leaf for a tree without nodes.
    fn root(&self) -> &Arc<Self::Node>;

    /// The child that an entry leads to: one level lower, its first key not below the entry's.
    ///
    /// # Errors
    /// Damage or I/O.
    fn child(&self, parent: &Arc<Self::Node>, index: usize) -> Result<Arc<Self::Node>>;

    /// Called where a search looks for a key between an entry and the first key below it. Trees whose entries repeat
    /// the first key of their children have no such keys: there it is damage, which hides what is looked for.
    ///
    /// # Errors
    /// Damage.
    fn gap(&self, child: &Self::Node) -> Result<()> {
        let _ = child;
        Ok(())
    }

    /// Called with two leaves that follow each other by the nodes above them; `None` after the last one.
    fn neighbours(&self, leaf: &Self::Node, next: Option<&Self::Node>) {
        let _ = (leaf, next);
    }
}

/// One record: its leaf, which stays in memory as long as the record, and its place there.
pub struct Record<N> {
    pub(crate) node: Arc<N>,
    pub(crate) index: usize,
}

impl<N: TreeNode> Record<N> {
    /// Key as stored.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        self.node.key(self.index)
    }

    /// Value as stored; empty if there is none.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        self.node.value(self.index)
    }

    /// Place for an error about the record.
    pub(crate) fn place(&self, structure: &'static str, field: &'static str) -> Place {
        Place { structure, field, ..self.node.place("") }
    }
}

impl<N> Clone for Record<N> {
    fn clone(&self) -> Record<N> {
        Record { node: self.node.clone(), index: self.index }
    }
}

impl<N: TreeNode> fmt::Debug for Record<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").field("node", &self.node).field("index", &self.index).finish()
    }
}

/// The record with exactly this key.
pub(crate) fn get<T: SearchTree>(tree: &T, key: &[u8]) -> Result<Option<Record<T::Node>>> {
    let (node, below) = leaf_of(tree, key)?;
    let Some(index) = below.checked_sub(1) else { return Ok(None) };
    let equal = node.order(node.key(index), key) == Ordering::Equal;
    Ok(equal.then_some(Record { node, index }))
}

/// The leaf that a key belongs to, and how many of its entries are not above it.
pub(crate) fn leaf_of<T: SearchTree>(tree: &T, key: &[u8]) -> Result<(Arc<T::Node>, usize)> {
    let mut node = tree.root().clone();
    loop {
        let below = node.entries_below(key, true);
        let Some(index) = below.checked_sub(1).filter(|_| node.level() > 0) else { return Ok((node, below)) };
        node = tree.child(&node, index)?;
        if node.order(key, node.key(0)) == Ordering::Less {
            tree.gap(&node)?;
        }
    }
}

/// Nodes on one level, with at least `wanted` entries together if the tree has so many above its leaves: borders for
/// cutting the tree into parts. Nodes that can't be read are not looked into.
pub(crate) fn borders<T: SearchTree>(tree: &T, wanted: usize) -> Vec<Arc<T::Node>> {
    let mut nodes = alloc::vec![tree.root().clone()];
    loop {
        let total: usize = nodes.iter().fold(0, |sum, node| sum.saturating_add(node.count()));
        let level = nodes.first().map_or(0, |node| node.level());
        if total >= wanted || level < 2 {
            return nodes;
        }
        let children = nodes.iter().flat_map(|node| (0..node.count()).map(move |index| (node, index)));
        nodes = children.filter_map(|(node, index)| tree.child(node, index).ok()).collect();
    }
}

/// Refuses a root above the highest level that any tree may have.
pub(crate) fn check_levels(root: &impl TreeNode, field: &'static str) -> Result<()> {
    if root.level() < MAX_LEVELS {
        return Ok(());
    }
    let finding = Corrupt::new(Damage::Level, root.place(field));
    Err(finding.expected(alloc::format!("below {MAX_LEVELS}")).found(root.level()).into())
}
