//! The space manager: internal pool, chunk bitmaps and free queues, written anew for every checkpoint.

use std::collections::BTreeSet;

use super::bytes::{pack, put};
use super::checkpoint::Ephemeral;
use super::disk::{Disk, Role};
use super::fusion::tier2_flag;
use super::node::Record;
use super::object::{
    OBJECT_TYPE_BTREE, OBJECT_TYPE_BTREE_NODE, OBJECT_TYPE_SPACEMAN, OBJECT_TYPE_SPACEMAN_CAB,
    OBJECT_TYPE_SPACEMAN_CIB, OBJECT_TYPE_SPACEMAN_FREE_QUEUE,
};
use super::tree;

/// Bitmaps of the pool kept in their ring for each one in use.
const IP_BM_TX_MULTIPLIER: u64 = 16;
/// Length of the versioned structure; the arrays follow.
const SM_STRUCT_SIZE: u32 = 2520;
const NONE: u16 = 0xffff;
/// Bitmaps of chunks in use that a sparse container has room for.
const SPARSE_BITMAPS: u64 = 64;

/// Sizes of one device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Device {
    block_count: u64,
    chunk_count: u64,
    cib_count: u64,
    cab_count: u64,
}

impl Device {
    fn new(block_count: u64, block_size: u64) -> Device {
        let (blocks_per_chunk, chunks_per_cib) = (block_size * 8, (block_size - 40) / 32);
        let cibs_per_cab = (block_size - 40) / 8;
        let chunk_count = block_count.div_ceil(blocks_per_chunk);
        let cib_count = chunk_count.div_ceil(chunks_per_cib);
        let cab_count = if cib_count > cibs_per_cab { cib_count.div_ceil(cibs_per_cab) } else { 0 };
        Device { block_count, chunk_count, cib_count, cab_count }
    }

    /// Blocks that one checkpoint may need of the pool.
    fn slot_len(&self) -> u64 {
        self.chunk_count + self.cib_count + self.cab_count
    }

    /// Writes bitmaps and chunk infos from a block of the pool on. Gives the blocks that the space manager lists, CIBs or
    /// CABs, and the block behind all of them.
    fn write_chunks(&self, used: &BTreeSet<u64>, slot: u64, disk: &mut Disk) -> (Vec<u64>, u64) {
        let blocks_per_chunk = disk.block_size as u64 * 8;
        let chunks_per_cib = (disk.block_size as u64 - 40) / 32;
        let mut next_bitmap = slot + self.cab_count + self.cib_count;
        let mut cibs = Vec::new();
        for cib_index in 0..self.cib_count {
            let chunks = cib_index * chunks_per_cib..((cib_index + 1) * chunks_per_cib).min(self.chunk_count);
            let mut cib = vec![0; disk.block_size];
            put(&mut cib, 0x20, pack![cib_index as u32, (chunks.end - chunks.start) as u32]);
            for (n, chunk) in chunks.enumerate() {
                let ci_addr = chunk * blocks_per_chunk;
                let end = (ci_addr + blocks_per_chunk).min(self.block_count);
                let mut bitmap = vec![0_u8; disk.block_size];
                for block in used.range(ci_addr..end) {
                    let bit = (block - ci_addr) as usize;
                    bitmap[bit / 8] |= 1 << (bit % 8);
                }
                let in_use = used.range(ci_addr..end).count() as u64;
                let mut ci_bitmap_addr = 0;
                if in_use > 0 {
                    ci_bitmap_addr = next_bitmap;
                    next_bitmap += 1;
                    disk.write(ci_bitmap_addr, &bitmap, Role::ChunkBitmap, 0);
                }
                let count = end - ci_addr;
                let info = pack![disk.xid, ci_addr, count as u32, (count - in_use) as u32, ci_bitmap_addr];
                put(&mut cib, 0x28 + n * 32, info);
            }
            let block = slot + self.cab_count + cib_index;
            super::object::Header {
                o_oid: block,
                o_xid: disk.xid,
                o_type: super::object::OBJ_PHYSICAL | OBJECT_TYPE_SPACEMAN_CIB,
                o_subtype: 0,
            }
            .stamp(&mut cib);
            disk.write(block, &cib, Role::ChunkInfoBlock, block);
            cibs.push(block);
        }
        let listed = if self.cab_count == 0 { cibs } else { self.write_cabs(&cibs, slot, disk) };
        (listed, next_bitmap)
    }

