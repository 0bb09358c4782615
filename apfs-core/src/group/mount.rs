//! Where the other volumes stand in the tree of System: `/System/Volumes/Data` and its neighbours.

use alloc::vec::Vec;

use super::descend::Way;
use super::finding::{Finding, Problem};
use super::number::Tag;
use crate::apfs::View;
use crate::base::error::{Error, Result};
use crate::base::ids::FileId;
use crate::fs::types::{DirEntry, Kind, Name};
use crate::fs::view::Fs;

/// A directory that System does not have, shown so that what is in it can be reached.
#[derive(Clone, Debug)]
pub(super) struct MadeUp {
    pub(super) id: FileId,
    pub(super) parent: FileId,
    pub(super) path: Vec<u8>,
}

/// The mount points that were found, as the merged tree numbers them.
#[derive(Debug)]
pub(super) struct Mounts {
    /// `/System/Volumes`.
    volumes: Way,
    /// Directories of System that volumes stand on, with the volumes' tags.
    pub(super) over: Vec<(FileId, Tag)>,
    /// Entries that System does not have, with the directories that they are in.
    pub(super) added: Vec<(FileId, DirEntry)>,
    pub(super) made_up: Vec<MadeUp>,
}

impl Mounts {
    /// Looks for `/System/Volumes` on System.
    pub(super) fn find(system: &View) -> Result<Mounts> {
        let volumes = Way { ids: alloc::vec![system.root()], path: Vec::new() };
        let mut mounts = Mounts { volumes, over: Vec::new(), added: Vec::new(), made_up: Vec::new() };
        for name in ["System", "Volumes"] {
            let (dir, entry) = (mounts.volumes.id(system), mounts.look(system, name)?);
            let (id, name) = match entry {
                Some(entry) => (Tag::SYSTEM.merged(entry.id), entry.name),
                None => (mounts.make_up(dir, name), Name::from(name)),
            };
            mounts.volumes.ids.push(id);
            mounts.volumes.path.push(b'/');
            mounts.volumes.path.extend_from_slice(name.as_bytes());
        }
        Ok(mounts)
    }

    /// The directory of a name in the last one, if System has it.
    fn look(&self, system: &View, name: &str) -> Result<Option<DirEntry>> {
        if !self.made_up.is_empty() {
            return Ok(None);
        }
        match system.lookup(self.volumes.id(system), name.as_bytes()) {
            Ok(entry) if entry.kind == Kind::Dir => Ok(Some(entry)),
            Ok(entry) => {
                let path = Name::from([&self.volumes.path, &b"/"[..], name.as_bytes()].concat());
                let what = alloc::format!("a System volume whose {path} is a {}", entry.kind.word());
                Err(Error::unsupported(what, "there is no place for other volumes"))
            }
            Err(Error::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn make_up(&mut self, parent: FileId, name: &str) -> FileId {
        let number = crate::base::bytes::len64(self.made_up.len()).saturating_add(1);
        let id = Tag::MADE_UP.merged(FileId(number));
        let path = [&self.volumes.path, &b"/"[..], name.as_bytes()].concat();
        self.made_up.push(MadeUp { id, parent, path });
        self.added.push((parent, entry(name, id)));
        id
    }

    /// Puts a volume into the directory of a name; gives its path.
    pub(super) fn mount(
        &mut self,
        (system, name): (&View, &str),
        (tag, root): (Tag, FileId),
        findings: &mut Vec<Finding>,
    ) -> Result<Vec<u8>> {
        let found = self.look(system, name)?;
        let stored = found.as_ref().map_or(name.as_bytes(), |entry| entry.name.as_bytes());
        let path = [&self.volumes.path, &b"/"[..], stored].concat();
        match &found {
            Some(entry) => self.over.push((Tag::SYSTEM.merged(entry.id), tag)),
            None => {
                let dir = self.volumes.id(system);
                self.added.push((dir, entry(name, tag.merged(root))));
                findings.push(Finding::new(&path, Problem::NoMountPoint));
            }
        }
        Ok(path)
    }

    /// The directories from the root to `/System/Volumes`.
    pub(super) fn way(&self) -> &[FileId] {
        &self.volumes.ids
    }

    /// True if a directory of System is above, at or below a place where a volume stands.
    pub(super) fn meets(&self, way: &Way, system: &View) -> bool {
        self.volumes.ids.contains(&way.id(system))
            || way.ids.iter().any(|id| self.over.iter().any(|(over, _)| over == id))
    }
}

fn entry(name: &str, id: FileId) -> DirEntry {
    DirEntry { name: Name::from(name), id, kind: Kind::Dir, added: None, link_id: None }
}
