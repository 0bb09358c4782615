//! The one way in: positioned reads through `&self`.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::base::bytes::{get, len64, to_usize};
use crate::base::error::{Error, Result};

/// Bytes of one kind, from some offset of a device on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// How many, at least 1.
    pub len: u64,
    /// Nothing is stored: all of them read as zeros.
    pub zeros: bool,
}

/// A read-only run of bytes: a disk, a file, a slice. There is no method that writes.
///
/// Reads are positioned and take `&self`, so any number of threads may share a device.
/// Implement this to read from anything else; a device that is not ready may fail and be asked again.
pub trait ReadAt: Send + Sync {
    /// Length in bytes.
    fn len(&self) -> u64;

    /// Fills `buf` with the bytes from `offset` on: all of them, or an error.
    ///
    /// # Errors
    /// [`Error::Io`] if the device fails or ends before the buffer is full.
    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<()>;

    /// Lends the bytes if they are in memory anyway; `None` means: use [`ReadAt::read_exact_at`].
    fn slice_at(&self, offset: u64, len: usize) -> Option<&[u8]> {
        let _ = (offset, len);
        None
    }

    /// What stands at an offset: how many bytes from it on are of one kind. Copying goes by it: zeros need no reading,
    /// and a run of a compressed image is one chunk, which is cheapest to read whole. `None` at the end of the device.
    fn run_at(&self, offset: u64) -> Option<Run> {
        let len = self.len().checked_sub(offset).filter(|len| *len > 0)?;
        Some(Run { len, zeros: false })
    }

    /// True if there are no bytes at all.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl ReadAt for [u8] {
    fn len(&self) -> u64 {
        len64(<[u8]>::len(self))
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        let bytes =
            self.slice_at(offset, buf.len()).ok_or_else(|| past_end(offset, buf.len(), ReadAt::len(self)))?;
        buf.copy_from_slice(bytes);
        Ok(())
    }

    fn slice_at(&self, offset: u64, len: usize) -> Option<&[u8]> {
        get(self, to_usize(offset).ok()?, len)
    }
}

impl ReadAt for Vec<u8> {
    fn len(&self) -> u64 {
        ReadAt::len(self.as_slice())
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        self.as_slice().read_exact_at(offset, buf)
    }

    fn slice_at(&self, offset: u64, len: usize) -> Option<&[u8]> {
        self.as_slice().slice_at(offset, len)
    }
}

macro_rules! forward {
    ($($pointer:ty),+) => {$(
        impl<T: ReadAt + ?Sized> ReadAt for $pointer {
            fn len(&self) -> u64 {
                (**self).len()
            }

            fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
                (**self).read_exact_at(offset, buf)
            }

            fn slice_at(&self, offset: u64, len: usize) -> Option<&[u8]> {
                (**self).slice_at(offset, len)
            }

            fn run_at(&self, offset: u64) -> Option<Run> {
                (**self).run_at(offset)
            }
        }
    )+};
}

forward!(&T, Arc<T>, Box<T>);

/// The error of a read that would pass the end of its device.
pub(crate) fn past_end(offset: u64, len: usize, device: u64) -> Error {
    Error::io(offset, len64(len), alloc::format!("the device ends at byte {device}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A slice is a device; a read that passes its end is an error and leaves the buffer alone.
    #[test]
    fn slices() {
        let bytes = [1u8, 2, 3, 4];
        let mut out = [9u8; 2];
        bytes.as_slice().read_exact_at(2, &mut out).unwrap();
        assert_eq!(out, [3, 4]);
        assert!(bytes.as_slice().read_exact_at(3, &mut out).is_err());
        assert!(bytes.as_slice().read_exact_at(u64::MAX, &mut out).is_err());
        assert_eq!(out, [3, 4]);
    }
}
