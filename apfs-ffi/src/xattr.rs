//! Listing extended attributes. Values are streams: see `apfs_view_read` with APFS_STREAM_XATTR.

use apfs_core::{FileId, Fs, XattrInfo};

use crate::error::apfs_error;
use crate::ptr::{Shared, apfs_bytes, share};
use crate::status::apfs_status;
use crate::view::apfs_view;

/// The extended attributes of one file.
#[derive(Debug)]
pub struct apfs_xattrs {
    list: Vec<XattrInfo>,
}

impl Shared for apfs_xattrs {}

/// One extended attribute, without its value. The name belongs to the list.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct apfs_xattr {
    /// Name as stored.
    pub name: apfs_bytes,
    /// Length of the value in bytes.
    pub size: u64,
    /// Flags as stored: 1 stream, 2 embedded, 4 owned by the file system.
    pub flags: u16,
}

impl From<&XattrInfo> for apfs_xattr {
    fn from(info: &XattrInfo) -> apfs_xattr {
        apfs_xattr { name: info.name.as_bytes().into(), size: info.size, flags: info.flags }
    }
}

/// Reads the list of a file's extended attributes, hidden ones included, in stored order.
///
/// # Safety
/// `view` is a handle; `out` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_xattrs_open(
    view: *const apfs_view,
    id: u64,
    out: *mut *const apfs_xattrs,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (view, out) = (given!(view), out!(out));
        out.put(share(apfs_xattrs { list: view.view.xattrs(FileId(id))? }));
        Ok(())
    })
}

/// Gives the attributes from number `first` on: up to `cap` into `out`, how many into `n`. None written means the
/// end.
///
/// # Safety
/// `xattrs` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_xattrs_list(
    xattrs: *const apfs_xattrs,
    first: usize,
    out: *mut apfs_xattr,
    cap: usize,
    n: *mut usize,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (xattrs, out, n) = (given!(xattrs), slots!(out, cap), out!(n));
        n.put(out.fill(xattrs.list.iter().skip(first).map(apfs_xattr::from)));
        Ok(())
    })
}

/// Frees a list of attributes. NULL is allowed.
///
/// # Safety
/// `xattrs` is NULL or a handle that is not yet freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_xattrs_free(xattrs: *const apfs_xattrs) {
    free_shared!(xattrs);
}
