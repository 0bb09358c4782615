//! Going through the nodes of any B-tree, parents before children, where the caller says which are looked into.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::fmt;

use super::node::{SearchTree, TreeNode};
use crate::base::damage::{Corrupt, Damage};
use crate::base::error::Result;

/// Nodes that are being gone through, from the root down.
pub(crate) struct Descent<N> {
    /// Each with the entry that comes next.
    stack: Vec<(Arc<N>, usize)>,
}

impl<N: TreeNode> Descent<N> {
    /// Begins with the entries of a node.
    pub(crate) fn into(node: Arc<N>) -> Descent<N> {
        Descent { stack: alloc::vec![(node, 0)] }
    }

    /// The next entry, with its node; `None` at the end.
    pub(crate) fn entry(&mut self) -> Option<(Arc<N>, usize)> {
        while let Some((node, next)) = self.stack.last_mut() {
            if *next < node.count() {
                let index = *next;
                *next = next.saturating_add(1);
                return Some((node.clone(), index));
            }
            self.stack.pop();
        }
        None
    }

    /// Reads the node that the entry taken last leads to. All its keys must lie below the next entry's, which makes it
    /// impossible to reach a node twice.
    pub(crate) fn child(
        &self,
        tree: &impl SearchTree<Node = N>,
        node: &Arc<N>,
        index: usize,
    ) -> Result<Arc<N>> {
        let child = tree.child(node, index)?;
        let last = child.key(child.count().saturating_sub(1));
        if self.key_behind().is_some_and(|bound| child.order(last, bound) != Ordering::Less) {
            return Err(Corrupt::new(Damage::KeyOrder, child.place("key")).into());
        }
        Ok(child)
    }

    /// Goes through the entries of a child next.
    pub(crate) fn enter(&mut self, child: Arc<N>) {
        self.stack.push((child, 0));
    }

    /// The smallest key behind the entry taken last; `None` if there is nothing behind it.
    pub(crate) fn key_behind(&self) -> Option<&[u8]> {
        self.stack.iter().rev().find_map(|(node, next)| (*next < node.count()).then(|| node.key(*next)))
    }
}

impl<N: TreeNode> fmt::Debug for Descent<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Descent").field("stack", &self.stack).finish()
    }
}
