//! Where the bytes of a stream lie.

use apfs_core::{ExtentKind, ExtentRun, FileId, Fs};

use crate::error::apfs_error;
use crate::file::{apfs_stream, parse};
use crate::status::apfs_status;
use crate::view::apfs_view;

/// Extents of one call, whatever the caller has room for.
const MAX_BATCH: usize = 4096;

/// What one run of a stream is.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum apfs_extent_kind {
    /// Bytes in the container.
    Data = 0,
    /// Nothing is stored: zeros.
    Hole = 1,
    /// Space is reserved and never written: zeros.
    Unwritten = 2,
    /// Of a kind that this header does not name.
    Other = 3,
}

/// One run of a stream.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct apfs_extent {
    /// Byte offset in the stream.
    pub logical: u64,
    /// Length in bytes; the last run may pass the end of the stream.
    pub len: u64,
    /// What it is.
    pub kind: apfs_extent_kind,
    /// Byte offset in the container, if `kind` is APFS_EXTENT_KIND_DATA; else 0.
    pub physical: u64,
    /// Key or tweak as stored, 0 where there is none.
    pub crypto_id: u64,
}

impl From<ExtentRun> for apfs_extent {
    fn from(run: ExtentRun) -> apfs_extent {
        let (kind, physical) = match run.kind {
            ExtentKind::Data(offset) => (apfs_extent_kind::Data, offset),
            ExtentKind::Hole => (apfs_extent_kind::Hole, 0),
            ExtentKind::Unwritten => (apfs_extent_kind::Unwritten, 0),
            _ => (apfs_extent_kind::Other, 0),
        };
        apfs_extent { logical: run.logical, len: run.len, kind, physical, crypto_id: run.crypto_id }
    }
}

/// Lists the runs of a stream from byte `from` on: up to `cap` into `out`, how many into `n`. None written means the
/// end; go on from `logical + len` of the last one.
///
/// # Safety
/// `view` is a handle; `stream` is NULL or valid; `out` has room for `cap` entries; `n` is writable; `err` is NULL
/// or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_view_extents(
    view: *const apfs_view,
    id: u64,
    stream: *const apfs_stream,
    from: u64,
    out: *mut apfs_extent,
    cap: usize,
    n: *mut usize,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (view, stream) = (given!(view), parse(optional!(stream))?);
        let (out, n) = (slots!(out, cap), out!(n));
        let mut runs = Vec::new();
        view.view.extents(FileId(id), &stream, from, &mut runs, cap.min(MAX_BATCH))?;
        n.put(out.fill(runs.into_iter().map(apfs_extent::from)));
        Ok(())
    })
}
