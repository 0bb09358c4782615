//! All versions of one file over states of its volume.

use apfs_core::apfs::delta::{History, Version};
use apfs_core::{Error, FileId, Result};

use crate::delta::{apfs, apfs_change, apfs_range, apfs_xattr_change};
use crate::error::apfs_error;
use crate::ptr::{Owned, apfs_bytes, own};
use crate::status::apfs_status;
use crate::view::{apfs_stat, apfs_view};

/// The versions of a file in the states that were added. Used by one thread at a time.
#[derive(Debug)]
pub struct apfs_history {
    history: History<usize>,
    /// States that were added.
    states: usize,
}

impl Owned for apfs_history {}

/// A version of a file. Text lives until the next `apfs_history_add`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct apfs_file_version {
    /// The first state that has it, by its place among those that were added, from 0.
    pub first_state: usize,
    /// How many states in a row have it.
    pub states: usize,
    /// True if there is such a file in them; if not, all below is 0 or empty.
    pub exists: bool,
    /// Its path.
    pub path: apfs_bytes,
    /// Its metadata.
    pub stat: apfs_stat,
    /// What differs from the version before, if that has the file too; else its `op` is APFS_OP_NONE.
    pub change: apfs_change,
}

impl From<&Version<usize>> for apfs_file_version {
    fn from(version: &Version<usize>) -> apfs_file_version {
        let file = version.file.as_deref();
        apfs_file_version {
            first_state: version.states.first().copied().unwrap_or(0),
            states: version.states.len(),
            exists: file.is_some(),
            path: file.map_or(apfs_bytes::EMPTY, |(path, _)| path.as_slice().into()),
            stat: file.map_or(apfs_stat::UNKNOWN, |(_, stat)| stat.into()),
            change: version.change.as_ref().map_or(apfs_change::NONE, apfs_change::from),
        }
    }
}

impl apfs_history {
    fn nth(&self, nth: usize) -> Result<&Version<usize>> {
        let versions = self.history.versions();
        versions
            .get(nth)
            .ok_or_else(|| Error::not_found(format!("version {nth}, there are {}", versions.len())))
    }
}

/// Begins the history of a file, which is followed by its number, through renames.
///
/// # Safety
/// `out` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_history_open(
    id: u64,
    out: *mut *mut apfs_history,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let out = out!(out);
        out.put(own(apfs_history { history: History::new(FileId(id)), states: 0 }));
        Ok(())
    })
}

/// Adds the next state; give them in the order of their transactions. One that can't be read is not added.
///
/// # Safety
/// `history` and `view` are handles; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_history_add(
    history: *mut apfs_history,
    view: *const apfs_view,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (history, view) = (given_mut!(history), given!(view));
        history.history.add(history.states, apfs(view)?)?;
        history.states = history.states.saturating_add(1);
        Ok(())
    })
}

/// Lists the versions so far, in the order of the states, from number `first` on: up to `cap` into `out`, how many into
/// `n`. None written means the end.
///
/// # Safety
/// `history` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_history_versions(
    history: *const apfs_history,
    first: usize,
    out: *mut apfs_file_version,
    cap: usize,
    n: *mut usize,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (history, out, n) = (given!(history), slots!(out, cap), out!(n));
        n.put(out.fill(history.history.versions().iter().skip(first).map(apfs_file_version::from)));
        Ok(())
    })
}

/// Lists the ranges of data in which a version differs from the one before, from number `first` on: up to `cap` into
/// `out`, how many into `n`.
///
/// # Safety
/// `history` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_history_ranges(
    history: *const apfs_history,
    nth: usize,
    first: usize,
    out: *mut apfs_range,
    cap: usize,
    n: *mut usize,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (history, out, n) = (given!(history), slots!(out, cap), out!(n));
        let ranges = history.nth(nth)?.change.as_ref().map_or(&[][..], |change| &change.ranges);
        n.put(out.fill(ranges.iter().skip(first).map(apfs_range::from)));
        Ok(())
    })
}

/// Lists the extended attributes in which a version differs from the one before, from number `first` on: up to `cap` into
/// `out`, how many into `n`.
///
/// # Safety
/// `history` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_history_xattrs(
    history: *const apfs_history,
    nth: usize,
    first: usize,
    out: *mut apfs_xattr_change,
    cap: usize,
    n: *mut usize,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (history, out, n) = (given!(history), slots!(out, cap), out!(n));
        let xattrs = history.nth(nth)?.change.as_ref().map_or(&[][..], |change| &change.xattrs);
        n.put(out.fill(xattrs.iter().skip(first).map(apfs_xattr_change::from)));
        Ok(())
    })
}

/// Frees a history. NULL is allowed.
///
/// # Safety
/// `history` is NULL or a handle that is not yet freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_history_free(history: *mut apfs_history) {
    free_owned!(history);
}
