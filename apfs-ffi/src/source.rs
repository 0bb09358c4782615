//! A device made of the caller's functions.

use core::ffi::c_void;
use std::sync::{Mutex, PoisonError};

use apfs_core::{Error, ReadAt, Result};

use crate::ptr::Reader;

/// Source flag: `read` may be called from several threads at once. Without it one call is made at a time.
pub const APFS_SOURCE_PARALLEL: u32 = 1;

/// Fills `buf` with the `len` bytes from `offset` on: all of them, and returns 0; or returns a number of its own
/// (not 0) that the error message repeats. Called from whichever thread uses a handle.
pub type apfs_read_fn =
    Option<unsafe extern "C" fn(context: *mut c_void, offset: u64, buf: *mut u8, len: usize) -> i32>;

/// Gives the context back.
pub type apfs_release_fn = Option<unsafe extern "C" fn(context: *mut c_void)>;

/// Your own source of bytes. The struct is copied; the context must live until it is released.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct apfs_source {
    /// Reads; required.
    pub read: apfs_read_fn,
    /// Called once with the context when the library needs it no more, also if opening fails; may be NULL.
    pub release: apfs_release_fn,
    /// First argument of both functions.
    pub context: *mut c_void,
    /// Length in bytes.
    pub len: u64,
    /// APFS_SOURCE_*, or 0.
    pub flags: u32,
}

/// The caller's functions as a device.
pub(crate) struct CallbackDevice {
    reader: Reader,
    len: u64,
    /// Held during a read unless the caller allows several at once.
    turn: Option<Mutex<()>>,
}

impl CallbackDevice {
    /// A device of the functions of a source, read by one thread at a time unless its flags say otherwise.
    pub(crate) fn new(reader: Option<Reader>, source: &apfs_source) -> Result<CallbackDevice> {
        let reader = reader.ok_or(Error::Misuse("source->read is NULL"))?;
        if source.flags & !APFS_SOURCE_PARALLEL != 0 {
            return Err(Error::Misuse("source: unknown flag"));
        }
        let turn = (source.flags & APFS_SOURCE_PARALLEL == 0).then(|| Mutex::new(()));
        Ok(CallbackDevice { reader, len: source.len, turn })
    }
}

impl ReadAt for CallbackDevice {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        let len = u64::try_from(buf.len()).unwrap_or(u64::MAX);
        if offset.checked_add(len).is_none_or(|end| end > self.len) {
            return Err(Error::io(offset, len, format!("the device ends at byte {}", self.len)));
        }
        let _turn = self.turn.as_ref().map(|turn| turn.lock().unwrap_or_else(PoisonError::into_inner));
        self.reader.read(offset, buf).map_err(|number| {
            Error::io(offset, len, format!("the read function of the source returned {number}"))
        })
    }
}
