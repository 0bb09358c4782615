//! The leaves that one state has and the other has not.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::{IntoIter, Vec};

use super::compare::DeltaStats;
use super::shared::Shared;
use crate::apfs::btree::{Cursor, Tree};
use crate::apfs::node::Node;
use crate::apfs::view::View;
use crate::base::bytes::len64;
use crate::base::damage::{Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::ids::{Oid, Paddr, Xid};
use crate::base::report::Cancel;
use crate::crypto::digest::{Algorithm, Digest, Hasher};
use crate::tree::descent::Descent;
use crate::tree::node::SearchTree;

/// What comes next of one state, in key order.
pub(super) enum Part {
    Leaf(Arc<Node>),
    /// Something that can't be read.
    Gap(Gap),
}

/// Keys of which nothing is known in one state.
pub(super) struct Gap {
    /// The first of them.
    pub(super) from: Box<[u8]>,
    /// The first behind them; `None` if there is none.
    pub(super) to: Option<Box<[u8]>>,
    /// Why.
    pub(super) error: Error,
}

/// The leaves of one state that the other has not, in key order.
pub(super) enum Leaves<'v> {
    Walk(Walk<'v>),
    Listed(&'v Tree, IntoIter<Listed>),
}

impl Leaves<'_> {
    pub(super) fn next(&mut self) -> Option<Part> {
        match self {
            Leaves::Walk(walk) => walk.next(),
            Leaves::Listed(tree, list) => {
                let Listed { first, oid, .. } = list.next()?;
                Some(match tree.node(oid) {
                    Ok(leaf) => Part::Leaf(leaf),
                    Err(error) => {
                        let to = list.as_slice().first().map(|next| next.first.clone());
                        Part::Gap(Gap { from: first, to, error })
                    }
                })
            }
        }
    }

    /// Leaves and index nodes read so far.
    pub(super) fn read(&self) -> (u64, u64) {
        match self {
            Leaves::Walk(walk) => walk.read,
            Leaves::Listed(..) => (0, 0),
        }
    }

    /// What stands for all leaves that were passed over since the other state has them too, in key order. Where both trees
    /// do have them it is the same for both; an object map may lead to more than its tree.
    pub(super) fn passed(&self) -> Option<Digest> {
        match self {
            Leaves::Walk(walk) => Some(Hasher::clone(&walk.passed).finish()),
            Leaves::Listed(..) => None,
        }
    }
}

/// Goes through a tree from the top: every index node is read, but no leaf that is shared.
pub(super) struct Walk<'v> {
    tree: &'v Tree,
    shared: Shared<'v>,
    /// `None` before the root.
    descent: Option<Descent<Node>>,
    read: (u64, u64),
    /// Ids of the leaves that were passed over.
    passed: Box<Hasher>,
}

impl<'v> Walk<'v> {
    pub(super) fn new(tree: &'v Tree, shared: Shared<'v>) -> Walk<'v> {
        Walk { tree, shared, descent: None, read: (0, 0), passed: Box::new(Algorithm::Sha256.hasher()) }
    }

    fn next(&mut self) -> Option<Part> {
        let Walk { tree, shared, descent, read, passed } = self;
        let first = descent.is_none();
        let root = tree.root();
        let descent = descent.get_or_insert_with(|| Descent::into(root.clone()));
        if first && (root.level() == 0 || shared.covers_children()) && shared.has(tree, tree.root_oid()) {
            passed.update(&tree.root_oid().0.to_le_bytes());
            skip(descent);
            return None;
        }
        if root.level() == 0 {
            return first.then(|| {
                read.0 = 1;
                Part::Leaf(root.clone())
            });
        }
        if first {
            read.1 = 1;
        }
        while let Some((node, index)) = descent.entry() {
            if (node.level() == 1 || shared.covers_children())
                && let Ok(oid) = tree.child_oid(&node, index)
                && shared.has(tree, oid)
            {
                passed.update(&oid.0.to_le_bytes());
                continue;
            }
            match descent.child(*tree, &node, index) {
                Ok(child) if child.level() == 0 => {
                    read.0 = read.0.saturating_add(1);
                    return Some(Part::Leaf(child));
                }
                Ok(child) => {
                    read.1 = read.1.saturating_add(1);
                    descent.enter(child);
                }
                Err(error) => {
                    let (from, to) = (node.key(index).into(), descent.key_behind().map(Box::from));
                    return Some(Part::Gap(Gap { from, to, error }));
                }
            }
        }
        None
    }
}

fn skip(descent: &mut Descent<Node>) {
    while descent.entry().is_some() {}
}

/// A leaf and where it belongs in key order.
pub(super) struct Listed {
    first: Box<[u8]>,
    oid: Oid,
    block: Paddr,
}

