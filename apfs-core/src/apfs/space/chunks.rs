//! Chunks of a device: found through chunk info blocks, read through bitmaps (sheet apfs-06, sections 2 and 3).

use alloc::vec::Vec;

use super::super::object::{Expect, XidRule, too_short};
use super::super::raw::object::{OBJ_PHYSICAL, OBJECT_TYPE_SPACEMAN_CAB, OBJECT_TYPE_SPACEMAN_CIB};
use super::super::raw::spaceman::{CI_COUNT_MASK, ChunkInfo, ChunkInfoBlock, CibAddrBlock};
use super::spaceman::{CHUNK_INFO, CIB_HEAD, Device, DeviceSpace, Spaceman, addresses, per_block};
use crate::base::bytes::{pod, to_usize};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::ids::{Oid, Paddr, Xid};
use crate::base::report::Cancel;
use crate::fs::space::{BlockRun, FirstBit, each_run};

/// Bitmaps that follow one another on disk and are read at once, at most.
const BITMAPS_AT_ONCE: usize = 16;

/// A chunk: as many blocks as a bitmap block has bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Chunk {
    /// Its number on its device.
    pub index: u64,
    /// Transaction of its last change.
    pub xid: Xid,
    /// Its first block, by its number on the device.
    pub first: u64,
    /// Blocks in it; fewer in the last one.
    pub count: u64,
    /// Free blocks, as stored.
    pub free: u64,
    /// Its bitmap; `None` if all its blocks are free.
    pub bitmap: Option<Paddr>,
    /// Chunk info block that describes it.
    pub cib: Paddr,
}

/// A list of chunk info blocks: of the space manager, or of one block of addresses.
struct CibList {
    /// Number of the first one.
    first: u64,
    cibs: Vec<Paddr>,
}

/// Receives runs of blocks, and what stands in the way of knowing others.
pub(super) type EachRun<'a> = dyn FnMut(Result<BlockRun>) -> Result<()> + 'a;

impl Spaceman {
    /// Gives the blocks that list chunk info blocks (`cib_addr_block_t`) with their indices, then all chunk info blocks
    /// with theirs. Unreadable lists are given as errors.
    ///
    /// # Errors
    /// Whatever `each` returns.
    pub fn each_info_block(
        &self,
        device: Device,
        each: &mut dyn FnMut(Result<InfoBlock>) -> Result<()>,
    ) -> Result<()> {
        let Some(space) = self.device(device) else { return Ok(()) };
        if space.cab_count > 0 {
            for (index, block) in (0u64..).zip(&space.addresses) {
                each(Ok(InfoBlock { block: *block, index, is_list: true }))?;
            }
        }
        self.each_list(space, &mut |list| match list {
            Ok(CibList { first, cibs }) => {
                let mut blocks = (first..).zip(&cibs);
                blocks.try_for_each(|(index, block)| {
                    each(Ok(InfoBlock { block: *block, index, is_list: false }))
                })
            }
            Err(error) => each(Err(error)),
        })
    }

    /// Gives the chunks of a device, in order. What is damaged is given as an error, and the chunks behind it follow.
    ///
    /// # Errors
    /// `Cancelled`; whatever `each` returns.
    pub fn each_chunk(
        &self,
        device: Device,
        cancel: Cancel<'_>,
        each: &mut dyn FnMut(Result<Chunk>) -> Result<()>,
    ) -> Result<()> {
        self.each_chunks(device, cancel, &mut |chunks| match chunks {
            Ok(chunks) => chunks.into_iter().try_for_each(&mut *each),
            Err(error) => each(Err(error)),
        })
    }

    /// Gives all blocks of a device as runs that are in use or free, in order and as long as can be. Of blocks about
    /// which nothing can be read there is no run, but an error.
    ///
    /// # Errors
    /// `Cancelled`; whatever `each` returns.
    pub fn each_block_run(&self, device: Device, cancel: Cancel<'_>, each: &mut EachRun<'_>) -> Result<()> {
        let mut runs = Joined { pending: None, each };
        self.each_chunks(device, cancel, &mut |chunks| match chunks {
            Ok(chunks) => self.runs_of(chunks, &mut runs),
            Err(error) => runs.error(error),
        })?;
        runs.flush()
    }

    /// Gives the runs of blocks of a device that are in use, in order and as long as can be; otherwise as
    /// [`Spaceman::each_block_run`].
    ///
    /// # Errors
    /// `Cancelled`; whatever `each` returns.
    pub fn allocated(&self, device: Device, cancel: Cancel<'_>, each: &mut EachRun<'_>) -> Result<()> {
        self.each_block_run(device, cancel, &mut |run| match run {
            Ok(run) if !run.used => Ok(()),
            run => each(run),
        })
    }

