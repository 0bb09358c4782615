//! Who says that a block is his: gathered from every structure that was read, and compared with the bitmap.

use alloc::vec::Vec;

use super::context::Context;
use super::rules::CLAIMED_TWICE;
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::ids::{BlockRange, Paddr};

/// Whom a run of blocks belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// What the container itself is made of, by a name.
    Container(&'static str),
    /// Metadata of the volume in a slot.
    Metadata(usize),
    /// File data of the volume in a slot.
    Data(usize),
}

impl core::fmt::Display for Owner {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Owner::Container(what) => f.write_str(what),
            Owner::Metadata(slot) => write!(f, "metadata of volume {slot}"),
            Owner::Data(slot) => write!(f, "data of volume {slot}"),
        }
    }
}

/// All claims of a container.
#[derive(Debug)]
pub(super) struct Claims {
    claims: Vec<(u64, u64, Owner)>,
    most: usize,
    /// True as long as nothing that may claim blocks was unreadable.
    pub(super) complete: bool,
}

impl Claims {
    pub(super) fn new(most: usize) -> Claims {
        Claims { claims: Vec::new(), most, complete: true }
    }

    /// One more claim; those that follow on one another are one.
    pub(super) fn add(&mut self, run: BlockRange, owner: Owner) -> Result<()> {
        let (start, end) = (run.start.0, run.start.0.saturating_add(run.count));
        if start == end {
            return Ok(());
        }
        if let Some((_, last, same)) = self.claims.last_mut()
            && *last == start
            && *same == owner
        {
            *last = end;
            return Ok(());
        }
        if self.claims.len() >= self.most {
            let limit = crate::base::bytes::len64(self.most);
            return Err(Error::limit("claims of blocks", limit, limit.saturating_add(1)));
        }
        self.claims.push((start, end, owner));
        Ok(())
    }

    /// One block.
    pub(super) fn block(&mut self, block: Paddr, owner: Owner) -> Result<()> {
        self.add(BlockRange { start: block, count: 1 }, owner)
    }

    /// Claims that overlap are findings; what is left are runs without overlaps, in order.
    pub(super) fn settle(mut self, check: &mut Context<'_>) -> Settled {
        self.claims.sort_unstable_by_key(|claim| claim.0);
        let mut runs: Vec<(u64, u64)> = Vec::new();
        let mut last: Option<(u64, Owner)> = None;
        for (start, end, owner) in self.claims {
            if let Some((behind, other)) = last
                && start < behind
            {
                let place = Place::new("container", "").block(Paddr(start));
                let blocks = behind.min(end).saturating_sub(start);
                let found = alloc::format!("{blocks} blocks, of {other} and of {owner}");
                check.broken(&CLAIMED_TWICE, Corrupt::new(Damage::Overlap, place).found(found));
            }
            if last.is_none_or(|(behind, _)| end > behind) {
                last = Some((end, owner));
            }
            match runs.last_mut() {
                Some((_, behind)) if start <= *behind => *behind = end.max(*behind),
                _ => runs.push((start, end)),
            }
        }
        Settled { runs, complete: self.complete }
    }
}

/// Claimed runs, in order and without overlaps.
#[derive(Debug)]
pub(super) struct Settled {
    runs: Vec<(u64, u64)>,
    pub(super) complete: bool,
}

impl Settled {
    /// The parts of a run that are claimed, or those that are not.
    pub(super) fn parts(&self, run: BlockRange, claimed: bool, each: &mut dyn FnMut(BlockRange)) {
        let (mut at, end) = (run.start.0, run.start.0.saturating_add(run.count));
        let first = self.runs.partition_point(|(_, behind)| *behind <= at);
        let mut give = |from: u64, to: u64, is_claimed: bool| {
            if is_claimed == claimed && from < to {
                each(BlockRange { start: Paddr(from), count: to.saturating_sub(from) });
            }
        };
        for (start, behind) in self.runs.get(first..).unwrap_or(&[]) {
            if *start >= end {
                break;
            }
            give(at, *start, false);
            let (from, to) = ((*start).max(at), (*behind).min(end));
            give(from, to, true);
            at = to;
        }
        give(at, end, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parts of a run that lie inside, outside and across claims.
    #[test]
    fn parts_of_runs() {
        let settled = Settled { runs: alloc::vec![(10, 20), (30, 31), (40, 50)], complete: true };
        let parts = |start, count, claimed| {
            let mut parts = Vec::new();
            let run = BlockRange { start: Paddr(start), count };
            settled.parts(run, claimed, &mut |part| parts.push((part.start.0, part.count)));
            parts
        };
        assert_eq!(parts(0, 100, true), [(10, 10), (30, 1), (40, 10)]);
        assert_eq!(parts(0, 60, false), [(0, 10), (20, 10), (31, 9), (50, 10)]);
        assert_eq!(parts(12, 3, false), []);
        assert_eq!(parts(20, 10, true), []);
    }
}
