//! Which state of System a Mac would show: the snapshot that it starts from (sheets apfs-03, section 5, and apfs-08,
//! section 7).

use core::fmt;

use super::merged::MergeOptions;
use crate::apfs::{View, Volume};
use crate::base::error::Result;

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
    let boot = if system.boot_transaction().is_some() { Boot::RootTo } else { Boot::NewestUpdate };
    match system.boot_snapshot()? {
        Some(snapshot) => Ok((system.view_at(&snapshot)?, boot)),
        None => Ok((system.view()?, Boot::Live)),
    }
}
