//! Places of directories, for a scan: which directory each one is in, and whether that leads to the root.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt;

use super::fs::ROOT_DIR;
use super::view::View;
use crate::base::error::Error;
use crate::base::ids::FileId;
use crate::fs::types::{DirEntry, DirPos, Kind};
use crate::fs::view::Fs;

/// Parent of the root directory (`ROOT_DIR_PARENT`).
const ROOT_DIR_PARENT: u64 = 1;

/// Smallest id of a user's file (`MIN_USER_INO_NUM`).
const MIN_USER_INO: u64 = 16;

/// A directory whose place is known.
struct Dir {
    parent: u64,
    name: Box<[u8]>,
    reach: Reach,
}

/// Whether the parents of a directory lead to the root.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    NotYetKnown,
    /// They do, with so many directories between.
    Root(usize),
    Nowhere,
}

/// Directories whose place is known by a record of their parent. Every one is looked at once.
pub(super) struct Places {
    view: View,
    dirs: BTreeMap<u64, Dir>,
    /// Directories that could not be found at all, with the damage that may be why.
    lost: BTreeMap<u64, Option<Error>>,
    /// Directories all of whose directories are in `dirs`.
    listed: BTreeSet<u64>,
    path: Vec<u8>,
    /// Directory whose path stands at the start of `path`, and how long that is.
    path_dir: Option<(u64, usize)>,
}

impl Places {
    pub(super) fn new(view: &View) -> Places {
        Places {
            view: view.clone(),
            dirs: BTreeMap::new(),
            lost: BTreeMap::new(),
            listed: BTreeSet::new(),
            path: Vec::new(),
            path_dir: None,
        }
    }

    /// A directory lists another one.
    pub(super) fn note(&mut self, parent: u64, dir: u64, name: &[u8]) {
        // The root's own record, under the reserved id above it, is not part of any path.
        if dir != ROOT_DIR.0 {
            let place = || Dir { parent, name: name.into(), reach: Reach::NotYetKnown };
            self.dirs.entry(dir).or_insert_with(place);
        }
    }

    /// Parent and name of a directory, if it is below the root.
    pub(super) fn find(&mut self, dir: u64) -> Option<(u64, Box<[u8]>)> {
        if !self.resolve(dir) {
            return None;
        }
        self.dirs.get(&dir).map(|place| (place.parent, place.name.clone()))
    }

    /// Makes sure that all directories from this one up to the root are known; false if it is not below the root.
    /// Every directory is looked at once: what was found stays known.
    pub(super) fn resolve(&mut self, dir: u64) -> bool {
        if self.path_dir.is_some_and(|(known, _)| known == dir) {
            return true;
        }
        let mut passed: Vec<u64> = Vec::new();
        let mut here = dir;
        let above = loop {
            if here == ROOT_DIR.0 {
                break Some(0);
            }
            if passed.len() > self.view.limits().directory_depth || self.lost.contains_key(&here) {
                break None;
            }
            let why = match self.dirs.contains_key(&here) {
                true => None,
                false => self.look_up(here),
            };
            match self.dirs.get(&here) {
                Some(Dir { reach: Reach::Root(depth), .. }) => break Some(*depth),
                Some(Dir { reach: Reach::Nowhere, .. }) => break None,
                Some(Dir { parent, .. }) => {
                    passed.push(here);
                    here = *parent;
                }
                None => {
                    self.lost.insert(here, why);
                    break None;
                }
            }
        };
        let limit = self.view.limits().directory_depth;
        let mut depth = above;
        for id in passed.into_iter().rev() {
            depth = depth.map(|depth| depth.saturating_add(1)).filter(|depth| *depth <= limit);
            if let Some(known) = self.dirs.get_mut(&id) {
                known.reach = depth.map_or(Reach::Nowhere, Reach::Root);
            }
        }
        depth.is_some()
    }

