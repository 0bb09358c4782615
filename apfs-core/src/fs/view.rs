//! The common view: one sealed, object-safe trait for every mounted file system.

use alloc::vec::Vec;

use super::types::{DirEntry, DirPos, ExtentRun, Name, Stat, StreamId, XattrInfo};
use crate::base::damage::{Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::ids::{FileId, Oid};
use crate::base::limits::Limits;

/// Keeps [`Fs`] closed: new methods are no breaking change.
pub(crate) mod sealed {
    pub trait Sealed {}
}

/// A file system at one moment: live, or a snapshot. Read-only and shared freely between threads.
///
/// Paths, walking and whole files stand on top of it: [`FsExt`](super::path::FsExt), [`Walk`](super::walk::Walk)
/// and [`File`](super::file::File).
///
/// Every method can fail with [`Error::Io`] and [`Error::Corrupt`];
/// only what else can happen is said below.
pub trait Fs: Send + Sync + sealed::Sealed {
    /// The root directory.
    fn root(&self) -> FileId;

    /// Ceilings that this file system was opened with.
    fn limits(&self) -> &Limits;

    /// Metadata of a file.
    ///
    /// # Errors
    /// [`NotFound`](crate::Error::NotFound) if there is no such file.
    fn stat(&self, id: FileId) -> Result<Stat>;

    /// Metadata of the file that an entry of a directory leads to.
    ///
    /// # Errors
    /// [`Corrupt`](crate::Error::Corrupt) too if there is no such file.
    fn stat_entry(&self, dir: FileId, entry: &DirEntry) -> Result<Stat> {
        let _ = dir;
        self.stat(entry.id).map_err(|error| self.lost_entry(entry.id, error))
    }

    /// Place of what leads from a directory to a file, for errors.
    #[doc(hidden)]
    fn entry_place(&self, id: FileId) -> Place {
        Place::new("j_drec_val_t", "file_id").oid(Oid(id.0))
    }

    /// That there is no file where a directory leads to one is damage, not a wrong question.
    #[doc(hidden)]
    fn lost_entry(&self, id: FileId, error: Error) -> Error {
        match error {
            Error::NotFound(_) => Error::damage(Damage::Missing, self.entry_place(id)),
            other => other,
        }
    }

    /// True for what the file system keeps for itself among the entries of a directory, by the name as stored, and
    /// does not show on a Mac: the private folders and journal files of HFS+.
    fn is_private(&self, dir: FileId, name: &[u8]) -> bool {
        let _ = (dir, name);
        false
    }

    /// True if directories can have several hard links, as on HFS+ disks of Time Machine.
    fn has_dir_links(&self) -> bool {
        false
    }

    /// The directories from the root down to the one that `..` of a directory leads to, where that is not the one that a
    /// path came through: of directories that are shown in several places.
    #[doc(hidden)]
    fn above(&self, dir: FileId) -> Option<Vec<FileId>> {
        let _ = dir;
        None
    }

    /// Finds a name in a directory, by the volume's own rule of which names are equal.
    ///
    /// # Errors
    /// [`NotFound`](crate::Error::NotFound) if the directory has no such entry.
    fn lookup(&self, dir: FileId, name: &[u8]) -> Result<DirEntry>;

    /// Appends up to `max` entries of a directory to `out`, in stored order, and moves `pos` past them.
    /// Nothing appended means the end.
    ///
    /// # Errors
    /// A damaged entry is an error once; `pos` is then past it and the listing can go on.
    fn read_dir(&self, dir: FileId, pos: &mut DirPos, out: &mut Vec<DirEntry>, max: usize) -> Result<()>;

    /// Length of a stream in bytes.
    ///
    /// # Errors
    /// [`NotFound`](crate::Error::NotFound) if the file has no such stream.
    fn stream_len(&self, id: FileId, stream: &StreamId) -> Result<u64>;

    /// Reads bytes of a stream into `buf`; returns how many, less than asked only at the end of the stream.
    ///
    /// # Errors
    /// [`Unsupported`](crate::Error::Unsupported) for content that is not on this disk or compressed in a way that nobody
    /// knows, [`IsADirectory`](crate::Error::IsADirectory) for the data of a directory.
    fn read_at(&self, id: FileId, stream: &StreamId, offset: u64, buf: &mut [u8]) -> Result<usize>;

    /// Reads content of a file whose metadata is at hand: [`Fs::read_at`] of [`StreamId::Data`] without looking the
    /// file up again. `stat` must come from this file system.
    ///
    /// # Errors
    /// As [`Fs::read_at`].
    fn read_file(&self, stat: &Stat, offset: u64, buf: &mut [u8]) -> Result<usize> {
        self.read_at(stat.id, &StreamId::Data, offset, buf)
    }

    /// Appends up to `max` runs of a stream, from byte `from` on. Nothing appended means the end; fewer than `max`
    /// does not.
    ///
    /// # Errors
    /// [`Unsupported`](crate::Error::Unsupported) for a value that is stored inside a record.
    fn extents(
        &self,
        id: FileId,
        stream: &StreamId,
        from: u64,
        out: &mut Vec<ExtentRun>,
        max: usize,
    ) -> Result<()>;

    /// The extended attributes of a file, hidden ones included, in stored order.
    ///
    /// # Errors
    /// None of its own.
    fn xattrs(&self, id: FileId) -> Result<Vec<XattrInfo>>;

    /// Target of a symbolic link.
    ///
    /// # Errors
    /// [`NotASymlink`](crate::Error::NotASymlink) for anything else.
    fn read_link(&self, id: FileId) -> Result<Name>;
}
