//! Listing directories in batches.

use apfs_core::{AnyFs, DirEntry, DirPos, Error, FileId, Fs, Kind, Result};

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
/// Entry flag: the file system keeps it for itself and a Mac does not show it: private folders and journal files of
/// HFS+. Listed by `apfs_dir_open_all` alone.
pub const APFS_DIR_ENTRY_PRIVATE: u32 = 4;

/// A listing of a directory: where it stands, and the names of the last batch. Used by one thread at a time.
#[derive(Debug)]
pub struct apfs_dir {
    view: AnyFs,
    dir: FileId,
    with_private: bool,
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
    /// What is known of it: APFS_DIR_ENTRY_*. Fields below that are not known are 0.
    pub known: u32,
    /// When the entry was made, in nanoseconds since 1970 UTC.
    pub added_ns: i64,
    /// Which of several hard links this is. A directory that has one can be met by several paths: do not enter it
    /// inside itself.
    pub link_id: u64,
}

impl apfs_dir {
    fn open(view: &AnyFs, id: u64, with_private: bool) -> Result<apfs_dir> {
        let (view, dir) = (view.clone(), FileId(id));
        if view.stat(dir)?.kind != Kind::Dir {
            return Err(Error::NotADirectory);
        }
        Ok(apfs_dir { view, dir, with_private, pos: DirPos::default(), batch: Vec::new(), late: None })
    }

    /// Reads the next batch. An error behind entries waits for the call after them.
    fn next(&mut self, cap: usize) -> Result<()> {
        self.batch.clear();
        if let Some(error) = self.late.take() {
            return Err(error);
        }
        loop {
            let listed = self.view.read_dir(self.dir, &mut self.pos, &mut self.batch, cap.min(MAX_BATCH));
            let is_end = self.batch.is_empty();
            if !self.with_private {
                self.batch.retain(|entry| !self.view.is_private(self.dir, entry.name.as_bytes()));
            }
            match listed {
                Err(error) if self.batch.is_empty() => return Err(error),
                Ok(()) if self.batch.is_empty() && !is_end => {}
                listed => {
                    self.late = listed.err();
                    return Ok(());
                }
            }
        }
    }

    fn entry(&self, entry: &DirEntry) -> apfs_dir_entry {
        let name = entry.name.as_bytes();
        let added = entry.added.map_or(0, |_| APFS_DIR_ENTRY_ADDED);
        let link = entry.link_id.map_or(0, |_| APFS_DIR_ENTRY_LINK_ID);
        let private = if self.view.is_private(self.dir, name) { APFS_DIR_ENTRY_PRIVATE } else { 0 };
        apfs_dir_entry {
            name: name.into(),
            id: entry.id.0,
            kind: entry.kind.into(),
            known: added | link | private,
            added_ns: entry.added.unwrap_or_default().0,
            link_id: entry.link_id.unwrap_or(0),
        }
    }
}

/// Begins to list a directory, as a Mac shows it.
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
        out.put(own(apfs_dir::open(&view.view, id, false)?));
        Ok(())
    })
}

/// Begins to list a directory with every entry, those that a Mac does not show too.
///
/// # Safety
/// `view` is a handle; `out` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_dir_open_all(
    view: *const apfs_view,
    id: u64,
    out: *mut *mut apfs_dir,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (view, out) = (given!(view), out!(out));
        out.put(own(apfs_dir::open(&view.view, id, true)?));
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
        dir.next(cap)?;
        n.put(out.fill(dir.batch.iter().map(|entry| dir.entry(entry))));
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
