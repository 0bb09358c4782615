//! The two rings of checkpoint data, in one run or scattered (sheet apfs-01, sections 7 and 8).

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::btree::{Cursor, Physical, Tree};
use super::raw::container::{NX_XP_FRAGMENTED, Prange};
use super::store::Store;
use super::tree_kind::EXTENT_LIST;
use crate::base::bytes::{pod, u64_at};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::ids::{BlockRange, Oid, Paddr, Xid};

/// Most runs that a scattered area is made of; areas have some ten thousand blocks at most.
const MAX_RUNS: usize = 65_536;

/// A ring of blocks: index to block number and back.
#[derive(Clone, Debug)]
pub(crate) struct Area {
    runs: Vec<BlockRange>,
    blocks: u64,
}

impl Area {
    /// The area that two fields of a superblock describe: its length, with bit 31 for "scattered", and its base.
    pub(crate) fn open(
        store: &Arc<Store>,
        len_and_flag: u32,
        base: u64,
        field: &'static str,
    ) -> Result<Area> {
        let blocks = u64::from(len_and_flag & !NX_XP_FRAGMENTED);
        let place = || Place::new("nx_superblock_t", field);
        if blocks == 0 {
            return Err(Corrupt::new(Damage::Range, place()).found(0).into());
        }
        let runs = if len_and_flag & NX_XP_FRAGMENTED == 0 {
            alloc::vec![BlockRange { start: Paddr(base), count: blocks }]
        } else {
            scattered(store, Oid(base), blocks)?
        };
        match runs.iter().find(|run| !store.holds(**run)) {
            Some(run) => Err(Corrupt::new(Damage::PastEnd, place().block(run.start)).found(run.count).into()),
            None => Ok(Area { runs, blocks }),
        }
    }

    /// Number of blocks.
    pub(crate) fn blocks(&self) -> u64 {
        self.blocks
    }

    /// Its runs of blocks, in order.
    pub(crate) fn runs(&self) -> &[BlockRange] {
        &self.runs
    }

    /// Block at an index; indices go round.
    pub(crate) fn block(&self, index: u64) -> Option<Paddr> {
        let mut left = index.checked_rem(self.blocks)?;
        for run in &self.runs {
            match left.checked_sub(run.count) {
                Some(beyond) => left = beyond,
                None => return run.start.checked_add(left),
            }
        }
        None
    }

    /// The block after this one in the ring, or in the container for a block that is not in the ring.
    pub(crate) fn following(&self, block: Paddr) -> Option<Paddr> {
        let mut index = 0u64;
        for run in &self.runs {
            match block.0.checked_sub(run.start.0) {
                Some(inside) if inside < run.count => {
                    return self.block(index.checked_add(inside)?.checked_add(1)?);
                }
                _ => index = index.checked_add(run.count)?,
            }
        }
        block.checked_add(1)
    }
}

fn scattered(store: &Arc<Store>, tree: Oid, blocks: u64) -> Result<Vec<BlockRange>> {
    // Nothing has said yet which transaction is the newest.
    let resolve = Arc::new(Physical { newest: Xid(u64::MAX) });
    let tree = Tree::open(store.clone(), &EXTENT_LIST, resolve, tree)?;
    let (mut runs, mut covered) = (Vec::new(), 0u64);
    let mut cursor = Cursor::new();
    cursor.seek(&tree, &[])?;
    while let Some(record) = cursor.record() {
        let (logical, run) = (u64_at(record.key(), 0), pod::<Prange>(record.value()));
        let (Some(logical), Some(run)) = (logical, run) else {
            return Err(Error::damage(Damage::Bounds, record.place("prange_t", "")));
        };
        // The last run may be longer than the area; what it says beyond that does not count.
        let count = run.pr_block_count.get().min(blocks.saturating_sub(covered));
        let run = BlockRange { start: Paddr(run.pr_start_paddr.get()), count };
        if logical != covered || run.count == 0 || runs.len() >= MAX_RUNS {
            let finding = Corrupt::new(Damage::Range, record.place("prange_t", "pr_start_paddr"));
            return Err(finding.expected(covered).found(logical).into());
        }
        covered = covered.saturating_add(run.count);
        runs.push(run);
        if covered == blocks {
            return Ok(runs);
        }
        cursor.advance(&tree)?;
    }
    let place = Place::new("nx_superblock_t", "nx_xp_desc_blocks");
    Err(Corrupt::new(Damage::Missing, place).expected(blocks).found(covered).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ring of two runs: indices cross the border, and go round at the end.
    #[test]
    fn goes_round() {
        let run = |start, count| BlockRange { start: Paddr(start), count };
        let area = Area { runs: alloc::vec![run(10, 2), run(50, 1)], blocks: 3 };
        assert_eq!([0, 1, 2, 3].map(|index| area.block(index).unwrap().0), [10, 11, 50, 10]);
        assert_eq!([10, 11, 50, 99].map(|block| area.following(Paddr(block)).unwrap().0), [11, 50, 10, 100]);
    }
}
