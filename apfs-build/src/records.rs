//! Keys and values of the records in file-system, snapshot and extent-reference trees.

use super::bytes::pack;
use super::namehash::{Forms, Keys, name_len_and_hash};

pub const APFS_TYPE_SNAP_METADATA: u8 = 1;
pub const APFS_TYPE_EXTENT: u8 = 2;
pub const APFS_TYPE_INODE: u8 = 3;
pub const APFS_TYPE_XATTR: u8 = 4;
pub const APFS_TYPE_SIBLING_LINK: u8 = 5;
pub const APFS_TYPE_DSTREAM_ID: u8 = 6;
pub const APFS_TYPE_CRYPTO_STATE: u8 = 7;
pub const APFS_TYPE_FILE_EXTENT: u8 = 8;
pub const APFS_TYPE_DIR_REC: u8 = 9;
pub const APFS_TYPE_DIR_STATS: u8 = 10;
pub const APFS_TYPE_SNAP_NAME: u8 = 11;
pub const APFS_TYPE_SIBLING_MAP: u8 = 12;
pub const APFS_TYPE_FILE_INFO: u8 = 13;

pub const XATTR_DATA_STREAM: u16 = 1;
pub const XATTR_DATA_EMBEDDED: u16 = 2;
pub const XATTR_FILE_SYSTEM_OWNED: u16 = 4;

/// A key with the order the tree gives it: id, type, then a number, then a name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub id: u64,
    pub kind: u8,
    number: u64,
    name: Vec<u8>,
    /// The key on disk.
    pub bytes: Vec<u8>,
}

impl Key {
    /// A key of any type; `rest` is what follows `j_key_t`, ordered as `number`, then `name`.
    pub fn new(id: u64, kind: u8, number: u64, name: &[u8], rest: &[u8]) -> Self {
        let mut bytes = (id | u64::from(kind) << 60).to_le_bytes().to_vec();
        bytes.extend_from_slice(rest);
        Key { id, kind, number, name: name.to_vec(), bytes }
    }

    /// A key of `j_key_t` alone: inode, dstream id, crypto state, dir stats, sibling map, extent, snapshot.
    pub fn plain(id: u64, kind: u8) -> Self {
        Key::new(id, kind, 0, &[], &[])
    }

    /// A key ending in one number: file extent, sibling link, file info.
    pub fn numbered(id: u64, kind: u8, number: u64) -> Self {
        Key::new(id, kind, number, &[], &number.to_le_bytes())
    }

    /// A key ending in a name: xattr, plain directory record, snapshot name.
    pub fn named(id: u64, kind: u8, name: &str) -> Self {
        Key::new(id, kind, 0, name.as_bytes(), &counted(name))
    }

    /// A directory record's key.
    pub fn dir_rec(parent: u64, name: &str, keys: Keys, forms: &Forms) -> Self {
        if keys == Keys::Plain {
            return Key::named(parent, APFS_TYPE_DIR_REC, name);
        }
        let hash = name_len_and_hash(name, keys, forms);
        let mut rest = hash.to_le_bytes().to_vec();
        rest.extend_from_slice(&terminated(name));
        Key::new(parent, APFS_TYPE_DIR_REC, u64::from(hash & 0xffff_fc00), name.as_bytes(), &rest)
    }

    /// The key of a snapshot's name.
    pub fn snap_name(name: &str) -> Self {
        Key::named(0x0fff_ffff_ffff_ffff, APFS_TYPE_SNAP_NAME, name)
    }
}

/// The name with its NUL.
pub fn terminated(name: &str) -> Vec<u8> {
    [name.as_bytes(), &[0]].concat()
}

/// `u16` length with the NUL, then the name with it.
pub fn counted(name: &str) -> Vec<u8> {
    let mut bytes = pack![name.len() as u16 + 1];
    bytes.extend(terminated(name));
    bytes
}

/// One extended field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XField {
    pub x_type: u8,
    pub x_flags: u8,
    pub data: Vec<u8>,
}

/// `xf_blob_t`; nothing when there are no fields.
pub fn xfields(fields: &[XField]) -> Vec<u8> {
    if fields.is_empty() {
        return Vec::new();
    }
    let used: usize = fields.iter().map(|field| field.data.len().next_multiple_of(8)).sum();
    let mut blob = pack![fields.len() as u16, used as u16];
    for field in fields {
        blob.extend(pack![field.x_type, field.x_flags, field.data.len() as u16]);
    }
    for field in fields {
        blob.extend_from_slice(&field.data);
        blob.resize(blob.len() + field.data.len().next_multiple_of(8) - field.data.len(), 0);
    }
    blob
}

/// `j_inode_val_t`, in the order of its fields.
#[derive(Clone, Debug)]
pub struct InodeVal {
    pub parent_id: u64,
    pub private_id: u64,
    pub create_time: u64,
    pub mod_time: u64,
    pub change_time: u64,
    pub access_time: u64,
    pub internal_flags: u64,
    pub nchildren_or_nlink: i32,
    pub default_protection_class: u32,
    pub write_generation_counter: u32,
    pub bsd_flags: u32,
    pub owner: u32,
    pub group: u32,
    pub mode: u16,
    pub uncompressed_size: u64,
    pub xfields: Vec<XField>,
}

