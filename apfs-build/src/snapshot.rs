//! Snapshots as the snap-meta tree lists them.

use super::bytes::pack;
use super::content::EPOCH;
use super::node::Record;
use super::object::PHYSICAL_TREE;
use super::records::{APFS_TYPE_SNAP_METADATA, Key, counted};

/// One snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    pub xid: u64,
    pub name: String,
    pub extentref_tree_oid: u64,
    pub sblock_oid: u64,
    pub inum: u64,
}

/// Both records of every snapshot, in the order of the tree.
pub fn snap_meta_records(snapshots: &[Snapshot]) -> Vec<Record> {
    let mut records = Vec::new();
    for snapshot in snapshots {
        let time = EPOCH + snapshot.xid * 1_000_000_000;
        let mut value = pack![
            snapshot.extentref_tree_oid,
            snapshot.sblock_oid,
            time,
            time,
            snapshot.inum,
            PHYSICAL_TREE,
            0_u32,
        ];
        value.extend(counted(&snapshot.name));
        records.push((Key::plain(snapshot.xid, APFS_TYPE_SNAP_METADATA), value));
        records.push((Key::snap_name(&snapshot.name), pack![snapshot.xid]));
    }
    records.sort();
    records.into_iter().map(|(key, value)| Record::new(key.bytes, value)).collect()
}
