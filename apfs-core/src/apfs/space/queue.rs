//! Free queues: blocks given up, still kept for older checkpoints (sheet apfs-06, section 5).

use super::super::btree::{Cursor, Tree};
use super::super::raw::spaceman::SpacemanFreeQueue;
use super::super::tree_kind::FREE_QUEUE;
use super::spaceman::{Device, Spaceman};
use crate::base::bytes::u64_at;
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::ids::{BlockRange, Oid, Paddr, Xid};
use crate::base::report::Cancel;

/// Which free queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FreeQueue {
    /// Of the internal pool.
    Pool,
    /// Of the main device.
    Main,
    /// Of the slow device of a Fusion pair.
    Tier2,
}

impl FreeQueue {
    /// All of them, in the order of the space manager.
    pub const ALL: [FreeQueue; 3] = [FreeQueue::Pool, FreeQueue::Main, FreeQueue::Tier2];

    /// One word in small letters.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            FreeQueue::Pool => "pool",
            FreeQueue::Main => "main",
            FreeQueue::Tier2 => "tier2",
        }
    }

    /// Device that its blocks are on.
    #[must_use]
    pub fn device(self) -> Device {
        if self == FreeQueue::Tier2 { Device::Tier2 } else { Device::Main }
    }
}

/// Blocks that a transaction gave up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FreeEntry {
    /// The transaction.
    pub xid: Xid,
    /// The blocks, by their number on their device.
    pub run: BlockRange,
    /// True if the tree has a key alone, which stands for one block.
    pub is_ghost: bool,
}

impl Spaceman {
    /// What the space manager says of a queue.
    #[must_use]
    pub fn queue(&self, queue: FreeQueue) -> Option<&SpacemanFreeQueue> {
        let index = FreeQueue::ALL.iter().position(|one| *one == queue)?;
        self.raw().sm_fq.get(index)
    }

    /// The tree of a queue; `None` if it has none yet.
    ///
    /// # Errors
    /// Damage or I/O.
    pub fn queue_tree(&self, queue: FreeQueue) -> Result<Option<Tree>> {
        let oid = self.queue(queue).map_or(0, |queue| queue.sfq_tree_oid.get());
        if oid == 0 { Ok(None) } else { self.container().tree(&FREE_QUEUE, Oid(oid)).map(Some) }
    }

    /// Gives the entries of a queue, oldest transaction first. What is damaged is given as an error, and the walk goes
    /// on behind it.
    ///
    /// # Errors
    /// `Cancelled`; whatever `each` returns.
    pub fn free_queue(
        &self,
        queue: FreeQueue,
        cancel: Cancel<'_>,
        each: &mut dyn FnMut(Result<FreeEntry>) -> Result<()>,
    ) -> Result<()> {
        let tree = match self.queue_tree(queue) {
            Ok(Some(tree)) => tree,
            Ok(None) => return Ok(()),
            Err(error) => return each(Err(error)),
        };
        let mut cursor = Cursor::new();
        let mut moved = cursor.seek(&tree, &[]);
        loop {
            if cancel() {
                return Err(Error::Cancelled);
            }
            match (moved, cursor.leaf()) {
                (Err(error), _) => each(Err(error))?,
                (Ok(()), None) => return Ok(()),
                (Ok(()), Some((leaf, index))) => {
                    each(self.entry(queue, leaf.key(index), leaf.value(index), leaf.place("")))?;
                }
            }
            moved = cursor.advance(&tree);
        }
    }

    fn entry(&self, queue: FreeQueue, key: &[u8], value: Option<&[u8]>, place: Place) -> Result<FreeEntry> {
        let place = Place { structure: "spaceman_free_queue_entry_t", ..place };
        let short = || Error::damage(Damage::Bounds, place.clone());
        let xid = Xid(u64_at(key, 0).ok_or_else(short)?);
        let start = Paddr(u64_at(key, 8).ok_or_else(short)?);
        let count = match value {
            Some(value) => u64_at(value, 0).ok_or_else(short)?,
            None => 1,
        };
        let run = BlockRange { start, count };
        let fits = match queue {
            FreeQueue::Pool => {
                let inside = start.0.checked_sub(self.pool().blocks.start.0).map(Paddr);
                inside.is_some_and(|start| BlockRange { start, count }.fits(self.pool().blocks.count))
            }
            _ => {
                let device = self.device(queue.device());
                device.is_some_and(|device| run.fits(device.block_count))
            }
        };
        if count == 0 || !fits {
            let damage = if count == 0 { Damage::Range } else { Damage::PastEnd };
            let finding = Corrupt::new(damage, Place { field: "sfqk_paddr", ..place });
            return Err(finding.found(alloc::format!("{count} blocks from {start}")).into());
        }
        Ok(FreeEntry { xid, run, is_ghost: value.is_none() })
    }
}
