//! The whole file system in record order: the fastest way to list everything with full paths.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;

use super::types::Stat;
use super::view::Fs;
use super::walk::WalkError;
use crate::base::error::{Error, Result};
use crate::base::ids::FileId;
use crate::base::report::Cancel;
use crate::tree::cursor::Cursor;
use crate::tree::node::SearchTree;

/// One link of one file, as a scan finds it. Paths and names are borrowed until the next one.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ScanEntry<'a> {
    /// Path from the root, `/` for the root itself, names as stored.
    pub path: &'a [u8],
    /// Metadata; complete, link targets' lengths and sizes of compressed files included.
    pub stat: &'a Stat,
    /// Which of several hard links this is, as [`DirEntry::link_id`](super::types::DirEntry::link_id).
    pub link_id: Option<u64>,
    /// What the file system keeps for itself or lies below that: see [`Fs::is_private`].
    pub private: bool,
}

/// Receives entries, and what could not be read; an error stops the scan.
pub type ScanSink<'s> = dyn FnMut(core::result::Result<ScanEntry<'_>, WalkError>) -> Result<()> + 's;

/// What a scan has seen, and whether records that say the same thing twice agree so far.
///
/// Ledgers of scans over parts of a file system add up: [`ScanLedger::merge`] them, then [`Scan::reconcile`].
#[derive(Clone, Debug, Default)]
pub struct ScanLedger {
    sums: BTreeMap<u64, u64>,
    entries: u64,
}

impl ScanLedger {
    /// Adds the ledger of another part of the same file system.
    pub fn merge(&mut self, other: &ScanLedger) {
        for (key, sum) in &other.sums {
            self.add(*key, *sum);
        }
        self.count(other.entries);
    }

    /// Number of entries given so far.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Counts entries that were given.
    pub(crate) fn count(&mut self, entries: u64) {
        self.entries = self.entries.saturating_add(entries);
    }

    /// Adds to the sum of a key; those of records that agree cancel out.
    pub(crate) fn add(&mut self, key: u64, mark: u64) {
        let sum = self.sums.entry(key).or_insert(0);
        *sum = sum.wrapping_add(mark);
        if *sum == 0 {
            self.sums.remove(&key);
        }
    }

    /// Sum of a key, 0 if nothing is left over.
    pub(crate) fn sum(&self, key: u64) -> u64 {
        self.sums.get(&key).copied().unwrap_or(0)
    }

    /// The same sums under other keys, without those that get none. Nothing is counted.
    pub(crate) fn renumbered(&self, key: impl Fn(u64) -> Option<u64>) -> ScanLedger {
        let mut ledger = ScanLedger::default();
        for (old, sum) in &self.sums {
            if let Some(new) = key(*old) {
                ledger.add(new, *sum);
            }
        }
        ledger
    }

    /// Keys whose sums are not 0.
    pub(crate) fn marked(&self) -> impl Iterator<Item = &u64> {
        self.sums.keys()
    }
}

/// A number for "this directory leads to that file by that name"; sums of them tell sets of links apart.
pub(crate) fn mark(file: u64, is_dir: bool, name: &[u8]) -> u64 {
    let mut hash = file ^ if is_dir { 0x9E37_79B9_7F4A_7C15 } else { 0xD1B5_4A32_D192_ED03 };
    for chunk in name.chunks(8) {
        let mut word = [0; 8];
        if let Some(start) = word.get_mut(..chunk.len()) {
            start.copy_from_slice(chunk);
        }
        hash = (hash ^ u64::from_le_bytes(word)).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
        hash ^= hash >> 32;
    }
    hash.wrapping_mul(0xC4CE_B9FE_1A85_EC53) ^ hash >> 29
}

/// Records between two looks at the cancel hook.
const CANCEL_EVERY: u32 = 1024;

/// Cuts all numbers into up to `parts` ranges that begin at some of `borders`.
pub(crate) fn ranges(mut borders: Vec<u64>, parts: usize) -> Vec<Range<u64>> {
    borders.sort_unstable();
    borders.dedup();
    let step = borders.len().div_ceil(parts.max(1)).max(1);
    let mut starts: Vec<u64> = borders.into_iter().step_by(step).collect();
    match starts.first_mut() {
        Some(first) => *first = 0,
        None => starts.push(0),
    }
    let ends = starts.iter().skip(1).copied().chain([u64::MAX]);
    starts.iter().copied().zip(ends).map(|(start, end)| start..end).collect()
}

/// Goes along the records of a tree from a key on; `each` gets a leaf and the number of an entry, and says whether to go
/// on. Nodes that can't be read are told and passed over.
pub(crate) fn each_record<T: SearchTree>(
    tree: &T,
    first: &[u8],
    cancel: Option<Cancel<'_>>,
    sink: &mut ScanSink<'_>,
    mut each: impl FnMut(&Arc<T::Node>, usize, &mut ScanSink<'_>) -> Result<bool>,
) -> Result<()> {
    let mut cursor = Cursor::new();
    let mut moved = cursor.seek(tree, first);
    let mut until_cancel = 0u32;
    loop {
        if until_cancel == 0 {
            if cancel.is_some_and(|cancel| cancel()) {
                return Err(Error::Cancelled);
            }
            until_cancel = CANCEL_EVERY;
        }
        until_cancel = until_cancel.saturating_sub(1);
        if let Err(error) = moved {
            sink(Err(WalkError { path: Vec::new(), id: FileId(0), entry: None, error }))?;
            if cursor.key_behind().is_none() {
                return Ok(());
            }
        } else {
            let Some((leaf, index)) = cursor.leaf() else { return Ok(()) };
            if !each(leaf, index, sink)? {
                return Ok(());
            }
        }
        moved = cursor.advance(tree);
    }
}

/// A file system that can be read in the order of its records: the same set of entries as a walk with
/// [private](super::walk::Walk::private) ones gives, several times faster.
///
/// Damage costs only what it touches and comes as an item of its own.
pub trait Scan: Fs {
    /// Nodes of the tree that a scan reads, as recorded: for choosing how many parts to make. Do not size anything by it.
    fn nodes(&self) -> u64;

    /// Cuts the file system into up to `parts` ranges of about equal work, for [`Scan::scan_range`].
    fn scan_parts(&self, parts: usize) -> Vec<Range<u64>>;

    /// Scans one of the [parts](Scan::scan_parts) of a file system, for one thread or machine.
    /// When all parts are done, [`Scan::reconcile`] the merged ledgers.
    ///
    /// # Errors
    /// As [`Scan::scan`].
    fn scan_range(
        &self,
        part: Range<u64>,
        cancel: Option<Cancel<'_>>,
        sink: &mut ScanSink<'_>,
    ) -> Result<ScanLedger>;

    /// Looks again where records disagreed: gives what was missed, reports what was claimed wrongly. Returns how many
    /// entries it gave.
    ///
    /// # Errors
    /// Whatever the sink returns.
    fn reconcile(&self, ledger: &ScanLedger, sink: &mut ScanSink<'_>) -> Result<u64>;

    /// Gives every link of every file below the root, in the order of the records.
    ///
    /// # Errors
    /// [`Cancelled`](crate::Error::Cancelled), and whatever the sink returns.
    fn scan(&self, cancel: Option<Cancel<'_>>, sink: &mut ScanSink<'_>) -> Result<ScanLedger> {
        let mut ledger = self.scan_range(0..u64::MAX, cancel, sink)?;
        let more = self.reconcile(&ledger, sink)?;
        ledger.count(more);
        Ok(ledger)
    }
}
