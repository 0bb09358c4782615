//! Proof that the library needs no operating system: apfs-core linked without std and called from C.
//!
//! This crate brings its own allocator and panic handler. If anything below pulled in std, its panic handler would
//! be a second one and the build would fail; checking with `cargo check` on a host alone would prove nothing.
//! `run.sh` builds it, links it with `main.c` and compares what the program prints.

#![no_std]

extern crate alloc;

use alloc::string::ToString;
use alloc::sync::Arc;
use core::alloc::{GlobalAlloc, Layout};
use core::ffi::{c_int, c_void};
use core::panic::PanicInfo;
use core::slice;

use apfs_core::{Disk, Fs, FsExt, OpenOptions, ReadAt, Result};

unsafe extern "C" {
    fn aligned_alloc(align: usize, size: usize) -> *mut c_void;
    fn free(memory: *mut c_void);
    fn abort() -> !;
}

/// The C library's allocator.
struct LibcAllocator;

// SAFETY: `aligned_alloc` returns null or memory of the size and alignment of the layout, `free` takes it back.
unsafe impl GlobalAlloc for LibcAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // C wants sizes that are multiples of the alignment, and alignments of at least a pointer.
        let layout = match layout.align_to(size_of::<usize>()) {
            Ok(layout) => layout.pad_to_align(),
            Err(_) => return core::ptr::null_mut(),
        };
        // SAFETY: the alignment is a power of two and divides the size.
        unsafe { aligned_alloc(layout.align(), layout.size()) }.cast()
    }

    unsafe fn dealloc(&self, memory: *mut u8, _: Layout) {
        // SAFETY: the caller got it from `alloc`.
        unsafe { free(memory.cast()) }
    }
}

#[global_allocator]
static ALLOCATOR: LibcAllocator = LibcAllocator;

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    // SAFETY: `abort` may be called at any time.
    unsafe { abort() }
}

/// The core library as shipped is built for unwinding and names this function; here nothing unwinds.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

/// Called with every name; the bytes are not terminated and only valid during the call.
pub type NameCallback = extern "C" fn(name: *const u8, len: usize, context: *mut c_void);

/// An image in memory that C keeps alive.
struct Borrowed(&'static [u8]);

impl ReadAt for Borrowed {
    fn len(&self) -> u64 {
        ReadAt::len(self.0)
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        self.0.read_exact_at(offset, buf)
    }

    fn slice_at(&self, offset: u64, len: usize) -> Option<&[u8]> {
        self.0.slice_at(offset, len)
    }
}

/// Gives the names in the root directory of the first volume of an image.
///
/// Returns how many there were, or -1 if the image can't be read; the reason is then given as if it were a name.
///
/// # Safety
/// `image` must point to `len` bytes that stay unchanged until the call returns.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_proof_list_root(
    image: *const u8,
    len: usize,
    each: NameCallback,
    context: *mut c_void,
) -> c_int {
    // SAFETY: the caller promises the bytes; nothing of the image outlives this call.
    let image = Borrowed(unsafe { slice::from_raw_parts(image, len) });
    let listed = list_root(image, &mut |name| each(name.as_ptr(), name.len(), context));
    listed.unwrap_or_else(|error| {
        let text = error.to_string();
        each(text.as_ptr(), text.len(), context);
        -1
    })
}

fn list_root(image: Borrowed, each: &mut dyn FnMut(&[u8])) -> Result<c_int> {
    let disk = Disk::open(Arc::new(image), &OpenOptions::default())?;
    let index = disk.apfs_partitions().first().copied().unwrap_or(0);
    let view = disk.container(index, OpenOptions::default())?.volume(0)?.view()?;
    let mut count: c_int = 0;
    for entry in view.list(view.root())? {
        each(entry.name.as_bytes());
        count = count.saturating_add(1);
    }
    Ok(count)
}
