//! All work with raw pointers: handles and who owns them, slices, places for results, callbacks.
//!
//! Exported functions use the macros below. Each turns a pointer into something safe, or leaves the call with
//! `Misuse` and the name of the parameter. What they rely on is what every exported function asks of its caller:
//! pointers are NULL or valid for what the header says, for the whole call. That goes for the pointers inside C structs
//! too: a reference to one comes from its caller and nowhere else.

use core::ffi::{CStr, c_char, c_void};
use core::fmt;
use core::ptr::NonNull;
use std::sync::Arc;

use apfs_core::Result;

use crate::error::apfs_error;
use crate::options::apfs_finding_fn;
use crate::source::{apfs_read_fn, apfs_release_fn};
use crate::status::apfs_status;

/// Bytes that belong to a handle: valid as long as the handle, unless the function says less. Not ended by a NUL.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct apfs_bytes {
    /// First byte, never NULL.
    pub data: *const u8,
    /// Number of bytes.
    pub len: usize,
}

impl apfs_bytes {
    /// No bytes.
    pub(crate) const EMPTY: apfs_bytes = apfs_bytes { data: NonNull::<u8>::dangling().as_ptr(), len: 0 };
}

impl From<&[u8]> for apfs_bytes {
    fn from(bytes: &[u8]) -> apfs_bytes {
        apfs_bytes { data: bytes.as_ptr(), len: bytes.len() }
    }
}

/// A handle that C holds as `const T *`: counted, unchanging, used from any number of threads at once.
pub(crate) trait Shared: Send + Sync + 'static {}

/// A handle that C holds as `T *`: one owner, used by one thread at a time.
pub(crate) trait Owned: Send + 'static {}

/// Gives a shared handle to C.
pub(crate) fn share<T: Shared>(value: T) -> *const T {
    Arc::into_raw(Arc::new(value))
}

/// Gives an owned handle to C.
pub(crate) fn own<T: Owned>(value: T) -> *mut T {
    Box::into_raw(Box::new(value))
}

/// Takes a shared handle back; NULL is nothing.
///
/// # Safety
/// From [`share`], not freed before.
pub(crate) unsafe fn free_shared<T: Shared>(handle: *const T) {
    if !handle.is_null() {
        // SAFETY: the caller vouches that `share` made it and that this is its only free.
        drop(unsafe { Arc::from_raw(handle) });
    }
}

/// Takes an owned handle back; NULL is nothing.
///
/// # Safety
/// From [`own`], not freed before.
pub(crate) unsafe fn free_owned<T: Owned>(handle: *mut T) {
    if !handle.is_null() {
        // SAFETY: the caller vouches that `own` made it and that this is its only free.
        drop(unsafe { Box::from_raw(handle) });
    }
}

/// Looks at what a pointer leads to, `None` for NULL.
///
/// # Safety
/// NULL, or valid and unchanged for `'a`.
pub(crate) unsafe fn look<'a, T>(pointer: *const T) -> Option<&'a T> {
    // SAFETY: the caller's promise is that of `as_ref`.
    unsafe { pointer.as_ref() }
}

/// Changes what a pointer leads to, `None` for NULL.
///
/// # Safety
/// NULL, or valid and used by nobody else for `'a`.
pub(crate) unsafe fn change<'a, T: Owned>(pointer: *mut T) -> Option<&'a mut T> {
    // SAFETY: the caller's promise is that of `as_mut`.
    unsafe { pointer.as_mut() }
}

/// Borrows bytes; NULL is allowed if there are none.
///
/// # Safety
/// Valid for `len` bytes and unchanged for `'a`.
pub(crate) unsafe fn slice<'a>(data: *const u8, len: usize) -> Option<&'a [u8]> {
    if len == 0 {
        return Some(&[]);
    }
    if data.is_null() || isize::try_from(len).is_err() {
        return None;
    }
    // SAFETY: not NULL, not longer than memory, and the caller vouches for the bytes.
    Some(unsafe { core::slice::from_raw_parts(data, len) })
}

/// Borrows the caller's array; NULL is allowed if it is empty.
///
/// # Safety
/// Valid for `count` values and unchanged for `'a`.
pub(crate) unsafe fn array<'a, T>(first: *const T, count: usize) -> Option<&'a [T]> {
    if count == 0 {
        return Some(&[]);
    }
    let size = count.checked_mul(size_of::<T>()).and_then(|size| isize::try_from(size).ok());
    if first.is_null() || size.is_none() {
        return None;
    }
    // SAFETY: not NULL, not longer than memory, and the caller vouches for the values.
    Some(unsafe { core::slice::from_raw_parts(first, count) })
}

