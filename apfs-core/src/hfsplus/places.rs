//! Where folders are, for scans: paths by the threads, and each thread checked against the folder's record.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::links::shown;
use super::raw::catalog::{ROOT_FOLDER_ID, ROOT_PARENT_ID};
use super::record::catalog::CatalogRecord;
use super::volume::Volume;
use crate::base::bytes::len64;
use crate::base::damage::{Damage, Place};
use crate::base::error::{Error, Result};

/// Where a folder is.
#[derive(Clone, Debug)]
struct Folder {
    parent: u32,
    name: Box<[u8]>,
    depth: usize,
    private: bool,
}

/// Folders whose way from the root is known.
pub(super) struct Places<'v> {
    volume: &'v Volume,
    known: BTreeMap<u32, Option<Folder>>,
    path: Vec<u8>,
    /// Folder whose path stands at the start of `path`, and how long that is.
    path_of: Option<(u32, usize)>,
}

impl<'v> Places<'v> {
    pub(super) fn new(volume: &'v Volume) -> Places<'v> {
        Places { volume, known: BTreeMap::new(), path: Vec::new(), path_of: None }
    }

    /// Finds the way from the root to a folder; `None` if it was said before why there is none.
    ///
    /// # Errors
    /// Why it can't be found, once.
    pub(super) fn resolve(&mut self, folder: u32) -> Result<Option<()>> {
        if folder == ROOT_FOLDER_ID {
            return Ok(Some(()));
        }
        let mut passed: Vec<(u32, u32, Box<[u8]>)> = Vec::new();
        let (mut here, mut under_way) = (folder, BTreeSet::new());
        let above = loop {
            if here == ROOT_FOLDER_ID {
                break Some((0, false));
            }
            match self.known.get(&here) {
                Some(Some(known)) => break Some((known.depth, known.private)),
                Some(None) => break None,
                None => {}
            }
            let limit = self.volume.limits().directory_depth;
            let found = if passed.len() > limit {
                Err(Error::limit("directory depth", len64(limit), len64(passed.len())))
            } else if under_way.insert(here) {
                self.place_of(here)
            } else {
                let place = Place::new("HFSPlusCatalogThread", "parentID").cnid(here);
                Err(Error::damage(Damage::Loop, place))
            };
            match found {
                Ok((parent, name)) => {
                    passed.push((here, parent, name));
                    here = parent;
                }
                Err(error) => {
                    self.known.insert(here, None);
                    for (id, ..) in passed {
                        self.known.insert(id, None);
                    }
                    return Err(error);
                }
            }
        };
        let mut above = above;
        for (id, parent, name) in passed.into_iter().rev() {
            let is_private = |name: &[u8]| parent == ROOT_FOLDER_ID && Volume::is_private_name(name);
            above = above.map(|(depth, private)| (depth.saturating_add(1), private || is_private(&name)));
            let known = above.map(|(depth, private)| Folder { parent, name, depth, private });
            self.known.insert(id, known);
        }
        Ok(above.map(|_| ()))
    }

    /// Parent and shown name of a folder by its thread, if its parent's record of it agrees.
    fn place_of(&self, folder: u32) -> Result<(u32, Box<[u8]>)> {
        let wrong =
            |damage| Error::damage(damage, Place::new("HFSPlusCatalogThread", "parentID").cnid(folder));
        let record = self.volume.record(folder).map_err(|error| match error {
            Error::NotFound(_) => wrong(Damage::Missing),
            other => other,
        })?;
        if !matches!(CatalogRecord::parse(record.value()), Ok(CatalogRecord::Folder(_))) {
            return Err(wrong(Damage::Contradiction));
        }
        let (parent, stored) = super::tree_kind::catalog_parts(record.key());
        if parent == ROOT_PARENT_ID {
            return Err(wrong(Damage::Contradiction));
        }
        Ok((parent, shown(stored).as_bytes().into()))
    }

    /// True if a resolved folder is one that the volume keeps for itself, or below one.
    pub(super) fn is_private(&self, folder: u32) -> bool {
        matches!(self.known.get(&folder), Some(Some(Folder { private: true, .. })))
    }

    /// Path of an entry of a resolved folder; its name is appended by `push`.
    pub(super) fn path(&mut self, folder: u32, push: impl FnOnce(&mut Vec<u8>)) -> &[u8] {
        let len = self.path_of_folder(folder);
        self.path.truncate(len);
        self.path.push(b'/');
        push(&mut self.path);
        &self.path
    }

    /// Puts the path of a resolved folder, empty for the root, at the start of `path`; gives its length.
    fn path_of_folder(&mut self, folder: u32) -> usize {
        if let Some((_, len)) = self.path_of.filter(|(known, _)| *known == folder) {
            return len;
        }
        let mut names: Vec<&[u8]> = Vec::new();
        let mut here = folder;
        while let Some(Some(known)) = self.known.get(&here) {
            names.push(&known.name);
            here = known.parent;
        }
        self.path.clear();
        for name in names.iter().rev() {
            self.path.push(b'/');
            self.path.extend_from_slice(name);
        }
        self.path_of = Some((folder, self.path.len()));
        self.path.len()
    }
}
