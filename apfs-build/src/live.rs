//! A volume while it is being built: transactions run, snapshots are taken, checkpoints are written.

use super::bytes::put;
use super::catalog::{self, Counts, Style};
use super::content::{Content, now};
use super::disk::{Disk, Role};
use super::fstree::{FsTree, Protection};
use super::object::{Header, OBJ_ENCRYPTED, OBJECT_TYPE_INTEGRITY_META, OBJECT_TYPE_SNAP_META_EXT};
use super::omap::{Mapping, OMAP_VAL_ENCRYPTED, Omap};
use super::snapshot::{Snapshot, snap_meta_records};
use super::superblock::{Superblock, TreeOids};
use super::tree;
use super::volume::{Segment, VolumeOptions};

/// What a checkpoint needs of a volume.
#[derive(Clone, Debug)]
pub(super) struct Committed {
    /// Transaction of the superblock.
    pub(super) xid: u64,
    pub(super) superblock: u64,
    /// All blocks reachable from the superblock, itself included.
    pub(super) blocks: Vec<u64>,
}

#[derive(Debug)]
pub(super) struct Volume {
    index: usize,
    pub(super) oid: u64,
    options: VolumeOptions,
    pub(super) content: Content,
    pub(super) tree: FsTree,
    omap: Omap,
    snapshots: Vec<Snapshot>,
    /// Blocks of the snapshots' own physical trees.
    snapshot_nodes: Vec<u64>,
    snap_meta_ext_oid: u64,
    integrity_meta_oid: u64,
    committed: Option<Committed>,
    /// Whether content goes to tier 2.
    to_tier2: bool,
}

impl Volume {
    pub(super) fn new(index: usize, options: VolumeOptions, disk: &mut Disk) -> Self {
        let mut content = Content::new(now(disk));
        content.next_obj_id = options.first_obj_id;
        let oid = disk.alloc_oid();
        let root_oid = disk.alloc_oid();
        let snap_meta_ext_oid = disk.alloc_oid();
        let sealed = options.protection == Protection::Sealed;
        Volume {
            index,
            oid,
            content,
            tree: FsTree::new(root_oid, options.protection, options.seal),
            options,
            omap: Omap::default(),
            snapshots: Vec::new(),
            snapshot_nodes: Vec::new(),
            snap_meta_ext_oid,
            integrity_meta_oid: if sealed { disk.alloc_oid() } else { 0 },
            committed: None,
            to_tier2: false,
        }
    }

    /// Runs one transaction.
    pub(super) fn run(&mut self, segment: Segment, disk: &mut Disk) {
        disk.volume = Some(self.index);
        self.committed = None;
        disk.to_tier2 = self.to_tier2;
        for change in segment.changes {
            change(&mut self.content, disk);
        }
        self.to_tier2 = core::mem::take(&mut disk.to_tier2);
        let records = catalog::records(&self.content, &self.style(), disk);
        self.tree.update(records, disk, &mut self.omap);
        if self.sealed() {
            self.write_integrity_meta(disk);
        }
        if let Some(name) = segment.snapshot {
            self.take_snapshot(name, disk);
        }
        disk.volume = None;
    }

    fn take_snapshot(&mut self, name: String, disk: &mut Disk) {
        let (records, new_blocks) = self.content.extents.records(self.content.streams.values());
        let (extentref_tree_oid, nodes) =
            tree::write_physical(disk, tree::EXTENTREF, records, Role::ExtentrefNode);
        self.snapshot_nodes.extend(nodes);
        let (fext_tree_oid, nodes) = self.write_fext_tree(disk);
        self.snapshot_nodes.extend(nodes);
        self.content.extents.freeze(self.content.streams.values(), new_blocks, disk.xid);
        self.write_snap_meta_ext(disk);

        let inum = self.content.alloc_obj_id();
        let trees = TreeOids { fext: fext_tree_oid, ..TreeOids::default() };
        let mut copy = self.superblock(trees, 0, disk).encode(disk.block_size);
        let o_type = super::object::OBJECT_TYPE_FS;
        let sblock_oid = disk.write_physical(&mut copy, o_type, 0, Role::SnapshotSuperblock);
        self.snapshots.push(Snapshot { xid: disk.xid, name, extentref_tree_oid, sblock_oid, inum });
        self.omap.snapshots.push(disk.xid);
    }

