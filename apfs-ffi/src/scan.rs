//! The whole volume in the order of its records: the fastest way to list everything.

use core::ffi::c_void;
use core::ptr;

use apfs_core::{AnyFs, Error, Fs, FsExt, Result, Scan, Stat, WalkError};

use crate::error::apfs_error;
use crate::ptr::{Hook, apfs_bytes};
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

impl apfs_scan_entry {
    fn new(path: &[u8], stat: &Stat, link_id: Option<u64>, is_private: bool) -> apfs_scan_entry {
        let link = link_id.map_or(0, |_| APFS_SCAN_ENTRY_LINK_ID);
        let private = if is_private { APFS_SCAN_ENTRY_PRIVATE } else { 0 };
        apfs_scan_entry {
            path: path.into(),
            stat: stat.into(),
            known: link | private,
            link_id: link_id.unwrap_or(0),
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
}

/// Hands over an entry, or what could not be read; an error if the caller wants no more.
fn hand_over(hook: &Hook<apfs_scan_entry>, item: Result<apfs_scan_entry, WalkError>) -> Result<()> {
    let goes_on = match item {
        Ok(entry) => hook.call(&entry),
        Err(failed) => {
            let error = apfs_error::from(&failed.error);
            hook.call(&apfs_scan_entry::unreadable(&failed, &error))
        }
    };
    if goes_on { Ok(()) } else { Err(Error::Cancelled) }
}

fn scan(view: &AnyFs, flags: u32, hook: &Hook<apfs_scan_entry>) -> Result<()> {
    if flags & !APFS_SCAN_PRIVATE != 0 {
        return Err(Error::Misuse("flags: unknown flag"));
    }
    let with_private = flags & APFS_SCAN_PRIVATE != 0;
    // By the records the content of a directory with several links is below a private one.
    if !with_private && view.has_dir_links() {
        return view.walk(view.root()).try_for_each(|item| match item {
            Ok(found) => {
                let entry = apfs_scan_entry::new(&found.path, &found.stat, found.entry.link_id, false);
                hand_over(hook, Ok(entry))
            }
            Err(failed) => hand_over(hook, Err(failed)),
        });
    }
    let ledger = view.scan(None, &mut |item| match item {
        Ok(found) if found.private && !with_private => Ok(()),
        Ok(found) => {
            let entry = apfs_scan_entry::new(found.path, found.stat, found.link_id, found.private);
            hand_over(hook, Ok(entry))
        }
        Err(failed) => hand_over(hook, Err(failed)),
    });
    ledger.map(|_| ())
}

/// Gives everything on a volume to `entry`, with its path, in the order of the records: several times faster than going
/// through the directories. What can't be read is an entry of its own, and the scan goes on. `flags`: APFS_SCAN_PRIVATE
/// or 0.
///
/// With APFS_SCAN_PRIVATE every record comes once. Without, what a Mac shows comes: directories with several hard links
/// (Time Machine on HFS+) with their content at each of them, for which a volume that has any is gone through by
/// directories.
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
        let (view, hook) = (given!(view), each_hook!(entry, context));
        scan(&view.view, flags, &hook)
    })
}
