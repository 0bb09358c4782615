//! All extents of a fork, in the order of the fork: those of its metadata, then those of a tree (sheet hfsplus, sections
//! 1.4, 5 and 6).

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::btree::{Record, Run, Tree};
use super::fork::{self, Fork, ForkType};
use super::record::attribute::AttributeRecord;
use super::record::key;
use super::store::Store;
use super::tree_kind::{attribute_parts, extent_key};
use crate::base::bytes::{len64, pod, to_usize};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::flaw::Flaw;
use crate::fs::types::{ExtentKind, ExtentRun, FirstExtents};

const STRUCTURE: &str = "HFSPlusForkData";
/// Runs of one of the volume's own trees.
const MOST_TREE_RUNS: usize = 1 << 20;

/// Where the extents are that the metadata of a fork has no room for.
#[derive(Clone, Debug)]
pub(super) enum Overflow<'t> {
    /// Nowhere: the extents overflow file itself, and links, have none.
    None,
    /// In the extents overflow tree.
    Extents(&'t Tree, ForkType),
    /// Beside an attribute, by its stored name.
    Attribute(&'t Tree, Arc<[u8]>),
}

/// A fork of a file, and where the rest of its extents is.
#[derive(Clone, Debug)]
pub(super) struct Stream<'t> {
    pub(super) store: &'t Store,
    pub(super) cnid: u32,
    pub(super) fork: Fork,
    pub(super) overflow: Overflow<'t>,
}

/// Goes along the extents of a fork.
#[derive(Debug)]
struct Runs<'t> {
    stream: Stream<'t>,
    extents: FirstExtents,
    index: usize,
    /// Blocks of the fork before the next extent.
    at: u32,
    /// Blocks of the fork up to the end of these extents.
    covered: u32,
}

impl<'t> Runs<'t> {
    /// The extents of a fork from the one that holds block `block` on.
    fn from(stream: Stream<'t>, block: u32) -> Result<Runs<'t>> {
        let extents = stream.fork.first;
        let covered = stream.check(&extents)?;
        let mut runs = Runs { stream, extents, index: 0, at: 0, covered };
        if block >= covered && block < runs.stream.fork.blocks {
            let (start, extents) = runs.stream.overflow_at(block)?;
            if start < covered {
                return Err(runs.stream.wrong(Damage::Overlap, "extents"));
            }
            runs.stream.check_before(start, covered)?;
            runs.load(start, extents)?;
        }
        while let Some((_, count)) = runs.extents.get(runs.index).filter(|(_, count)| *count > 0) {
            let end = runs.at.saturating_add(*count);
            if end > block {
                break;
            }
            runs.at = end;
            runs.index = runs.index.saturating_add(1);
        }
        Ok(runs)
    }

    fn load(&mut self, start: u32, extents: FirstExtents) -> Result<()> {
        let blocks = self.stream.check(&extents)?;
        if blocks == 0 {
            return Err(self.stream.wrong(Damage::Missing, "extents"));
        }
        let covered = start.checked_add(blocks).filter(|end| *end <= self.stream.fork.blocks);
        self.covered = covered.ok_or_else(|| self.stream.wrong(Damage::Contradiction, "totalBlocks"))?;
        (self.extents, self.index, self.at) = (extents, 0, start);
        Ok(())
    }

    /// The next extent; `None` behind the last one.
    fn next(&mut self) -> Result<Option<Run>> {
        if self.covered > self.stream.fork.blocks {
            return Err(self.stream.wrong(Damage::Contradiction, "totalBlocks"));
        }
        if self.at >= self.covered {
            if self.covered >= self.stream.fork.blocks {
                return Ok(None);
            }
            let (start, extents) = self.stream.overflow_at(self.covered)?;
            if start != self.covered {
                return Err(self.stream.wrong(Damage::Missing, "extents"));
            }
            self.load(start, extents)?;
        }
        let Some((start, count)) = self.extents.get(self.index).copied() else { return Ok(None) };
        let run = Run { logical: self.at, start, count };
        self.at = self.at.saturating_add(count);
        self.index = self.index.saturating_add(1);
        Ok(Some(run))
    }
}

impl Stream<'_> {
    fn wrong(&self, damage: Damage, field: &'static str) -> Error {
        Error::damage(damage, Place::new(STRUCTURE, field).cnid(self.cnid))
    }

    fn check(&self, extents: &FirstExtents) -> Result<u32> {
        fork::check(extents, self.store.blocks()).map_err(|flaw| flaw.at_cnid(Place::default(), self.cnid))
    }

    /// The last record of more extents that begins at or before a block: first block of the fork, and extents.
    fn overflow_at(&self, block: u32) -> Result<(u32, FirstExtents)> {
        let found = match &self.overflow {
            Overflow::None => None,
            Overflow::Extents(tree, fork) => {
                let record = tree.floor(&key::extent(self.cnid, *fork, block))?;
                let is_ours = |record: &Record| {
                    let (file, code, _) = extent_key(record.key());
                    (file, code) == (self.cnid, fork.code())
                };
                match record.filter(is_ours) {
                    None => None,
                    Some(record) => {
                        let raw = pod(record.value()).ok_or_else(|| {
                            let flaw = Flaw::new(Damage::Bounds, "HFSPlusExtentRecord", "");
                            flaw.at_cnid(record.place("", ""), self.cnid)
                        })?;
                        Some((extent_key(record.key()).2, fork::extents(raw)))
                    }
                }
            }
            Overflow::Attribute(tree, name) => {
                let record = tree.floor(&key::attribute(self.cnid, name, block))?;
                let is_ours = |record: &Record| {
                    let (file, stored, start) = attribute_parts(record.key());
                    (file, stored) == (self.cnid, &**name) && start > 0
                };
                match record.filter(is_ours) {
                    None => None,
                    Some(record) => match AttributeRecord::parse(record.value()) {
                        Ok(AttributeRecord::Extents(raw)) => {
                            Some((attribute_parts(record.key()).2, fork::extents(raw)))
                        }
                        Ok(_) => {
                            let place = record.place("HFSPlusAttrExtents", "recordType").cnid(self.cnid);
                            return Err(Error::damage(Damage::ObjectType, place));
                        }
                        Err(flaw) => return Err(flaw.at_cnid(record.place("", ""), self.cnid)),
                    },
                }
            }
        };
        found.ok_or_else(|| {
            let place = Place::new(STRUCTURE, "extents").cnid(self.cnid);
            Corrupt::new(Damage::Missing, place)
                .expected(alloc::format!("more extents for block {block}"))
                .into()
        })
    }

