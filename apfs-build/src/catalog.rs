//! The file-system records a volume's content stands for.

use std::collections::BTreeMap;

use super::bytes::pack;
use super::content::{Content, Inode, S_IFDIR, S_IFLNK, S_IFREG, Xattr};
use super::disk::Disk;
use super::encryption::Encryption;
use super::namehash::{Forms, Keys};
use super::node::Record;
use super::records::{
    APFS_TYPE_CRYPTO_STATE, APFS_TYPE_DIR_STATS, APFS_TYPE_DSTREAM_ID, APFS_TYPE_FILE_EXTENT,
    APFS_TYPE_FILE_INFO, APFS_TYPE_INODE, APFS_TYPE_SIBLING_LINK, APFS_TYPE_SIBLING_MAP, APFS_TYPE_XATTR,
    InodeVal, Key, XATTR_DATA_EMBEDDED, XATTR_DATA_STREAM, XField, dir_rec, dir_stats, dstream, file_extent,
    file_info, sibling_link, terminated, xattr,
};
use super::seal::Seal;
use super::stream::Stream;

const INODE_MAINTAIN_DIR_STATS: u64 = 0x2;
const INODE_DIR_STATS_ORIGIN: u64 = 0x4;
const INODE_HAS_SECURITY_EA: u64 = 0x40;
const INODE_HAS_FINDER_INFO: u64 = 0x100;
const INODE_IS_SPARSE: u64 = 0x200;
const INODE_HAS_RSRC_FORK: u64 = 0x4000;
const INODE_NO_RSRC_FORK: u64 = 0x8000;
const INODE_HAS_UNCOMPRESSED_SIZE: u64 = 0x4_0000;

/// Key state that stands for the one key of a volume.
const CRYPTO_SW_ID: u64 = 4;
/// Extent flag: `crypto_id` is a tweak.
const FEXT_CRYPTO_ID_IS_TWEAK: u8 = 1;
/// Info type of `FILE_INFO` keys that carry a data hash.
const APFS_FILE_INFO_DATA_HASH: u64 = 1;

/// What the records depend on beside the content.
#[derive(Clone, Debug)]
pub struct Style {
    pub keys: Keys,
    pub forms: Forms,
    /// Of a sealed volume: extents go to the fext tree, and file data is hashed.
    pub seal: Option<Seal>,
    /// Extents that do not say it themselves get the tweaks of this.
    pub encryption: Option<Encryption>,
}

/// Numbers of inodes by kind, as the volume superblock counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub files: u64,
    pub directories: u64,
    pub symlinks: u64,
    pub other: u64,
}

impl Counts {
    pub fn of(content: &Content) -> Self {
        let mut counts = Counts::default();
        for inode in content.inodes.values().filter(|inode| inode.id >= 16 && inode.orphaned_from.is_none()) {
            match inode.mode & 0o170_000 {
                S_IFREG => counts.files += 1,
                S_IFDIR => counts.directories += 1,
                S_IFLNK => counts.symlinks += 1,
                _ => counts.other += 1,
            }
        }
        counts
    }
}

/// All records of the file-system tree, in its order.
pub fn records(content: &Content, style: &Style, disk: &Disk) -> Vec<(Key, Vec<u8>)> {
    let mut records = BTreeMap::new();
    for inode in content.inodes.values() {
        inode_records(inode, content, disk, &mut records);
    }
    for ((parent, name), id) in &content.entries {
        let Some(inode) = content.inodes.get(id) else { continue };
        let link = inode.links.iter().find(|link| (link.parent, &link.name) == (*parent, name));
        let date_added = link.map_or(inode.change_time, |link| link.date_added);
        let sibling_id = link.and_then(|link| link.sibling_id);
        let key = Key::dir_rec(*parent, name, style.keys, &style.forms);
        records.insert(key, dir_rec(*id, date_added, inode.mode >> 12, sibling_id));
    }
    let stream_users = content.stream_users();
    for (id, stream) in &content.streams {
        let users = stream_users.get(id).copied().unwrap_or(0);
        if users > 0 {
            records.insert(Key::plain(*id, APFS_TYPE_DSTREAM_ID), pack![users]);
        }
        if let Some(seal) = &style.seal {
            if users > 0 {
                hash_records(*id, &stream.read(disk), seal, disk, &mut records);
            }
            continue;
        }
        let block_size = disk.block_size as u64;
        for extent in &stream.extents {
            let key = Key::numbered(*id, APFS_TYPE_FILE_EXTENT, extent.logical * block_size);
            let length = extent.count * block_size;
            let (mut flags, mut crypto_id) = (extent.flags, extent.crypto_id);
            if let (Some(encryption), false, 0) = (&style.encryption, extent.block == 0, crypto_id) {
                flags |= FEXT_CRYPTO_ID_IS_TWEAK;
                crypto_id = encryption.tweak_of(extent.block);
            }
            records.insert(key, file_extent(length, flags, extent.block, crypto_id));
        }
    }
    if let Some(seal) = &style.seal {
        for inode in content.inodes.values() {
            let Some(expanded) = &inode.expanded else { continue };
            let id = match inode.xattrs.get("com.apple.ResourceFork") {
                Some(Xattr::Stream(fork)) => *fork,
                _ => inode.id,
            };
            hash_records(id, expanded, seal, disk, &mut records);
        }
    }
    if style.encryption.is_some() {
        records.insert(Key::plain(CRYPTO_SW_ID, APFS_TYPE_CRYPTO_STATE), pack![1_u32, 0_u64, 0_u64, 0_u32]);
    }
    records.extend(content.extra_records.clone());
    records.retain(|key, _| !content.left_out.contains(key));
    records.into_iter().collect()
}

