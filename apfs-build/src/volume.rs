//! The volume builder: a list of changes, cut into transactions by snapshots and checkpoints.

use core::fmt;

use super::bytes::put;
use super::compress::decmpfs::packed;
use super::content::{Content, Inode, S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFSOCK, SF_FIRMLINK, now};
use super::disk::Disk;
use super::encryption::Encryption;
use super::fstree::Protection;
use super::fusion::{Copy, CopyKind, tier2_flag};
use super::namehash::{Forms, Keys};
use super::records::Key;
use super::seal::Seal;
use super::stream::Extent;

pub const ROLE_SYSTEM: u16 = 0x01;
pub const ROLE_DATA: u16 = 0x40;

/// First object of a System volume, where numbers of its group's Data volume end.
pub const SYSTEM_OBJ_ID: u64 = 0x0FFF_FFFF_0000_0010;

type Change = Box<dyn FnOnce(&mut Content, &mut Disk)>;

/// The changes of one transaction, and the snapshot taken at its end.
#[derive(Default)]
pub(super) struct Segment {
    pub(super) changes: Vec<Change>,
    pub(super) snapshot: Option<String>,
}

impl fmt::Debug for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} changes, snapshot {:?}", self.changes.len(), self.snapshot)
    }
}

/// Fields of the volume superblock a test chooses.
#[derive(Clone, Debug)]
pub struct VolumeOptions {
    pub name: String,
    pub keys: Keys,
    pub apfs_role: u16,
    pub apfs_volume_group_id: [u8; 16],
    /// Whether it has the feature of a group's member; if not given, it has if it has a group id.
    pub group_feature: Option<bool>,
    /// Name of the snapshot of `apfs_root_to_xid`.
    pub root_to_snapshot: Option<String>,
    /// `apfs_root_to_xid`, where there need be no such snapshot.
    pub apfs_root_to_xid: u64,
    pub apfs_vol_uuid: Option<[u8; 16]>,
    pub protection: Protection,
    pub encryption: Option<Encryption>,
    /// Comparable forms of names that are not ASCII.
    pub forms: Forms,
    /// Bits set beside those that follow from the other options.
    pub extra_features: u64,
    pub extra_incompatible_features: u64,
    pub extra_fs_flags: u64,
    /// First object id, for system volumes of a group.
    pub first_obj_id: u64,
    /// How it is sealed, if it is.
    pub seal: Seal,
}

impl VolumeOptions {
    /// `apfs_vol_uuid` of the volume with an index.
    pub fn uuid(&self, index: u32) -> [u8; 16] {
        let mut uuid = *b"test volume ....";
        put(&mut uuid, 12, index.to_be_bytes());
        self.apfs_vol_uuid.unwrap_or(uuid)
    }
}

/// A volume to build. Paths are absolute; parents must exist.
#[derive(Debug)]
pub struct VolumeBuilder {
    pub(super) options: VolumeOptions,
    pub(super) segments: Vec<Segment>,
}

impl VolumeBuilder {
    /// An empty case-insensitive volume.
    pub fn new(name: &str) -> Self {
        let options = VolumeOptions {
            name: name.to_owned(),
            keys: Keys::CaseInsensitive,
            apfs_role: 0,
            apfs_volume_group_id: [0; 16],
            group_feature: None,
            root_to_snapshot: None,
            apfs_root_to_xid: 0,
            apfs_vol_uuid: None,
            protection: Protection::None,
            encryption: None,
            forms: Forms::new(),
            extra_features: 0,
            extra_incompatible_features: 0,
            extra_fs_flags: 0,
            first_obj_id: 16,
            seal: Seal::default(),
        };
        VolumeBuilder { options, segments: vec![Segment::default()] }
    }

    /// Sets any superblock field through its option.
    pub fn option(mut self, set: impl FnOnce(&mut VolumeOptions)) -> Self {
        set(&mut self.options);
        self
    }

    /// Hashed keys without case folding.
    pub fn case_sensitive(self) -> Self {
        self.option(|options| options.keys = Keys::CaseSensitive)
    }

    /// Keys without hashes, as on case-sensitive beta volumes.
    pub fn plain_keys(self) -> Self {
        self.option(|options| options.keys = Keys::Plain)
    }

