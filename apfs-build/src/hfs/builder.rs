//! The description of a volume, made of calls.

use std::collections::BTreeMap;

use super::btree::Shape;
use super::bytes::units;
use super::item::{
    Content, FIRST_USER_CNID, HAS_FOLDER_COUNT, IS_ALIAS, Item, Kind, ROOT, S_IFBLK, S_IFCHR, S_IFDIR,
    S_IFIFO, S_IFLNK, S_IFREG, S_IFSOCK, UF_COMPRESSED, XattrForm,
};

/// Where the second volume header is put if the device is longer than its blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alternate {
    DeviceEnd,
    VolumeEnd,
    Both,
    Nowhere,
}

/// What stands in the journal when the volume is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JournalState {
    /// A header with start and end alike.
    Empty,
    /// Nothing yet: the flag says it is to be made.
    NeedInit,
    /// On another device with this UUID.
    External(String),
}

/// A journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalOptions {
    pub size: usize,
    pub state: JournalState,
}

/// Fields of the volume a test chooses.
#[derive(Clone, Debug)]
pub struct HfsOptions {
    pub block_size: usize,
    /// HFSX, signature and version.
    pub extended: bool,
    /// Case-sensitive order of names: for HFSX only.
    pub binary: bool,
    /// `keyCompareType` of the catalog where it does not follow from the order.
    pub key_compare: Option<u8>,
    pub catalog: Shape,
    pub extents: Shape,
    pub attributes: Shape,
    /// Runs of blocks of the special files.
    pub catalog_pieces: usize,
    pub attributes_pieces: usize,
    pub bitmap_pieces: usize,
    /// Free blocks at the end.
    pub free_blocks: u32,
    /// Blocks of the volume, where they are not to follow from its content.
    pub total_blocks: Option<u32>,
    /// Bytes behind the last block.
    pub trailing: usize,
    pub alternate: Alternate,
    pub startup: Content,
    /// Runs of blocks that can't be used, one block each.
    pub bad_blocks: usize,
    pub journal: Option<JournalOptions>,
    /// Attributes of the volume header beside those that follow.
    pub extra_attributes: u32,
    pub dirty: bool,
    pub last_mounted: [u8; 4],
    /// Created (local), modified, backed up, checked.
    pub dates: [u32; 4],
    pub finder_info: [u32; 8],
    pub has_attributes_file: bool,
}

/// A volume to build. Parents must exist.
#[derive(Clone, Debug)]
pub struct HfsBuilder {
    pub options: HfsOptions,
    pub items: BTreeMap<u32, Item>,
    pub next_cnid: u32,
    /// Whether links are written as current systems do: with chains, and named after CNIDs.
    pub chains: bool,
    /// Records of the extents file that belong to no fork.
    pub stray_extents: Vec<super::btree::Record>,
}

impl HfsBuilder {
    /// An empty case-insensitive HFS+ volume.
    pub fn new(name: &str) -> Self {
        let root = Item::new(ROOT, 1, units(name), Kind::Folder, S_IFDIR | 0o755);
        let (date, created) = (super::item::EPOCH, root.dates[0]);
        let options = HfsOptions {
            block_size: 4096,
            extended: false,
            binary: false,
            key_compare: None,
            catalog: Shape::of(4096),
            extents: Shape::of(4096),
            attributes: Shape::of(8192),
            catalog_pieces: 1,
            attributes_pieces: 1,
            bitmap_pieces: 1,
            free_blocks: 16,
            total_blocks: None,
            trailing: 0,
            alternate: Alternate::Both,
            startup: Content::default(),
            bad_blocks: 0,
            journal: None,
            extra_attributes: 0x8000_0000,
            dirty: false,
            last_mounted: *b"10.0",
            dates: [created + 3600, date + 10, 0, date + 20],
            finder_info: [0, 0, 0, 0, 0, 0, 0x1234_5678, 0x9ABC_DEF0],
            has_attributes_file: true,
        };
        let items = BTreeMap::from([(ROOT, root)]);
        HfsBuilder { options, items, next_cnid: FIRST_USER_CNID, chains: true, stray_extents: Vec::new() }
    }

    /// Sets any option.
    pub fn option(mut self, set: impl FnOnce(&mut HfsOptions)) -> Self {
        set(&mut self.options);
        self
    }

    /// HFSX whose names fold case.
    pub fn extended(self) -> Self {
        self.option(|options| options.extended = true)
    }

