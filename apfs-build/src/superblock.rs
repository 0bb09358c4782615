//! The volume superblock (`apfs_superblock_t`).

use super::bytes::put;
use super::catalog::Counts;
use super::content::EPOCH;
use super::fstree::Protection;
use super::namehash::Keys;
use super::object::{OBJECT_TYPE_BTREE, PHYSICAL_TREE};
use super::volume::VolumeOptions;

const APFS_FEATURE_HARDLINK_MAP_RECORDS: u64 = 0x02;
const APFS_FEATURE_VOLGRP_SYSTEM_INO_SPACE: u64 = 0x10;
const APFS_INCOMPAT_CASE_INSENSITIVE: u64 = 0x01;
const APFS_INCOMPAT_NORMALIZATION_INSENSITIVE: u64 = 0x08;
const APFS_INCOMPAT_SEALED_VOLUME: u64 = 0x20;
const APFS_FS_UNENCRYPTED: u64 = 0x1;
const APFS_FS_ONEKEY: u64 = 0x8;

/// Oids of a volume's physical objects; all zero but `fext` in a snapshot's copy.
#[derive(Clone, Copy, Debug, Default)]
pub struct TreeOids {
    pub omap: u64,
    pub extentref: u64,
    pub snap_meta: u64,
    pub fext: u64,
}

/// What the superblock says.
#[derive(Clone, Debug)]
pub struct Superblock<'a> {
    pub options: &'a VolumeOptions,
    pub apfs_fs_index: u32,
    pub apfs_fs_alloc_count: u64,
    pub apfs_root_tree_oid: u64,
    pub trees: TreeOids,
    pub apfs_next_obj_id: u64,
    pub counts: Counts,
    pub apfs_num_snapshots: u64,
    pub xid: u64,
    pub time: u64,
    pub apfs_snap_meta_ext_oid: u64,
    pub apfs_integrity_meta_oid: u64,
    pub apfs_root_to_xid: u64,
}

impl Superblock<'_> {
    /// The block, its header still to be stamped.
    pub fn encode(&self, block_size: usize) -> Vec<u8> {
        let mut block = vec![0; block_size];
        let options = self.options;
        let mut put64 = |at: usize, value: u64| put(&mut block, at, value.to_le_bytes());
        put64(0x028, self.features());
        put64(0x038, self.incompatible_features());
        put64(0x058, self.apfs_fs_alloc_count);
        put64(0x080, self.trees.omap);
        put64(0x088, self.apfs_root_tree_oid);
        put64(0x090, self.trees.extentref);
        put64(0x098, self.trees.snap_meta);
        put64(0x0b0, self.apfs_next_obj_id);
        put64(0x0b8, self.counts.files);
        put64(0x0c0, self.counts.directories);
        put64(0x0c8, self.counts.symlinks);
        put64(0x0d0, self.counts.other);
        put64(0x0d8, self.apfs_num_snapshots);
        put64(0x0e0, self.apfs_fs_alloc_count);
        put64(0x100, self.time);
        put64(0x108, self.fs_flags());
        put64(0x3c8, self.apfs_root_to_xid);
        put64(0x3d8, 16);
        put64(0x3e0, self.xid);
        put64(0x3e8, self.apfs_snap_meta_ext_oid);
        put64(0x400, self.apfs_integrity_meta_oid);
        put64(0x408, self.trees.fext);
        let mut put32 = |at: usize, value: u32| put(&mut block, at, value.to_le_bytes());
        put32(0x024, self.apfs_fs_index);
        put32(0x074, OBJECT_TYPE_BTREE);
        put32(0x078, PHYSICAL_TREE);
        put32(0x07c, PHYSICAL_TREE);
        put32(0x3c0, 3);
        put32(0x3c4, u32::from(options.apfs_role));
        if self.trees.fext != 0 {
            put32(0x410, PHYSICAL_TREE);
        }
        // apfs_meta_crypto: version 5, class 6, key revision 1.
        put(&mut block, 0x060, 5_u16.to_le_bytes());
        put(&mut block, 0x068, 6_u32.to_le_bytes());
        put(&mut block, 0x070, 1_u16.to_le_bytes());
        put(&mut block, 0x020, b"APSB");
        put(&mut block, 0x0f0, options.uuid(self.apfs_fs_index));
        put(&mut block, 0x2c0, options.name.as_bytes());
        put(&mut block, 0x3f0, options.apfs_volume_group_id);
        modified_by(&mut block[0x110..0x140], "newfs_apfs (1)", EPOCH, 1);
        modified_by(&mut block[0x140..0x170], "apfs_kext (1)", self.time, self.xid);
        block
    }

    fn features(&self) -> u64 {
        let has_id = self.options.apfs_volume_group_id != [0; 16];
        let grouped = self.options.group_feature.unwrap_or(has_id);
        let group = if grouped { APFS_FEATURE_VOLGRP_SYSTEM_INO_SPACE } else { 0 };
        APFS_FEATURE_HARDLINK_MAP_RECORDS | group | self.options.extra_features
    }

    fn incompatible_features(&self) -> u64 {
        let keys = match self.options.keys {
            Keys::CaseInsensitive => APFS_INCOMPAT_CASE_INSENSITIVE,
            Keys::CaseSensitive => APFS_INCOMPAT_NORMALIZATION_INSENSITIVE,
            Keys::Plain => 0,
        };
        let sealed = self.options.protection == Protection::Sealed;
        keys | if sealed { APFS_INCOMPAT_SEALED_VOLUME } else { 0 } | self.options.extra_incompatible_features
    }

    fn fs_flags(&self) -> u64 {
        let encrypted = self.options.protection == Protection::EncryptedFlag;
        (if encrypted { APFS_FS_ONEKEY } else { APFS_FS_UNENCRYPTED }) | self.options.extra_fs_flags
    }
}

/// `apfs_modified_by_t`.
fn modified_by(field: &mut [u8], id: &str, time: u64, xid: u64) {
    put(field, 0x00, id.as_bytes());
    put(field, 0x20, time.to_le_bytes());
    put(field, 0x28, xid.to_le_bytes());
}
