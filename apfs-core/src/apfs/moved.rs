//! Which blocks of tier 2 are read from copies on the main device (sheet apfs-09, sections 4 and 5).

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::base::flaw::Flaw;
use crate::base::ids::Paddr;

/// Where covered blocks of tier 2 are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// On the main device, which alone is right.
    Newer(Paddr),
    /// On either device.
    Equal(Paddr),
    /// Nowhere: which copy is right can't be said.
    Unclear(Flaw),
}

impl Target {
    /// The same for a block so many blocks further on.
    fn further(self, blocks: u64) -> Target {
        let copy = |copy: Paddr| Paddr(copy.0.saturating_add(blocks));
        match self {
            Target::Newer(main) => Target::Newer(copy(main)),
            Target::Equal(main) => Target::Equal(copy(main)),
            Target::Unclear(flaw) => Target::Unclear(flaw),
        }
    }
}

/// Runs of blocks of tier 2, by their numbers on the device, in order and without overlaps.
#[derive(Clone, Debug, Default)]
pub(crate) struct Moved {
    runs: Vec<(u64, u64, Target)>,
}

impl Moved {
    /// Where a block is read, and the block where that ends; `None`: on tier 2 itself.
    pub(crate) fn at(&self, block: u64) -> (Option<Target>, u64) {
        let index = self.runs.partition_point(|(_, end, _)| *end <= block);
        match self.runs.get(index) {
            Some((start, end, target)) => match block.checked_sub(*start) {
                Some(inside) => (Some(target.further(inside)), *end),
                None => (None, *start),
            },
            None => (None, u64::MAX),
        }
    }
}

/// Gathers runs; a later one replaces what earlier ones say of its blocks.
#[derive(Debug, Default)]
pub(crate) struct Layers {
    /// By first block: end and target.
    runs: BTreeMap<u64, (u64, Target)>,
}

impl Layers {
    pub(crate) fn len(&self) -> usize {
        self.runs.len()
    }

    /// Puts a run over all earlier ones. `target` is that of its first block. Every run is replaced once at most, so
    /// that any number of them takes little time.
    pub(crate) fn put(&mut self, start: u64, end: u64, target: Target) {
        if start >= end {
            return;
        }
        if let Some((before, (reach, old))) =
            self.runs.range(..start).next_back().map(|(at, run)| (*at, *run))
            && reach > start
        {
            self.runs.insert(before, (start, old));
            if reach > end {
                self.runs.insert(end, (reach, old.further(end.saturating_sub(before))));
            }
        }
        while let Some((at, (reach, old))) = self.runs.range(start..end).next().map(|(at, run)| (*at, *run)) {
            self.runs.remove(&at);
            if reach > end {
                self.runs.insert(end, (reach, old.further(end.saturating_sub(at))));
            }
        }
        self.runs.insert(start, (end, target));
    }

    /// Puts something under all runs, where there is none.
    pub(crate) fn fill(&mut self, target: Target) {
        let mut gaps = Vec::new();
        let mut behind = 0u64;
        for (start, (end, _)) in &self.runs {
            gaps.push((behind, *start));
            behind = *end;
        }
        gaps.push((behind, u64::MAX));
        self.runs.extend(
            gaps.into_iter().filter(|(start, end)| start < end).map(|(start, end)| (start, (end, target))),
        );
    }

    /// Forgets what is unclear: it is read from tier 2.
    pub(crate) fn drop_unclear(&mut self) {
        self.runs.retain(|_, (_, target)| !matches!(target, Target::Unclear(_)));
    }

    pub(crate) fn finish(self) -> Moved {
        Moved { runs: self.runs.into_iter().map(|(start, (end, target))| (start, end, target)).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Later runs replace earlier ones block by block, by comparison with a table of blocks.
    #[test]
    fn later_runs_win() {
        let mut state = 7u64;
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33).checked_rem(below).unwrap()
        };
        for _ in 0..200 {
            let (mut layers, mut table) = (Layers::default(), [None; 40]);
            for _ in 0..8 {
                let (start, len, copy) = (random(40), random(12), random(1000) * 100);
                layers.put(start, (start + len).min(40), Target::Newer(Paddr(copy)));
                for block in start..(start + len).min(40) {
                    table[usize::try_from(block).unwrap()] = Some(copy + block - start);
                }
            }
            let moved = layers.finish();
            for (block, expected) in (0u64..).zip(table) {
                let (target, until) = moved.at(block);
                assert_eq!(target, expected.map(|copy| Target::Newer(Paddr(copy))));
                assert!(until > block);
            }
        }
    }
}
