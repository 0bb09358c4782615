//! What a check amounts to.

use apfs_core::check::{Summary, Unchecked};

use crate::error::apfs_error;
use crate::ptr::{Shared, apfs_bytes};
use crate::status::apfs_status;

/// The end of a check: counts, and what was not checked.
#[derive(Debug)]
pub struct apfs_summary {
    summary: Summary,
}

impl Shared for apfs_summary {}

impl From<Summary> for apfs_summary {
    fn from(summary: Summary) -> apfs_summary {
        apfs_summary { summary }
    }
}

/// How many findings there were, those that were not told included.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct apfs_tally {
    /// Something is lost, or will be when the volume is written to.
    pub errors: u64,
    /// Unusual, or wrong where no file can suffer from it.
    pub warnings: u64,
    /// Worth knowing.
    pub notes: u64,
    /// Number of things that could not be checked, in `apfs_summary_unchecked`.
    pub unchecked: usize,
}

/// A count of something. Text belongs to the summary.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct apfs_count {
    /// Code of a rule, or what was checked, for example "catalog records".
    pub what: apfs_bytes,
    /// How many.
    pub count: u64,
}

/// Something that could not be checked. Text belongs to the summary.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct apfs_unchecked {
    /// What, for example "volume 2".
    pub what: apfs_bytes,
    /// Why not, for example "locked".
    pub why: apfs_bytes,
}

fn count((what, count): (&&'static str, &u64)) -> apfs_count {
    apfs_count { what: what.as_bytes().into(), count: *count }
}

impl From<&Unchecked> for apfs_unchecked {
    fn from(unchecked: &Unchecked) -> apfs_unchecked {
        apfs_unchecked { what: unchecked.what.as_bytes().into(), why: unchecked.why.as_bytes().into() }
    }
}

/// How many findings there were.
///
/// # Safety
/// `summary` is a handle; `out` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_summary_get(
    summary: *const apfs_summary,
    out: *mut apfs_tally,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (summary, out) = (&given!(summary).summary, out!(out));
        let (tally, unchecked) = (summary.tally, summary.unchecked.len());
        let (errors, warnings, notes) = (tally.errors, tally.warnings, tally.notes);
        out.put(apfs_tally { errors, warnings, notes, unchecked });
        Ok(())
    })
}

/// Lists how often which rule is broken, by its code, from number `first` on: up to `cap` into `out`, how many into `n`.
///
/// # Safety
/// `summary` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_summary_codes(
    summary: *const apfs_summary,
    first: usize,
    out: *mut apfs_count,
    cap: usize,
    n: *mut usize,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (summary, out, n) = (&given!(summary).summary, slots!(out, cap), out!(n));
        n.put(out.fill(summary.by_code.iter().skip(first).map(count)));
        Ok(())
    })
}

/// Lists how many of what were checked, from number `first` on: up to `cap` into `out`, how many into `n`.
///
/// # Safety
/// `summary` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_summary_checked(
    summary: *const apfs_summary,
    first: usize,
    out: *mut apfs_count,
    cap: usize,
    n: *mut usize,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (summary, out, n) = (&given!(summary).summary, slots!(out, cap), out!(n));
        n.put(out.fill(summary.checked.iter().skip(first).map(count)));
        Ok(())
    })
}

/// Lists what was not checked, from number `first` on: up to `cap` into `out`, how many into `n`.
///
/// # Safety
/// `summary` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_summary_unchecked(
    summary: *const apfs_summary,
    first: usize,
    out: *mut apfs_unchecked,
    cap: usize,
    n: *mut usize,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (summary, out, n) = (&given!(summary).summary, slots!(out, cap), out!(n));
        n.put(out.fill(summary.unchecked.iter().skip(first).map(apfs_unchecked::from)));
        Ok(())
    })
}

/// Frees a summary. NULL is allowed.
///
/// # Safety
/// `summary` is NULL or a handle that is not yet freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_summary_free(summary: *const apfs_summary) {
    free_shared!(summary);
}
