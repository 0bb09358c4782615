//! How a disk is opened.

use core::ffi::{c_char, c_void};
use core::ptr;
use std::sync::Arc;

use apfs_core::{Checksums, Corrupt, Disk, Error, Format, Observer, OpenOptions, Result, Xid};

use crate::disk::apfs_disk;
use crate::error::apfs_error;
use crate::ptr::FindingHook;
use crate::secret::{apfs_secret, secrets};

/// Checksums: refuse an object whose checksum does not match.
pub const APFS_CHECKSUMS_REQUIRE: u32 = 0;
/// Checksums: call `finding` and go on with the bytes as they are.
pub const APFS_CHECKSUMS_REPORT: u32 = 1;
/// Checksums: do not look at them.
pub const APFS_CHECKSUMS_IGNORE: u32 = 2;

/// Options flag: go on in spite of features that this version does not know. Answers may be wrong.
pub const APFS_OPTIONS_FORCE: u32 = 1;
/// Options flag: show HFS+ volumes as they are stored, without what their journals would change.
pub const APFS_OPTIONS_NO_JOURNAL: u32 = 2;

/// Receives findings that do not stop the work; from any thread, also from several at once. The finding is freed by
/// the library after the call.
pub type apfs_finding_fn = Option<unsafe extern "C" fn(context: *mut c_void, finding: *const apfs_error)>;

/// How a disk is opened. Start from `apfs_options_default`; what it points to need only live until the call returns,
/// but for `finding_context`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct apfs_options {
    /// APFS: what to do when a checksum does not match: APFS_CHECKSUMS_*.
    pub checksums: u32,
    /// APFS_OPTIONS_*, or 0.
    pub flags: u32,
    /// Bytes that cached blocks of one container or HFS+ volume may take; 0 for the default.
    pub cache_bytes: usize,
    /// APFS: open the checkpoint of this transaction; 0 for the newest.
    pub checkpoint_xid: u64,
    /// Called for findings that do not stop the work, may be NULL.
    pub finding: apfs_finding_fn,
    /// First argument of `finding`; must live until all handles are freed.
    pub finding_context: *mut c_void,
    /// Passwords and keys for encrypted disk images and volumes; each is tried on each. May be NULL if there are none.
    pub secrets: *const apfs_secret,
    /// Number of secrets.
    pub secret_count: usize,
    /// Format of the image, whatever it looks like, by its word: "raw", "udif", "encrcdsa", "cdsaencr", "sparseimage",
    /// "sparsebundle", "asif", "split", "ewf". NULL to look.
    pub open_as: *const c_char,
    /// The disk with the other half of a Fusion pair, opened before; NULL if there is none, or both are on one disk. Which
    /// half is which they say themselves. It may be freed afterwards. No meaning for `apfs_container_open`.
    pub tier2: *const apfs_disk,
}

/// Default options: checksums required, newest checkpoint, default cache.
#[unsafe(no_mangle)]
pub extern "C" fn apfs_options_default() -> apfs_options {
    apfs_options {
        checksums: APFS_CHECKSUMS_REQUIRE,
        flags: 0,
        cache_bytes: 0,
        checkpoint_xid: 0,
        finding: None,
        finding_context: ptr::null_mut(),
        secrets: ptr::null(),
        secret_count: 0,
        open_as: ptr::null(),
        tier2: ptr::null(),
    }
}

struct Hook(FindingHook);

impl Observer for Hook {
    fn finding(&self, finding: &Corrupt) {
        self.0.call(&apfs_error::from(finding));
    }
}

/// The disk, joined with the other half of its Fusion pair if options say one.
pub(crate) fn joined(disk: Disk, options: Option<&apfs_options>) -> Result<Disk> {
    let other = options.and_then(|options| {
        let tier2 = options.tier2;
        optional!(tier2)
    });
    match other {
        Some(other) => disk.with_second(&other.disk),
        None => Ok(disk),
    }
}

/// The format that options ask for.
pub(crate) fn open_as(options: Option<&apfs_options>) -> Result<Option<Format>> {
    let Some(word) = options.and_then(|options| optional_text!(options.open_as)) else { return Ok(None) };
    let format = word.to_str().ok().and_then(|word| word.parse().ok());
    format.map(Some).ok_or(Error::Misuse("options: unknown word in open_as"))
}

/// Checks the caller's options, if there are any.
pub(crate) fn parse(options: Option<&apfs_options>) -> Result<Option<OpenOptions>> {
    let Some(options) = options else { return Ok(None) };
    let mut parsed = OpenOptions {
        checksums: match options.checksums {
            APFS_CHECKSUMS_REQUIRE => Checksums::Require,
            APFS_CHECKSUMS_REPORT => Checksums::Report,
            APFS_CHECKSUMS_IGNORE => Checksums::Ignore,
            _ => return Err(Error::Misuse("options: unknown value of checksums")),
        },
        checkpoint: Some(options.checkpoint_xid).filter(|xid| *xid != 0).map(Xid),
        force: options.flags & APFS_OPTIONS_FORCE != 0,
        no_journal: options.flags & APFS_OPTIONS_NO_JOURNAL != 0,
        secrets: secrets(options)?,
        ..OpenOptions::default()
    };
    if options.flags & !(APFS_OPTIONS_FORCE | APFS_OPTIONS_NO_JOURNAL) != 0 {
        return Err(Error::Misuse("options: unknown flag"));
    }
    if options.cache_bytes != 0 {
        parsed.limits.cache_bytes = options.cache_bytes;
    }
    if let Some(hook) = hook!(options) {
        parsed.observer = Some(Arc::new(Hook(hook)));
    }
    Ok(Some(parsed))
}
