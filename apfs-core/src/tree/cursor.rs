//! A cursor over any B-tree, with an explicit stack.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::fmt;

use super::node::{Record, SearchTree, TreeNode};
use crate::base::damage::{Corrupt, Damage};
use crate::base::error::Result;

/// A position in a tree. It borrows nothing: it can be stored, sent and paused.
///
/// After an error, [`Cursor::advance`] goes on behind the node that could not be read.
pub struct Cursor<N> {
    /// Nodes from the root down, each with the entry taken.
    stack: Vec<(Arc<N>, usize)>,
}

impl<N: TreeNode> Cursor<N> {
    /// A cursor that is nowhere yet.
    #[must_use]
    pub fn new() -> Cursor<N> {
        Cursor { stack: Vec::new() }
    }

    /// Goes to the first record whose key is not below `key`.
    ///
    /// # Errors
    /// Damage or I/O on the way.
    pub fn seek(&mut self, tree: &impl SearchTree<Node = N>, key: &[u8]) -> Result<()> {
        self.stack.clear();
        let mut node = tree.root().clone();
        loop {
            if node.level() == 0 {
                let index = node.entries_below(key, false);
                let past = index >= node.count();
                self.stack.push((node, index));
                return if past { self.advance(tree) } else { Ok(()) };
            }
            let below = node.entries_below(key, true);
            self.stack.push((node, below.saturating_sub(1)));
            node = self.child_of_top(tree)?;
            if below > 0 && node.order(key, node.key(0)) == Ordering::Less {
                tree.gap(&node)?;
            }
        }
    }

    /// Goes to the last record whose key is not above `key`, or to the first record if there is none.
    ///
    /// # Errors
    /// Damage or I/O on the way.
    pub fn seek_floor(&mut self, tree: &impl SearchTree<Node = N>, key: &[u8]) -> Result<()> {
        self.stack.clear();
        let mut node = tree.root().clone();
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
    pub fn advance(&mut self, tree: &impl SearchTree<Node = N>) -> Result<()> {
        let mut left: Option<Arc<N>> = None;
        while let Some((node, index)) = self.stack.last_mut() {
            let next = index.saturating_add(1);
            if next < node.count() {
                *index = next;
                self.descend(tree, false)?;
                if let (Some(left), Some((here, _))) = (&left, self.stack.last()) {
                    tree.neighbours(left, Some(here));
                }
                return Ok(());
            }
            left = self.stack.pop().map(|(node, _)| node).filter(|node| node.level() == 0).or(left);
        }
        if let Some(left) = left {
            tree.neighbours(&left, None);
        }
        Ok(())
    }

    /// Goes to the previous record; before the first one the cursor is nowhere.
    ///
    /// # Errors
    /// Damage or I/O.
    pub fn back(&mut self, tree: &impl SearchTree<Node = N>) -> Result<()> {
        if self.stack.is_empty() {
            // Past the end: the last record is the previous one.
            let last = tree.root().count();
            self.stack.push((tree.root().clone(), last));
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
    pub fn record(&self) -> Option<Record<N>> {
        let (node, index) = self.leaf()?;
        Some(Record { node: node.clone(), index })
    }

    /// Leaf and entry here, borrowed: what inner loops use.
    #[must_use]
    #[inline]
    pub fn leaf(&self) -> Option<(&Arc<N>, usize)> {
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
    fn descend(&mut self, tree: &impl SearchTree<Node = N>, last: bool) -> Result<()> {
        while self.stack.last().is_some_and(|(node, _)| node.level() > 0) {
            let child = self.child_of_top(tree)?;
            let index = if last { child.count().saturating_sub(1) } else { 0 };
            self.stack.push((child, index));
        }
        Ok(())
    }

    /// The child at the top of the stack. All its keys must lie below the next separator, which also makes it
    /// impossible to reach one node twice.
    fn child_of_top(&self, tree: &impl SearchTree<Node = N>) -> Result<Arc<N>> {
        let Some((node, index)) = self.stack.last() else { return Ok(tree.root().clone()) };
        let child = tree.child(node, *index)?;
        let last = child.key(child.count().saturating_sub(1));
        if self.key_behind().is_some_and(|bound| child.order(last, bound) != Ordering::Less) {
            return Err(Corrupt::new(Damage::KeyOrder, child.place("key")).into());
        }
        Ok(child)
    }
}

impl<N: TreeNode> Default for Cursor<N> {
    fn default() -> Cursor<N> {
        Cursor::new()
    }
}

impl<N> Clone for Cursor<N> {
    fn clone(&self) -> Cursor<N> {
        Cursor { stack: self.stack.clone() }
    }
}

impl<N: TreeNode> fmt::Debug for Cursor<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cursor").field("stack", &self.stack).finish()
    }
}