/// Borrows a buffer to fill; NULL is allowed if it is empty. Every pattern of bits is a byte.
///
/// # Safety
/// Valid for `len` bytes and used by nobody else for `'a`.
pub(crate) unsafe fn slice_mut<'a>(data: *mut u8, len: usize) -> Option<&'a mut [u8]> {
    if len == 0 {
        return Some(&mut []);
    }
    if data.is_null() || isize::try_from(len).is_err() {
        return None;
    }
    // SAFETY: not NULL, not longer than memory, and the caller vouches for the bytes.
    Some(unsafe { core::slice::from_raw_parts_mut(data, len) })
}

/// Borrows text that ends with a NUL, `None` for NULL.
///
/// # Safety
/// NULL, or ended by a NUL and unchanged for `'a`.
pub(crate) unsafe fn text<'a>(text: *const c_char) -> Option<&'a CStr> {
    if text.is_null() {
        return None;
    }
    // SAFETY: not NULL, and the caller vouches for the NUL.
    Some(unsafe { CStr::from_ptr(text) })
}

/// Where a result goes. It is written once, when nothing can fail any more.
pub(crate) struct Out<T>(NonNull<T>);

impl<T> Out<T> {
    /// A place for a result, `None` for NULL.
    ///
    /// # Safety
    /// NULL, or valid for writing until the call ends.
    pub(crate) unsafe fn new(place: *mut T) -> Option<Out<T>> {
        NonNull::new(place).map(Out)
    }

    /// Writes the result. What was there before is not looked at.
    pub(crate) fn put(self, value: T) {
        // SAFETY: `new` was promised a place to write to.
        unsafe { self.0.write(value) }
    }
}

/// The caller's array, to be filled from its start.
pub(crate) struct Slots<T> {
    first: *mut T,
    cap: usize,
}

impl<T> Slots<T> {
    /// An array of `cap` places; NULL is allowed if `cap` is 0.
    ///
    /// # Safety
    /// Valid for writing `cap` values until the call ends.
    pub(crate) unsafe fn new(first: *mut T, cap: usize) -> Option<Slots<T>> {
        (cap == 0 || !first.is_null()).then_some(Slots { first, cap })
    }

    /// Number of places.
    pub(crate) fn cap(&self) -> usize {
        self.cap
    }

    /// Writes values until they or the places end; returns how many.
    pub(crate) fn fill(self, values: impl IntoIterator<Item = T>) -> usize {
        let mut count = 0;
        for (index, value) in values.into_iter().take(self.cap).enumerate() {
            // SAFETY: `index` is below `cap`, and `new` was promised that many places.
            unsafe { self.first.add(index).write(value) };
            count = index.saturating_add(1);
        }
        count
    }
}

/// Ends a call: the error object goes to the caller, or is dropped if it wants none.
///
/// # Safety
/// `err` is NULL or valid for writing.
pub(crate) unsafe fn finish(err: *mut *mut apfs_error, result: Result<(), Box<apfs_error>>) -> apfs_status {
    let Err(error) = result else { return apfs_status::Ok };
    let status = error.status();
    // SAFETY: the caller's promise is that of `Out::new`.
    if let Some(place) = unsafe { Out::new(err) } {
        place.put(own(*error));
    }
    status
}

