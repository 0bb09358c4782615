//! Looks for what Time Machine left on a volume.

use alloc::vec::Vec;

use super::backup::{Attribute, Backups, Problem};
use super::{apfs, hfs};
use crate::any::AnyVolume;
use crate::base::bytes::len64;
use crate::base::error::{Class, Error, Result};
use crate::base::ids::FileId;
use crate::fs::path::FsExt;
use crate::fs::types::{DirEntry, DirPos, Kind, Name};
use crate::fs::view::Fs;

/// Entries and attributes that are looked at in all folders together: hard links to directories can make any number of few.
/// A backup an hour for ten years makes 87,600 folders.
const MOST_ENTRIES: usize = 1_000_000;
/// Entries read at a time.
const BATCH: usize = 256;
/// Longest attribute that is read.
const MOST_VALUE: u64 = 4096;

/// Finds the backups on a volume; nothing at all on most. Of a locked volume snapshots are found by their names.
///
/// # Errors
/// What keeps the volume from being looked at. What concerns one backup is among the [problems](Backups::problems).
pub fn find(volume: &AnyVolume) -> Result<Backups> {
    let mut backups = Backups::default();
    match volume {
        AnyVolume::Apfs(volume) => apfs::find(volume, &mut backups)?,
        AnyVolume::Hfs(volume) => hfs::find(volume, &mut backups),
    }
    Ok(backups)
}

impl Backups {
    /// Keeps what went wrong, and gives what did not.
    pub(super) fn note<T>(&mut self, at: &[u8], result: Result<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.problems.push(Problem { at: Name::from(at), error });
                None
            }
        }
    }

    /// The folders in a folder, and links, sorted by name.
    pub(super) fn entries(&mut self, fs: &dyn Fs, dir: FileId, path: &[u8]) -> Vec<DirEntry> {
        let (mut entries, mut pos) = (Vec::new(), DirPos::default());
        while self.looked_at <= MOST_ENTRIES {
            let before = entries.len();
            let read = fs.read_dir(dir, &mut pos, &mut entries, BATCH);
            let failed = read.is_err();
            self.note(path, read);
            self.look_at(path, entries.len().saturating_sub(before).saturating_add(1));
            let is_end = if failed { pos.is_end() } else { entries.len() == before };
            if is_end {
                break;
            }
            entries.retain(|entry| matches!(entry.kind, Kind::Dir | Kind::Symlink));
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        entries
    }

    /// Counts what was looked at; once it is too much, nothing more is.
    fn look_at(&mut self, path: &[u8], more: usize) {
        let before = self.looked_at;
        self.looked_at = before.saturating_add(more);
        if before <= MOST_ENTRIES && self.looked_at > MOST_ENTRIES {
            let limit = Error::limit("entries of backups", len64(MOST_ENTRIES), len64(self.looked_at));
            self.note::<()>(path, Err(limit));
        }
    }

    /// Time Machine's attributes of a folder.
    pub(super) fn attributes(&mut self, fs: &dyn Fs, id: FileId, path: &[u8]) -> Vec<Attribute> {
        const PREFIXES: [&[u8]; 3] = [b"com.apple.backup.", b"com.apple.backupd.", b"com.apple.timemachine."];
        let mut attributes = Vec::new();
        if self.looked_at > MOST_ENTRIES {
            return attributes;
        }
        let all = self.note(path, fs.xattrs(id)).unwrap_or_default();
        self.look_at(path, all.len());
        for xattr in all {
            let name = xattr.name.as_bytes();
            if xattr.size > MOST_VALUE || !PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
                continue;
            }
            if let Some(value) = self.note(path, fs.xattr(id, name)) {
                attributes.push(Attribute { name: xattr.name, value });
            }
        }
        attributes
    }
}

/// The file at a path, if there is one.
pub(super) fn find_path(fs: &dyn Fs, path: &str) -> Result<Option<FileId>> {
    match fs.find_no_follow(path) {
        Ok(id) => Ok(Some(id)),
        Err(error) if matches!(error.class(), Class::NotFound | Class::WrongKind) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A path and a name in it.
pub(super) fn join(path: &[u8], name: &[u8]) -> Vec<u8> {
    [path.strip_suffix(b"/").unwrap_or(path), b"/", name].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Too much is told once.
    #[test]
    fn limit() {
        let mut backups = Backups::default();
        backups.look_at(b"/a", MOST_ENTRIES);
        assert!(backups.problems.is_empty());
        backups.look_at(b"/a", 1);
        backups.look_at(b"/b", usize::MAX);
        assert_eq!(backups.problems.iter().map(|problem| problem.at.as_bytes()).collect::<Vec<_>>(), [b"/a"]);
    }
}