/// The records of a sealed volume's fext tree.
pub fn fext_records(content: &Content, block_size: u64) -> Vec<Record> {
    let extents = content.streams.iter().flat_map(|(id, stream)| stream.extents.iter().map(move |e| (id, e)));
    extents
        .map(|(id, extent)| {
            let key = pack![id, extent.logical * block_size];
            Record::new(key, pack![extent.count * block_size, extent.block])
        })
        .collect()
}

fn inode_records(inode: &Inode, content: &Content, disk: &Disk, records: &mut BTreeMap<Key, Vec<u8>>) {
    let id = inode.id;
    for link in &inode.links {
        if let Some(sibling) = link.sibling_id {
            let key = Key::numbered(id, APFS_TYPE_SIBLING_LINK, sibling);
            records.insert(key, sibling_link(link.parent, &link.name));
            records.insert(Key::plain(sibling, APFS_TYPE_SIBLING_MAP), pack![id]);
        }
    }
    for (name, value) in &inode.xattrs {
        let value = match value {
            Xattr::Embedded(data, flags) => xattr(XATTR_DATA_EMBEDDED | flags, data),
            Xattr::Stream(stream) => {
                let mut xdata = pack![stream];
                xdata.extend(dstream_of(&content.streams[stream], disk));
                xattr(XATTR_DATA_STREAM, &xdata)
            }
        };
        records.insert(Key::named(id, APFS_TYPE_XATTR, name), value);
    }
    if let Some(key) = inode.dir_stats {
        let children = content.children(id) as u64;
        let value = dir_stats(children, total_size(content, id), 0, 1);
        records.insert(Key::plain(key, APFS_TYPE_DIR_STATS), value);
    }
    records.insert(Key::plain(id, APFS_TYPE_INODE), inode_value(inode, content, disk).encode());
}

fn inode_value(inode: &Inode, content: &Content, disk: &Disk) -> InodeVal {
    let stream = content.streams.get(&inode.private_id);
    let holes = stream.map_or(0, Stream::hole_blocks) * disk.block_size as u64;
    let (parent_id, name) = match (&inode.orphaned_from, inode.links.first()) {
        (Some((parent, name)), _) => (*parent, name.as_str()),
        (None, Some(link)) => (link.parent, link.name.as_str()),
        (None, None) => panic!("inode {} has no link", inode.id),
    };
    let field = |x_type, x_flags, data| XField { x_type, x_flags, data };
    let mut fields = vec![field(4, 0x02, terminated(name))];
    if let Some(stream) = stream {
        fields.push(field(8, 0x20, dstream_of(stream, disk)));
    }
    if let Some(key) = inode.dir_stats {
        fields.push(field(10, 0x22, pack![key]));
    }
    if holes > 0 {
        fields.push(field(13, 0x28, pack![holes]));
    }
    if let Some(rdev) = inode.rdev {
        fields.push(field(14, 0x22, pack![rdev]));
    }
    fields.extend(inode.extra_xfields.iter().cloned());

    let has = |name: &str| inode.xattrs.contains_key(name);
    let mut internal_flags = inode.internal_flags;
    for (set, flag) in [
        (inode.dir_stats.is_some(), INODE_MAINTAIN_DIR_STATS | INODE_DIR_STATS_ORIGIN),
        (has("com.apple.system.Security"), INODE_HAS_SECURITY_EA),
        (has("com.apple.FinderInfo"), INODE_HAS_FINDER_INFO),
        (holes > 0, INODE_IS_SPARSE),
        (has("com.apple.ResourceFork"), INODE_HAS_RSRC_FORK),
        (!has("com.apple.ResourceFork"), INODE_NO_RSRC_FORK),
        (inode.uncompressed_size.is_some(), INODE_HAS_UNCOMPRESSED_SIZE),
    ] {
        if set {
            internal_flags |= flag;
        }
    }
    let links = if inode.is_dir() { content.children(inode.id) } else { inode.links.len() };
    InodeVal {
        parent_id,
        private_id: inode.private_id,
        create_time: inode.create_time,
        mod_time: inode.mod_time,
        change_time: inode.change_time,
        access_time: inode.access_time,
        internal_flags,
        nchildren_or_nlink: links as i32,
        default_protection_class: inode.default_protection_class,
        write_generation_counter: inode.write_generation_counter,
        bsd_flags: inode.bsd_flags,
        owner: inode.owner,
        group: inode.group,
        mode: inode.mode,
        uncompressed_size: inode.uncompressed_size.unwrap_or(0),
        xfields: fields,
    }
}

fn dstream_of(stream: &Stream, disk: &Disk) -> Vec<u8> {
    dstream(stream.size, stream.blocks() * disk.block_size as u64, stream.default_crypto_id)
}

/// Sum of the sizes of the files in a directory.
fn total_size(content: &Content, dir: u64) -> u64 {
    let children = content.entries.range((dir, String::new())..(dir + 1, String::new()));
    children
        .filter_map(|(_, id)| content.streams.get(&content.inodes.get(id)?.private_id))
        .map(|stream| stream.size)
        .sum()
}

/// One hash per piece, zeros behind the end.
fn hash_records(id: u64, data: &[u8], seal: &Seal, disk: &Disk, records: &mut BTreeMap<Key, Vec<u8>>) {
    let piece = usize::from(seal.piece_blocks) * disk.block_size;
    for (index, part) in data.chunks(piece).enumerate() {
        let key =
            Key::numbered(id, APFS_TYPE_FILE_INFO, APFS_FILE_INFO_DATA_HASH << 56 | (index * piece) as u64);
        let mut blocks = part.to_vec();
        blocks.resize(part.len().next_multiple_of(disk.block_size), 0);
        let hashed_len = (blocks.len() / disk.block_size) as u16;
        records.insert(key, file_info(hashed_len, &seal.hash(&blocks)));
    }
}
