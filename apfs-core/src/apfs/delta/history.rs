//! All versions of one file over many states.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use super::change::{Change, Op};
use super::compare::compare_file;
use super::file::Files;
use super::states;
use crate::apfs::view::View;
use crate::base::error::Result;
use crate::base::ids::FileId;
use crate::fs::types::Stat;

/// A version of a file, and the states that have it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Version<T> {
    /// The states, as they were given.
    pub states: Vec<T>,
    /// Path and metadata; `None` where there is no such file.
    pub file: Option<Box<(Vec<u8>, Stat)>>,
    /// What differs from the version before, if that has the file too.
    pub change: Option<Change>,
}

/// Gathers the versions of a file, followed by its number through states in the order of their transactions.
pub struct History<T> {
    id: FileId,
    last: Option<View>,
    versions: Vec<Version<T>>,
}

impl<T> History<T> {
    /// The history of a file. Its number comes from a path: [`FsExt::find`](crate::FsExt::find).
    #[must_use]
    pub fn new(id: FileId) -> History<T> {
        History { id, last: None, versions: Vec::new() }
    }

    /// Adds the next state. One version is kept in memory, and one view.
    ///
    /// # Errors
    /// As [`View::changes`]; damage of what the file is made of. The state is then left out.
    pub fn add(&mut self, state: T, view: &View) -> Result<()> {
        let id = self.id;
        let Some(last) = self.last.as_ref() else {
            let (path, stat) = look(view, id)?;
            self.versions.push(Version {
                states: alloc::vec![state],
                file: joined(path, stat),
                change: None,
            });
            self.last = Some(view.clone());
            return Ok(());
        };
        states::check(last, view)?;
        let had_it = self.versions.last().is_some_and(|version| version.file.is_some());
        let (path, stat) = look(view, id)?;
        let (change, is_new) = match (had_it, &path) {
            (true, Some(path)) => {
                let changes = compare_file(&mut Files::new([last, view]), id)?;
                let found = changes.into_iter().next();
                let old_path =
                    self.versions.last().and_then(|version| version.file.as_ref()).map(|file| &file.0);
                let moved = old_path.filter(|old_path| *old_path != path).cloned();
                match (found, moved, &stat) {
                    (Some(mut change), moved, _) => {
                        if let Some(old_path) = moved {
                            change.op = Op::Renamed;
                            change.old_path = Some(old_path);
                        }
                        (Some(change), true)
                    }
                    (None, Some(old_path), Some(stat)) => (Some(renamed(id, path, old_path, stat)), true),
                    (None, ..) => (None, false),
                }
            }
            (false, None) => (None, false),
            _ => (None, true),
        };
        self.last = Some(view.clone());
        match self.versions.last_mut() {
            Some(version) if !is_new => version.states.push(state),
            _ => {
                let version = Version { states: alloc::vec![state], file: joined(path, stat), change };
                self.versions.push(version);
            }
        }
        Ok(())
    }

    /// The versions so far, in the order of the states.
    #[must_use]
    pub fn versions(&self) -> &[Version<T>] {
        &self.versions
    }
}

/// A change of the path alone.
fn renamed(id: FileId, path: &[u8], old_path: Vec<u8>, stat: &Stat) -> Change {
    Change {
        op: Op::Renamed,
        path: path.to_vec(),
        old_path: Some(old_path),
        ino: id,
        kind: stat.kind,
        fields: super::change::Fields::empty(),
        ranges: Vec::new(),
        xattrs: Vec::new(),
        before: Some(stat.clone()),
        after: Some(stat.clone()),
    }
}

/// Path and metadata of a file in one state.
fn look(view: &View, id: FileId) -> Result<(Option<Vec<u8>>, Option<Stat>)> {
    use crate::fs::view::Fs;
    let path = Files::new([view, view]).path(super::records::Side::First, id)?;
    let stat = path.is_some().then(|| view.stat(id)).transpose()?;
    Ok((path, stat))
}

fn joined(path: Option<Vec<u8>>, stat: Option<Stat>) -> Option<Box<(Vec<u8>, Stat)>> {
    path.zip(stat).map(Box::new)
}

impl<T: fmt::Debug> fmt::Debug for History<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("History")
            .field("id", &self.id)
            .field("versions", &self.versions)
            .finish_non_exhaustive()
    }
}
