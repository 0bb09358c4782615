//! The space manager against everyone who claims blocks (sheet apfs-06).

use alloc::vec::Vec;

use super::claims::{Claims, Owner, Settled};
use super::context::Context;
use super::rules::{
    BITMAP_TAIL, CHUNK_FREE, CHUNK_XID, FQ_COUNT, FQ_ENTRY, FQ_LIMIT, FQ_OLDEST, FQ_OVERLAP, FQ_VALUE,
    LEAKED, POOL_BITMAP, POOL_RING, SM_FLAGS, SM_FREE, SM_RESERVE, USED_BUT_FREE,
};
use super::trees;
use crate::apfs::space::{Device, FreeQueue, Spaceman};
use crate::base::bytes::{get, len64, u16_at, u32_at};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::Result;
use crate::base::ids::{BlockRange, Oid, Paddr, Xid};
use crate::fs::space::{FirstBit, each_run};

/// Spaceman flag: it has a version.
const SM_FLAG_VERSIONED: u32 = 1;

/// Reads the space manager and claims its own blocks. `pool` gets what is used of the internal pool.
pub(super) fn read(
    check: &mut Context<'_>,
    claims: &mut Claims,
    used: &mut Vec<Oid>,
) -> Result<Option<(Spaceman, Vec<BlockRange>)>> {
    used.push(Oid(check.container.superblock().raw().nx_spaceman_oid.get()));
    let opened = check.container.spaceman();
    let Some(spaceman) = check.take("space manager", opened)? else {
        claims.complete = false;
        return Ok(None);
    };
    let pool = spaceman.pool();
    claims.add(pool.ring, Owner::Container("bitmaps of the internal pool"))?;
    claims.add(pool.blocks, Owner::Container("internal pool"))?;
    let raw = spaceman.raw();
    let flags = raw.sm_flags.get();
    let version = u32_at(spaceman.bytes(), 0x150).unwrap_or(0);
    if flags & !SM_FLAG_VERSIONED != 0 || flags & SM_FLAG_VERSIONED != 0 && version != 1 {
        check.range(&SM_FLAGS, place(check, "sm_flags"), alloc::format!("{flags:#x}, version {version}"));
    }
    let mut in_pool = Vec::new();
    for queue in FreeQueue::ALL {
        free_queue(check, &spaceman, queue, claims, used, &mut in_pool)?;
    }
    for space in spaceman.devices() {
        // Damaged ones are told where the chunks are read.
        spaceman.each_info_block(space.device, &mut |block| {
            if let Ok(block) = block {
                in_pool.push(BlockRange { start: block.block, count: 1 });
            }
            Ok(())
        })?;
    }
    Ok(Some((spaceman, in_pool)))
}

fn place(check: &Context<'_>, field: &'static str) -> Place {
    let superblock = check.container.superblock();
    Place::new("spaceman_phys_t", field)
        .oid(Oid(superblock.raw().nx_spaceman_oid.get()))
        .xid(superblock.xid())
}