    /// Blocks of the CIBs' addresses, for containers that have more than the space manager lists itself.
    fn write_cabs(&self, cibs: &[u64], slot: u64, disk: &mut Disk) -> Vec<u64> {
        let cibs_per_cab = (disk.block_size - 40) / 8;
        let mut cabs = Vec::new();
        for (cab_index, cibs) in cibs.chunks(cibs_per_cab).enumerate() {
            let block = slot + cab_index as u64;
            let mut cab = vec![0; disk.block_size];
            put(&mut cab, 0x20, pack![cab_index as u32, cibs.len() as u32]);
            for (n, cib) in cibs.iter().enumerate() {
                put(&mut cab, 0x28 + n * 8, cib.to_le_bytes());
            }
            super::object::Header {
                o_oid: block,
                o_xid: disk.xid,
                o_type: super::object::OBJ_PHYSICAL | OBJECT_TYPE_SPACEMAN_CAB,
                o_subtype: 0,
            }
            .stamp(&mut cab);
            disk.write(block, &cab, Role::ChunkInfoList, block);
            cabs.push(block);
        }
        cabs
    }

    /// `sfq_tree_node_limit` of its free queue.
    fn node_limit(&self) -> u64 {
        let limit = match self.block_count {
            0 => 0,
            1..0x4_0000 => 1 + (self.block_count - 1) / 4544,
            0x4_0000..0x10_0000 => 116 + (self.block_count - 261_281) / 2272,
            _ => 512,
        };
        if limit == 2 { 3 } else { limit }
    }
}

/// Sizes and places that hold for all checkpoints.
#[derive(Clone, Copy, Debug)]
pub struct Spaceman {
    /// The second is empty unless it is a Fusion pair.
    devices: [Device; 2],
    ip_bm_base: u64,
    ip_bm_size: u64,
    ip_base: u64,
    oid: u64,
}

/// What distinguishes one checkpoint's space manager.
#[derive(Debug)]
pub struct State<'a> {
    /// Counts the checkpoints from 0.
    pub number: u64,
    /// Blocks reachable from the checkpoint and the fixed areas, without the pool's.
    pub used: &'a BTreeSet<u64>,
    /// Blocks each transaction gave up that older checkpoints still need.
    pub freed: &'a [(u64, u64)],
    /// No checkpoint came before.
    pub is_first: bool,
}

impl Spaceman {
    /// Puts the pool behind what is written and fills both devices up to at least so many blocks. With `sparse` the disk
    /// ends behind what one checkpoint writes of the pool: the rest of the container is zeros.
    pub fn layout(oid: u64, min_blocks: (u64, u64), sparse: bool, disk: &mut Disk) -> Self {
        let block_size = disk.block_size as u64;
        let tier2 = disk.tier2.as_mut().map_or(0, |tier2| {
            let blocks = min_blocks.1.max(tier2.len() as u64 / block_size);
            if !sparse {
                tier2.resize((blocks * block_size) as usize, 0);
            }
            blocks
        });
        let mut devices = [Device::new(disk.len(), block_size), Device::new(tier2, block_size)];
        let (mut slot_len, mut ip_bm_size);
        loop {
            slot_len = devices.iter().map(Device::slot_len).sum::<u64>();
            ip_bm_size = (3 * slot_len).div_ceil(block_size * 8);
            let pool = IP_BM_TX_MULTIPLIER * ip_bm_size + 3 * slot_len;
            let needed = (disk.len() + pool).max(min_blocks.0);
            if needed <= devices[0].block_count {
                break;
            }
            devices[0] = Device::new(needed, block_size);
        }
        let ip_bm_base = disk.alloc(IP_BM_TX_MULTIPLIER * ip_bm_size);
        let listed: u64 = devices.iter().map(|device| device.cab_count + device.cib_count).sum();
        let ip_base = disk.alloc(if sparse { listed + SPARSE_BITMAPS } else { 3 * slot_len });
        if !sparse {
            disk.alloc(devices[0].block_count - disk.len());
        }
        Spaceman { devices, ip_bm_base, ip_bm_size, ip_base, oid }
    }

    /// Blocks of both devices.
    pub fn block_count(&self) -> u64 {
        self.devices.iter().map(|device| device.block_count).sum()
    }