    /// More extents must begin where those before them end, whichever way they were found.
    fn check_before(&self, start: u32, inline: u32) -> Result<()> {
        if start == inline {
            return Ok(());
        }
        let (before, extents) = self.overflow_at(start.saturating_sub(1))?;
        let end = before.saturating_add(self.check(&extents)?);
        if end == start { Ok(()) } else { Err(self.wrong(Damage::Overlap, "extents")) }
    }

    /// A fork is not longer than its blocks, nor than the volume.
    fn check_size(&self) -> Result<()> {
        let size = self.store.block_size();
        if self.fork.blocks > self.store.blocks() {
            let finding = Corrupt::new(Damage::PastEnd, Place::new(STRUCTURE, "totalBlocks").cnid(self.cnid));
            return Err(finding
                .expected(alloc::format!("at most {}", self.store.blocks()))
                .found(self.fork.blocks)
                .into());
        }
        let room = u64::from(self.fork.blocks).saturating_mul(size);
        if self.fork.size > room {
            let finding =
                Corrupt::new(Damage::Contradiction, Place::new(STRUCTURE, "logicalSize").cnid(self.cnid));
            return Err(finding.expected(alloc::format!("at most {room}")).found(self.fork.size).into());
        }
        Ok(())
    }

    /// Reads bytes; returns how many, less than asked only at the end.
    pub(super) fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let wanted = to_usize(self.fork.size.saturating_sub(offset).min(len64(buf.len())))?;
        let Some(mut rest) = buf.get_mut(..wanted).filter(|rest| !rest.is_empty()) else { return Ok(0) };
        self.check_size()?;
        let size = self.store.block_size();
        let block = u32::try_from(offset.checked_div(size).unwrap_or(0)).unwrap_or(u32::MAX);
        let mut runs = Runs::from(self.clone(), block)?;
        let mut at = offset;
        // Extents that follow one another on the volume become one read.
        let mut pending: Option<Run> = None;
        loop {
            let end = offset.saturating_add(len64(wanted));
            let needs_more = |run: &Run| {
                u64::from(run.logical).saturating_add(u64::from(run.count)).saturating_mul(size) < end
            };
            let next = if pending.is_none_or(|run| needs_more(&run)) { runs.next()? } else { None };
            match (&mut pending, next) {
                (Some(run), Some(next)) if run.start.checked_add(run.count) == Some(next.start) => {
                    run.count = run.count.saturating_add(next.count);
                    continue;
                }
                _ => {}
            }
            if let Some(run) = pending {
                let skip = at.saturating_sub(u64::from(run.logical).saturating_mul(size));
                let left = u64::from(run.count).saturating_mul(size).saturating_sub(skip);
                let len = to_usize(left.min(len64(rest.len())))?;
                let (now, later) = rest.split_at_mut(len);
                self.store.read(run.start, skip, now)?;
                at = at.saturating_add(len64(len));
                rest = later;
            }
            pending = next;
            if rest.is_empty() {
                return Ok(wanted);
            }
            if pending.is_none() {
                return Err(self.wrong(Damage::Missing, "extents"));
            }
        }
    }

    /// Appends up to `max` runs from byte `from` on, with places in bytes of the volume.
    pub(super) fn extents(&self, from: u64, out: &mut Vec<ExtentRun>, max: usize) -> Result<()> {
        self.check_size()?;
        let size = self.store.block_size();
        let block = u32::try_from(from.checked_div(size).unwrap_or(0)).unwrap_or(u32::MAX);
        if block >= self.fork.blocks {
            return Ok(());
        }
        let (before, mut runs) = (out.len(), Runs::from(self.clone(), block)?);
        for _ in 0..max {
            match runs.next() {
                Ok(Some(run)) => out.push(ExtentRun {
                    logical: u64::from(run.logical).saturating_mul(size),
                    len: u64::from(run.count).saturating_mul(size),
                    kind: ExtentKind::Data(u64::from(run.start).saturating_mul(size)),
                    crypto_id: 0,
                }),
                // What comes before the damage is given; the next call begins at it and tells.
                Err(error) if out.len() == before => return Err(error),
                Ok(None) | Err(_) => break,
            }
        }
        Ok(())
    }

    /// All runs of one of the volume's own files, which is searched too often to look them up.
    pub(super) fn all_runs(&self) -> Result<Vec<Run>> {
        let (mut all, mut runs) = (Vec::new(), Runs::from(self.clone(), 0)?);
        while let Some(run) = runs.next()? {
            if all.len() >= MOST_TREE_RUNS {
                let limit = len64(MOST_TREE_RUNS);
                return Err(Error::limit(
                    "extents of one of the volume's own files",
                    limit,
                    limit.saturating_add(1),
                ));
            }
            all.push(run);
        }
        Ok(all)
    }
}
