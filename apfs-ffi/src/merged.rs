//! What only merged trees have: the volume behind each file, firmlinks, and what is wrong with them.

use apfs_core::group::{Firmlink, MergedView, Reached, Source};
use apfs_core::{Error, FileId, Result};

use crate::error::apfs_error;
use crate::problem::apfs_problems;
use crate::ptr::{apfs_bytes, share};
use crate::status::apfs_status;
use crate::view::apfs_view;

/// How a file got its place in a merged tree.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum apfs_reached {
    /// It is on System.
    System = 1,
    /// It is on Data, and a firmlink shows it.
    Firmlink = 2,
    /// It is on a volume that stands in a directory of its own.
    Mount = 3,
    /// It is a directory that no volume has, shown so that others can be reached.
    MadeUp = 4,
}

/// What says that a directory is a firmlink.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum apfs_firmlink_source {
    /// It is none.
    None = 0,
    /// Its flag and its attribute `com.apple.fs.firmlink`.
    Attribute = 1,
    /// The list `/usr/share/firmlinks`.
    List = 2,
}

/// What a file of a merged tree is on its volume. Text belongs to the view.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct apfs_backing {
    /// How it got its place.
    pub reached: apfs_reached,
    /// Slot of its volume in the container; (size_t)-1 if no volume has it.
    pub slot: usize,
    /// Role of that volume as stored.
    pub role: u16,
    /// Its number there.
    pub id: u64,
    /// Transaction of the state that is shown.
    pub xid: u64,
    /// Name of the snapshot that is shown, empty for the live state.
    pub snapshot: apfs_bytes,
    /// Directory of the firmlink or of the volume; else empty.
    pub at: apfs_bytes,
    /// Where the firmlink leads on Data; else empty.
    pub target: apfs_bytes,
    /// What says that it is a firmlink.
    pub source: apfs_firmlink_source,
}

/// A directory of System that stands for one of Data. Text belongs to the view.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct apfs_firmlink {
    /// Path on System, and in the merged tree.
    pub path: apfs_bytes,
    /// Path on Data.
    pub target: apfs_bytes,
    /// What says so.
    pub source: apfs_firmlink_source,
}

impl From<Source> for apfs_firmlink_source {
    fn from(source: Source) -> apfs_firmlink_source {
        match source {
            Source::Attribute => apfs_firmlink_source::Attribute,
            Source::List => apfs_firmlink_source::List,
            _ => apfs_firmlink_source::None,
        }
    }
}

impl From<&Firmlink> for apfs_firmlink {
    fn from(firmlink: &Firmlink) -> apfs_firmlink {
        apfs_firmlink {
            path: firmlink.path.as_bytes().into(),
            target: firmlink.target.as_bytes().into(),
            source: firmlink.source.into(),
        }
    }
}

fn merged(view: &apfs_view) -> Result<&MergedView> {
    let hint = "apfs_view_open_merged opens one";
    view.view
        .as_merged()
        .ok_or_else(|| Error::unsupported("volumes behind a view that is no merged tree", hint))
}

fn backing(merged: &MergedView, id: FileId) -> Result<apfs_backing> {
    let none = apfs_backing {
        reached: apfs_reached::MadeUp,
        slot: usize::MAX,
        role: 0,
        id: 0,
        xid: 0,
        snapshot: apfs_bytes::EMPTY,
        at: apfs_bytes::EMPTY,
        target: apfs_bytes::EMPTY,
        source: apfs_firmlink_source::None,
    };
    let Some(found) = merged.backing(id) else { return Ok(none) };
    let snapshot = found.view.snapshot();
    let there = apfs_backing {
        reached: apfs_reached::System,
        slot: found.view.volume().slot(),
        role: found.view.volume().role().0,
        id: found.id.0,
        xid: found.view.xid().0,
        snapshot: snapshot.map_or(apfs_bytes::EMPTY, |snapshot| snapshot.name.as_bytes().into()),
        ..none
    };
    Ok(match merged.reached(id)? {
        Reached::System => there,
        Reached::Firmlink(firmlink) => apfs_backing {
            reached: apfs_reached::Firmlink,
            at: firmlink.path.as_bytes().into(),
            target: firmlink.target.as_bytes().into(),
            source: firmlink.source.into(),
            ..there
        },
        Reached::Mount(at) => apfs_backing { reached: apfs_reached::Mount, at: at.into(), ..there },
        _ => none,
    })
}

/// What a file of a merged tree is on its volume. APFS_STATUS_UNSUPPORTED for any other view.
///
/// # Safety
/// `view` is a handle; `out` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_view_backing(
    view: *const apfs_view,
    id: u64,
    out: *mut apfs_backing,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (view, out) = (given!(view), out!(out));
        view_has(view, id)?;
        out.put(backing(merged(view)?, FileId(id))?);
        Ok(())
    })
}

/// Fails if a view has no file of a number.
fn view_has(view: &apfs_view, id: u64) -> Result<()> {
    merged(view)?;
    apfs_core::Fs::stat(&view.view, FileId(id)).map(|_| ())
}

/// Lists the firmlinks of a merged tree that are followed, by path, from number `first` on: up to `cap` into `out`, how
/// many into `n`. None written means the end. APFS_STATUS_UNSUPPORTED for any other view.
///
/// # Safety
/// `view` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_view_firmlinks(
    view: *const apfs_view,
    first: usize,
    out: *mut apfs_firmlink,
    cap: usize,
    n: *mut usize,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (view, out, n) = (given!(view), slots!(out, cap), out!(n));
        n.put(out.fill(merged(view)?.firmlinks().iter().skip(first).map(apfs_firmlink::from)));
        Ok(())
    })
}

/// What is not as it should be with the firmlinks and mount points of a merged tree. APFS_STATUS_UNSUPPORTED for any
/// other view.
///
/// # Safety
/// `view` is a handle; `out` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_view_problems(
    view: *const apfs_view,
    out: *mut *const apfs_problems,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (view, out) = (given!(view), out!(out));
        out.put(share(apfs_problems::of_merged(merged(view)?.findings())));
        Ok(())
    })
}