    /// Writes the physical trees and the superblock, unless nothing changed since the last time.
    pub(super) fn commit(&mut self, disk: &mut Disk) -> Committed {
        if let Some(committed) = &self.committed {
            return committed.clone();
        }
        disk.volume = Some(self.index);
        let (records, mut blocks) = self.content.extents.records(self.content.streams.values());
        blocks.extend(&self.content.extents.held_by_snapshots);
        blocks.extend(&self.snapshot_nodes);
        blocks.extend(self.omap.mapped_blocks());
        let (extentref, nodes) = tree::write_physical(disk, tree::EXTENTREF, records, Role::ExtentrefNode);
        blocks.extend(nodes);
        let records = snap_meta_records(&self.snapshots);
        let (snap_meta, nodes) = tree::write_physical(disk, tree::SNAP_META, records, Role::SnapMetaNode);
        blocks.extend(nodes);
        let (fext, nodes) = self.write_fext_tree(disk);
        blocks.extend(nodes);
        let (omap, nodes) = self.omap.write(disk, Role::VolumeOmap, Role::VolumeOmapNode);
        blocks.extend(nodes);

        let trees = TreeOids { omap, extentref, snap_meta, fext };
        let mut object = self.superblock(trees, blocks.len() as u64, disk).encode(disk.block_size);
        let o_type = super::object::OBJECT_TYPE_FS;
        Header { o_oid: self.oid, o_xid: disk.xid, o_type, o_subtype: 0 }.stamp(&mut object);
        let superblock = disk.alloc(1);
        disk.write(superblock, &object, Role::VolumeSuperblock, self.oid);
        disk.volume = None;

        blocks.push(superblock);
        blocks.extend(self.snapshots.iter().map(|snapshot| snapshot.sblock_oid));
        let committed = Committed { xid: disk.xid, superblock, blocks };
        self.committed = Some(committed.clone());
        committed
    }

    fn superblock<'a>(&'a self, trees: TreeOids, alloc_count: u64, disk: &Disk) -> Superblock<'a> {
        Superblock {
            options: &self.options,
            apfs_fs_index: self.index as u32,
            apfs_fs_alloc_count: alloc_count,
            apfs_root_tree_oid: self.tree.root_oid,
            trees,
            apfs_next_obj_id: self.content.next_obj_id,
            counts: Counts::of(&self.content),
            apfs_num_snapshots: self.snapshots.len() as u64,
            xid: disk.xid,
            time: now(disk),
            apfs_snap_meta_ext_oid: if self.snapshots.is_empty() { 0 } else { self.snap_meta_ext_oid },
            apfs_integrity_meta_oid: self.integrity_meta_oid,
            apfs_root_to_xid: self.root_to_xid(),
        }
    }

    fn root_to_xid(&self) -> u64 {
        let wanted = self.options.root_to_snapshot.as_ref();
        let snapshot = self.snapshots.iter().find(|snapshot| Some(&snapshot.name) == wanted);
        snapshot.map_or(self.options.apfs_root_to_xid, |snapshot| snapshot.xid)
    }

    fn write_fext_tree(&self, disk: &mut Disk) -> (u64, Vec<u64>) {
        if !self.sealed() {
            return (0, Vec::new());
        }
        let records = catalog::fext_records(&self.content, disk.block_size as u64);
        tree::write_physical(disk, tree::FEXT, records, Role::FextNode)
    }

    fn write_integrity_meta(&mut self, disk: &mut Disk) {
        let object = self.options.seal.encode(&self.tree.root_hash(), disk.block_size);
        let oid = self.integrity_meta_oid;
        self.write_virtual(object, oid, OBJECT_TYPE_INTEGRITY_META, Role::IntegrityMeta, disk);
    }

    fn write_snap_meta_ext(&mut self, disk: &mut Disk) {
        let mut object = vec![0; disk.block_size];
        let mut uuid = *b"snapshot........";
        put(&mut uuid, 8, disk.xid.to_be_bytes());
        put(&mut object, 0x20, 1_u32.to_le_bytes());
        put(&mut object, 0x28, disk.xid.to_le_bytes());
        put(&mut object, 0x30, uuid);
        let oid = self.snap_meta_ext_oid;
        self.write_virtual(object, oid, OBJECT_TYPE_SNAP_META_EXT, Role::SnapMetaExt, disk);
    }

    fn write_virtual(&mut self, mut object: Vec<u8>, oid: u64, o_type: u32, role: Role, disk: &mut Disk) {
        let encrypted = self.options.protection == Protection::EncryptedFlag;
        let (o_type, ov_flags) =
            if encrypted { (o_type | OBJ_ENCRYPTED, OMAP_VAL_ENCRYPTED) } else { (o_type, 0) };
        Header { o_oid: oid, o_xid: disk.xid, o_type, o_subtype: 0 }.stamp(&mut object);
        let ov_paddr = disk.alloc(1);
        disk.write(ov_paddr, &object, role, oid);
        self.omap.set(oid, disk.xid, Mapping { ov_flags, ov_paddr });
    }

    fn sealed(&self) -> bool {
        self.options.protection == Protection::Sealed
    }

    fn style(&self) -> Style {
        Style {
            keys: self.options.keys,
            forms: self.options.forms.clone(),
            seal: self.sealed().then_some(self.options.seal),
            encryption: self.options.encryption.clone(),
        }
    }
}
