//! Any `Read + Seek` as a device, behind a lock.

use core::fmt;
use std::io::{Read, Seek, SeekFrom};

use super::read_at::ReadAt;
use crate::base::bytes::len64;
use crate::base::error::{Error, Result};
use crate::base::sync::Mutex;

/// A device over anything that reads and seeks. Reads take turns; prefer [`FileDevice`](super::file::FileDevice).
pub struct StreamDevice<S> {
    stream: Mutex<S>,
    len: u64,
}

impl<S: Read + Seek + Send> StreamDevice<S> {
    /// Uses the whole of a stream.
    ///
    /// # Errors
    /// [`Error::Io`] if the stream can't tell its length.
    pub fn new(mut stream: S) -> Result<StreamDevice<S>> {
        let len = stream.seek(SeekFrom::End(0)).map_err(|cause| Error::io(0, 0, cause))?;
        Ok(StreamDevice { stream: Mutex::new(stream), len })
    }
}

impl<S: Read + Seek + Send> ReadAt for StreamDevice<S> {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        let len = len64(buf.len());
        self.stream
            .with(|stream| {
                stream.seek(SeekFrom::Start(offset))?;
                stream.read_exact(buf)
            })
            .map_err(|cause| Error::io(offset, len, cause))
    }
}

impl<S> fmt::Debug for StreamDevice<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamDevice").field("len", &self.len).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cursor gives the bytes at any place, and an error past its end.
    #[test]
    fn reads_anywhere() {
        let device = StreamDevice::new(std::io::Cursor::new(alloc::vec![1u8, 2, 3])).unwrap();
        let mut out = [0u8; 2];
        device.read_exact_at(1, &mut out).unwrap();
        assert_eq!((device.len(), out), (3, [2, 3]));
        assert!(device.read_exact_at(2, &mut out).is_err());
    }
}
