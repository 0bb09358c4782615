//! Paths over any [`Fs`]: components, `.` and `..`, symbolic links, limits.

use alloc::string::ToString;
use alloc::vec::Vec;

use super::file::File;
use super::types::{DirEntry, DirPos, Kind, Name, Stat, StreamId};
use super::view::Fs;
use super::walk::Walk;
use crate::base::bytes::{to_usize, zeroed};
use crate::base::error::{Error, Result};
use crate::base::ids::FileId;
use crate::text::escape::Escaped;

/// Entries asked for at a time where a whole directory is wanted.
const BATCH: usize = 256;

/// What `std::fs` offers, for every [`Fs`]. Paths are bytes separated by `/`; text works too.
///
/// Relative paths start at the root. Symbolic links are followed inside the volume, as macOS does.
pub trait FsExt: Fs {
    /// The file at a path, a final symbolic link followed.
    ///
    /// # Errors
    /// [`NotFound`](Error::NotFound) with the missing part, [`NotADirectory`](Error::NotADirectory),
    /// [`TooManyLinks`](Error::TooManyLinks).
    fn find(&self, path: impl AsRef<[u8]>) -> Result<FileId>;

    /// The file at a path; a final symbolic link itself.
    ///
    /// # Errors
    /// As [`FsExt::find`].
    fn find_no_follow(&self, path: impl AsRef<[u8]>) -> Result<FileId>;

    /// Metadata of the file at a path, a final symbolic link followed.
    ///
    /// # Errors
    /// As [`FsExt::find`].
    fn metadata(&self, path: impl AsRef<[u8]>) -> Result<Stat> {
        let id = self.find(path)?;
        self.stat(id).map_err(|error| self.lost_entry(id, error))
    }

    /// All entries of a directory, in stored order.
    ///
    /// # Errors
    /// [`NotADirectory`](Error::NotADirectory) for anything else; the first damaged entry.
    fn list(&self, dir: FileId) -> Result<Vec<DirEntry>> {
        if self.stat(dir)?.kind != Kind::Dir {
            return Err(Error::NotADirectory);
        }
        let (mut entries, mut pos) = (Vec::new(), DirPos::default());
        loop {
            let before = entries.len();
            self.read_dir(dir, &mut pos, &mut entries, BATCH)?;
            if entries.len() == before {
                return Ok(entries);
            }
        }
    }

    /// The whole value of an extended attribute.
    ///
    /// # Errors
    /// [`NotFound`](Error::NotFound), and [`Limit`](Error::Limit) if it is longer than
    /// [`Limits::xattr_bytes`](crate::Limits::xattr_bytes).
    fn xattr(&self, id: FileId, name: impl AsRef<[u8]>) -> Result<Vec<u8>> {
        let stream = StreamId::Xattr(Name::from(name.as_ref()));
        let (len, limit) = (self.stream_len(id, &stream)?, self.limits().xattr_bytes);
        if len > limit {
            return Err(Error::limit("length of an extended attribute", limit, len));
        }
        let mut value = zeroed(to_usize(len)?)?;
        let read = self.read_at(id, &stream, 0, &mut value)?;
        value.truncate(read);
        Ok(value)
    }

    /// Opens the file at a path for reading.
    ///
    /// # Errors
    /// As [`FsExt::find`]; [`IsADirectory`](Error::IsADirectory).
    fn open(&self, path: impl AsRef<[u8]>) -> Result<File<&Self>> {
        File::open(self, self.find(path)?, StreamId::Data)
    }

    /// Everything from a directory (or file) down, depth first, itself included.
    fn walk(&self, from: FileId) -> Walk<'_, Self> {
        Walk::new(self, from)
    }
}

impl<T: Fs + ?Sized> FsExt for T {
    fn find(&self, path: impl AsRef<[u8]>) -> Result<FileId> {
        resolve(self, path.as_ref(), true)
    }

    fn find_no_follow(&self, path: impl AsRef<[u8]>) -> Result<FileId> {
        resolve(self, path.as_ref(), false)
    }
}

fn resolve<T: Fs + ?Sized>(fs: &T, path: &[u8], follow_last: bool) -> Result<FileId> {
    // Components still to go, last first, and the directories passed, for `..`.
    let mut todo: Vec<Vec<u8>> = Vec::new();
    push_components(&mut todo, path);
    let mut above: Vec<FileId> = Vec::new();
    let (mut here, mut is_dir, mut links) = (fs.root(), true, 0u32);
    while let Some(name) = todo.pop() {
        if !is_dir {
            return Err(Error::NotADirectory);
        }
        if name == b".." {
            above = fs.above(here).unwrap_or(above);
            here = above.pop().unwrap_or_else(|| fs.root());
            continue;
        }
        let entry = fs.lookup(here, &name).map_err(|error| match error {
            Error::NotFound(_) => Error::not_found(Escaped(&name).to_string()),
            other => other,
        })?;
        if entry.kind == Kind::Symlink && (follow_last || !todo.is_empty()) {
            links = links.saturating_add(1);
            if links > fs.limits().symlinks {
                return Err(Error::TooManyLinks);
            }
            let target = fs.read_link(entry.id)?;
            if target.as_bytes().first() == Some(&b'/') {
                above.clear();
                here = fs.root();
            }
            push_components(&mut todo, target.as_bytes());
            continue;
        }
        above.push(here);
        here = entry.id;
        is_dir = entry.kind == Kind::Dir;
    }
    Ok(here)
}

fn push_components(todo: &mut Vec<Vec<u8>>, path: &[u8]) {
    let parts = path.split(|byte| *byte == b'/').rev();
    todo.extend(parts.filter(|part| !part.is_empty() && *part != b".").map(<[u8]>::to_vec));
}
