//! Which blocks belong to what, as sorted runs: overlaps are found while runs are put together.

use alloc::vec::Vec;

use super::rules;
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::ids::Paddr;
use crate::check::report::Report;

/// Runs that are collected before they are put to the others.
const FRESH: usize = 1 << 16;

/// Blocks that belong to something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Claim {
    pub(super) start: u32,
    pub(super) count: u32,
    /// CNID; 0 for the volume headers.
    pub(super) owner: u32,
}

impl Claim {
    fn end(&self) -> u32 {
        self.start.saturating_add(self.count)
    }
}

/// All claims, of whose runs at most so many are kept.
#[derive(Debug)]
pub(super) struct Claims {
    /// Sorted; no two overlap.
    sorted: Vec<Claim>,
    fresh: Vec<Claim>,
    most: usize,
    full: bool,
}

impl Claims {
    pub(super) fn new(most: usize) -> Claims {
        Claims { sorted: Vec::new(), fresh: Vec::new(), most, full: false }
    }

    /// Blocks belong to a file or folder.
    pub(super) fn add(&mut self, claim: Claim, report: &mut Report<'_>) {
        if claim.count == 0 || self.full {
            return;
        }
        self.fresh.push(claim);
        // Merging costs the length of the whole: the more there is, the more is collected.
        if self.fresh.len() >= FRESH.max(self.sorted.len() >> 1) {
            self.merge(report);
        }
    }

    /// All runs, sorted; `None` if there were too many of them.
    pub(super) fn finish(&mut self, report: &mut Report<'_>) -> Option<&[Claim]> {
        self.merge(report);
        (!self.full).then_some(&self.sorted)
    }

    fn merge(&mut self, report: &mut Report<'_>) {
        let mut fresh = core::mem::take(&mut self.fresh);
        fresh.sort_unstable();
        let sorted = core::mem::take(&mut self.sorted);
        let mut merged: Vec<Claim> = Vec::with_capacity(sorted.len().saturating_add(fresh.len()));
        let (mut old, mut new) = (sorted.iter().peekable(), fresh.iter().peekable());
        loop {
            let take_old = match (old.peek(), new.peek()) {
                (Some(a), Some(b)) => a <= b,
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (None, None) => break,
            };
            let Some(claim) = (if take_old { old.next() } else { new.next() }).copied() else { break };
            put(&mut merged, claim, report);
        }
        if merged.len() > self.most {
            // Whose they are matters only where blocks are claimed twice.
            merged = merged.into_iter().fold(Vec::new(), |mut runs, claim| {
                match runs.last_mut() {
                    Some(Claim { start, count, .. }) if start.saturating_add(*count) == claim.start => {
                        *count = count.saturating_add(claim.count);
                    }
                    _ => runs.push(claim),
                }
                runs
            });
        }
        if merged.len() > self.most {
            self.full = true;
            merged = Vec::new();
            report.unchecked("owners of blocks", alloc::format!("more than {} runs", self.most));
        }
        self.sorted = merged;
    }
}

/// Puts a claim behind those before it, and tells what it has in common with them.
fn put(merged: &mut Vec<Claim>, claim: Claim, report: &mut Report<'_>) {
    let mut claim = claim;
    if let Some(last) = merged.last_mut() {
        if claim.start < last.end() {
            let place = Place::new("HFSPlusExtentDescriptor", "startBlock");
            let place = place.block(Paddr(u64::from(claim.start))).cnid(claim.owner);
            let both = last.end().min(claim.end()).saturating_sub(claim.start);
            let found = alloc::format!("{both} blocks that CNID {} has too", last.owner);
            report.broken(&rules::EXTENT_OVERLAP, Corrupt::new(Damage::Overlap, place).found(found));
            let start = last.end().min(claim.end());
            claim = Claim { start, count: claim.end().saturating_sub(start), ..claim };
            if claim.count == 0 {
                return;
            }
        }
        if claim.start == last.end() && claim.owner == last.owner {
            last.count = last.count.saturating_add(claim.count);
            return;
        }
    }
    merged.push(claim);
}