    /// The bitmap of a chunk, its lowest bit first; `None` if all its blocks are free.
    ///
    /// # Errors
    /// I/O.
    pub fn bitmap(&self, chunk: &Chunk) -> Result<Option<Vec<u8>>> {
        chunk.bitmap.map(|block| self.container.store().blocks(block, 1)).transpose()
    }

    /// Gives the chunks of one chunk info block after the other.
    fn each_chunks(
        &self,
        device: Device,
        cancel: Cancel<'_>,
        each: &mut dyn FnMut(Result<Vec<Result<Chunk>>>) -> Result<()>,
    ) -> Result<()> {
        let Some(space) = self.device(device) else { return Ok(()) };
        self.each_list(space, &mut |list| {
            let CibList { first, cibs } = match list {
                Ok(list) => list,
                Err(error) => return each(Err(error)),
            };
            for (index, block) in (first..).zip(cibs) {
                if cancel() {
                    return Err(Error::Cancelled);
                }
                each(self.chunks(space, index, block))?;
            }
            Ok(())
        })
    }

    fn each_list(
        &self,
        space: &DeviceSpace,
        each: &mut dyn FnMut(Result<CibList>) -> Result<()>,
    ) -> Result<()> {
        if space.cab_count == 0 {
            return each(Ok(CibList { first: 0, cibs: space.addresses.clone() }));
        }
        let (.., per_cab) = per_block(&self.container);
        for (index, block) in (0u64..).zip(&space.addresses) {
            let first = index.saturating_mul(per_cab);
            let count = space.cib_count.saturating_sub(first).min(per_cab);
            each(self.list(*block, index, count).map(|cibs| CibList { first, cibs }))?;
        }
        Ok(())
    }

    fn list(&self, block: Paddr, index: u64, count: u64) -> Result<Vec<Paddr>> {
        const STRUCTURE: &str = "cib_addr_block_t";
        let bytes = self.info_block(block, STRUCTURE, OBJECT_TYPE_SPACEMAN_CAB)?;
        let raw: &CibAddrBlock = pod(&bytes).ok_or_else(|| too_short(STRUCTURE, block))?;
        let place = |field| Place::new(STRUCTURE, field).block(block);
        same(index, raw.cab_index.get(), place("cab_index"))?;
        same(count, raw.cab_cib_count.get(), place("cab_cib_count"))?;
        addresses(&bytes, count).ok_or_else(|| Error::damage(Damage::Bounds, place("cab_cib_addr")))
    }

    /// A block of the pool that has a header. Those of older checkpoints lie there too: no transaction is promised.
    fn info_block(&self, block: Paddr, structure: &'static str, object_type: u32) -> Result<Vec<u8>> {
        self.check_pooled(block, Place::new(structure, "").block(block))?;
        let expect = Expect {
            structure,
            oid: Oid(block.0),
            xid: XidRule::AtMost(self.container.xid()),
            object_type,
            storage: OBJ_PHYSICAL,
            subtype: 0,
        };
        self.container.store().object(block, &expect)
    }

    fn check_pooled(&self, block: Paddr, place: Place) -> Result<()> {
        if self.pool().contains(block) {
            return Ok(());
        }
        let finding = Corrupt::new(Damage::PastEnd, place);
        Err(finding.expected("a block of the internal pool").found(block).into())
    }

    /// The chunks of a chunk info block, each an error of its own if its info makes no sense.
    fn chunks(&self, space: &DeviceSpace, index: u64, block: Paddr) -> Result<Vec<Result<Chunk>>> {
        const STRUCTURE: &str = "chunk_info_block_t";
        let (_, per_cib, _) = per_block(&self.container);
        let bytes = self.info_block(block, STRUCTURE, OBJECT_TYPE_SPACEMAN_CIB)?;
        let raw: &ChunkInfoBlock = pod(&bytes).ok_or_else(|| too_short(STRUCTURE, block))?;
        let first = index.saturating_mul(per_cib);
        let count = space.chunk_count.saturating_sub(first).min(per_cib);
        let place = |field| Place::new(STRUCTURE, field).block(block);
        same(index, raw.cib_index.get(), place("cib_index"))?;
        same(count, raw.cib_chunk_info_count.get(), place("cib_chunk_info_count"))?;
        let infos = (0..count).map(|inside| {
            let offset = CIB_HEAD.saturating_add(inside.saturating_mul(CHUNK_INFO));
            let raw = bytes.get(to_usize(offset)?..).and_then(pod);
            let raw = raw.ok_or_else(|| Error::damage(Damage::Bounds, place("chunk_info")))?;
            self.chunk(space, first.saturating_add(inside), raw, block, offset)
        });
        Ok(infos.collect())
    }

