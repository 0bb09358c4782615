//! Which rule is broken where the reader finds damage.

use super::super::rule::Rule;
use super::rules::*;
use crate::base::damage::{Corrupt, Damage};

/// The rule that an error of the reader is about.
pub(super) fn rule_of(corrupt: &Corrupt) -> &'static Rule {
    let structure = corrupt.place.structure;
    match (structure, corrupt.damage) {
        ("media_keybag_t" | "kb_locker_t" | "keybag_entry_t", _) => &KEYBAG_FORM,
        (_, Damage::Checksum) => &CHECKSUM,
        (_, Damage::ObjectId) => &OBJECT_ID,
        ("checkpoint_mapping_t", Damage::ObjectType) => &MAPPING,
        (_, Damage::ObjectType) => &OBJECT_TYPE,
        (_, Damage::Transaction) => &OBJECT_XID,
        ("container", _) => &PAST_END,
        ("btree_node_phys_t", Damage::Level) => &NODE_LEVEL,
        ("btree_node_phys_t", Damage::KeyOrder) => &KEY_ORDER,
        ("btree_node_phys_t", Damage::Contradiction) | ("btree_info_t", _) => &TREE_FLAGS,
        ("btree_node_phys_t", _) => &NODE,
        ("nx_superblock_t", _) if corrupt.place.field.starts_with("nx_xp_") => &RING_INDEX,
        ("nx_superblock_t", _) => &NX_FIELD,
        ("checkpoint_map_phys_t", _) => &CHECKPOINT_MAP,
        ("checkpoint_mapping_t", Damage::Missing) | ("ephemeral object", _) => &EPHEMERAL_OBJECT,
        ("checkpoint_mapping_t", _) => &MAPPING,
        ("spaceman_phys_t", _) => &SM_FIELD,
        ("chunk_info_block_t" | "chunk_info_t" | "cib_addr_block_t", _) => &CHUNK_INFO,
        ("spaceman_free_queue_entry_t", _) => &FQ_ENTRY,
        ("omap_phys_t", _) => &OMAP_FIELD,
        ("omap_val_t", Damage::Missing) => &OMAP_MISSING,
        ("omap_val_t" | "omap_key_t", _) => &OMAP_VALUE,
        ("apfs_superblock_t", _) => &VOLUME_FIELD,
        ("j_inode_val_t", _) => &INODE_VALUE,
        ("xf_blob_t" | "x_field_t", _) => &XFIELD_BLOB,
        ("j_drec_val_t", _) => &DREC_VALUE,
        ("j_drec_hashed_key_t" | "j_xattr_key_t", _) => &KEY_FORM,
        ("j_sibling_val_t" | "j_sibling_map_val_t", _) => &SIBLING_VALUE,
        ("j_dstream_id_val_t", _) => &STREAM_VALUE,
        ("j_file_extent_val_t" | "fext_tree_val_t", _) => &EXTENT_VALUE,
        ("j_phys_ext_val_t", _) => &PHYS_VALUE,
        ("j_xattr_val_t" | "j_xattr_dstream_t", _) => &XATTR_VALUE,
        ("decmpfs_disk_header", _) => &DECMPFS_HEADER,
        ("cmpf resource" | "decmpfs offset table", _) => &DECMPFS_TABLE,
        ("j_crypto_val_t", _) => &CRYPTO_VALUE,
        ("j_dir_stats_val_t", _) => &STATS_VALUE,
        ("j_snap_metadata_val_t", _) => &SNAP_VALUE,
        ("snap_meta_ext_obj_phys_t", _) => &SNAP_META_EXT,
        ("integrity_meta_phys_t", _) => &SEAL_FIELD,
        ("nx_efi_jumpstart_t", _) => &JUMPSTART_FIELD,
        ("wrapped key" | "key blob", _) => &KEYBAG_BLOB,
        (_, Damage::PastEnd) => &PAST_END,
        (_, Damage::KeyOrder) => &KEY_ORDER,
        _ => &STRUCTURE,
    }
}