    /// Blocks of the pool and of its bitmap ring.
    pub fn pool_blocks(&self) -> core::ops::Range<u64> {
        self.ip_bm_base..self.ip_base + self.ip_block_count()
    }

    fn ip_block_count(&self) -> u64 {
        3 * self.slot_len()
    }

    /// Blocks that one checkpoint may need of the pool.
    fn slot_len(&self) -> u64 {
        self.devices.iter().map(Device::slot_len).sum()
    }

    /// `sfq_tree_node_limit` of a device's free queue.
    pub fn node_limit(&self, device: usize) -> u64 {
        self.devices[device].node_limit()
    }

    fn ip_node_limit(&self) -> u64 {
        let chunks: u64 = self.devices.iter().map(|device| device.chunk_count).sum();
        let limit = ((3 * (chunks + 751)) / 1127).saturating_sub(1).max(1);
        if limit == 2 { 3 } else { limit }
    }

    /// Writes bitmaps, chunk infos and the pool's bitmap; gives the ephemeral objects.
    pub fn write(&self, state: &State<'_>, disk: &mut Disk) -> Vec<Ephemeral> {
        let third = self.slot_len();
        let slot = |number: u64| self.ip_base + number % 3 * third;
        let mut used = state.used.clone();
        used.extend(state.freed.iter().map(|(_, block)| *block));
        let flag = tier2_flag(disk.block_size);
        let split = |blocks: &BTreeSet<u64>| {
            [
                blocks.range(..flag).copied().collect(),
                blocks.range(flag..).map(|block| block & !flag).collect(),
            ]
        };
        let used: [BTreeSet<u64>; 2] = split(&used);
        let free = [0, 1].map(|n: usize| self.devices[n].block_count - used[n].len() as u64);
        let first = slot(state.number);
        let from = first as usize * disk.block_size;
        let until = disk.bytes.len().min(from + third as usize * disk.block_size);
        disk.bytes[from..until].fill(0);
        let (main, end) = self.devices[0].write_chunks(&used[0], first, disk);
        let (tier2, end) = self.devices[1].write_chunks(&used[1], end, disk);
        let slot_len = end - first;

        let previous = (!state.is_first).then(|| slot(state.number - 1));
        let mut pool_used: Vec<u64> = (slot(state.number)..slot(state.number) + slot_len).collect();
        let mut pool_freed = Vec::new();
        if let Some(previous) = previous {
            let before = self.slot_blocks(previous, disk);
            pool_freed.extend(before.iter().map(|block| (disk.xid, *block)));
            pool_used.extend(before);
        }
        let ring_index = state.number % IP_BM_TX_MULTIPLIER;
        self.write_pool_bitmap(&pool_used, ring_index, disk);

        let mut queues = Vec::new();
        let mut fields = Vec::new();
        let on = |device: u64| state.freed.iter().copied().filter(move |(_, block)| block & flag == device);
        let mut freed = vec![(pool_freed, self.ip_node_limit()), (on(0).collect(), self.node_limit(0))];
        if self.devices[1].block_count > 0 {
            freed.push((on(flag).collect(), self.node_limit(1)));
        }
        for (freed, limit) in freed {
            let (root, objects) = free_queue(&freed, disk);
            let oldest = freed.iter().map(|(xid, _)| *xid).min().unwrap_or(0);
            fields.push([freed.len() as u64, root, oldest, limit, 0]);
            queues.extend(objects);
        }
        let mut objects = vec![self.object([&main, &tier2], free, &fields, ring_index, disk)];
        objects.extend(queues);
        objects
    }

    /// Blocks of an older slot that are in use: those are never all zero.
    fn slot_blocks(&self, slot: u64, disk: &Disk) -> Vec<u64> {
        let third = self.slot_len();
        (slot..slot + third).filter(|block| disk.blocks(*block, 1).iter().any(|byte| *byte != 0)).collect()
    }

    fn write_pool_bitmap(&self, used: &[u64], ring_index: u64, disk: &mut Disk) {
        let mut bitmap = vec![0_u8; disk.block_size * self.ip_bm_size as usize];
        for block in used {
            let bit = (block - self.ip_base) as usize;
            bitmap[bit / 8] |= 1 << (bit % 8);
        }
        disk.write(self.ip_bm_base + ring_index * self.ip_bm_size, &bitmap, Role::PoolBitmap, 0);
    }