    fn chunk(
        &self,
        space: &DeviceSpace,
        index: u64,
        raw: &ChunkInfo,
        cib: Paddr,
        offset: u64,
    ) -> Result<Chunk> {
        let (per_chunk, ..) = per_block(&self.container);
        let place = |field| Place::new("chunk_info_t", field).block(cib).offset(offset);
        let first = index.saturating_mul(per_chunk);
        let count = space.block_count.saturating_sub(first).min(per_chunk);
        if raw.ci_addr.get() != first {
            let finding = Corrupt::new(Damage::Contradiction, place("ci_addr"));
            return Err(finding.expected(first).found(raw.ci_addr.get()).into());
        }
        let counted = |field: u32| u64::from(field & CI_COUNT_MASK);
        if counted(raw.ci_block_count.get()) != count {
            let finding = Corrupt::new(Damage::Contradiction, place("ci_block_count"));
            return Err(finding.expected(count).found(counted(raw.ci_block_count.get())).into());
        }
        let free = counted(raw.ci_free_count.get());
        if free > count {
            let finding = Corrupt::new(Damage::Range, place("ci_free_count"));
            return Err(finding.expected(alloc::format!("at most {count}")).found(free).into());
        }
        let bitmap = Some(Paddr(raw.ci_bitmap_addr.get())).filter(|block| block.0 != 0);
        if let Some(block) = bitmap {
            self.check_pooled(block, place("ci_bitmap_addr"))?;
        }
        Ok(Chunk { index, xid: Xid(raw.ci_xid.get()), first, count, free, bitmap, cib })
    }

    /// Gives the runs of some chunks, reading bitmaps that follow one another on disk at once.
    fn runs_of(&self, chunks: Vec<Result<Chunk>>, runs: &mut Joined<'_, '_>) -> Result<()> {
        let mut together: Vec<Chunk> = Vec::new();
        for chunk in chunks {
            let follows = match (&chunk, together.last().and_then(|last| last.bitmap)) {
                (Ok(chunk), Some(last)) => chunk.bitmap == last.checked_add(1),
                _ => false,
            };
            if !follows || together.len() >= BITMAPS_AT_ONCE {
                self.runs_together(&together, runs)?;
                together.clear();
            }
            match chunk {
                Ok(chunk) => together.push(chunk),
                Err(error) => runs.error(error)?,
            }
        }
        self.runs_together(&together, runs)
    }

    fn runs_together(&self, chunks: &[Chunk], runs: &mut Joined<'_, '_>) -> Result<()> {
        let Some(first) = chunks.first() else { return Ok(()) };
        let Some(block) = first.bitmap else {
            return runs.add(BlockRun { start: first.first, count: first.count, used: false });
        };
        let store = self.container.store();
        if let Ok(bitmaps) = store.blocks(block, chunks.len()) {
            let mut each = chunks.iter().zip(bitmaps.chunks_exact(store.block_size().as_usize()));
            return each.try_for_each(|(chunk, bitmap)| runs.bits(chunk, bitmap));
        }
        chunks.iter().try_for_each(|chunk| match self.bitmap(chunk) {
            Ok(bitmap) => runs.bits(chunk, bitmap.as_deref().unwrap_or(&[])),
            Err(error) => runs.error(error),
        })
    }
}

/// A block that describes chunks, or lists such blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InfoBlock {
    /// Where it is.
    pub block: Paddr,
    /// Its number among its kind.
    pub index: u64,
    /// True if it lists others (`cib_addr_block_t`).
    pub is_list: bool,
}

/// Compares a stored number with what it must be.
fn same(expected: u64, found: u32, place: Place) -> Result<()> {
    if u64::from(found) == expected {
        return Ok(());
    }
    Err(Corrupt::new(Damage::Contradiction, place).expected(expected).found(found).into())
}

/// Runs joined with those that follow on them.
struct Joined<'a, 'b> {
    pending: Option<BlockRun>,
    each: &'a mut EachRun<'b>,
}

impl Joined<'_, '_> {
    fn bits(&mut self, chunk: &Chunk, bitmap: &[u8]) -> Result<()> {
        let mut result = Ok(());
        each_run(bitmap, FirstBit::Lowest, chunk.first, chunk.count, &mut |run| {
            if result.is_ok() {
                result = self.add(run);
            }
        });
        result
    }

    fn add(&mut self, run: BlockRun) -> Result<()> {
        if let Some(pending) = &mut self.pending
            && pending.used == run.used
            && pending.start.saturating_add(pending.count) == run.start
        {
            pending.count = pending.count.saturating_add(run.count);
            return Ok(());
        }
        match self.pending.replace(run) {
            Some(done) => (self.each)(Ok(done)),
            None => Ok(()),
        }
    }

    fn error(&mut self, error: Error) -> Result<()> {
        self.flush()?;
        (self.each)(Err(error))
    }

    fn flush(&mut self) -> Result<()> {
        match self.pending.take() {
            Some(done) => (self.each)(Ok(done)),
            None => Ok(()),
        }
    }
}
