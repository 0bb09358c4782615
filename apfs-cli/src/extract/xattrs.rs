//! Which extended attributes are a file's own, and not a part of how the volume stores it.

use apfs_core::{AnyFs, Error, Fs, FsExt, Kind, Name, Result, Stat, StreamId, XattrInfo};

use crate::row::resource_fork;

/// Target of a symbolic link.
const SYMLINK: &[u8] = b"com.apple.fs.symlink";
/// How a file is compressed, and often its compressed data.
const DECMPFS: &[u8] = b"com.apple.decmpfs";
/// Resource fork; of a compressed file its compressed data.
pub(crate) const RESOURCE_FORK: &[u8] = b"com.apple.ResourceFork";

/// What the Finder keeps of a file.
const FINDER_INFO: &[u8] = b"com.apple.FinderInfo";
/// Type and creator that every symbolic link of HFS+ has.
const LINK_TYPE: &[u8] = b"slnkrhap";
/// Where HFS+ keeps the first link to a directory.
const FIRST_LINK: &[u8] = b"com.apple.system.hfs.firstlink";

/// An attribute that a copy of a file should have.
#[derive(Debug, Clone)]
pub(crate) struct Attribute {
    pub(crate) name: Name,
    /// Length of the value in bytes.
    pub(crate) size: u64,
    /// Where the value is: HFS+ keeps the resource fork elsewhere.
    stream: StreamId,
}

impl Attribute {
    /// The whole value.
    pub(crate) fn value(&self, view: &AnyFs, stat: &Stat) -> Result<Vec<u8>> {
        match &self.stream {
            StreamId::Xattr(name) => view.xattr(stat.id, name.as_bytes()),
            stream => {
                let limit = view.limits().xattr_bytes;
                let len = usize::try_from(self.size).ok().filter(|_| self.size <= limit);
                let len = len.ok_or_else(|| Error::limit("length of a resource fork", limit, self.size))?;
                let mut value = vec![0; len];
                let read = view.read_at(stat.id, stream, 0, &mut value)?;
                value.truncate(read);
                Ok(value)
            }
        }
    }
}

/// True if Finder info of HFS+ says more than a Mac would show: numbers and dates are kept in it too.
fn has_finder_info(view: &AnyFs, stat: &Stat) -> bool {
    let Ok(info) = view.xattr(stat.id, FINDER_INFO) else { return true };
    let shown = info.iter().enumerate().filter(|(at, _)| !matches!(at, 16..=23 | 28..=31));
    let kind = if stat.kind == Kind::Symlink && info.starts_with(LINK_TYPE) { LINK_TYPE.len() } else { 0 };
    shown.skip(kind).any(|(_, byte)| *byte != 0)
}

/// The attributes that a copy of the file should have.
pub(crate) fn wanted(view: &AnyFs, stat: &Stat) -> Result<Vec<Attribute>> {
    let is_own = |name: &[u8]| match name {
        SYMLINK => stat.kind != Kind::Symlink,
        DECMPFS | RESOURCE_FORK => stat.compression.is_none(),
        FIRST_LINK => view.as_hfs().is_none(),
        FINDER_INFO => view.as_hfs().is_none() || has_finder_info(view, stat),
        _ => true,
    };
    let xattrs = view.xattrs(stat.id)?.into_iter().filter(|xattr| is_own(xattr.name.as_bytes()));
    let of_xattr = |xattr: XattrInfo| Attribute {
        size: xattr.size,
        stream: StreamId::Xattr(xattr.name.clone()),
        name: xattr.name,
    };
    let fork = resource_fork(stat).map(|size| Attribute {
        name: Name::from(RESOURCE_FORK),
        size,
        stream: StreamId::ResourceFork,
    });
    Ok(xattrs.map(of_xattr).chain(fork).collect())
}