    /// `apfs_role`.
    pub fn role(self, role: u16) -> Self {
        self.option(|options| options.apfs_role = role)
    }

    /// Makes it a member of a volume group.
    pub fn group(self, id: [u8; 16]) -> Self {
        self.option(|options| options.apfs_volume_group_id = id)
    }

    /// The System volume of a group: role, group id, and numbers from where those of System begin.
    pub fn system(self, group: [u8; 16]) -> Self {
        self.role(ROLE_SYSTEM).group(group).first_obj_id(SYSTEM_OBJ_ID)
    }

    /// The Data volume of a group.
    pub fn data(self, group: [u8; 16]) -> Self {
        self.role(ROLE_DATA).group(group)
    }

    /// Says or does not say, whatever the group id, that it is a member of a group.
    pub fn group_feature(self, is_member: bool) -> Self {
        self.option(|options| options.group_feature = Some(is_member))
    }

    /// Roots the volume from the snapshot of a name.
    pub fn rooted_at(self, snapshot: &str) -> Self {
        let snapshot = snapshot.to_owned();
        self.option(|options| options.root_to_snapshot = Some(snapshot))
    }

    /// Roots the volume from a transaction, whether there is a snapshot of it or not.
    pub fn root_to_xid(self, xid: u64) -> Self {
        self.option(|options| options.apfs_root_to_xid = xid)
    }

    /// Numbers objects from `id` on, as system volumes of a group do.
    pub fn first_obj_id(self, id: u64) -> Self {
        self.option(|options| options.first_obj_id = id)
    }

    /// Hashed tree without headers, fext tree, integrity metadata, file hashes.
    pub fn sealed(self) -> Self {
        self.option(|options| options.protection = Protection::Sealed)
    }

    /// A sealed volume with a seal of another kind.
    pub fn seal(self, set: impl FnOnce(&mut Seal)) -> Self {
        self.sealed().option(|options| set(&mut options.seal))
    }

    /// A sealed volume whose seal was broken at `xid`.
    pub fn broken_seal(self, xid: u64) -> Self {
        self.seal(|seal| seal.broken = Some(xid))
    }

    /// Claims one-key encryption; the bytes stay plain and there is no keybag.
    pub fn encrypted_flag(self) -> Self {
        self.option(|options| options.protection = Protection::EncryptedFlag)
    }

    /// Encrypts metadata and file data with one key, and adds keybags.
    pub fn encrypted(self, encryption: Encryption) -> Self {
        self.encrypted_flag().option(|options| options.encryption = Some(encryption))
    }

    /// How a name that is not ASCII compares: decomposed, and folded unless the volume is case-sensitive.
    pub fn form_of(self, name: &str, form: &str) -> Self {
        let (name, form) = (name.to_owned(), form.to_owned());
        self.option(|options| {
            options.forms.insert(name, form);
        })
    }

    /// Any change of the content.
    pub fn change(mut self, change: impl FnOnce(&mut Content, &mut Disk) + 'static) -> Self {
        self.segments.last_mut().unwrap().changes.push(Box::new(change));
        self
    }

    /// Freezes the state so far; later calls change the live tree.
    pub fn snapshot(mut self, name: &str) -> Self {
        self.segments.last_mut().unwrap().snapshot = Some(name.to_owned());
        self.segments.push(Segment::default());
        self
    }

    /// Ends a transaction: the state so far is a checkpoint's.
    pub fn commit(mut self) -> Self {
        self.segments.push(Segment::default());
        self
    }

    /// A record of its own, replacing what the content calls for under the same key.
    pub fn record(self, key: Key, value: impl Into<Vec<u8>>) -> Self {
        let value = value.into();
        self.change(move |content, _| {
            content.extra_records.insert(key, value);
        })
    }

    /// Leaves out a record the content calls for.
    pub fn without_record(self, key: Key) -> Self {
        self.change(move |content, _| {
            content.left_out.insert(key);
        })
    }

    /// A directory.
    pub fn dir(self, path: &str) -> Self {
        self.node(path, S_IFDIR | 0o755, None)
    }