/// A free queue: its entries, and what the space manager says of it.
fn free_queue(
    check: &mut Context<'_>,
    spaceman: &Spaceman,
    queue: FreeQueue,
    claims: &mut Claims,
    used: &mut Vec<Oid>,
    in_pool: &mut Vec<BlockRange>,
) -> Result<()> {
    let Some(raw) = spaceman.queue(queue) else { return Ok(()) };
    let opened = spaceman.queue_tree(queue);
    let Some(tree) = check.take("free queue", opened)? else {
        claims.complete = false;
        return Ok(());
    };
    let mut complete = true;
    let mut nodes = 0;
    if let Some(tree) = tree {
        let seen = trees::walk(check, &tree, &mut |check, node| {
            used.push(node.header().oid);
            for index in 0..if node.level() == 0 { node.count() } else { 0 } {
                if node.value(index).and_then(|value| crate::base::bytes::u64_at(value, 0)) == Some(1) {
                    let place =
                        Place { structure: "spaceman_free_queue_entry_t", ..node.place("sfqk_paddr") };
                    check.range(&FQ_VALUE, place, 1);
                }
            }
            Ok(())
        })?;
        nodes = seen.nodes;
        complete = seen.complete;
    }
    let at = |field| Place { structure: "spaceman_free_queue_t", field, ..place(check, field) };
    let (count_place, oldest_place, limit_place) =
        (at("sfq_count"), at("sfq_oldest_xid"), at("sfq_tree_node_limit"));
    if nodes > u64::from(raw.sfq_tree_node_limit.get()) {
        check.differs(&FQ_LIMIT, limit_place, raw.sfq_tree_node_limit.get(), nodes);
    }
    let (newest, mut count, mut oldest) = (check.container.xid(), 0u64, None);
    let mut runs: Vec<BlockRange> = Vec::new();
    let never = || false;
    let mut errors = Vec::new();
    spaceman.free_queue(queue, check.cancel.unwrap_or(&never), &mut |entry| {
        match entry {
            Ok(entry) => {
                if entry.xid == Xid(0) || entry.xid > newest {
                    let place = Place::new("spaceman_free_queue_key_t", "sfqk_xid").xid(entry.xid);
                    errors.push(Corrupt::new(Damage::Transaction, place).expected(newest));
                }
                oldest.get_or_insert(entry.xid);
                count = count.saturating_add(entry.run.count);
                runs.push(entry.run);
            }
            // Nodes that can't be read were told above.
            Err(error) => {
                complete = false;
                errors.extend(
                    error
                        .corrupt()
                        .filter(|corrupt| corrupt.place.structure.starts_with("spaceman"))
                        .cloned(),
                );
            }
        }
        Ok(())
    })?;
    errors.into_iter().for_each(|corrupt| check.broken(&FQ_ENTRY, corrupt));
    if complete {
        check.equal(&FQ_COUNT, count_place, count, raw.sfq_count.get());
        let oldest = oldest.map_or(0, |xid| xid.0);
        if oldest != 0 {
            check.equal(&FQ_OLDEST, oldest_place, oldest, raw.sfq_oldest_xid.get());
        }
    } else {
        claims.complete = false;
    }
    runs.sort_unstable_by_key(|run| run.start);
    for (a, b) in runs.iter().zip(runs.iter().skip(1)) {
        if a.start.0.saturating_add(a.count) > b.start.0 {
            let place = Place::new("spaceman_free_queue_key_t", "sfqk_paddr").block(b.start);
            check.broken(&FQ_OVERLAP, Corrupt::new(Damage::Overlap, place));
        }
    }
    for run in runs {
        match queue {
            FreeQueue::Pool => in_pool.push(run),
            FreeQueue::Main => claims.add(run, Owner::Container("free queue"))?,
            FreeQueue::Tier2 => {
                let start = spaceman.address(Device::Tier2, run.start.0);
                claims.add(BlockRange { start, count: run.count }, Owner::Container("free queue"))?;
            }
        }
    }
    Ok(())
}

