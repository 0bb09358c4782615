//! What a volume holds: files and folders with everything their catalog records say.

/// Content of a fork, and how it is to lie on the disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    pub bytes: Vec<u8>,
    /// Runs of blocks.
    pub pieces: usize,
    /// Blocks behind the end.
    pub extra_blocks: u32,
    pub clump: u32,
}

impl Content {
    pub fn new(bytes: impl AsRef<[u8]>) -> Self {
        Content { bytes: bytes.as_ref().to_vec(), pieces: 1, ..Content::default() }
    }

    pub fn pieces(bytes: impl AsRef<[u8]>, pieces: usize) -> Self {
        Content { pieces, ..Content::new(bytes) }
    }
}

/// How the value of an attribute is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XattrForm {
    Inline,
    /// In blocks of its own, in so many runs.
    Fork(usize),
}

/// An extended attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Xattr {
    pub name: Vec<u16>,
    pub value: Vec<u8>,
    pub form: XattrForm,
}

/// What a catalog record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Folder,
    File,
    /// A file record that stands for the file with this CNID.
    FileLink(u32),
    /// A file record that stands for the folder with this CNID.
    FolderLink(u32),
}

/// A file, folder or link. Fields that follow from the rest of the volume are not here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    pub cnid: u32,
    pub parent: u32,
    /// As stored.
    pub name: Vec<u16>,
    pub kind: Kind,
    /// Flags beside those that follow from the content.
    pub flags: u16,
    /// Field at offset 4 of a file's record: the first link of a chain.
    pub first_link: u32,
    /// Dates as stored: created, content changed, record changed, accessed, backed up.
    pub dates: [u32; 5],
    pub owner: u32,
    pub group: u32,
    pub admin_flags: u8,
    pub owner_flags: u8,
    pub mode: u16,
    /// Link reference, count of links or device number.
    pub special: u32,
    /// `userInfo` and `finderInfo`.
    pub finder: [u8; 32],
    pub encoding: u32,
    pub data: Content,
    pub resource: Content,
    pub xattrs: Vec<Xattr>,
    /// Whether there is a thread record.
    pub has_thread: bool,
    /// Added to the number of children that a folder's record gives.
    pub valence_error: i32,
}

pub const ROOT: u32 = 2;
pub const FIRST_USER_CNID: u32 = 16;

pub const S_IFIFO: u16 = 0o010_000;
pub const S_IFCHR: u16 = 0o020_000;
pub const S_IFDIR: u16 = 0o040_000;
pub const S_IFBLK: u16 = 0o060_000;
pub const S_IFREG: u16 = 0o100_000;
pub const S_IFLNK: u16 = 0o120_000;
pub const S_IFSOCK: u16 = 0o140_000;

pub const UF_IMMUTABLE: u8 = 0x02;
pub const UF_COMPRESSED: u8 = 0x20;

pub const FILE_LOCKED: u16 = 0x0001;
pub const THREAD_EXISTS: u16 = 0x0002;
pub const HAS_ATTRIBUTES: u16 = 0x0004;
pub const HAS_SECURITY: u16 = 0x0008;
pub const HAS_FOLDER_COUNT: u16 = 0x0010;
pub const HAS_LINK_CHAIN: u16 = 0x0020;
pub const HAS_CHILD_LINK: u16 = 0x0040;
pub const HAS_DATE_ADDED: u16 = 0x0080;
pub const EXPANDED_TIMES: u16 = 0x1000;

pub const IS_ALIAS: u16 = 0x8000;
pub const INVISIBLE_AND_LOCKED: u16 = 0x5000;

/// 2023-11-14 22:13:20 UTC as stored.
pub const EPOCH: u32 = 1_700_000_000 + UNIX_TO_MAC;
/// Seconds from 1904 to 1970.
pub const UNIX_TO_MAC: u32 = 2_082_844_800;

impl Item {
    /// A file or folder with dates that no other item has.
    pub fn new(cnid: u32, parent: u32, name: Vec<u16>, kind: Kind, mode: u16) -> Self {
        let date = |n: u32| EPOCH + cnid * 100 + n;
        Item {
            cnid,
            parent,
            name,
            kind,
            flags: 0,
            first_link: 0,
            dates: [date(0), date(1), date(2), date(3), 0],
            owner: 501,
            group: 20,
            admin_flags: 0,
            owner_flags: 0,
            mode,
            special: 0,
            finder: [0; 32],
            encoding: 0,
            data: Content::default(),
            resource: Content::default(),
            xattrs: Vec::new(),
            has_thread: true,
            valence_error: 0,
        }
    }

    pub fn is_folder(&self) -> bool {
        self.kind == Kind::Folder
    }

    /// Type and creator of a file.
    pub fn set_type(&mut self, file_type: &[u8; 4], creator: &[u8; 4]) {
        self.finder[..4].copy_from_slice(file_type);
        self.finder[4..8].copy_from_slice(creator);
    }

    /// `fdFlags` or `frFlags`.
    pub fn set_finder_flags(&mut self, flags: u16) {
        self.finder[8..10].copy_from_slice(&flags.to_be_bytes());
    }

    /// Sets an attribute, replacing one of the same name.
    pub fn set_xattr(&mut self, name: &str, value: &[u8], form: XattrForm) {
        let name: Vec<u16> = name.encode_utf16().collect();
        self.xattrs.retain(|xattr| xattr.name != name);
        self.xattrs.push(Xattr { name, value: value.to_vec(), form });
    }
}
