//! Volume superblock (sheet apfs-03, section 1).

use zerocopy::byteorder::little_endian::{I64, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use super::object::ObjPhys;

/// Volume superblock (`apfs_superblock_t`), to the last tree that newer systems add.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct ApfsSuperblock {
    /// Object header.
    pub apfs_o: ObjPhys,
    /// `APSB`.
    pub apfs_magic: [u8; 4],
    /// Slot in `nx_fs_oid`.
    pub apfs_fs_index: U32,
    /// Optional features.
    pub apfs_features: U64,
    /// Features that forbid writing if unknown.
    pub apfs_readonly_compatible_features: U64,
    /// Features that forbid reading if unknown.
    pub apfs_incompatible_features: U64,
    /// Last unmount, ns.
    pub apfs_unmount_time: I64,
    /// Blocks kept for the volume.
    pub apfs_fs_reserve_block_count: U64,
    /// Most blocks it may use, 0: no quota.
    pub apfs_fs_quota_block_count: U64,
    /// Blocks it uses.
    pub apfs_fs_alloc_count: U64,
    /// `wrapped_meta_crypto_state_t`.
    pub apfs_meta_crypto: [u8; 20],
    /// Type of the file-system tree.
    pub apfs_root_tree_type: U32,
    /// Type of the extent reference tree.
    pub apfs_extentref_tree_type: U32,
    /// Type of the snapshot metadata tree.
    pub apfs_snap_meta_tree_type: U32,
    /// Object map, physical; 0 in a snapshot's copy.
    pub apfs_omap_oid: U64,
    /// File-system tree, virtual.
    pub apfs_root_tree_oid: U64,
    /// Extent reference tree, physical.
    pub apfs_extentref_tree_oid: U64,
    /// Snapshot metadata tree, physical.
    pub apfs_snap_meta_tree_oid: U64,
    /// Snapshot to revert to at the next mount, or 0.
    pub apfs_revert_to_xid: U64,
    /// Superblock to revert to, or 0.
    pub apfs_revert_to_sblock_oid: U64,
    /// Next file or stream id.
    pub apfs_next_obj_id: U64,
    /// Regular files.
    pub apfs_num_files: U64,
    /// Directories.
    pub apfs_num_directories: U64,
    /// Symbolic links.
    pub apfs_num_symlinks: U64,
    /// Devices, pipes, sockets.
    pub apfs_num_other_fsobjects: U64,
    /// Snapshots.
    pub apfs_num_snapshots: U64,
    /// Blocks ever allocated.
    pub apfs_total_blocks_alloced: U64,
    /// Blocks ever freed.
    pub apfs_total_blocks_freed: U64,
    /// Id of the volume.
    pub apfs_vol_uuid: [u8; 16],
    /// Last change, ns.
    pub apfs_last_mod_time: I64,
    /// `APFS_FS_*`.
    pub apfs_fs_flags: U64,
    /// Who formatted it.
    pub apfs_formatted_by: ApfsModifiedBy,
    /// Who changed it, newest first.
    pub apfs_modified_by: [ApfsModifiedBy; 8],
    /// Name, NUL-terminated UTF-8.
    pub apfs_volname: [u8; 256],
    /// Next document id.
    pub apfs_next_doc_id: U32,
    /// `APFS_VOL_ROLE_*`.
    pub apfs_role: U16,
    /// Zero.
    pub reserved: U16,
    /// Snapshot to root from, or 0.
    pub apfs_root_to_xid: U64,
    /// State of a running encryption change, or 0.
    pub apfs_er_state_oid: U64,
    /// From this id on the clone flags are reliable.
    pub apfs_cloneinfo_id_epoch: U64,
    /// Transaction of the above.
    pub apfs_cloneinfo_xid: U64,
    /// More snapshot metadata, virtual.
    pub apfs_snap_meta_ext_oid: U64,
    /// Volume group, or zeros.
    pub apfs_volume_group_id: [u8; 16],
    /// Seal, virtual, or 0.
    pub apfs_integrity_meta_oid: U64,
    /// Extents of a sealed volume, physical, or 0.
    pub apfs_fext_tree_oid: U64,
    /// Type of that tree.
    pub apfs_fext_tree_type: U32,
    /// Newer systems: another tree's type.
    pub reserved_type: U32,
    /// Newer systems: another tree.
    pub reserved_oid: U64,
    /// Transaction of the index of document ids.
    pub apfs_doc_id_index_xid: U64,
    /// 1: there is a tree of before.
    pub apfs_doc_id_index_flags: U32,
    /// Type of the tree of document ids.
    pub apfs_doc_id_tree_type: U32,
    /// Tree of document ids, or 0.
    pub apfs_doc_id_tree_oid: U64,
    /// The tree of before, or 0.
    pub apfs_prev_doc_id_tree_oid: U64,
    /// How far the index is.
    pub apfs_doc_id_fixup_cursor: U64,
    /// Second file-system tree, or 0.
    pub apfs_sec_root_tree_oid: U64,
    /// Its type.
    pub apfs_sec_root_tree_type: U32,
    /// 1: clones are tracked.
    pub apfs_clonegroup_flags: U32,
    /// Tree of clones, or 0.
    pub apfs_clonegroup_tree_oid: U64,
}

