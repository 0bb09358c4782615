//! From the root of one volume down to a directory, by names alone: no links of any kind are followed.

use alloc::vec::Vec;

use crate::apfs::View;
use crate::base::error::{Error, Result};
use crate::base::ids::FileId;
use crate::fs::types::Kind;
use crate::fs::view::Fs;

/// The way to a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Way {
    /// Numbers in the volume, from the root to the directory itself.
    pub(super) ids: Vec<FileId>,
    /// Path, names as stored; empty for the root.
    pub(super) path: Vec<u8>,
}

impl Way {
    /// The directory itself.
    pub(super) fn id(&self, view: &View) -> FileId {
        self.ids.last().copied().unwrap_or_else(|| view.root())
    }

    /// The directories above it, from the root.
    pub(super) fn above(&self) -> &[FileId] {
        self.ids.split_last().map_or(&[], |(_, above)| above)
    }

    /// Its name as stored.
    pub(super) fn name(&self) -> &[u8] {
        self.path.rsplit(|byte| *byte == b'/').next().unwrap_or(&[])
    }

    /// Path, `/` for the root.
    pub(super) fn shown(&self) -> Vec<u8> {
        if self.path.is_empty() { b"/".to_vec() } else { self.path.clone() }
    }
}

/// What is at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum At {
    Dir(Way),
    /// There is nothing.
    Nothing,
    /// It, or something on the way, is no directory.
    Other(Kind),
}

/// Names in a path.
pub(super) fn names(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').filter(|name| !name.is_empty())
}

/// Looks what is at a path of a volume.
pub(super) fn descend(view: &View, path: &[u8]) -> Result<At> {
    let mut way = Way { ids: alloc::vec![view.root()], path: Vec::new() };
    for name in names(path) {
        let entry = match view.lookup(way.id(view), name) {
            Ok(entry) => entry,
            Err(Error::NotFound(_)) => return Ok(At::Nothing),
            Err(error) => return Err(error),
        };
        if entry.kind != Kind::Dir {
            return Ok(At::Other(entry.kind));
        }
        way.ids.push(entry.id);
        way.path.push(b'/');
        way.path.extend_from_slice(entry.name.as_bytes());
    }
    let id = way.id(view);
    let kind = view.stat(id).map_err(|error| view.lost_entry(id, error))?.kind;
    Ok(if kind == Kind::Dir { At::Dir(way) } else { At::Other(kind) })
}
