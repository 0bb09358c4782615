//! Checking a seal, in parts that threads can share out.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use super::content::Files;
use super::finding::{SealEvent, SealSink, SealedNode};
use super::recorded::{Seal, hash_name};
use super::tree::{HashedTree, id_of};
use super::verdict::{SealSummary, SealVerdict};
use crate::apfs::btree::Cursor;
use crate::apfs::record::key::{self, RecordType};
use crate::apfs::view::View;
use crate::base::bytes::len64;
use crate::base::error::{Error, Result};
use crate::base::ids::Oid;
use crate::base::limits::Limits;
use crate::base::report::Cancel;
use crate::base::sync::Mutex;
use crate::crypto::digest::Algorithm;
use crate::fs::scan::Scan;

/// Records between two looks at the cancel hook.
const CANCEL_EVERY: u32 = 1024;

/// How much was compared. Those of parts add up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SealTally {
    /// Nodes of the tree, the root included.
    pub nodes: u64,
    /// Regular files, those without data included.
    pub files: u64,
    /// Pieces of data with a hash each.
    pub pieces: u64,
    /// Bytes that were hashed, of nodes and data.
    pub bytes: u64,
}

impl SealTally {
    /// Adds what another part compared.
    pub fn merge(&mut self, other: &SealTally) {
        self.nodes = self.nodes.saturating_add(other.nodes);
        self.files = self.files.saturating_add(other.files);
        self.pieces = self.pieces.saturating_add(other.pieces);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

/// A stream as a file uses it: its number, its length for this file, and whether it is read decompressed.
pub(super) type Use = (u64, u64, bool);

/// What the parts of a check share: the streams that were compared and are not those of the file with their number.
#[derive(Debug, Default)]
pub(super) struct Shared {
    streams: Mutex<BTreeSet<Use>>,
}

impl Shared {
    /// True for the first who asks about a use of a stream.
    pub(super) fn is_first(&self, stream: Use, limits: &Limits) -> Result<bool> {
        self.streams.with(|streams| {
            if streams.len() >= limits.seal_streams && !streams.contains(&stream) {
                let limit = len64(limits.seal_streams);
                return Err(Error::limit("streams of a sealed volume", limit, limit.saturating_add(1)));
            }
            Ok(streams.insert(stream))
        })
    }
}

/// A check of the seal of one state of a volume.
///
/// The work is cut into ranges of files: [`SealCheck::parts`], each of them for [`SealCheck::part`], in any order and on
/// any thread; [`SealCheck::root`] compares what is above all of them. Memory does not grow with the volume, apart
/// from a number for each stream that is not its file's own.
pub struct SealCheck {
    view: View,
    seal: Seal,
    algorithm: Algorithm,
    shared: Shared,
}

impl SealCheck {
    /// Begins a check.
    ///
    /// # Errors
    /// `NotFound` if the volume is not sealed, `Unsupported` if its hash function is not known, and as [`View::seal`].
    pub fn new(view: &View) -> Result<SealCheck> {
        let missing = || Error::not_found(alloc::format!("seal of volume {}", view.volume().name()));
        let seal = view.seal()?.ok_or_else(missing)?;
        SealCheck::of(view, seal)
    }

    fn of(view: &View, seal: Seal) -> Result<SealCheck> {
        let unknown = || Error::unsupported(alloc::format!("hashes of {}", hash_name(seal.hash_type)), "");
        let algorithm = seal.algorithm().ok_or_else(unknown)?;
        Ok(SealCheck { view: view.clone(), seal, algorithm, shared: Shared::default() })
    }

    /// What the volume records.
    #[must_use]
    pub fn seal(&self) -> &Seal {
        &self.seal
    }

    /// Cuts the work into up to `wanted` ranges of about as many records.
    #[must_use]
    pub fn parts(&self, wanted: usize) -> Vec<Range<u64>> {
        self.view.scan_parts(wanted)
    }

    /// Compares the root node, and tells what the record of the seal says of itself.
    ///
    /// # Errors
    /// Whatever the sink returns.
    pub fn root(&self, sink: &mut SealSink<'_>) -> Result<SealTally> {
        for flaw in &self.seal.flaws {
            sink(SealEvent::Recorded(Box::new(flaw.clone())))?;
        }
        let tree = HashedTree::new(self.view.tree(), self.algorithm, 0..0);
        if let Some(expected) = &self.seal.root_hash {
            tree.compare_root(expected);
        }
        for node in tree.take_found() {
            sink(SealEvent::Node(Box::new(node)))?;
        }
        let (_, bytes) = tree.compared();
        sink(SealEvent::Hashed(bytes))?;
        Ok(SealTally { nodes: 1, bytes, ..SealTally::default() })
    }

    /// Compares the nodes and files of a part. What can't be relied on is told, and the work goes on.
    ///
    /// # Errors
    /// [`Cancelled`](Error::Cancelled), a ceiling of [`Limits`], and whatever the sink returns.
    pub fn part(
        &self,
        ids: Range<u64>,
        cancel: Option<Cancel<'_>>,
        sink: &mut SealSink<'_>,
    ) -> Result<SealTally> {
        let tree = HashedTree::new(self.view.tree(), self.algorithm, ids.clone());
        let mut files = Files::new(&self.view, &self.shared, self.algorithm, cancel);
        let mut cursor = Cursor::new();
        let mut moved = cursor.seek(&tree, &key::first(ids.start, RecordType::Other(0)));
        let (mut until_cancel, mut told) = (0u32, 0u64);
        loop {
            if until_cancel == 0 {
                if cancel.is_some_and(|cancel| cancel()) {
                    return Err(Error::Cancelled);
                }
                until_cancel = CANCEL_EVERY;
            }
            until_cancel = until_cancel.saturating_sub(1);
            for node in tree.take_found() {
                sink(SealEvent::Node(Box::new(node)))?;
            }
            let bytes = tree.compared().1;
            if bytes > told {
                sink(SealEvent::Hashed(bytes.saturating_sub(told)))?;
                told = bytes;
            }
            if let Err(error) = moved {
                let id = cursor.entry_key().map_or(0, id_of);
                if !tree.was_told() && ids.contains(&id) {
                    sink(SealEvent::Node(Box::new(broken(id, error))))?;
                }
                if cursor.key_behind().is_none() {
                    break;
                }
            } else {
                let Some((leaf, index)) = cursor.leaf() else { break };
                let record = key::decode(leaf.key(index)).filter(|(id, _)| *id < ids.end);
                let Some((id, kind)) = record else { break };
                let value = leaf.value(index).unwrap_or(&[]);
                match kind {
                    RecordType::Inode => files.inode(id, value, sink)?,
                    RecordType::Xattr => files.xattr(id, leaf.key(index), value, sink)?,
                    _ => {}
                }
            }
            moved = cursor.advance(&tree);
        }
        for node in tree.take_found() {
            sink(SealEvent::Node(Box::new(node)))?;
        }
        let (nodes, bytes) = tree.compared();
        let mut tally = SealTally { nodes, bytes, ..SealTally::default() };
        tally.merge(&files.tally());
        Ok(tally)
    }
}

/// A node that breaks a rule which only the tree as a whole can break.
fn broken(id: u64, error: Error) -> SealedNode {
    let place = error.corrupt().map(|corrupt| corrupt.place.clone()).unwrap_or_default();
    let (oid, block) = (place.oid.unwrap_or(Oid(0)), place.block);
    SealedNode { oid, block, level: 0, path: Vec::new(), ids: id..u64::MAX, error }
}

impl View {
    /// Checks the seal: the root hash, every node, every file's data. `None` if the volume is not sealed.
    ///
    /// On several threads: [`SealCheck`].
    ///
    /// # Errors
    /// As [`View::seal`] and [`SealCheck::part`].
    pub fn verify_seal(&self, cancel: Option<Cancel<'_>>) -> Result<Option<SealVerdict>> {
        let Some(seal) = self.seal()? else { return Ok(None) };
        let mut summary = SealSummary::new(&seal);
        if seal.algorithm().is_some() {
            let check = SealCheck::of(self, seal)?;
            let mut sink = |event| {
                summary.add(event);
                Ok(())
            };
            check.root(&mut sink)?;
            check.part(0..u64::MAX, cancel, &mut sink)?;
        }
        Ok(Some(summary.verdict()))
    }
}

impl fmt::Debug for SealCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealCheck")
            .field("view", &self.view)
            .field("seal", &self.seal)
            .finish_non_exhaustive()
    }
}
