//! The object map (`omap_phys_t`): versions of virtual objects, kept as long as a snapshot needs them.

use std::collections::BTreeMap;

use super::bytes::{pack, put};
use super::disk::{Disk, Role};
use super::node::Record;
use super::object::{OBJECT_TYPE_OMAP, PHYSICAL_TREE};
use super::tree;

pub const OMAP_MANUALLY_MANAGED: u32 = 1;
pub const OMAP_VAL_DELETED: u32 = 1;
pub const OMAP_VAL_ENCRYPTED: u32 = 4;
pub const OMAP_VAL_NOHEADER: u32 = 8;

/// `omap_val_t` of a one-block object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping {
    pub ov_flags: u32,
    pub ov_paddr: u64,
}

/// An object map in memory.
#[derive(Clone, Debug, Default)]
pub struct Omap {
    pub om_flags: u32,
    /// By object id and transaction.
    pub mappings: BTreeMap<(u64, u64), Mapping>,
    /// Transactions of the snapshots, ascending.
    pub snapshots: Vec<u64>,
}

impl Omap {
    /// The newest version of `oid`, unless it is deleted.
    pub fn newest(&self, oid: u64) -> Option<Mapping> {
        let (_, mapping) = self.mappings.range((oid, 0)..=(oid, u64::MAX)).next_back()?;
        (mapping.ov_flags & OMAP_VAL_DELETED == 0).then_some(*mapping)
    }

    /// Maps `oid` to a new block from `xid` on.
    pub fn set(&mut self, oid: u64, xid: u64, mapping: Mapping) {
        self.forget_unneeded(oid);
        self.mappings.insert((oid, xid), mapping);
    }

    /// Ends `oid` at `xid`; snapshots go on seeing it.
    pub fn delete(&mut self, oid: u64, xid: u64) {
        self.forget_unneeded(oid);
        if self.newest(oid).is_some() {
            self.mappings.insert((oid, xid), Mapping { ov_flags: OMAP_VAL_DELETED, ov_paddr: 0 });
        }
    }

    /// Drops the newest version when no snapshot was taken since.
    fn forget_unneeded(&mut self, oid: u64) {
        let last_snapshot = self.snapshots.last().copied().unwrap_or(0);
        let newest = self.mappings.range((oid, 0)..=(oid, u64::MAX)).next_back().map(|(key, _)| *key);
        if let Some(key) = newest.filter(|(_, xid)| *xid > last_snapshot) {
            self.mappings.remove(&key);
        }
    }

    /// Blocks of all mapped objects, all versions.
    pub fn mapped_blocks(&self) -> impl Iterator<Item = u64> + '_ {
        self.mappings.values().filter(|m| m.ov_flags & OMAP_VAL_DELETED == 0).map(|m| m.ov_paddr)
    }

    /// Writes the map and its trees. Gives `omap_phys_t`'s block and all blocks written.
    pub fn write(&self, disk: &mut Disk, map_role: Role, node_role: Role) -> (u64, Vec<u64>) {
        let ov_size = disk.block_size as u32;
        let records = self.mappings.iter().map(|((oid, xid), mapping)| {
            Record::new(pack![oid, xid], pack![mapping.ov_flags, ov_size, mapping.ov_paddr])
        });
        let (om_tree_oid, mut blocks) = tree::write_physical(disk, tree::OMAP, records.collect(), node_role);
        let mut om_snapshot_tree_oid = 0;
        if !self.snapshots.is_empty() {
            let records = self.snapshots.iter().map(|xid| Record::new(pack![xid], vec![0; 16])).collect();
            let (root, nodes) =
                tree::write_physical(disk, tree::OMAP_SNAPSHOTS, records, Role::OmapSnapshotNode);
            om_snapshot_tree_oid = root;
            blocks.extend(nodes);
        }
        let mut object = vec![0; disk.block_size];
        let newest_snapshot = self.snapshots.last().copied().unwrap_or(0);
        put(&mut object, 0x20, self.om_flags.to_le_bytes());
        put(&mut object, 0x24, (self.snapshots.len() as u32).to_le_bytes());
        put(&mut object, 0x28, PHYSICAL_TREE.to_le_bytes());
        put(&mut object, 0x2c, PHYSICAL_TREE.to_le_bytes());
        put(&mut object, 0x30, om_tree_oid.to_le_bytes());
        put(&mut object, 0x38, om_snapshot_tree_oid.to_le_bytes());
        put(&mut object, 0x40, newest_snapshot.to_le_bytes());
        let block = disk.write_physical(&mut object, OBJECT_TYPE_OMAP, 0, map_role);
        blocks.push(block);
        (block, blocks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_kept_only_for_a_snapshot() {
        let mut omap = Omap::default();
        let at = |ov_paddr| Mapping { ov_flags: 0, ov_paddr };
        omap.set(7, 2, at(20));
        omap.set(7, 3, at(30));
        assert_eq!(omap.mappings.len(), 1);
        omap.snapshots.push(3);
        omap.set(7, 4, at(40));
        assert_eq!((omap.mappings.len(), omap.newest(7)), (2, Some(at(40))));
        omap.delete(7, 5);
        assert_eq!((omap.newest(7), omap.mapped_blocks().collect::<Vec<_>>()), (None, vec![30]));
    }
}