    /// A regular file in one extent; empty data gives a file without a stream.
    pub fn file(self, path: &str, data: impl AsRef<[u8]>) -> Self {
        let (path, data) = (path.to_owned(), data.as_ref().to_vec());
        self.change(move |content, disk| {
            content.add_file(&path, &[(Some(&data), 0)], data.len() as u64, disk);
        })
    }

    /// A regular file with an extent for every `blocks` blocks, not adjacent to each other.
    pub fn fragmented(self, path: &str, data: impl AsRef<[u8]>, blocks: usize) -> Self {
        let (path, data) = (path.to_owned(), data.as_ref().to_vec());
        self.change(move |content, disk| {
            content.add_file(&path, &[], 0, disk);
            let piece = blocks * disk.block_size;
            for (index, part) in data.chunks(piece).enumerate() {
                content.overwrite(&path, (index * piece) as u64, part, disk);
                disk.alloc_data(1);
            }
        })
    }

    /// A file of `size` bytes with data at block-aligned offsets and holes between.
    pub fn sparse(self, path: &str, size: u64, parts: &[(u64, &[u8])]) -> Self {
        let path = path.to_owned();
        let parts: Vec<_> = parts.iter().map(|(offset, data)| (*offset, data.to_vec())).collect();
        self.change(move |content, disk| content.add_sparse(&path, size, &parts, disk))
    }

    /// A compressed file from its whole `com.apple.decmpfs` value.
    pub fn compressed_inline(self, path: &str, decmpfs: impl AsRef<[u8]>) -> Self {
        let (path, decmpfs) = (path.to_owned(), decmpfs.as_ref().to_vec());
        self.change(move |content, disk| content.add_compressed(&path, decmpfs, None, disk))
    }

    /// A compressed file from its `com.apple.decmpfs` value and its resource fork.
    pub fn compressed_fork(self, path: &str, decmpfs: impl AsRef<[u8]>, fork: impl AsRef<[u8]>) -> Self {
        let (path, decmpfs, fork) = (path.to_owned(), decmpfs.as_ref().to_vec(), fork.as_ref().to_vec());
        self.change(move |content, disk| content.add_compressed(&path, decmpfs, Some(&fork), disk))
    }

    /// A compressed file of a type, by what it holds; a sealed volume has the hashes of that.
    pub fn compressed(self, path: &str, kind: u32, data: impl AsRef<[u8]>) -> Self {
        let data = data.as_ref().to_vec();
        let volume = match packed(kind, &data) {
            (decmpfs, None) => self.compressed_inline(path, decmpfs),
            (decmpfs, Some(fork)) => self.compressed_fork(path, decmpfs, fork),
        };
        volume.inode(path, |inode| inode.expanded = Some(data))
    }

    /// A symbolic link.
    pub fn symlink(self, path: &str, target: &str) -> Self {
        let (path, target) = (path.to_owned(), target.to_owned());
        self.change(move |content, disk| content.add_symlink(&path, &target, disk))
    }

    /// Another name for an existing file.
    pub fn hardlink(self, existing: &str, path: &str) -> Self {
        let (existing, path) = (existing.to_owned(), path.to_owned());
        self.change(move |content, disk| {
            let id = content.inode_at(&existing).id;
            content.link(id, &path, now(disk));
        })
    }

    /// A file sharing an existing one's data stream.
    pub fn clone_file(self, existing: &str, path: &str) -> Self {
        let (existing, path) = (existing.to_owned(), path.to_owned());
        self.change(move |content, disk| content.clone_file(&existing, &path, disk))
    }

    /// A named pipe.
    pub fn fifo(self, path: &str) -> Self {
        self.node(path, S_IFIFO | 0o644, None)
    }

    /// A socket.
    pub fn socket(self, path: &str) -> Self {
        self.node(path, S_IFSOCK | 0o755, None)
    }

    /// A character device with its Darwin device number.
    pub fn char_device(self, path: &str, major: u8, minor: u32) -> Self {
        self.node(path, S_IFCHR | 0o600, Some(u32::from(major) << 24 | minor))
    }

    /// A block device with its Darwin device number.
    pub fn block_device(self, path: &str, major: u8, minor: u32) -> Self {
        self.node(path, S_IFBLK | 0o600, Some(u32::from(major) << 24 | minor))
    }

