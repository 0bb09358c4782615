//! What is kept of every file, entry and stream until the whole tree has been read.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::super::extents::Coverage;
use crate::base::error::{Error, Result};

/// What is kept of an inode.
#[derive(Clone, Copy, Debug)]
pub(super) struct InodeFact {
    pub(super) id: u64,
    /// Sum of the marks of the names that the file says it has.
    pub(super) marks: u64,
    pub(super) nlink: i32,
    /// Type bits of the mode.
    pub(super) kind: u8,
    /// The data stream of the same number is this file's alone.
    pub(super) settled: bool,
    /// It has records of hard links.
    pub(super) has_links: bool,
}

/// What is kept of a directory record.
#[derive(Clone, Copy, Debug)]
pub(super) struct EntryFact {
    pub(super) target: u64,
    pub(super) parent: u64,
    pub(super) mark: u64,
    /// Type bits of the record.
    pub(super) kind: u8,
    /// It stands in the directory of orphans or of purgeable files, which is no name of the file.
    pub(super) special: bool,
}

/// What is kept of a stream's records.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct StreamFact {
    pub(super) id: u64,
    /// Bytes of its extents.
    pub(super) end: u64,
    /// Bytes of its holes.
    pub(super) holes: u64,
    /// Users, where there is a record that counts them.
    pub(super) users: Option<u32>,
    pub(super) has_extents: bool,
}

/// Who uses a stream, and what he says of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct StreamUse {
    pub(super) stream: u64,
    pub(super) owner: u64,
    pub(super) size: u64,
    pub(super) allocated: u64,
    pub(super) sparse: u64,
    /// An attribute, not a file.
    pub(super) attribute: bool,
    /// Its length is not to be relied on: an orphan, or cut off half way.
    pub(super) loose: bool,
}

/// Numbers of files by type.
#[derive(Clone, Copy, Debug, Default)]
pub(in super::super) struct Counts {
    pub(in super::super) files: u64,
    pub(in super::super) dirs: u64,
    pub(in super::super) symlinks: u64,
    pub(in super::super) others: u64,
}

/// Everything that is kept.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) inodes: Vec<InodeFact>,
    pub(super) entries: Vec<EntryFact>,
    pub(super) streams: Vec<StreamFact>,
    pub(super) uses: Vec<StreamUse>,
    /// Numbers of hard links with their files, from the records of files.
    pub(super) links: Vec<(u64, u64)>,
    /// The same from the map records.
    pub(super) maps: Vec<(u64, u64)>,
    /// Numbers of directory statistics with the directories that name them.
    pub(super) stats_named: Vec<(u64, u64)>,
    /// Statistics that are there, each with the number that it is chained to.
    pub(super) stats: Vec<(u64, u64)>,
    /// Key states that are there.
    pub(super) key_states: Vec<u64>,
    /// Key states that extents name, and how often.
    pub(super) keys_named: BTreeMap<u64, u64>,
    /// Blocks that extents of files lead to.
    pub(super) coverage: Coverage,
    pub(super) counts: Counts,
    kept: u64,
}

impl Facts {
    /// Counts what is kept more; refuses to keep more than the limit.
    pub(super) fn room(&mut self, most: u64) -> Result<()> {
        self.kept = self.kept.saturating_add(1);
        if self.kept <= most { Ok(()) } else { Err(Error::limit("records of a check", most, self.kept)) }
    }
}
