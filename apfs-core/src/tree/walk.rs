//! All nodes of a tree, parents before their children, with an explicit stack.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cmp::Ordering;

use super::node::{SearchTree, TreeNode};
use crate::base::damage::{Corrupt, Damage};
use crate::base::error::Result;

/// A walk over the nodes of a tree, in key order. A node that can't be read is an error, and the walk goes on behind it.
#[derive(Debug)]
pub(crate) struct Walk<N> {
    /// Index nodes from the root down, each with the entry to go to next.
    stack: Vec<(Arc<N>, usize)>,
    begun: bool,
}

impl<N: TreeNode> Walk<N> {
    /// A walk that has not begun.
    pub(crate) fn new() -> Walk<N> {
        Walk { stack: Vec::new(), begun: false }
    }

    /// The next node; `None` after the last one.
    pub(crate) fn next(&mut self, tree: &impl SearchTree<Node = N>) -> Option<Result<Arc<N>>> {
        if !self.begun {
            self.begun = true;
            return Some(Ok(self.enter(tree.root().clone())));
        }
        loop {
            let (node, next) = self.stack.last_mut()?;
            let index = *next;
            if index >= node.count() {
                self.stack.pop();
                continue;
            }
            *next = index.saturating_add(1);
            let node = node.clone();
            let child = tree.child(&node, index).and_then(|child| self.check(child));
            return Some(child.map(|child| self.enter(child)));
        }
    }

    fn enter(&mut self, node: Arc<N>) -> Arc<N> {
        if node.level() > 0 {
            self.stack.push((node.clone(), 0));
        }
        node
    }

    /// All keys of a child must lie below the next separator, which also makes it impossible to reach one node twice.
    fn check(&self, child: Arc<N>) -> Result<Arc<N>> {
        let bound = self.stack.iter().rev().find(|(node, next)| *next < node.count());
        let last = child.key(child.count().saturating_sub(1));
        match bound {
            Some((node, next)) if child.order(last, node.key(*next)) != Ordering::Less => {
                Err(Corrupt::new(Damage::KeyOrder, child.place("key")).into())
            }
            _ => Ok(child),
        }
    }
}
