//! The internal pool: blocks of the space manager itself, with bitmaps of their own (sheet apfs-06, section 5).

use alloc::vec::Vec;

use super::super::container::Container;
use super::super::raw::spaceman::{SM_IP_BM_FRAGMENTED, SM_IP_FRAGMENTED, SpacemanPhys};
use super::spaceman::{STRUCTURE, Spaceman};
use crate::base::bytes::len64;
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::ids::{BlockRange, Paddr};
use crate::fs::space::{BlockRun, FirstBit, each_run};

/// Where the internal pool and its bitmaps lie, always on the main device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pool {
    /// The pool: chunk info blocks, blocks of their addresses, and bitmaps of chunks.
    pub blocks: BlockRange,
    /// Ring of the pool's own bitmaps, one of which is valid.
    pub ring: BlockRange,
    /// Blocks of one bitmap.
    pub bitmap_blocks: u64,
}

impl Pool {
    pub(super) fn parse(container: &Container, raw: &SpacemanPhys) -> Result<Pool> {
        let (ring_blocks, blocks) = (raw.sm_ip_bm_block_count.get(), raw.sm_ip_block_count.get());
        if ring_blocks & SM_IP_BM_FRAGMENTED != 0 || blocks & SM_IP_FRAGMENTED != 0 {
            let what = "internal pool in several runs";
            return Err(Error::unsupported(what, "no such container was ever seen"));
        }
        let run = |start, count| BlockRange { start: Paddr(start), count };
        let pool = Pool {
            blocks: run(raw.sm_ip_base.get(), blocks),
            ring: run(raw.sm_ip_bm_base.get(), u64::from(ring_blocks)),
            bitmap_blocks: u64::from(raw.sm_ip_bm_size_in_blocks.get()),
        };
        let main = raw.sm_dev.first().map_or(0, |main| main.sm_block_count.get());
        let place = |field| Place::new(STRUCTURE, field).xid(container.xid());
        for (field, run) in [("sm_ip_base", pool.blocks), ("sm_ip_bm_base", pool.ring)] {
            if !run.fits(main) {
                let finding = Corrupt::new(Damage::PastEnd, place(field).block(run.start));
                return Err(finding.found(run.count).into());
            }
        }
        let bits = container.block_size().bytes().saturating_mul(8);
        if pool.bitmap_blocks != blocks.div_ceil(bits) {
            let finding = Corrupt::new(Damage::Contradiction, place("sm_ip_bm_size_in_blocks"));
            return Err(finding.expected(blocks.div_ceil(bits)).found(pool.bitmap_blocks).into());
        }
        Ok(pool)
    }

    /// True if a block belongs to the pool.
    #[must_use]
    pub fn contains(&self, block: Paddr) -> bool {
        block.0.checked_sub(self.blocks.start.0).is_some_and(|inside| inside < self.blocks.count)
    }
}

impl Spaceman {
    /// Where the valid bitmap of the pool lies, block by block.
    ///
    /// # Errors
    /// `Corrupt` if an index leads out of the ring.
    pub fn pool_bitmaps(&self) -> Result<Vec<Paddr>> {
        let pool = self.pool();
        let offset = self.raw().sm_ip_bitmap_offset.get();
        let indices = self.shorts(offset, pool.bitmap_blocks, "sm_ip_bitmap_offset")?;
        let block = |index: &u16| {
            let inside = Some(u64::from(*index)).filter(|index| *index < pool.ring.count);
            inside.and_then(|index| pool.ring.start.checked_add(index)).ok_or_else(|| {
                let finding = Corrupt::new(Damage::Range, self.place("sm_ip_bitmap_offset"));
                finding.expected(alloc::format!("below {}", pool.ring.count)).found(index).into()
            })
        };
        indices.iter().map(block).collect()
    }

    /// Blocks of the pool as runs in use and free, in order.
    ///
    /// # Errors
    /// Damage or I/O; whatever `each` returns.
    pub fn pool_runs(&self, each: &mut dyn FnMut(BlockRun) -> Result<()>) -> Result<()> {
        let pool = self.pool();
        let store = self.container().store();
        let bits = store.block_size().bytes().saturating_mul(8);
        for (index, block) in (0u64..).zip(self.pool_bitmaps()?) {
            let before = index.saturating_mul(bits);
            let bytes = store.blocks(block, 1)?;
            let first = pool.blocks.start.0.saturating_add(before);
            let count = pool.blocks.count.saturating_sub(before).min(len64(bytes.len()).saturating_mul(8));
            let mut result = Ok(());
            each_run(&bytes, FirstBit::Lowest, first, count, &mut |run| {
                if result.is_ok() {
                    result = each(run);
                }
            });
            result?;
        }
        Ok(())
    }
}