/// The caller's memory as a device that lends its bytes.
pub(crate) struct Lent(&'static [u8]);

impl Lent {
    /// Memory that the caller keeps as it is until the last handle over it is freed.
    ///
    /// # Safety
    /// Valid for `len` bytes and unchanged until the device is dropped.
    pub(crate) unsafe fn new(data: *const u8, len: usize) -> Option<Lent> {
        // SAFETY: the bytes outlive the device, and nobody gets them out of it for longer.
        unsafe { slice(data, len) }.map(Lent)
    }
}

impl apfs_core::ReadAt for Lent {
    fn len(&self) -> u64 {
        apfs_core::ReadAt::len(self.0)
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        self.0.read_exact_at(offset, buf)
    }

    fn slice_at(&self, offset: u64, len: usize) -> Option<&[u8]> {
        self.0.slice_at(offset, len)
    }
}

/// The caller's read function with its context, released when dropped.
pub(crate) struct Reader {
    read: NonNullRead,
    release: apfs_release_fn,
    context: *mut c_void,
}

type NonNullRead = unsafe extern "C" fn(*mut c_void, u64, *mut u8, usize) -> i32;

// SAFETY: the header asks that the functions may be called from any thread; calls at the same time are made only if
// the caller allows them (see `source`).
unsafe impl Send for Reader {}
// SAFETY: as above.
unsafe impl Sync for Reader {}

impl Reader {
    /// The functions and the context, `None` without a read function.
    ///
    /// # Safety
    /// The functions do what the header says, with this context, until it is released.
    pub(crate) unsafe fn new(
        read: apfs_read_fn,
        release: apfs_release_fn,
        context: *mut c_void,
    ) -> Option<Reader> {
        Some(Reader { read: read?, release, context })
    }

    /// Fills the buffer; the function's own number if it fails.
    pub(crate) fn read(&self, offset: u64, buf: &mut [u8]) -> Result<(), i32> {
        // SAFETY: `new` was promised a function for this context; the buffer is as long as said.
        match unsafe { (self.read)(self.context, offset, buf.as_mut_ptr(), buf.len()) } {
            0 => Ok(()),
            number => Err(number),
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(release) = self.release {
            // SAFETY: `new` was promised a function for this context, and it is called once.
            unsafe { release(self.context) }
        }
    }
}

/// The caller's function for findings with its context.
pub(crate) struct FindingHook {
    call: unsafe extern "C" fn(*mut c_void, *const apfs_error),
    context: *mut c_void,
}

// SAFETY: the header asks that the function may be called from any thread, also from several at once.
unsafe impl Send for FindingHook {}
// SAFETY: as above.
unsafe impl Sync for FindingHook {}

impl FindingHook {
    /// The function and its context, `None` without a function.
    ///
    /// # Safety
    /// The function does what the header says, with this context, until the last handle is freed.
    pub(crate) unsafe fn new(call: apfs_finding_fn, context: *mut c_void) -> Option<FindingHook> {
        Some(FindingHook { call: call?, context })
    }

    /// Hands over a finding for the length of the call.
    pub(crate) fn call(&self, finding: &apfs_error) {
        // SAFETY: `new` was promised a function for this context; the finding outlives the call.
        unsafe { (self.call)(self.context, finding) }
    }
}

impl fmt::Debug for Lent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lent({} bytes)", self.0.len())
    }
}

/// The caller's function for one thing after another, with its context.
pub(crate) struct Hook<T> {
    call: unsafe extern "C" fn(*mut c_void, *const T) -> i32,
    context: *mut c_void,
}

impl<T> Hook<T> {
    /// The function and its context, `None` without a function.
    ///
    /// # Safety
    /// The function does what the header says, with this context, until the call ends.
    pub(crate) unsafe fn new(
        call: Option<unsafe extern "C" fn(*mut c_void, *const T) -> i32>,
        context: *mut c_void,
    ) -> Option<Hook<T>> {
        Some(Hook { call: call?, context })
    }

    /// Hands something over for the length of the call; false if the caller wants no more.
    pub(crate) fn call(&self, value: &T) -> bool {
        // SAFETY: `new` was promised a function for this context; the value outlives the call.
        unsafe { (self.call)(self.context, value) == 0 }
    }
}

/// `Misuse` that names a parameter.
macro_rules! null {
    ($name:ident) => {
        apfs_core::Error::Misuse(concat!(stringify!($name), " is NULL"))
    };
}

/// Runs the body of a call that can fail: panics are caught, the error goes to `err`.
macro_rules! call {
    ($err:expr, $body:block) => {{
        let (err, result) = ($err, $crate::guard::run(|| $body));
        // SAFETY: exported functions ask that `err` is NULL or valid.
        unsafe { $crate::ptr::finish(err, result) }
    }};
}

/// A reference to what a parameter points to.
macro_rules! given {
    ($name:ident) => {
        // SAFETY: exported functions ask that pointers are NULL or valid, and nobody changes what is `const`.
        unsafe { $crate::ptr::look($name) }.ok_or(null!($name))?
    };
}

/// A reference to what a parameter points to, or `None` for NULL.
macro_rules! optional {
    ($name:ident) => {
        // SAFETY: exported functions ask that pointers are NULL or valid, and nobody changes what is `const`.
        unsafe { $crate::ptr::look($name) }
    };
}

