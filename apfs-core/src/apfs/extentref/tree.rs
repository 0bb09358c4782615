//! The extent reference trees of a volume: one of each snapshot and the live one (sheet apfs-05, section 5).

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::record::PhysicalExtent;
use crate::apfs::btree::{Physical, Tree};
use crate::apfs::raw::fs::OBJ_ID_MASK;
use crate::apfs::snapshot::Snapshot;
use crate::apfs::tree_kind::EXTENT_REFERENCES;
use crate::apfs::volume::Volume;
use crate::base::bytes::u64_at;
use crate::base::damage::{Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::ids::{Oid, Paddr, Xid};
use crate::base::report::Cancel;
use crate::tree::walk::Walk;

/// An extent reference tree of a volume: a snapshot's, or the live one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ExtentTree {
    /// Transaction of the snapshot that closed it; `None` for the live one.
    pub xid: Option<Xid>,
    /// Its root.
    pub root: Oid,
}

/// What a walk of an extent reference tree comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExtentItem {
    /// A node of the tree.
    Node(Paddr),
    /// A record.
    Extent(PhysicalExtent),
}

impl Volume {
    /// The extent reference trees that together say which blocks hold data of the volume: those of the snapshots, oldest
    /// first, then the live one. Snapshots that gave up their data have none.
    #[must_use]
    pub fn extent_trees(&self, snapshots: &[Snapshot]) -> Vec<ExtentTree> {
        let kept = snapshots.iter().map(|one| ExtentTree { xid: Some(one.xid), root: one.extentref_tree });
        let mut trees: Vec<ExtentTree> = kept.filter(|tree| tree.root != Oid(0)).collect();
        trees.sort_by_key(|tree| tree.xid);
        let live = self.superblock().raw().apfs_extentref_tree_oid.get();
        if live != 0 {
            trees.push(ExtentTree { xid: None, root: Oid(live) });
        }
        trees
    }

    /// Gives all nodes and records of an extent reference tree, records in the order of their blocks. What is damaged is
    /// given as an error, and the walk goes on behind it; a record that begins within one before it comes after an error.
    ///
    /// # Errors
    /// `Cancelled`; whatever `each` returns.
    pub fn each_extent(
        &self,
        tree: &ExtentTree,
        cancel: Cancel<'_>,
        each: &mut dyn FnMut(Result<ExtentItem>) -> Result<()>,
    ) -> Result<()> {
        let container = self.container();
        let resolve = Arc::new(Physical { newest: container.xid() });
        let tree = match Tree::open(container.store().clone(), &EXTENT_REFERENCES, resolve, tree.root) {
            Ok(tree) => tree,
            Err(error) => return each(Err(error)),
        };
        let mut end = Paddr(0);
        let mut walk = Walk::new();
        while let Some(node) = walk.next(&tree) {
            if cancel() {
                return Err(Error::Cancelled);
            }
            let node = match node {
                Ok(node) => node,
                Err(error) => {
                    each(Err(error))?;
                    continue;
                }
            };
            each(Ok(ExtentItem::Node(node.block())))?;
            let leaf_records = if node.level() == 0 { node.count() } else { 0 };
            for index in 0..leaf_records {
                let place = || Place { structure: "j_phys_ext_val_t", ..node.place("") };
                let parsed = PhysicalExtent::parse(node.key(index), node.value(index).unwrap_or(&[]));
                let extent = match parsed {
                    Ok(extent) => extent,
                    Err(flaw) => {
                        let id = u64_at(node.key(index), 0).unwrap_or(0) & OBJ_ID_MASK;
                        each(Err(flaw.at(place(), id)))?;
                        continue;
                    }
                };
                if extent.run.start < end {
                    let place = Place { field: "len_and_kind", ..place() };
                    each(Err(Error::damage(Damage::Overlap, place.block(extent.run.start))))?;
                }
                end = extent.run.start.checked_add(extent.run.count).unwrap_or(end).max(end);
                each(Ok(ExtentItem::Extent(extent)))?;
            }
        }
        Ok(())
    }
}