    /// Finds the place of a directory whose parent comes later in key order or lies outside the scanned range:
    /// where its inode says, if the parent's own record agrees; else wherever that parent lists it.
    /// Gives what could not be read on the way.
    fn look_up(&mut self, dir: u64) -> Option<Error> {
        let links = match self.view.links(FileId(dir)) {
            Ok(links) => links,
            Err(Error::NotFound(_)) => return None,
            Err(error) => return Some(error),
        };
        let mut damage = None;
        for (parent, name) in links {
            let entry = self.view.exact_entry(parent, name.as_bytes());
            let entry = entry.map_err(|error| damage = Some(error)).ok().flatten();
            if entry.is_some_and(|entry| entry.id.0 == dir && entry.kind == Kind::Dir && entry.name == name) {
                let place = Dir { parent: parent.0, name: name.as_bytes().into(), reach: Reach::NotYetKnown };
                self.dirs.insert(dir, place);
                return None;
            }
            self.list_dirs_of(parent);
            if self.dirs.contains_key(&dir) {
                return None;
            }
        }
        damage
    }

    /// The damage that may be why a directory does not resolve, if any was met.
    pub(super) fn why_not(&self, dir: u64) -> Option<Error> {
        let mut here = dir;
        for _ in 0..=self.view.limits().directory_depth {
            match self.dirs.get(&here) {
                Some(known) => here = known.parent,
                None => return self.lost.get(&here)?.as_ref().map(again),
            }
        }
        None
    }

    /// True if this entry is the one place of a directory.
    pub(super) fn is_at(&mut self, entry: &DirEntry, dir: u64) -> bool {
        let is_here = |place: &Dir| place.parent == dir && *place.name == *entry.name.as_bytes();
        entry.kind == Kind::Dir && self.resolve(entry.id.0) && self.dirs.get(&entry.id.0).is_some_and(is_here)
    }

    /// True if the parents of a directory that does not resolve lead nowhere. Those of deleted files that are
    /// still open lead past the root, as they should; reserved ids need no inode.
    pub(super) fn is_lost(&self, dir: u64) -> bool {
        let mut here = dir;
        for _ in 0..=self.view.limits().directory_depth {
            match self.dirs.get(&here) {
                Some(known) => here = known.parent,
                None => return here != ROOT_DIR_PARENT && dir >= MIN_USER_INO,
            }
        }
        true
    }

    /// Notes the places of all directories in one, once.
    fn list_dirs_of(&mut self, parent: FileId) {
        if !self.listed.insert(parent.0) {
            return;
        }
        let (mut pos, mut batch) = (DirPos::default(), Vec::new());
        while !pos.is_end() {
            // What can't be read is reported where the scan comes by.
            let _ = self.view.read_dir(parent, &mut pos, &mut batch, 64);
            for entry in batch.drain(..).filter(|entry| entry.kind == Kind::Dir && entry.id != ROOT_DIR) {
                let place =
                    Dir { parent: parent.0, name: entry.name.as_bytes().into(), reach: Reach::NotYetKnown };
                self.dirs.entry(entry.id.0).or_insert(place);
            }
        }
    }

    /// Path of an entry of a resolved directory.
    pub(super) fn path(&mut self, dir: u64, name: &[u8]) -> &[u8] {
        let len = self.path_of_dir(dir).len();
        self.path.truncate(len);
        self.path.push(b'/');
        self.path.extend_from_slice(name);
        &self.path
    }

    /// Path of a resolved directory, empty for the root.
    pub(super) fn path_of_dir(&mut self, dir: u64) -> &[u8] {
        if let Some((_, len)) = self.path_dir.filter(|(known, _)| *known == dir) {
            return self.path.get(..len).unwrap_or(&[]);
        }
        let mut names: Vec<&[u8]> = Vec::new();
        let mut here = dir;
        while let Some(known) =
            self.dirs.get(&here).filter(|_| names.len() <= self.view.limits().directory_depth)
        {
            names.push(&known.name);
            here = known.parent;
        }
        self.path.clear();
        for name in names.iter().rev() {
            self.path.push(b'/');
            self.path.extend_from_slice(name);
        }
        self.path_dir = Some((dir, self.path.len()));
        &self.path
    }
}

/// The same error once more.
fn again(error: &Error) -> Error {
    match error {
        Error::Corrupt(finding) => finding.clone().into(),
        Error::Io(failed) => Error::io(failed.offset, failed.len, failed.cause.to_string()),
        other => Error::unsupported(other.to_string(), ""),
    }
}

impl fmt::Debug for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Places").field("dirs", &self.dirs.len()).field("lost", &self.lost.len()).finish()
    }
}
