//! What a volume holds, as a file system sees it: inodes, their links, streams and attributes.

use std::collections::{BTreeMap, BTreeSet};

use super::disk::Disk;
use super::records::{Key, XField};
use super::stream::{Extents, Stream};

pub const ROOT_DIR: u64 = 2;
pub const PRIV_DIR: u64 = 3;

pub const S_IFIFO: u16 = 0o010_000;
pub const S_IFCHR: u16 = 0o020_000;
pub const S_IFDIR: u16 = 0o040_000;
pub const S_IFBLK: u16 = 0o060_000;
pub const S_IFREG: u16 = 0o100_000;
pub const S_IFLNK: u16 = 0o120_000;
pub const S_IFSOCK: u16 = 0o140_000;

pub const UF_COMPRESSED: u32 = 0x20;
pub const SF_FIRMLINK: u32 = 0x80_0000;

/// Time of transaction 0: 2023-11-14 22:13:20 UTC. Each transaction is one second later.
pub const EPOCH: u64 = 1_700_000_000_000_000_000;

/// One directory entry of an inode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub parent: u64,
    pub name: String,
    pub date_added: u64,
    /// Set once the inode has, or had, several links.
    pub sibling_id: Option<u64>,
}

/// An extended attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Xattr {
    /// Value and the flags beside `XATTR_DATA_EMBEDDED`.
    Embedded(Vec<u8>, u16),
    /// Id of the stream.
    Stream(u64),
}

/// An inode; the fields not found here follow from the rest of the content.
#[derive(Clone, Debug)]
pub struct Inode {
    pub id: u64,
    pub private_id: u64,
    /// Primary link first. Empty for an orphan.
    pub links: Vec<Link>,
    pub mode: u16,
    pub owner: u32,
    pub group: u32,
    pub create_time: u64,
    pub mod_time: u64,
    pub change_time: u64,
    pub access_time: u64,
    /// Flags beside those that follow from the content.
    pub internal_flags: u64,
    pub bsd_flags: u32,
    pub default_protection_class: u32,
    pub write_generation_counter: u32,
    pub uncompressed_size: Option<u64>,
    /// What a compressed file expands to, where that is known.
    pub expanded: Option<Vec<u8>>,
    pub rdev: Option<u32>,
    /// Whether the directory keeps `DIR_STATS`, with the id of the record.
    pub dir_stats: Option<u64>,
    pub xattrs: BTreeMap<String, Xattr>,
    /// Further fields, for example document ids.
    pub extra_xfields: Vec<XField>,
    /// Parent and name of a file that was removed while open.
    pub orphaned_from: Option<(u64, String)>,
}

impl Inode {
    pub fn is_dir(&self) -> bool {
        self.mode & 0o170_000 == S_IFDIR
    }
}

/// The state of a volume's file system.
#[derive(Clone, Debug)]
pub struct Content {
    pub inodes: BTreeMap<u64, Inode>,
    /// Target of each (directory, name).
    pub entries: BTreeMap<(u64, String), u64>,
    /// By `private_id` or `xattr_obj_id`.
    pub streams: BTreeMap<u64, Stream>,
    pub extents: Extents,
    /// Records no other field leads to.
    pub extra_records: BTreeMap<Key, Vec<u8>>,
    /// Keys of records to leave out although the content calls for them.
    pub left_out: BTreeSet<Key>,
    pub next_obj_id: u64,
}

impl Content {
    /// A fresh volume: the root directory and the private directory.
    pub fn new(time: u64) -> Self {
        let mut content = Content {
            inodes: BTreeMap::new(),
            entries: BTreeMap::new(),
            streams: BTreeMap::new(),
            extents: Extents::default(),
            extra_records: BTreeMap::new(),
            left_out: BTreeSet::new(),
            next_obj_id: 16,
        };
        for (id, name, mode) in [(ROOT_DIR, "root", 0o040_775), (PRIV_DIR, "private-dir", 0o040_644)] {
            let mut inode = new_inode(id, mode, time);
            inode.links.push(Link { parent: 1, name: name.to_owned(), date_added: time, sibling_id: None });
            content.entries.insert((1, name.to_owned()), id);
            content.inodes.insert(id, inode);
        }
        content
    }

    pub fn alloc_obj_id(&mut self) -> u64 {
        self.next_obj_id += 1;
        self.next_obj_id - 1
    }

    /// The inode at a path, exact names, no links followed.
    pub fn find(&self, path: &str) -> Option<u64> {
        path.split('/')
            .filter(|name| !name.is_empty())
            .try_fold(ROOT_DIR, |dir, name| self.entries.get(&(dir, name.to_owned())).copied())
    }

    /// The inode at a path that must exist.
    pub fn inode_at(&mut self, path: &str) -> &mut Inode {
        let id = self.find(path).unwrap_or_else(|| panic!("{path} does not exist"));
        self.inodes.get_mut(&id).unwrap()
    }