impl InodeVal {
    pub fn encode(&self) -> Vec<u8> {
        let mut value = pack![
            self.parent_id,
            self.private_id,
            self.create_time,
            self.mod_time,
            self.change_time,
            self.access_time,
            self.internal_flags,
            self.nchildren_or_nlink,
            self.default_protection_class,
            self.write_generation_counter,
            self.bsd_flags,
            self.owner,
            self.group,
            self.mode,
            0_u16,
            self.uncompressed_size,
        ];
        value.extend(xfields(&self.xfields));
        value
    }
}

/// `j_drec_val_t`.
pub fn dir_rec(file_id: u64, date_added: u64, flags: u16, sibling_id: Option<u64>) -> Vec<u8> {
    let mut value = pack![file_id, date_added, flags];
    let sibling = sibling_id.map(|id| XField { x_type: 1, x_flags: 0x02, data: pack![id] });
    value.extend(xfields(sibling.as_slice()));
    value
}

/// `j_xattr_val_t`.
pub fn xattr(flags: u16, xdata: &[u8]) -> Vec<u8> {
    let mut value = pack![flags, xdata.len() as u16];
    value.extend_from_slice(xdata);
    value
}

/// `j_dstream_t`.
pub fn dstream(size: u64, alloced_size: u64, default_crypto_id: u64) -> Vec<u8> {
    pack![size, alloced_size, default_crypto_id, size, 0_u64]
}

/// `j_file_extent_val_t`.
pub fn file_extent(length: u64, flags: u8, phys_block_num: u64, crypto_id: u64) -> Vec<u8> {
    pack![length | u64::from(flags) << 56, phys_block_num, crypto_id]
}

/// `j_phys_ext_val_t`; `kind` is 1 for NEW and 2 for UPDATE.
pub fn phys_extent(blocks: u64, kind: u8, owning_obj_id: u64, refcnt: i32) -> Vec<u8> {
    pack![blocks | u64::from(kind) << 60, owning_obj_id, refcnt]
}

/// `j_sibling_val_t`.
pub fn sibling_link(parent_id: u64, name: &str) -> Vec<u8> {
    let mut value = pack![parent_id];
    value.extend(counted(name));
    value
}

/// `j_dir_stats_val_t`.
pub fn dir_stats(num_children: u64, total_size: u64, chained_key: u64, gen_count: u64) -> Vec<u8> {
    pack![num_children, total_size, chained_key, gen_count]
}

/// `j_crypto_val_t` with a wrapped key.
pub fn crypto_state(refcnt: u32, cpflags: u32, persistent_class: u32, key: &[u8]) -> Vec<u8> {
    let mut value = pack![refcnt, 5_u16, 0_u16, cpflags, persistent_class, 0_u32, 1_u16, key.len() as u16];
    value.extend_from_slice(key);
    value
}

/// `j_file_data_hash_val_t`.
pub fn file_info(hashed_blocks: u16, hash: &[u8]) -> Vec<u8> {
    let mut value = pack![hashed_blocks, hash.len() as u8];
    value.extend_from_slice(hash);
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xfield_values_are_padded_and_the_table_is_not_counted() {
        let fields = [
            XField { x_type: 4, x_flags: 2, data: b"ab\0".to_vec() },
            XField { x_type: 13, x_flags: 0x28, data: vec![9; 8] },
        ];
        let blob = xfields(&fields);
        assert_eq!(blob[..12], [2, 0, 16, 0, 4, 2, 3, 0, 13, 0x28, 8, 0]);
        assert_eq!(blob[12..], [b'a', b'b', 0, 0, 0, 0, 0, 0, 9, 9, 9, 9, 9, 9, 9, 9]);
    }

    #[test]
    fn keys_order_by_id_before_type() {
        let inode = Key::plain(3, APFS_TYPE_INODE);
        assert!(inode < Key::plain(3, APFS_TYPE_DSTREAM_ID));
        assert!(Key::plain(2, APFS_TYPE_DIR_REC) < inode);
        assert_eq!(inode.bytes, [3, 0, 0, 0, 0, 0, 0, 0x30]);
        assert_eq!(Key::snap_name("s").bytes[..8], 0xbfff_ffff_ffff_ffff_u64.to_le_bytes());
    }

    #[test]
    fn hashed_names_order_by_hash_and_ignore_the_length() {
        let key = |name| Key::dir_rec(2, name, Keys::CaseSensitive, &Forms::new());
        let mut keys = [key("a"), key("bb"), key("ccc")];
        keys.sort();
        let hashes: Vec<u32> =
            keys.iter().map(|key| super::super::bytes::u32_at(&key.bytes, 8) >> 10).collect();
        assert!(hashes.is_sorted());
    }

    #[test]
    fn an_inode_without_fields_has_its_fixed_length() {
        let inode = InodeVal {
            parent_id: 2,
            private_id: 16,
            create_time: 0,
            mod_time: 0,
            change_time: 0,
            access_time: 0,
            internal_flags: 0,
            nchildren_or_nlink: 1,
            default_protection_class: 0,
            write_generation_counter: 0,
            bsd_flags: 0,
            owner: 0,
            group: 0,
            mode: 0o100_644,
            uncompressed_size: 0,
            xfields: Vec::new(),
        };
        assert_eq!(inode.encode().len(), 0x5c);
    }
}
