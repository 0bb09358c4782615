//! All hard links of a file, and its path.

use apfs_core::{FileId, Name};

use crate::error::apfs_error;
use crate::ptr::{Shared, apfs_bytes, share};
use crate::status::apfs_status;
use crate::view::apfs_view;

/// The hard links of one file or directory.
#[derive(Debug)]
pub struct apfs_links {
    list: Vec<(FileId, Name)>,
}

impl Shared for apfs_links {}

/// One hard link: a name in a directory. The name belongs to the list.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct apfs_link {
    /// The directory; `apfs_view_path_of` says where it is.
    pub dir: u64,
    /// Name as stored.
    pub name: apfs_bytes,
}

impl From<&(FileId, Name)> for apfs_link {
    fn from((dir, name): &(FileId, Name)) -> apfs_link {
        apfs_link { dir: dir.0, name: name.as_bytes().into() }
    }
}

/// Reads all hard links of a file or directory.
///
/// # Safety
/// `view` is a handle; `out` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_links_open(
    view: *const apfs_view,
    id: u64,
    out: *mut *const apfs_links,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (view, out) = (given!(view), out!(out));
        out.put(share(apfs_links { list: view.view.links(FileId(id))? }));
        Ok(())
    })
}

/// Gives the links from number `first` on: up to `cap` into `out`, how many into `n`. None written means the end.
///
/// # Safety
/// `links` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_links_list(
    links: *const apfs_links,
    first: usize,
    out: *mut apfs_link,
    cap: usize,
    n: *mut usize,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (links, out, n) = (given!(links), slots!(out, cap), out!(n));
        n.put(out.fill(links.list.iter().skip(first).map(apfs_link::from)));
        Ok(())
    })
}

/// Frees a list of links. NULL is allowed.
///
/// # Safety
/// `links` is NULL or a handle that is not yet freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_links_free(links: *const apfs_links) {
    free_shared!(links);
}

/// Path of a file or directory from the root, by its first link. Its length goes to `n`; the bytes go to `buf` only if
/// all of them fit in `cap`, so compare `n` with `cap`. `buf` may be NULL if `cap` is 0.
///
/// # Safety
/// `view` is a handle; `buf` has room for `cap` bytes; `n` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_view_path_of(
    view: *const apfs_view,
    id: u64,
    buf: *mut u8,
    cap: usize,
    n: *mut usize,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (view, buf, n) = (given!(view), slots!(buf, cap), out!(n));
        let path = view.view.path_of(FileId(id))?;
        let len = path.len();
        if len <= buf.cap() {
            buf.fill(path);
        }
        n.put(len);
        Ok(())
    })
}
