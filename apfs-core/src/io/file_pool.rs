//! Numbered files of which only a few are open at a time: bands of a bundle, parts of a disk.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use std::path::{Path, PathBuf};

use super::cache::Cache;
use super::file::FileDevice;
use super::read_at::ReadAt;
use crate::base::error::{Error, Result};

/// Files that are kept open.
const OPEN: usize = 64;

/// Files by number, opened when they are needed. Only regular files are opened: a pipe would wait for a writer, and a
/// link might lead anywhere.
pub(crate) struct FilePool {
    files: Cache<Option<Arc<FileDevice>>>,
}

impl FilePool {
    pub(crate) fn new() -> FilePool {
        FilePool { files: Cache::new(OPEN, 1) }
    }

    /// The file of a number, which lies at a path; `None` if there is none.
    pub(crate) fn get(&self, number: u64, path: &Path) -> Result<Option<Arc<FileDevice>>> {
        if let Some(file) = self.files.get(number) {
            return Ok(file);
        }
        let file = open_regular(path)?.map(Arc::new);
        self.files.insert(number, file.clone());
        Ok(file)
    }
}

/// One file of a pool.
pub(crate) struct PooledFile {
    pool: Arc<FilePool>,
    number: u64,
    path: PathBuf,
    len: u64,
}

impl PooledFile {
    /// Files as devices, in their order. Links are followed: parts that a user keeps elsewhere are parts all the same.
    pub(crate) fn all(paths: &[PathBuf]) -> Result<Vec<PooledFile>> {
        let pool = Arc::new(FilePool::new());
        let file = |(path, number): (&PathBuf, u64)| {
            let fail = |cause: std::io::Error| Error::io(0, 0, alloc::format!("{}: {cause}", path.display()));
            let path = std::fs::canonicalize(path).map_err(fail)?;
            let len = std::fs::metadata(&path).map_err(fail)?.len();
            Ok(PooledFile { pool: pool.clone(), number, path, len })
        };
        paths.iter().zip(0..).map(file).collect()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl ReadAt for PooledFile {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        let file = self.pool.get(self.number, &self.path)?;
        let file = file.ok_or_else(|| Error::not_found(alloc::format!("{}", self.path.display())))?;
        file.read_exact_at(offset, buf)
    }
}

/// Opens a regular file; `None` if there is none. The error names the path.
pub(crate) fn open_regular(path: &Path) -> Result<Option<FileDevice>> {
    let fail = |cause: &dyn fmt::Display| Error::io(0, 0, alloc::format!("{}: {cause}", path.display()));
    match std::fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_file() => FileDevice::open(path).map(Some).map_err(|error| fail(&error)),
        Ok(_) => Err(fail(&"not a regular file")),
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(fail(&cause)),
    }
}

impl fmt::Debug for FilePool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FilePool").finish_non_exhaustive()
    }
}
