//! What Time Machine left on a volume, as one shape for both file systems.

use alloc::vec::Vec;

use super::manifest::Manifest;
use super::stamp::Stamp;
use crate::any::{AnyFs, AnyVolume};
use crate::apfs;
use crate::base::error::{Error, Result};
use crate::base::ids::FileId;
use crate::base::time::Timestamp;
use crate::fs::path::FsExt;
use crate::fs::types::Name;

/// Everything that Time Machine left on one volume.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Backups {
    /// The Macs whose backups are there, each with its backups. On APFS one without a name.
    pub machines: Vec<Machine>,
    /// What could not be read; the rest is given all the same.
    pub problems: Vec<Problem>,
    /// Entries and attributes that were looked at.
    pub(super) looked_at: usize,
}

/// Something that could not be read.
#[derive(Debug)]
#[non_exhaustive]
pub struct Problem {
    /// Path in the volume, or name of a snapshot.
    pub at: Name,
    /// Why.
    pub error: Error,
}

/// How backups are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Store {
    /// Folders of `Backups.backupdb` on an HFS+ volume.
    Database,
    /// Folders of `.MobileBackups` on the HFS+ volume that is backed up.
    Mobile,
    /// Snapshots of an APFS volume for backups.
    Snapshots,
    /// Local snapshots on the APFS volume that is backed up.
    LocalSnapshots,
}

impl Store {
    /// Word for listings: `database`, `mobile`, `snapshots`, `local`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Store::Database => "database",
            Store::Mobile => "mobile",
            Store::Snapshots => "snapshots",
            Store::LocalSnapshots => "local",
        }
    }
}

/// One Mac and its backups.
#[derive(Debug)]
#[non_exhaustive]
pub struct Machine {
    /// Name of its folder; of the volume where there is none.
    pub name: Name,
    /// How its backups are kept.
    pub store: Store,
    /// Its folder in the volume, `/` where it has none.
    pub path: Vec<u8>,
    /// What the folder says of it: address, hardware UUID, model, name.
    pub attributes: Vec<Attribute>,
    /// Its backups, oldest first by their names.
    pub backups: Vec<Backup>,
    /// Backups that `backup_manifest.plist` still lists and that are gone. APFS only.
    pub gone: Vec<Manifest>,
}

/// An extended attribute of Time Machine's.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attribute {
    /// Name.
    pub name: Name,
    /// Value as stored, nearly always text.
    pub value: Vec<u8>,
}

impl Attribute {
    /// The value as text, without the NUL that some end with; `None` if it is something else.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        let text = core::str::from_utf8(&self.value).ok()?;
        let text = text.strip_suffix('\0').unwrap_or(text);
        (!text.contains(char::is_control)).then_some(text)
    }
}

/// What became of a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// Finished, and its tree is there.
    Complete,
    /// Under way, or broken off.
    InProgress,
    /// Stopped, and kept to be resumed.
    Interrupted,
    /// Folder that the next backup begins with; the backup itself has a snapshot.
    WorkingCopy,
    /// The same, and all that is left of the last finished backup: there is no snapshot.
    Previous,
    /// Its tree is not there, or it says nowhere that it was finished.
    Incomplete,
    /// Not known, since its tree can't be read.
    Unknown,
}

impl State {
    /// Words for listings, for example `complete`, `in progress`.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            State::Complete => "complete",
            State::InProgress => "in progress",
            State::Interrupted => "interrupted",
            State::WorkingCopy => "working copy",
            State::Previous => "last complete, no snapshot",
            State::Incomplete => "incomplete",
            State::Unknown => "not known",
        }
    }
}

/// One backup.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Backup {
    /// Name of its folder or snapshot.
    pub name: Name,
    /// The local time in its name.
    pub stamp: Stamp,
    /// What became of it.
    pub state: State,
    /// True if the link `Latest` leads to it, or if it is the newest complete snapshot.
    pub is_latest: bool,
    /// When it was begun.
    pub started: Option<Timestamp>,
    /// When it was finished: of a snapshot when that was taken.
    pub completed: Option<Timestamp>,
    /// Bytes copied for it, not those that were there already.
    pub bytes_copied: Option<u64>,
    /// The snapshot that holds it, on APFS.
    pub snapshot: Option<apfs::Snapshot>,
    /// Folder of its tree in the volume or snapshot; what is in it are the volumes that were backed up. `/` for local
    /// snapshots, which are the volume.
    pub path: Vec<u8>,
    /// The volumes that were backed up.
    pub volumes: Vec<SourceVolume>,
    /// What the folder says of it.
    pub attributes: Vec<Attribute>,
    /// What `backup_manifest.plist` says of it, on APFS.
    pub manifest: Option<Manifest>,
}

/// A volume that was backed up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourceVolume {
    /// Name of its folder.
    pub name: Name,
    /// Its folder in the volume or snapshot.
    pub path: Vec<u8>,
    /// What the folder says of it: UUID, bytes used, kind of file system.
    pub attributes: Vec<Attribute>,
}

/// The tree of a backup.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Tree {
    /// Where it is: hard links to folders are followed like folders.
    pub fs: AnyFs,
    /// Folder with the volumes that were backed up.
    pub root: FileId,
}

impl Backup {
    /// Opens its tree, given the volume that it was found on.
    ///
    /// # Errors
    /// `Locked` if the volume is, `NotFound` if the tree is not there.
    pub fn open(&self, volume: &AnyVolume) -> Result<Tree> {
        let fs = match (volume, &self.snapshot) {
            (AnyVolume::Apfs(volume), Some(snapshot)) => AnyFs::Apfs(volume.view_at(snapshot)?),
            _ => volume.view()?,
        };
        let root = fs.find(&self.path)?;
        Ok(Tree { fs, root })
    }

    /// True if a word names it: its name, the local time in it, or `latest`.
    #[must_use]
    pub fn is_named(&self, word: &str) -> bool {
        let is_stamp = || self.state != State::WorkingCopy && alloc::format!("{}", self.stamp) == word;
        self.name.as_bytes() == word.as_bytes()
            || self.is_latest && word.eq_ignore_ascii_case("latest")
            || is_stamp()
    }
}
