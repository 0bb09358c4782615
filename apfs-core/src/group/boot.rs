//! Which state of System a Mac would show: the snapshot that it starts from (sheets apfs-03, section 5, and apfs-08,
//! section 7).

use core::fmt;

use super::merged::MergeOptions;
use crate::apfs::{Snapshot, View, Volume};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Class, Error, Result};
use crate::base::ids::Xid;

/// What the names of snapshots begin with that system updates make.
const UPDATE: &[u8] = b"com.apple.os.update-";

/// How the state of System was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Boot {
    /// The volume says from which snapshot it is rooted (`apfs_root_to_xid`).
    RootTo,
    /// It does not, and is sealed: the newest usable snapshot of a system update.
    NewestUpdate,
    /// Neither: the live volume.
    Live,
    /// The caller chose it.
    Chosen,
}

impl Boot {
    /// Word for programs: `root-to-xid`, `newest-update`, `live`, `chosen`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Boot::RootTo => "root-to-xid",
            Boot::NewestUpdate => "newest-update",
            Boot::Live => "live",
            Boot::Chosen => "chosen",
        }
    }
}

impl fmt::Display for Boot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Boot::RootTo => "the snapshot that the volume says it is rooted from",
            Boot::NewestUpdate => "the newest snapshot of a system update",
            Boot::Live => "the live volume",
            Boot::Chosen => "as asked for",
        })
    }
}

/// Opens System at the state that a Mac would show.
pub(super) fn open(system: &Volume, options: &MergeOptions) -> Result<(View, Boot)> {
    if let Some(snapshot) = &options.system {
        return Ok((system.view_at(snapshot)?, Boot::Chosen));
    }
    if options.system_live {
        return Ok((system.view()?, Boot::Chosen));
    }
    let root_to = Xid(system.superblock().raw().apfs_root_to_xid.get());
    if root_to != Xid(0) {
        let snapshots = system.snapshots()?;
        let snapshot = snapshots.iter().find(|snapshot| snapshot.xid == root_to);
        let snapshot = snapshot.ok_or_else(|| no_snapshot(system, root_to))?;
        return Ok((system.view_at(snapshot)?, Boot::RootTo));
    }
    if let Some(view) = newest_update(system)? {
        return Ok((view, Boot::NewestUpdate));
    }
    Ok((system.view()?, Boot::Live))
}

/// A volume that says from where it is rooted means no other state.
fn no_snapshot(system: &Volume, xid: Xid) -> Error {
    let superblock = system.superblock();
    let place = Place::new("apfs_superblock_t", "apfs_root_to_xid").block(superblock.block()).xid(xid);
    Corrupt::new(Damage::Missing, place).found("no snapshot of this transaction").into()
}

/// The newest usable snapshot of a system update, if what it keeps is sealed: before seals these were states to return
/// to, from which no Mac starts.
fn newest_update(system: &Volume) -> Result<Option<View>> {
    let is_update = |snapshot: &&Snapshot| {
        snapshot.name.as_bytes().starts_with(UPDATE) && snapshot.unusable_because().is_none()
    };
    let snapshots = system.snapshots()?;
    let Some(newest) = snapshots.iter().filter(is_update).max_by_key(|snapshot| snapshot.xid) else {
        return Ok(None);
    };
    let is_sealed = system.superblock().is_sealed();
    match system.view_at(newest) {
        Ok(view) => Ok(Some(view).filter(|view| is_sealed || view.superblock().is_sealed())),
        // What can't be opened is not passed over where it would be shown.
        Err(error) if is_sealed || error.class() == Class::Io => Err(error),
        Err(_) => Ok(None),
    }
}