/// Chunks and bitmaps against the claims, and the pool's bitmap against its blocks.
pub(super) fn compare(
    check: &mut Context<'_>,
    spaceman: &Spaceman,
    mut in_pool: Vec<BlockRange>,
    claims: Claims,
    reserves: u64,
) -> Result<()> {
    let claims = claims.settle(check);
    let raw = spaceman.raw();
    let found = raw.sm_fs_reserve_block_count.get();
    check.equal(&SM_RESERVE, place(check, "sm_fs_reserve_block_count"), reserves, found);
    let mut pool_complete = true;
    for space in spaceman.devices().to_vec() {
        let (mut free, mut complete) = (0u64, true);
        let never = || false;
        let cancel = check.cancel.unwrap_or(&never);
        spaceman.each_chunk(space.device, cancel, &mut |chunk| {
            let chunk = match chunk {
                Ok(chunk) => chunk,
                Err(error) => {
                    (complete, pool_complete) = (false, false);
                    return check.error("chunks", error);
                }
            };
            let at = |field| Place::new("chunk_info_t", field).block(chunk.cib);
            free = free.saturating_add(chunk.free);
            in_pool.extend(chunk.bitmap.map(|start| BlockRange { start, count: 1 }));
            if chunk.xid > check.container.xid() || chunk.xid == Xid(0) {
                check.differs(&CHUNK_XID, at("ci_xid"), check.container.xid(), chunk.xid);
            }
            let bitmap = spaceman.bitmap(&chunk);
            let Some(bitmap) = check.take("bitmap", bitmap)? else { return Ok(()) };
            let bitmap = bitmap.unwrap_or_default();
            check.report.checked("chunks", 1);
            chunk_bitmap(check, spaceman, space.device, &chunk, &bitmap, &claims);
            Ok(())
        })?;
        if complete {
            let field = place(check, "sm_free_count");
            check.equal(&SM_FREE, field, free, space.free_count);
        }
    }
    if !claims.complete {
        check.report.unchecked("blocks that belong to no one", "not everything that owns blocks can be read");
    }
    pool(check, spaceman, in_pool, pool_complete)
}

/// One chunk: bits are counted, and compared with the claims.
fn chunk_bitmap(
    check: &mut Context<'_>,
    spaceman: &Spaceman,
    device: Device,
    chunk: &crate::apfs::space::Chunk,
    bitmap: &[u8],
    claims: &Settled,
) {
    let at = |field| Place::new("chunk_info_t", field).block(chunk.cib);
    let start = |block| spaceman.address(device, block);
    if bitmap.is_empty() {
        check.equal(&CHUNK_FREE, at("ci_free_count"), chunk.count, chunk.free);
        let run = BlockRange { start: start(chunk.first), count: chunk.count };
        claims.parts(run, true, &mut |part| used_but_free(check, part));
        return;
    }
    let mut clear = 0u64;
    each_run(bitmap, FirstBit::Lowest, chunk.first, chunk.count, &mut |run| {
        let here = BlockRange { start: start(run.start), count: run.count };
        if run.used {
            if claims.complete {
                claims.parts(here, false, &mut |part| {
                    let place = Place::new("spaceman_bitmap", "").block(part.start);
                    let found = alloc::format!("{} blocks", part.count);
                    check.broken(&LEAKED, Corrupt::new(Damage::Missing, place).found(found));
                });
            }
        } else {
            clear = clear.saturating_add(run.count);
            claims.parts(here, true, &mut |part| used_but_free(check, part));
        }
    });
    check.equal(&CHUNK_FREE, at("ci_free_count"), clear, chunk.free);
    let bits = len64(bitmap.len()).saturating_mul(8);
    let (past, tail) = (chunk.count, bits.saturating_sub(chunk.count));
    let mut set = 0u64;
    if tail > 0 {
        let byte = usize::try_from(past.checked_div(8).unwrap_or(0)).unwrap_or(usize::MAX);
        let rest = bitmap.get(byte..).unwrap_or(&[]);
        let inside = past.checked_rem(8).unwrap_or(0);
        each_run(rest, FirstBit::Lowest, 0, u64::MAX, &mut |run| {
            let end = run.start.saturating_add(run.count);
            if run.used {
                set = set.saturating_add(end.saturating_sub(run.start.max(inside)));
            }
        });
    }
    if set > 0 {
        check.range(&BITMAP_TAIL, at("ci_bitmap_addr"), alloc::format!("{set} bits"));
    }
}

fn used_but_free(check: &mut Context<'_>, part: BlockRange) {
    let place = Place::new("spaceman_bitmap", "").block(part.start);
    let found = alloc::format!("{} blocks", part.count);
    check.broken(&USED_BUT_FREE, Corrupt::new(Damage::Contradiction, place).found(found));
}

