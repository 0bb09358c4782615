//! Listing directories in batches.

use apfs_core::apfs::View;
use apfs_core::{DirEntry, DirPos, Error, FileId, Fs, Kind, Result};

use crate::error::apfs_error;
use crate::ptr::{Owned, apfs_bytes, own};
use crate::status::apfs_status;
use crate::view::{apfs_kind, apfs_view};

/// Entries of one batch, whatever the caller has room for: bounds the memory of a handle.
const MAX_BATCH: usize = 4096;

/// Entry flag: `added_ns` is known.
pub const APFS_DIR_ENTRY_ADDED: u32 = 1;
/// Entry flag: `link_id` is known.
pub const APFS_DIR_ENTRY_LINK_ID: u32 = 2;

/// A listing of a directory: where it stands, and the names of the last batch. Used by one thread at a time.
#[derive(Debug)]
pub struct apfs_dir {
    view: View,
    dir: FileId,
    pos: DirPos,
    batch: Vec<DirEntry>,
    /// Found behind entries that were returned first.
    late: Option<Error>,
}

impl Owned for apfs_dir {}

/// One entry of a directory.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct apfs_dir_entry {
    /// Name as stored; valid until the next call with the listing.
    pub name: apfs_bytes,
    /// File that the entry leads to.
    pub id: u64,
    /// Type as the directory says; `apfs_stat.kind` is what the file itself says.
    pub kind: apfs_kind,
    /// Which of the fields below are known: APFS_DIR_ENTRY_*. The others are 0.
    pub known: u32,
    /// When the entry was made, in nanoseconds since 1970 UTC.
    pub added_ns: i64,
    /// Which of several hard links this is.
    pub link_id: u64,
}

impl From<&DirEntry> for apfs_dir_entry {
    fn from(entry: &DirEntry) -> apfs_dir_entry {
        let added = entry.added.map_or(0, |_| APFS_DIR_ENTRY_ADDED);
        let link = entry.link_id.map_or(0, |_| APFS_DIR_ENTRY_LINK_ID);
        apfs_dir_entry {
            name: entry.name.as_bytes().into(),
            id: entry.id.0,
            kind: entry.kind.into(),
            known: added | link,
            added_ns: entry.added.unwrap_or_default().0,
            link_id: entry.link_id.unwrap_or(0),
        }
    }
}

impl apfs_dir {
    /// The next batch. An error behind entries waits for the call after them.
    fn next(&mut self, cap: usize) -> Result<&[DirEntry]> {
        self.batch.clear();
        if let Some(error) = self.late.take() {
            return Err(error);
        }
        let listed = self.view.read_dir(self.dir, &mut self.pos, &mut self.batch, cap.min(MAX_BATCH));
        match listed {
            Err(error) if self.batch.is_empty() => return Err(error),
            listed => self.late = listed.err(),
        }
        Ok(&self.batch)
    }
}

/// Begins to list a directory.
///
/// # Safety
/// `view` is a handle; `out` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_dir_open(
    view: *const apfs_view,
    id: u64,
    out: *mut *mut apfs_dir,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (view, out) = (given!(view), out!(out));
        let (view, dir) = (view.view.clone(), FileId(id));
        if view.stat(dir)?.kind != Kind::Dir {
            return Err(Error::NotADirectory);
        }
        out.put(own(apfs_dir { view, dir, pos: DirPos::default(), batch: Vec::new(), late: None }));
        Ok(())
    })
}

/// Lists on: up to `cap` (at least 1) entries into `out`, how many into `n`. None written means the end; fewer than
/// `cap` does not. After an error for a damaged entry the next call goes on behind it.
///
/// # Safety
/// `dir` is a handle in use by this thread alone; `out` has room for `cap` entries; `n` is writable; `err` is NULL
/// or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_dir_read(
    dir: *mut apfs_dir,
    out: *mut apfs_dir_entry,
    cap: usize,
    n: *mut usize,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (dir, out, n) = (given_mut!(dir), slots!(out, cap), out!(n));
        if cap == 0 {
            return Err(Error::Misuse("cap is 0"));
        }
        n.put(out.fill(dir.next(cap)?.iter().map(apfs_dir_entry::from)));
        Ok(())
    })
}

/// Ends a listing. NULL is allowed.
///
/// # Safety
/// `dir` is NULL or a handle that is not yet freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_dir_free(dir: *mut apfs_dir) {
    free_owned!(dir);
}