/// The leaves that each of two states has alone, found by the mappings of their common object map that are newer than
/// the older state. `None` if there are more than `most`, or if what has one mapping in both states is not in both trees.
/// Each is also looked for from the root of its tree.
///
/// # Errors
/// Whatever can't be read: which keys are lost by that only a walk can say.
pub(super) fn listed(
    views: [&View; 2],
    most: usize,
    cancel: Option<Cancel<'_>>,
    stats: &mut DeltaStats,
) -> Result<Option<[Vec<Listed>; 2]>> {
    let [a, b] = views;
    let xids: [Xid; 2] = [a.xid(), b.xid()];
    let [older, newer] = if xids.is_sorted() { xids } else { [b.xid(), a.xid()] };
    let mut found: [Vec<Listed>; 2] = [Vec::new(), Vec::new()];
    let mut linked = Linked::default();
    let (mut nodes, mut passed) = (0u64, 0u64);
    let omap = a.volume().omap()?;
    let result = omap.changed(
        older,
        newer,
        &mut |is_newer| {
            let count = if is_newer { &mut nodes } else { &mut passed };
            *count = count.saturating_add(1);
        },
        &mut |oid| {
            if cancel.is_some_and(|cancel| cancel()) {
                return Err(Error::Cancelled);
            }
            let mapped = [omap.lookup(oid, a.xid())?, omap.lookup(oid, b.xid())?];
            if mapped.first() == mapped.last() {
                return Ok(());
            }
            for (side, view) in views.into_iter().enumerate() {
                let is_there = mapped.get(side).is_some_and(Option::is_some);
                let Some(leaf) = is_there.then(|| node(view.tree(), oid)).transpose()?.flatten() else {
                    continue;
                };
                let counts = if leaf.level() == 0 { &mut stats.leaves } else { &mut stats.index_nodes };
                if let Some(count) = counts.get_mut(side) {
                    *count = count.saturating_add(1);
                }
                linked.add(view.tree(), oid, &leaf, side == 0, most)?;
                if let (0, Some(list)) = (leaf.level(), found.get_mut(side)) {
                    if list.len() >= most {
                        return Err(Error::limit("leaves", len64(most), len64(most).saturating_add(1)));
                    }
                    list.push(Listed { first: leaf.key(0).into(), oid, block: leaf.block() });
                }
            }
            Ok(())
        },
    );
    (stats.omap_nodes, stats.older_omap_nodes) = (nodes, passed);
    match result {
        Ok(()) => {}
        Err(Error::Limit(_)) => return Ok(None),
        Err(error) => return Err(error),
    }
    if !linked.is_even() {
        return Ok(None);
    }
    for (list, view) in found.iter_mut().zip(views) {
        let order = view.tree().kind().order;
        list.sort_by(|one, other| order(&one.first, &other.first));
        for leaf in &*list {
            if cancel.is_some_and(|cancel| cancel()) {
                return Err(Error::Cancelled);
            }
            check_reached(view.tree(), leaf)?;
        }
    }
    Ok(Some(found))
}

/// Nodes that differ, and the children of those that are index nodes. Less the former, the latter are the nodes below
/// which nothing differs: both states have the same.
#[derive(Default)]
struct Linked {
    /// Children of the first state and nodes of the second.
    ones: Vec<Oid>,
    /// Children of the second state and nodes of the first.
    others: Vec<Oid>,
}

impl Linked {
    fn add(&mut self, tree: &Tree, oid: Oid, node: &Node, is_first: bool, most: usize) -> Result<()> {
        let Linked { ones, others } = self;
        let (children, nodes) = if is_first { (ones, others) } else { (others, ones) };
        if oid != tree.root_oid() {
            nodes.push(oid);
        }
        for index in 0..if node.level() > 0 { node.count() } else { 0 } {
            children.push(tree.child_oid(node, index)?);
        }
        let count = children.len().max(nodes.len());
        if count > most { Err(Error::limit("nodes", len64(most), len64(count))) } else { Ok(()) }
    }

    fn is_even(&mut self) -> bool {
        self.ones.sort_unstable();
        self.others.sort_unstable();
        self.ones == self.others
    }
}

/// A leaf that the map has counts only if the tree leads to it: a map may keep what no tree has any more.
fn check_reached(tree: &Tree, listed: &Listed) -> Result<()> {
    let mut cursor = Cursor::new();
    cursor.seek(tree, &listed.first)?;
    match cursor.leaf() {
        Some((leaf, 0)) if leaf.block() == listed.block => Ok(()),
        _ => Err(Error::damage(Damage::Missing, Place::new(tree.kind().name, "").block(listed.block))),
    }
}

/// The node of an id if it is one of the tree of files: an object map leads to other objects too.
fn node(tree: &Tree, oid: Oid) -> Result<Option<Arc<Node>>> {
    match tree.node(oid) {
        Ok(node) => Ok(Some(node)),
        Err(Error::Corrupt(finding)) => match tree.is_stranger(oid) {
            Ok(true) => Ok(None),
            _ => Err(finding.into()),
        },
        Err(error) => Err(error),
    }
}