/// An owned handle, to be changed.
macro_rules! given_mut {
    ($name:ident) => {
        // SAFETY: exported functions ask that handles that are not `const` are used by one thread at a time.
        unsafe { $crate::ptr::change($name) }.ok_or(null!($name))?
    };
}

/// The bytes of a pointer and a length.
macro_rules! bytes {
    ($name:expr, $len:expr) => {{
        let (data, len) = ($name, $len);
        // SAFETY: exported functions ask that the pointer is valid for the length.
        unsafe { $crate::ptr::slice(data, len) }
            .ok_or(apfs_core::Error::Misuse(concat!(stringify!($name), " is NULL or too long")))?
    }};
}

/// The buffer of a pointer and a length.
macro_rules! buffer {
    ($name:ident, $len:ident) => {
        // SAFETY: exported functions ask that the pointer is valid for the length and that the buffer is theirs.
        unsafe { $crate::ptr::slice_mut($name, $len) }
            .ok_or(apfs_core::Error::Misuse(concat!(stringify!($name), " is NULL or too long")))?
    };
}

/// Text that ends with a NUL.
macro_rules! text {
    ($name:ident) => {
        // SAFETY: exported functions ask that text is NULL or ended by a NUL.
        unsafe { $crate::ptr::text($name) }.ok_or(null!($name))?
    };
}

/// Text that ends with a NUL, or `None` for NULL.
macro_rules! optional_text {
    ($text:expr) => {{
        let text = $text;
        // SAFETY: exported functions ask that text is NULL or ended by a NUL.
        unsafe { $crate::ptr::text(text) }
    }};
}

/// The place of a result.
macro_rules! out {
    ($name:ident) => {
        // SAFETY: exported functions ask that places of results are NULL or valid for writing.
        unsafe { $crate::ptr::Out::new($name) }.ok_or(null!($name))?
    };
}

/// The caller's array.
macro_rules! slots {
    ($name:ident, $cap:ident) => {
        // SAFETY: exported functions ask that the array has room for as many values as said.
        unsafe { $crate::ptr::Slots::new($name, $cap) }.ok_or(null!($name))?
    };
}

/// Frees a shared handle.
macro_rules! free_shared {
    ($name:ident) => {
        $crate::guard::or((), || {
            // SAFETY: `_free` functions ask for a handle of the matching `_open`, once.
            unsafe { $crate::ptr::free_shared($name) }
        })
    };
}

/// Frees an owned handle.
macro_rules! free_owned {
    ($name:ident) => {
        $crate::guard::or((), || {
            // SAFETY: `_free` functions ask for a handle of the matching function, once.
            unsafe { $crate::ptr::free_owned($name) }
        })
    };
}

/// The caller's memory as a device.
macro_rules! lent {
    ($data:ident, $len:ident) => {
        // SAFETY: `apfs_disk_open_memory` asks that the bytes stay as they are until all handles are freed.
        unsafe { $crate::ptr::Lent::new($data, $len) }
            .ok_or(apfs_core::Error::Misuse(concat!(stringify!($data), " is NULL or too long")))?
    };
}

/// The functions of a source.
macro_rules! reader {
    ($source:ident) => {
        // SAFETY: `apfs_disk_open_source` asks that the functions fit the context and do what the header says.
        unsafe { $crate::ptr::Reader::new($source.read, $source.release, $source.context) }
    };
}

/// The secrets of options.
macro_rules! secrets {
    ($options:ident) => {{
        let (secrets, count) = ($options.secrets, $options.secret_count);
        // SAFETY: exported functions ask that options are valid, and so what they point to.
        unsafe { $crate::ptr::array(secrets, count) }
            .ok_or(apfs_core::Error::Misuse("options: secrets is NULL or too long"))?
    }};
}

/// The function for findings of options.
macro_rules! hook {
    ($options:ident) => {
        // SAFETY: the header asks that the function fits the context and may be called from any thread.
        unsafe { $crate::ptr::FindingHook::new($options.finding, $options.finding_context) }
    };
}

/// The function for one thing after another.
macro_rules! each_hook {
    ($name:ident, $context:ident) => {
        // SAFETY: functions that take one ask that it fits the context.
        unsafe { $crate::ptr::Hook::new($name, $context) }.ok_or(null!($name))?
    };
}
