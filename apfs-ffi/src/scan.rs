//! The whole volume in the order of its records: the fastest way to list everything.

use core::ffi::c_void;
use core::ptr;

use apfs_core::{AnyFs, Error, Result, Scan, ScanEntry, WalkError};

use crate::error::apfs_error;
use crate::ptr::{ScanHook, apfs_bytes};
use crate::status::apfs_status;
use crate::view::{apfs_stat, apfs_view};

/// Scan flag: also what the file system keeps for itself, see APFS_DIR_ENTRY_PRIVATE.
pub const APFS_SCAN_PRIVATE: u32 = 1;

/// Scan entry flag: `link_id` is known.
pub const APFS_SCAN_ENTRY_LINK_ID: u32 = 1;
/// Scan entry flag: the file system keeps it for itself, or it lies below such a directory.
pub const APFS_SCAN_ENTRY_PRIVATE: u32 = 2;

/// One link of one file, or what could not be read.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct apfs_scan_entry {
    /// Path from the root, '/' for the root itself; of an error empty if it is not known. Valid during the call.
    pub path: apfs_bytes,
    /// Metadata. Of an error its `id` alone is set.
    pub stat: apfs_stat,
    /// What is known of it: APFS_SCAN_ENTRY_*.
    pub known: u32,
    /// Which of several hard links this is.
    pub link_id: u64,
    /// NULL, or why what is there could not be read. Valid during the call, and freed by the library.
    pub error: *const apfs_error,
}

/// Receives the entries of a scan, one at a time, in the thread that scans. Returns 0 to go on. It may use the view,
/// and must not unwind.
pub type apfs_scan_fn =
    Option<unsafe extern "C" fn(context: *mut c_void, entry: *const apfs_scan_entry) -> i32>;

fn sound(entry: &ScanEntry<'_>) -> apfs_scan_entry {
    let link = entry.link_id.map_or(0, |_| APFS_SCAN_ENTRY_LINK_ID);
    let private = if entry.private { APFS_SCAN_ENTRY_PRIVATE } else { 0 };
    apfs_scan_entry {
        path: entry.path.into(),
        stat: entry.stat.into(),
        known: link | private,
        link_id: entry.link_id.unwrap_or(0),
        error: ptr::null(),
    }
}

fn unreadable(failed: &WalkError, error: &apfs_error) -> apfs_scan_entry {
    apfs_scan_entry {
        path: failed.path.as_slice().into(),
        stat: apfs_stat { id: failed.id.0, ..apfs_stat::UNKNOWN },
        known: 0,
        link_id: 0,
        error,
    }
}

fn scan(view: &AnyFs, flags: u32, hook: &ScanHook) -> Result<()> {
    if flags & !APFS_SCAN_PRIVATE != 0 {
        return Err(Error::Misuse("flags: unknown flag"));
    }
    let with_private = flags & APFS_SCAN_PRIVATE != 0;
    let ledger = view.scan(None, &mut |item| {
        let goes_on = match item {
            Ok(entry) if entry.private && !with_private => true,
            Ok(entry) => hook.call(&sound(&entry)),
            Err(failed) => {
                let error = apfs_error::from(&failed.error);
                hook.call(&unreadable(&failed, &error))
            }
        };
        if goes_on { Ok(()) } else { Err(Error::Cancelled) }
    });
    ledger.map(|_| ())
}

/// Gives every link of every file and directory of a volume to `entry`, with its path, in the order of the records:
/// several times faster than going through the directories. What can't be read is an entry of its own, and the scan
/// goes on. `flags`: APFS_SCAN_PRIVATE or 0.
///
/// Fails with APFS_STATUS_CANCELLED if `entry` returned anything but 0.
///
/// # Safety
/// `view` is a handle; `entry` does what it promises with `context`; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_view_scan(
    view: *const apfs_view,
    flags: u32,
    entry: apfs_scan_fn,
    context: *mut c_void,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (view, hook) = (given!(view), scan_hook!(entry, context));
        scan(&view.view, flags, &hook)
    })
}