    /// Paths of everything below the root with its inode.
    pub fn paths(&self) -> BTreeMap<String, u64> {
        let mut paths = BTreeMap::from([("/".to_owned(), ROOT_DIR)]);
        let mut pending = vec![(String::new(), ROOT_DIR)];
        while let Some((path, dir)) = pending.pop() {
            for ((_, name), id) in self.entries.range((dir, String::new())..(dir + 1, String::new())) {
                let child = format!("{path}/{name}");
                if self.inodes.get(id).is_some_and(Inode::is_dir) {
                    pending.push((child.clone(), *id));
                }
                paths.insert(child, *id);
            }
        }
        paths
    }

    /// Makes a new inode at `path`; its parent must exist.
    pub fn create(&mut self, path: &str, mode: u16, disk: &Disk) -> &mut Inode {
        let time = now(disk);
        let id = self.alloc_obj_id();
        self.inodes.insert(id, new_inode(id, mode, time));
        self.link(id, path, time);
        self.inodes.get_mut(&id).unwrap()
    }

    /// Adds a directory entry for an inode. The second link gives both their sibling ids.
    pub fn link(&mut self, id: u64, path: &str, time: u64) {
        let (parent, name) = self.parent_and_name(path);
        assert!(self.entries.insert((parent, name.clone()), id).is_none(), "{path} exists");
        self.inode_mut(parent).mod_time = time;
        let mut links = core::mem::take(&mut self.inode_mut(id).links);
        links.push(Link { parent, name, date_added: time, sibling_id: None });
        if links.len() > 1 {
            for link in links.iter_mut().filter(|link| link.sibling_id.is_none()) {
                link.sibling_id = Some(self.alloc_obj_id());
            }
        }
        self.inode_mut(id).links = links;
    }

    /// Removes a directory entry, and the inode with its last one.
    pub fn remove(&mut self, path: &str, disk: &Disk) {
        let id = self.unlink(path, now(disk));
        if self.inode_mut(id).links.is_empty() {
            let inode = self.inodes.remove(&id).unwrap();
            for xattr in inode.xattrs.values() {
                if let Xattr::Stream(stream) = xattr {
                    self.streams.remove(stream);
                }
            }
            self.drop_stream_if_unused(inode.private_id);
        }
    }

    /// Removes a file's only entry while "open": it moves to the private directory.
    pub fn orphan(&mut self, path: &str, disk: &Disk) {
        let (parent, name) = self.parent_and_name(path);
        let id = self.unlink(path, now(disk));
        self.inode_mut(id).orphaned_from = Some((parent, name));
        self.entries.insert((PRIV_DIR, format!("0x{id:x}-dead")), id);
    }

    /// Moves an entry.
    pub fn rename(&mut self, from: &str, to: &str, disk: &Disk) {
        let id = self.unlink(from, now(disk));
        self.link(id, to, now(disk));
    }

    fn unlink(&mut self, path: &str, time: u64) -> u64 {
        let (parent, name) = self.parent_and_name(path);
        let id =
            self.entries.remove(&(parent, name.clone())).unwrap_or_else(|| panic!("{path} does not exist"));
        self.inode_mut(parent).mod_time = time;
        self.inode_mut(id).links.retain(|link| (link.parent, &link.name) != (parent, &name));
        id
    }

    /// Drops a stream no inode and no attribute has.
    pub fn drop_stream_if_unused(&mut self, id: u64) {
        if !self.stream_users().contains_key(&id) {
            self.streams.remove(&id);
        }
    }

    /// Number of inodes by their default stream.
    pub fn stream_users(&self) -> BTreeMap<u64, u32> {
        let mut users = BTreeMap::new();
        for inode in self.inodes.values() {
            *users.entry(inode.private_id).or_insert(0) += 1;
        }
        users
    }

    pub fn children(&self, dir: u64) -> usize {
        self.entries.range((dir, String::new())..(dir + 1, String::new())).count()
    }

    fn parent_and_name(&self, path: &str) -> (u64, String) {
        let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
        let parent = self.find(dir).unwrap_or_else(|| panic!("the parent of {path} does not exist"));
        (parent, name.to_owned())
    }

    fn inode_mut(&mut self, id: u64) -> &mut Inode {
        self.inodes.get_mut(&id).unwrap()
    }
}

/// The time of the running transaction.
pub fn now(disk: &Disk) -> u64 {
    EPOCH + disk.xid * 1_000_000_000
}

fn new_inode(id: u64, mode: u16, time: u64) -> Inode {
    Inode {
        id,
        private_id: id,
        links: Vec::new(),
        mode,
        owner: 501,
        group: 20,
        create_time: time,
        mod_time: time,
        change_time: time,
        access_time: time,
        internal_flags: 0,
        bsd_flags: 0,
        expanded: None,
        default_protection_class: 0,
        write_generation_counter: 1,
        uncompressed_size: None,
        rdev: None,
        dir_stats: None,
        xattrs: BTreeMap::new(),
        extra_xfields: Vec::new(),
        orphaned_from: None,
    }
}