    fn node(self, path: &str, mode: u16, rdev: Option<u32>) -> Self {
        let path = path.to_owned();
        self.change(move |content, disk| content.create(&path, mode, disk).rdev = rdev)
    }

    /// A directory pointing into the data volume of the group.
    pub fn firmlink(self, path: &str, target: &str) -> Self {
        self.dir(path)
            .xattr(path, "com.apple.fs.firmlink", target)
            .inode(path, |inode| inode.bsd_flags |= SF_FIRMLINK)
    }

    /// The list of firmlinks, with a line for each path and target; its directory must exist.
    pub fn firmlink_list(self, lines: &[(&str, &str)]) -> Self {
        let text: String = lines.iter().map(|(path, target)| format!("{path}\t{target}\n")).collect();
        self.file("/usr/share/firmlinks", text)
    }

    /// An embedded extended attribute.
    pub fn xattr(self, path: &str, name: &str, value: impl AsRef<[u8]>) -> Self {
        let (path, name, value) = (path.to_owned(), name.to_owned(), value.as_ref().to_vec());
        self.change(move |content, disk| content.set_xattr(&path, &name, value, disk))
    }

    /// An extended attribute kept in a stream of its own.
    pub fn stream_xattr(self, path: &str, name: &str, value: impl AsRef<[u8]>) -> Self {
        let (path, name, value) = (path.to_owned(), name.to_owned(), value.as_ref().to_vec());
        self.change(move |content, disk| content.set_stream_xattr(&path, &name, &value, disk))
    }

    /// Makes a directory keep statistics.
    pub fn dir_stats(self, path: &str) -> Self {
        let path = path.to_owned();
        self.change(move |content, _| {
            let key = content.alloc_obj_id();
            content.inode_at(&path).dir_stats = Some(key);
        })
    }

    /// Changes fields of an inode: mode, owner, times, flags.
    pub fn inode(self, path: &str, set: impl FnOnce(&mut Inode) + 'static) -> Self {
        let path = path.to_owned();
        self.change(move |content, _| set(content.inode_at(&path)))
    }

    /// Writes into a file at a block-aligned offset, copy on write.
    pub fn overwrite(self, path: &str, offset: u64, data: impl AsRef<[u8]>) -> Self {
        let (path, data) = (path.to_owned(), data.as_ref().to_vec());
        self.change(move |content, disk| content.overwrite(&path, offset, &data, disk))
    }

    /// Cuts a file.
    pub fn truncate(self, path: &str, size: u64) -> Self {
        let path = path.to_owned();
        self.change(move |content, disk| content.truncate(&path, size, disk))
    }

    /// Removes a name, and the object with its last one.
    pub fn remove(self, path: &str) -> Self {
        let path = path.to_owned();
        self.change(move |content, disk| content.remove(&path, disk))
    }

    /// Removes a file that stays open: it becomes an orphan.
    pub fn orphan(self, path: &str) -> Self {
        let path = path.to_owned();
        self.change(move |content, disk| content.orphan(&path, disk))
    }

    /// What follows is written to tier 2 of a Fusion pair, or to the main device again.
    pub fn on_tier2(self, on: bool) -> Self {
        self.change(move |_, disk| disk.to_tier2 = on)
    }

    /// Has the main device hold a copy of some blocks of a file on tier 2: `from` and `count` in its data.
    pub fn copy_on_main(self, path: &str, kind: CopyKind, from: u64, count: u64) -> Self {
        let path = path.to_owned();
        self.change(move |content, disk| {
            let stream = content.inode_at(&path).private_id;
            let holds = |extent: &&Extent| (extent.logical..extent.logical + extent.count).contains(&from);
            let extent = content.streams[&stream].extents.iter().find(holds).unwrap();
            assert!(from + count <= extent.logical + extent.count, "the blocks lie in one extent");
            let target = extent.block + (from - extent.logical);
            assert!(target >= tier2_flag(disk.block_size), "the blocks lie on tier 2");
            disk.copies.push(Copy { kind, target, count });
        })
    }

    /// Renames or moves.
    pub fn rename(self, from: &str, to: &str) -> Self {
        let (from, to) = (from.to_owned(), to.to_owned());
        self.change(move |content, disk| content.rename(&from, &to, disk))
    }
}