/// The pool's own bitmap, and the ring that it moves in.
fn pool(
    check: &mut Context<'_>,
    spaceman: &Spaceman,
    mut in_pool: Vec<BlockRange>,
    complete: bool,
) -> Result<()> {
    in_pool.sort_unstable_by_key(|run| run.start);
    let mut claims = Claims::new(usize::MAX);
    for run in in_pool {
        claims.add(run, Owner::Container("internal pool"))?;
    }
    let claims = claims.settle(check);
    let mut wrong = Vec::new();
    let result = spaceman.pool_runs(&mut |run| {
        let here = BlockRange { start: Paddr(run.start), count: run.count };
        // Used and not claimed, or claimed and not used.
        if complete || !run.used {
            claims.parts(here, !run.used, &mut |part| wrong.push((part, run.used)));
        }
        Ok(())
    });
    if let Err(error) = result {
        check.error_as(&POOL_BITMAP, "bitmap of the internal pool", error)?;
    }
    for (part, used) in wrong {
        let place = Place::new("spaceman_ip_bitmap", "").block(part.start);
        let found = alloc::format!(
            "{} blocks {}",
            part.count,
            if used { "used by no one" } else { "marked as free" }
        );
        check.broken(&POOL_BITMAP, Corrupt::new(Damage::Contradiction, place).found(found));
    }
    ring(check, spaceman)
}

/// The free bitmaps of the ring: one chain from head to tail, of all blocks that are not in use.
fn ring(check: &mut Context<'_>, spaceman: &Spaceman) -> Result<()> {
    let raw = spaceman.raw();
    let pool = spaceman.pool();
    let field = |field| Place::new("spaceman_phys_t", field).xid(check.container.xid());
    let (head, tail, next_field) =
        (field("sm_ip_bm_free_head"), field("sm_ip_bm_free_tail"), field("sm_ip_bm_free_next_offset"));
    let copies = u64::from(raw.sm_ip_bm_tx_multiplier.get()).saturating_mul(pool.bitmap_blocks);
    let size_place = field("sm_ip_bm_block_count");
    check.equal(&POOL_RING, size_place, copies, pool.ring.count);
    let offset = usize::try_from(raw.sm_ip_bm_free_next_offset.get()).unwrap_or(usize::MAX);
    let len = usize::try_from(pool.ring.count.saturating_mul(2)).unwrap_or(usize::MAX);
    let Some(links) = get(spaceman.bytes(), offset, len) else {
        check.broken(&POOL_RING, Corrupt::new(Damage::Bounds, next_field));
        return Ok(());
    };
    let bitmaps = match spaceman.pool_bitmaps() {
        Ok(bitmaps) => bitmaps.into_iter().collect::<alloc::collections::BTreeSet<Paddr>>(),
        Err(error) => return check.error_as(&POOL_RING, "bitmaps of the internal pool", error),
    };
    let (mut at, mut last, mut free) = (raw.sm_ip_bm_free_head.get(), u16::MAX, 0u64);
    while at != u16::MAX {
        let block = pool.ring.start.checked_add(at.into());
        let in_use = block.is_some_and(|block| bitmaps.contains(&block));
        if u64::from(at) >= pool.ring.count || in_use || free >= pool.ring.count {
            let damage = if free >= pool.ring.count { Damage::Loop } else { Damage::Range };
            check.broken(&POOL_RING, Corrupt::new(damage, head).found(at));
            return Ok(());
        }
        free = free.saturating_add(1);
        last = at;
        at = u16_at(links, usize::from(at).saturating_mul(2)).unwrap_or(u16::MAX);
    }
    if last != raw.sm_ip_bm_free_tail.get() {
        check.differs(&POOL_RING, tail, last, raw.sm_ip_bm_free_tail.get());
    }
    let expected = pool.ring.count.saturating_sub(pool.bitmap_blocks);
    check.equal(&POOL_RING, next_field, expected, free);
    Ok(())
}
