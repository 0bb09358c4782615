//! The panic barrier: no panic unwinds into C.

use core::any::Any;
use core::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

use apfs_core::Result;

use crate::error::apfs_error;

/// Runs the body of a call that can fail; its error, or its panic, becomes an error object.
///
/// Unwind safety: handles are unchanging but for caches that a panic leaves empty, and positions that stay usable.
pub(crate) fn run(body: impl FnOnce() -> Result<()>) -> Result<(), Box<apfs_error>> {
    let guarded = AssertUnwindSafe(|| body().map_err(|error| Box::new(apfs_error::from(&error))));
    catch_unwind(guarded).unwrap_or_else(|payload| Err(Box::new(apfs_error::panicked(message(&*payload)))))
}

/// Runs a body that can't fail; a panic gives the fallback.
pub(crate) fn or<R>(fallback: R, body: impl FnOnce() -> R) -> R {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(fallback)
}

fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use core::ptr;

    use super::or;
    use crate::error::{apfs_error, apfs_error_free, apfs_error_message, apfs_error_status};
    use crate::status::apfs_status;

    /// What an exported function looks like, with a panic inside.
    unsafe extern "C" fn panics(err: *mut *mut apfs_error) -> apfs_status {
        call!(err, { panic!("on purpose: {}", 7) })
    }

    /// A panic becomes its own status and an error object that carries the message.
    #[test]
    fn panic_is_an_error() {
        let mut err = ptr::null_mut();
        // SAFETY: `err` is a valid place, the object is freed once and not used afterwards.
        unsafe {
            assert_eq!(panics(&mut err), apfs_status::Panic);
            assert_eq!(apfs_error_status(err), apfs_status::Panic);
            let text = core::ffi::CStr::from_ptr(apfs_error_message(err)).to_str().unwrap();
            assert!(text.contains("on purpose: 7"), "{text}");
            apfs_error_free(err);
        }
    }

    /// A caller that wants no error object still gets the status.
    #[test]
    fn panic_without_error_object() {
        // SAFETY: NULL is allowed.
        assert_eq!(unsafe { panics(ptr::null_mut()) }, apfs_status::Panic);
    }

    /// A call that can't fail gives its fallback.
    #[test]
    fn fallback() {
        assert_eq!(or(3, || if ptr::null::<u8>().is_null() { panic!() } else { 4 }), 3);
    }
}