    fn object(
        &self,
        listed: [&[u64]; 2],
        free: [u64; 2],
        queues: &[[u64; 5]],
        ring_index: u64,
        disk: &Disk,
    ) -> Ephemeral {
        let per_block = disk.block_size as u32;
        let ring = IP_BM_TX_MULTIPLIER * self.ip_bm_size;
        let xids_at = SM_STRUCT_SIZE;
        let bitmaps_at = xids_at + 8 * self.ip_bm_size as u32;
        let free_next_at = (bitmaps_at + 2 * self.ip_bm_size as u32).next_multiple_of(8);
        let cibs_at = (free_next_at + 2 * ring as u32).next_multiple_of(8);
        let listed_at = [cibs_at, cibs_at + 8 * listed[0].len() as u32];
        let end = listed_at[1] + 8 * listed[1].len() as u32;
        let mut object = vec![0; (end as usize + 8).next_multiple_of(disk.block_size)];
        put(&mut object, 0x20, pack![per_block, per_block * 8, (per_block - 40) / 32, (per_block - 40) / 8]);
        for (n, device) in self.devices.iter().enumerate() {
            let (cibs, cabs) = (device.cib_count as u32, device.cab_count as u32);
            let fields = pack![device.block_count, device.chunk_count, cibs, cabs, free[n], listed_at[n]];
            put(&mut object, 0x30 + n * 0x30, fields);
        }
        put(&mut object, 0x90, pack![1_u32, IP_BM_TX_MULTIPLIER as u32, self.ip_block_count()]);
        put(&mut object, 0xa0, pack![self.ip_bm_size as u32, ring as u32, self.ip_bm_base, self.ip_base]);
        for (n, queue) in queues.iter().enumerate() {
            for (field, value) in queue.iter().enumerate() {
                put(&mut object, 0xc8 + n * 40 + field * 8, value.to_le_bytes());
            }
        }
        let size = self.ip_bm_size as u16;
        let first = ring_index as u16 * size;
        let (head, tail) = ((first + size) % ring as u16, (first + ring as u16 - 1) % ring as u16);
        put(&mut object, 0x140, pack![head, tail, xids_at, bitmaps_at, free_next_at, 1_u32, SM_STRUCT_SIZE]);
        for n in 0..self.ip_bm_size as usize {
            put(&mut object, xids_at as usize + n * 8, disk.xid.to_le_bytes());
            put(&mut object, bitmaps_at as usize + n * 2, (first + n as u16).to_le_bytes());
        }
        for index in 0..ring as u16 {
            let in_use = (first..first + size).contains(&index);
            let next = if in_use || index == tail { NONE } else { (index + 1) % ring as u16 };
            put(&mut object, free_next_at as usize + usize::from(index) * 2, next.to_le_bytes());
        }
        for (n, cib) in listed.concat().iter().enumerate() {
            put(&mut object, cibs_at as usize + n * 8, cib.to_le_bytes());
        }
        Ephemeral { o_type: OBJECT_TYPE_SPACEMAN, o_subtype: 0, oid: self.oid, object, role: Role::Spaceman }
    }
}

/// The tree of one free queue from (transaction, block) pairs: its root and its nodes.
fn free_queue(freed: &[(u64, u64)], disk: &mut Disk) -> (u64, Vec<Ephemeral>) {
    let mut runs: Vec<(u64, u64, u64)> = Vec::new();
    let mut sorted = freed.to_vec();
    sorted.sort_unstable();
    for (xid, block) in sorted {
        match runs.last_mut() {
            Some((last_xid, first, count)) if *last_xid == xid && *first + *count == block => *count += 1,
            _ => runs.push((xid, block, 1)),
        }
    }
    let records = runs.iter().map(|(xid, first, count)| Record {
        key: pack![xid, first],
        value: (*count > 1).then(|| pack![count]),
    });
    let settings = (disk.block_size, disk.xid, usize::MAX);
    let nodes = tree::build(tree::FREE_QUEUE, records.collect(), settings, || disk.alloc_oid());
    let root = nodes.last().unwrap().oid;
    let objects = nodes.into_iter().rev().map(|node| Ephemeral {
        o_type: if node.oid == root { OBJECT_TYPE_BTREE } else { OBJECT_TYPE_BTREE_NODE },
        o_subtype: OBJECT_TYPE_SPACEMAN_FREE_QUEUE,
        oid: node.oid,
        object: node.block,
        role: Role::FreeQueueNode,
    });
    (root, objects.collect())
}
