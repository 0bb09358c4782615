//! Which extended attributes are a file's own, and not a part of how the volume stores it.

use apfs_core::apfs::View;
use apfs_core::{Fs, Kind, Result, Stat, XattrInfo};

/// Target of a symbolic link.
const SYMLINK: &[u8] = b"com.apple.fs.symlink";
/// How a file is compressed, and often its compressed data.
const DECMPFS: &[u8] = b"com.apple.decmpfs";
/// Resource fork; of a compressed file its compressed data.
pub(crate) const RESOURCE_FORK: &[u8] = b"com.apple.ResourceFork";

/// The attributes that a copy of the file should have.
pub(crate) fn wanted(view: &View, stat: &Stat) -> Result<Vec<XattrInfo>> {
    let mut xattrs = view.xattrs(stat.id)?;
    xattrs.retain(|xattr| match xattr.name.as_bytes() {
        SYMLINK => stat.kind != Kind::Symlink,
        DECMPFS | RESOURCE_FORK => stat.compression.is_none(),
        _ => true,
    });
    Ok(xattrs)
}