    /// HFSX whose names are compared as they are.
    pub fn case_sensitive(self) -> Self {
        self.extended().option(|options| options.binary = true)
    }

    pub fn block_size(self, size: usize) -> Self {
        self.option(|options| options.block_size = size)
    }

    /// Node sizes of catalog, extents and attributes file.
    pub fn node_sizes(self, catalog: usize, extents: usize, attributes: usize) -> Self {
        self.option(|options| {
            options.catalog.node_size = catalog;
            options.extents.node_size = extents;
            options.attributes.node_size = attributes;
        })
    }

    /// At most so many records in a node of any tree.
    pub fn max_records_per_node(self, count: usize) -> Self {
        self.option(|options| {
            for shape in [&mut options.catalog, &mut options.extents, &mut options.attributes] {
                shape.max_records = count;
            }
        })
    }

    /// Nodes of every tree out of order.
    pub fn scattered_nodes(self) -> Self {
        self.option(|options| {
            for shape in [&mut options.catalog, &mut options.extents, &mut options.attributes] {
                shape.scattered = true;
            }
        })
    }

    /// Catalog and attributes file, or bitmap, in many runs.
    pub fn special_pieces(self, catalog: usize, attributes: usize, bitmap: usize) -> Self {
        self.option(|options| {
            options.catalog_pieces = catalog;
            options.attributes_pieces = attributes;
            options.bitmap_pieces = bitmap;
        })
    }

    /// A journal of so many bytes, and the files that hold it.
    pub fn journal(mut self, size: usize, state: JournalState) -> Self {
        self.options.last_mounted = *b"HFSJ";
        let is_here = !matches!(state, JournalState::External(_));
        self.options.journal = Some(JournalOptions { size, state });
        let block = self.options.block_size;
        for (name, len) in [(".journal", size), (".journal_info_block", block)] {
            if name == ".journal" && !is_here {
                continue;
            }
            let cnid = self.create(&format!("/{name}"), Kind::File, S_IFREG);
            let item = self.item_mut(cnid);
            item.data = Content::new(vec![0; len]);
            item.set_type(b"jrnl", b"hfs+");
            item.set_finder_flags(super::item::INVISIBLE_AND_LOCKED);
        }
        self
    }

    /// Links as very old systems and other drivers write them: random references, no chains.
    pub fn old_links(mut self) -> Self {
        self.chains = false;
        self
    }

    /// A folder.
    pub fn dir(mut self, path: &str) -> Self {
        self.create(path, Kind::Folder, S_IFDIR | 0o755);
        self
    }

    /// A file whose data is one run of blocks.
    pub fn file(self, path: &str, data: impl AsRef<[u8]>) -> Self {
        self.file_of(path, Content::new(data))
    }

    /// A file whose data lies in `pieces` runs.
    pub fn fragmented(self, path: &str, data: impl AsRef<[u8]>, pieces: usize) -> Self {
        self.file_of(path, Content::pieces(data, pieces))
    }

    /// A file.
    pub fn file_of(mut self, path: &str, data: Content) -> Self {
        let cnid = self.create(path, Kind::File, S_IFREG | 0o644);
        self.item_mut(cnid).data = data;
        self
    }

    /// Gives a file a resource fork.
    pub fn resource(self, path: &str, content: Content) -> Self {
        self.item(path, |item| item.resource = content)
    }

    /// A symbolic link.
    pub fn symlink(mut self, path: &str, target: &str) -> Self {
        let cnid = self.create(path, Kind::File, S_IFLNK | 0o755);
        let item = self.item_mut(cnid);
        item.set_type(b"slnk", b"rhap");
        item.data = Content::new(target);
        self
    }

    pub fn fifo(mut self, path: &str) -> Self {
        self.create(path, Kind::File, S_IFIFO | 0o644);
        self
    }

    pub fn socket(mut self, path: &str) -> Self {
        self.create(path, Kind::File, S_IFSOCK | 0o755);
        self
    }

    /// A character device.
    pub fn char_device(mut self, path: &str, major: u8, minor: u32) -> Self {
        let cnid = self.create(path, Kind::File, S_IFCHR | 0o600);
        self.item_mut(cnid).special = u32::from(major) << 24 | minor;
        self
    }

    /// A block device.
    pub fn block_device(mut self, path: &str, major: u8, minor: u32) -> Self {
        let cnid = self.create(path, Kind::File, S_IFBLK | 0o640);
        self.item_mut(cnid).special = u32::from(major) << 24 | minor;
        self
    }

