//! Files and device nodes, opened for reading only.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::Path;

use super::read_at::{ReadAt, past_end};
use crate::base::bytes::len64;
use crate::base::error::{Error, Result};

/// A file or device node as a device.
#[derive(Debug)]
pub struct FileDevice {
    file: PositionedFile,
    len: u64,
}

impl FileDevice {
    /// Opens a file or device node for reading.
    ///
    /// # Errors
    /// [`Error::Io`] if it can't be opened, or is a pipe or something else that can't be read at any place.
    pub fn open(path: impl AsRef<Path>) -> Result<FileDevice> {
        let path = path.as_ref();
        let fail = |cause: std::io::Error| Error::io(0, 0, cause);
        // Opening a named pipe would wait for a writer, perhaps for ever.
        if is_stream(&std::fs::metadata(path).map_err(fail)?) {
            return Err(Error::io(
                0,
                0,
                "a pipe or socket can't be read at any place: copy it to a file first",
            ));
        }
        FileDevice::new(File::open(path).map_err(fail)?)
    }

    /// Uses an open file. Its cursor is moved.
    ///
    /// # Errors
    /// [`Error::Io`] if the length can't be found.
    pub fn new(mut file: File) -> Result<FileDevice> {
        // The length in the metadata of a device node is 0; its end is what counts.
        let len = file.seek(SeekFrom::End(0)).map_err(|cause| Error::io(0, 0, cause))?;
        Ok(FileDevice { file: PositionedFile::new(file), len })
    }
}

impl ReadAt for FileDevice {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        if offset.checked_add(len64(buf.len())).is_none_or(|end| end > self.len) {
            return Err(past_end(offset, buf.len(), self.len));
        }
        let len = len64(buf.len());
        self.file.read_exact_at(offset, buf).map_err(|cause| Error::io(offset, len, cause))
    }
}

#[cfg(unix)]
fn is_stream(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt;
    metadata.file_type().is_fifo() || metadata.file_type().is_socket()
}

#[cfg(not(unix))]
fn is_stream(_: &std::fs::Metadata) -> bool {
    false
}

#[cfg(unix)]
#[derive(Debug)]
struct PositionedFile(File);

#[cfg(unix)]
impl PositionedFile {
    fn new(file: File) -> PositionedFile {
        PositionedFile(file)
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> std::io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&self.0, buf, offset)
    }
}

#[cfg(not(unix))]
#[derive(Debug)]
struct PositionedFile(crate::base::sync::Mutex<File>);

#[cfg(not(unix))]
impl PositionedFile {
    fn new(file: File) -> PositionedFile {
        PositionedFile(crate::base::sync::Mutex::new(file))
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> std::io::Result<()> {
        self.0.with(|file| {
            file.seek(SeekFrom::Start(offset))?;
            std::io::Read::read_exact(file, buf)
        })
    }
}