const _: () = assert!(size_of::<ApfsSuperblock>() == 1120);

/// Who wrote a volume, and when (`apfs_modified_by_t`).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct ApfsModifiedBy {
    /// Program and version, NUL-terminated.
    pub id: [u8; 32],
    /// When, ns.
    pub timestamp: I64,
    /// Last transaction.
    pub last_xid: U64,
}

const _: () = assert!(size_of::<ApfsModifiedBy>() == 48);

/// Magic of a volume superblock.
pub const APFS_MAGIC: [u8; 4] = *b"APSB";

bitflags::bitflags! {
    /// Optional features of a volume (`apfs_features`).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct VolumeFeatures: u64 {
        /// Defragmentation of a prerelease.
        const DEFRAG_PRERELEASE = 1;
        /// Hard links have sibling map records.
        const HARDLINK_MAP_RECORDS = 2;
        /// Defragmentation.
        const DEFRAG = 4;
        /// Access times are updated at every read.
        const STRICTATIME = 8;
        /// Member of a volume group.
        const VOLGRP_SYSTEM_INO_SPACE = 0x10;
        /// Newer: more protection classes.
        const EXTENDED_VEK_PROTECTION_CLASSES = 0x1000;
    }
}

bitflags::bitflags! {
    /// Features without which a volume can't be read rightly (`apfs_incompatible_features`).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct VolumeIncompat: u64 {
        /// Names are compared without case.
        const CASE_INSENSITIVE = 1;
        /// There are snapshots without data.
        const DATALESS_SNAPS = 2;
        /// Encryption was changed at least once.
        const ENC_ROLLED = 4;
        /// Names are compared without regard to normal form.
        const NORMALIZATION_INSENSITIVE = 8;
        /// A restore was begun and not finished.
        const INCOMPLETE_RESTORE = 0x10;
        /// Sealed.
        const SEALED_VOLUME = 0x20;
        /// Per-file keys.
        const PFK = 0x40;
        /// Extents may be allocated and never written.
        const EXTENT_PREALLOC = 0x80;
        /// A second file-system tree on the slow device of a Fusion pair.
        const SECONDARY_FSROOT = 0x100;
        /// Records of expanded kinds.
        const EXPANDED_RECORDS = 0x200;
    }
}

bitflags::bitflags! {
    /// Flags of a volume (`apfs_fs_flags`). Where sources name a bit differently the older name stands.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct VolumeFlags: u64 {
        /// Not encrypted.
        const UNENCRYPTED = 1;
        /// Reserved.
        const RESERVED_2 = 2;
        /// Reserved.
        const RESERVED_4 = 4;
        /// One key for everything.
        const ONEKEY = 8;
        /// Some metadata spilled over to the slow device.
        const SPILLEDOVER = 0x10;
        /// The spill-over cleaner must run.
        const RUN_SPILLOVER_CLEANER = 0x20;
        /// The extent reference tree must always be consulted.
        const ALWAYS_CHECK_EXTENTREF = 0x40;
        /// Was sealed before, or is (sources disagree).
        const PREVIOUSLY_SEALED = 0x80;
        /// Per-file keys.
        const PFK = 0x100;
        /// Bootable.
        const BOOTABLE = 0x200;
    }
}
