//! Which nodes of a tree another state has as well.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use crate::apfs::btree::Tree;
use crate::base::error::Result;
use crate::base::ids::Oid;
use crate::tree::node::SearchTree;

/// What both states have of a tree.
pub(super) enum Shared<'v> {
    /// References are virtual: a node is shared where both object maps lead to the same place. That says nothing of what
    /// is below it.
    Mapped(&'v Tree),
    /// References are blocks: a node is shared with all that is below it.
    Blocks(&'v BTreeSet<Oid>),
    /// Nothing, as far as is known.
    Nothing,
}

impl Shared<'_> {
    /// True if the other state has a node of `tree` too. What can't be found out counts as not shared: it is read then.
    pub(super) fn has(&self, tree: &Tree, oid: Oid) -> bool {
        match self {
            Shared::Mapped(other) => match (tree.locate(oid), other.locate(oid)) {
                (Ok(a), Ok(b)) => (a.block, a.xid, a.headerless) == (b.block, b.xid, b.headerless),
                _ => false,
            },
            Shared::Blocks(blocks) => blocks.contains(&oid),
            Shared::Nothing => false,
        }
    }

    /// True if what is below a shared node is shared too.
    pub(super) fn covers_children(&self) -> bool {
        matches!(self, Shared::Blocks(_))
    }
}

/// The highest nodes that two trees of block references share.
pub(super) fn blocks(a: &Tree, b: &Tree) -> Result<BTreeSet<Oid>> {
    let mut found = BTreeSet::new();
    if a.root_oid() == b.root_oid() {
        found.insert(a.root_oid());
        return Ok(found);
    }
    let mut sides = [a, b].map(|tree| (tree, alloc::vec![tree.root().clone()]));
    for level in (1..a.levels().max(b.levels())).rev() {
        let children = |(tree, nodes): &(&Tree, Vec<_>)| -> Result<BTreeSet<Oid>> {
            let mut all = BTreeSet::new();
            for node in nodes {
                let node: &alloc::sync::Arc<crate::apfs::node::Node> = node;
                if node.level() == level {
                    for index in 0..node.count() {
                        all.insert(tree.child_oid(node, index)?);
                    }
                }
            }
            Ok(all)
        };
        let [first, second] = &sides;
        let common: BTreeSet<Oid> = children(first)?.intersection(&children(second)?).copied().collect();
        for (tree, nodes) in &mut sides {
            if nodes.first().is_none_or(|node| node.level() != level) || level == 1 {
                continue;
            }
            let mut below = Vec::new();
            for node in nodes.iter() {
                for index in 0..node.count() {
                    if !common.contains(&tree.child_oid(node, index)?) {
                        // A node that can't be read shares nothing; whoever needs it says so.
                        below.extend(tree.child(node, index).ok());
                    }
                }
            }
            *nodes = below;
        }
        found.extend(common);
    }
    Ok(found)
}
