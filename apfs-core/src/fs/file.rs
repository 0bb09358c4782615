//! An open file: positioned reads, and `Read + Seek` with std.

use core::fmt;
use core::ops::Deref;

use super::types::{Kind, StreamId};
use super::view::Fs;
use crate::base::error::{Error, Result};
use crate::base::ids::FileId;

/// One stream of one file, open for reading. `F` is any pointer to a file system: `&View`, `Arc<View>`, `&dyn Fs`.
pub struct File<F> {
    fs: F,
    id: FileId,
    stream: StreamId,
    len: u64,
    #[cfg_attr(not(feature = "std"), allow(dead_code, reason = "the cursor of Read and Seek"))]
    cursor: u64,
}

impl<F: Deref<Target: Fs>> File<F> {
    /// Opens a stream of a file.
    ///
    /// # Errors
    /// [`NotFound`](Error::NotFound) if there is no such file or stream, [`IsADirectory`](Error::IsADirectory).
    pub fn open(fs: F, id: FileId, stream: StreamId) -> Result<File<F>> {
        if matches!(stream, StreamId::Data | StreamId::Raw) && fs.stat(id)?.kind == Kind::Dir {
            return Err(Error::IsADirectory);
        }
        let len = fs.stream_len(id, &stream)?;
        Ok(File { fs, id, stream, len, cursor: 0 })
    }

    /// Number of the file in its volume.
    #[must_use]
    pub fn id(&self) -> FileId {
        self.id
    }

    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// True if there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Reads at an offset; returns how many bytes, less than asked only at the end.
    ///
    /// # Errors
    /// As [`Fs::read_at`].
    pub fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        self.fs.read_at(self.id, &self.stream, offset, buf)
    }
}

impl<F> fmt::Debug for File<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File")
            .field("id", &self.id)
            .field("stream", &self.stream)
            .field("len", &self.len)
            .finish()
    }
}

#[cfg(feature = "std")]
mod with_std {
    use std::io::{Error as StdError, ErrorKind, Read, Result as StdResult, Seek, SeekFrom};

    use super::{Deref, Error, File, Fs};
    use crate::base::bytes::len64;

    impl<F: Deref<Target: Fs>> Read for File<F> {
        fn read(&mut self, buf: &mut [u8]) -> StdResult<usize> {
            let read = self.read_at(self.cursor, buf).map_err(|error| match error {
                Error::NotFound(_) => StdError::new(ErrorKind::NotFound, error),
                Error::Corrupt(_) => StdError::new(ErrorKind::InvalidData, error),
                Error::Unsupported(_) => StdError::new(ErrorKind::Unsupported, error),
                other => StdError::other(other),
            })?;
            self.cursor = self.cursor.saturating_add(len64(read));
            Ok(read)
        }
    }

    impl<F: Deref<Target: Fs>> Seek for File<F> {
        fn seek(&mut self, to: SeekFrom) -> StdResult<u64> {
            let target = match to {
                SeekFrom::Start(offset) => Some(offset),
                SeekFrom::End(delta) => self.len.checked_add_signed(delta),
                SeekFrom::Current(delta) => self.cursor.checked_add_signed(delta),
            };
            self.cursor =
                target.ok_or_else(|| StdError::new(ErrorKind::InvalidInput, "seek before the start"))?;
            Ok(self.cursor)
        }
    }
}