    /// An alias of the Finder: its resource fork says where it leads.
    pub fn alias(mut self, path: &str) -> Self {
        let cnid = self.create(path, Kind::File, S_IFREG | 0o644);
        let item = self.item_mut(cnid);
        item.set_finder_flags(IS_ALIAS);
        item.resource = Content::new(super::links::alias_fork());
        self
    }

    /// A compressed file: its `com.apple.decmpfs` value, and its resource fork.
    pub fn compressed(self, path: &str, decmpfs: impl AsRef<[u8]>, fork: Option<&[u8]>) -> Self {
        let resource = fork.map_or_else(Content::default, Content::new);
        self.file(path, b"").xattr(path, "com.apple.decmpfs", decmpfs).item(path, |item| {
            item.owner_flags |= UF_COMPRESSED;
            item.resource = resource;
        })
    }

    /// An attribute within its record.
    pub fn xattr(self, path: &str, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.item(path, |item| item.set_xattr(name, value.as_ref(), XattrForm::Inline))
    }

    /// An attribute with blocks of its own, in so many runs.
    pub fn fork_xattr(self, path: &str, name: &str, value: impl AsRef<[u8]>, pieces: usize) -> Self {
        self.item(path, |item| item.set_xattr(name, value.as_ref(), XattrForm::Fork(pieces)))
    }

    /// Changes the record at a path; for a link, that of what it stands for.
    pub fn item(mut self, path: &str, set: impl FnOnce(&mut Item)) -> Self {
        let cnid = self.cnid(path);
        set(self.item_mut(cnid));
        self
    }

    /// Changes a link's own record.
    pub fn link_item(mut self, path: &str, set: impl FnOnce(&mut Item)) -> Self {
        let cnid = self.record_at(path);
        set(self.item_mut(cnid));
        self
    }

    /// Gives what is at a path another name, by units.
    pub fn rename(self, path: &str, name: &[u16]) -> Self {
        let name = name.to_vec();
        self.link_item(path, |item| item.name = name)
    }

    /// Gives every folder the count of folders in it.
    pub fn folder_counts(mut self) -> Self {
        for item in self.items.values_mut().filter(|item| item.is_folder()) {
            item.flags |= HAS_FOLDER_COUNT;
        }
        self
    }

    /// CNIDs from here on.
    pub fn next_cnid(mut self, cnid: u32) -> Self {
        self.next_cnid = cnid;
        self
    }

    pub(super) fn create(&mut self, path: &str, kind: Kind, mode: u16) -> u32 {
        let (parent, name) = self.parent_and_name(path);
        self.create_in(parent, name, kind, mode)
    }

    pub(super) fn create_in(&mut self, parent: u32, name: Vec<u16>, kind: Kind, mode: u16) -> u32 {
        let cnid = self.next_cnid;
        self.next_cnid += 1;
        self.items.insert(cnid, Item::new(cnid, parent, name, kind, mode));
        cnid
    }

    pub(super) fn item_mut(&mut self, cnid: u32) -> &mut Item {
        self.items.get_mut(&cnid).unwrap()
    }

    pub(super) fn parent_and_name(&self, path: &str) -> (u32, Vec<u16>) {
        let (parent, name) = path.rsplit_once('/').unwrap();
        (self.cnid(parent), units(name))
    }

    /// CNID of what is at a path, links followed.
    pub fn cnid(&self, path: &str) -> u32 {
        let mut names = path.split('/').filter(|name| !name.is_empty());
        names
            .try_fold(ROOT, |dir, name| Some(self.target(self.child(dir, &units(name))?)))
            .unwrap_or_else(|| panic!("{path} does not exist"))
    }

    /// CNID of the record at a path, which may be a link.
    pub fn record_at(&self, path: &str) -> u32 {
        if path == "/" {
            return ROOT;
        }
        let (parent, name) = self.parent_and_name(path);
        self.child(parent, &name).unwrap_or_else(|| panic!("{path} does not exist"))
    }

    /// The child of a folder with exactly this name.
    pub fn child(&self, dir: u32, name: &[u16]) -> Option<u32> {
        self.items.values().find(|item| item.parent == dir && item.name == name).map(|item| item.cnid)
    }

    /// What a record stands for.
    pub fn target(&self, cnid: u32) -> u32 {
        match self.items[&cnid].kind {
            Kind::FileLink(target) | Kind::FolderLink(target) => target,
            _ => cnid,
        }
    }
}
