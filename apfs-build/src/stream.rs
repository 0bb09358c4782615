//! Data streams and the physical extents under them, with the reference counts the extentref trees record.

use std::collections::BTreeMap;

use super::content::Content;
use super::disk::Disk;
use super::node::Record;
use super::records::{APFS_TYPE_EXTENT, Key, phys_extent};

/// Kind of an extent's first record, and of later changes of its reference count.
const APFS_KIND_NEW: u8 = 1;
const APFS_KIND_UPDATE: u8 = 2;

/// One file extent; block 0 is a hole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Blocks from the start of the stream.
    pub logical: u64,
    pub count: u64,
    pub block: u64,
    pub crypto_id: u64,
    pub flags: u8,
}

/// A data stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stream {
    pub size: u64,
    /// Consecutive from 0.
    pub extents: Vec<Extent>,
    pub default_crypto_id: u64,
}

impl Stream {
    /// A stream of consecutive pieces: data, or `None` and a length in blocks for a hole.
    pub fn of_pieces(
        pieces: &[(Option<&[u8]>, u64)],
        size: u64,
        id: u64,
        content: &mut Content,
        disk: &mut Disk,
    ) -> Self {
        let mut stream = Stream { size, ..Stream::default() };
        for (data, hole) in pieces {
            let (block, count) = match data {
                Some(data) => content.extents.alloc(data, id, disk),
                None => (0, *hole),
            };
            if count > 0 {
                let logical = stream.blocks();
                stream.extents.push(Extent { logical, count, block, crypto_id: 0, flags: 0 });
            }
        }
        stream
    }

    /// Length in blocks, holes included.
    pub fn blocks(&self) -> u64 {
        self.extents.iter().map(|extent| extent.count).sum()
    }

    pub fn hole_blocks(&self) -> u64 {
        self.extents.iter().filter(|extent| extent.block == 0).map(|extent| extent.count).sum()
    }

    /// Replaces the blocks from `logical` on by new ones, growing the stream when they pass its end.
    pub fn replace(&mut self, logical: u64, block: u64, count: u64) {
        let end = logical + count;
        let mut extents = Vec::new();
        for old in &self.extents {
            for (from, to) in [
                (old.logical, logical.min(old.logical + old.count)),
                (end.max(old.logical), old.logical + old.count),
            ] {
                if from < to {
                    let skip = from - old.logical;
                    let block = if old.block == 0 { 0 } else { old.block + skip };
                    extents.push(Extent { logical: from, count: to - from, block, ..*old });
                }
            }
        }
        if logical > self.blocks() {
            let (from, count) = (self.blocks(), logical - self.blocks());
            extents.push(Extent { logical: from, count, block: 0, crypto_id: 0, flags: 0 });
        }
        extents.push(Extent { logical, count, block, crypto_id: 0, flags: 0 });
        extents.sort_by_key(|extent| extent.logical);
        self.extents = extents;
    }

    /// The stream's blocks as read back from the device, holes as zeros.
    pub fn read(&self, disk: &Disk) -> Vec<u8> {
        let mut data = Vec::new();
        for extent in &self.extents {
            match extent.block {
                0 => data.resize(data.len() + extent.count as usize * disk.block_size, 0),
                block => data.extend_from_slice(disk.blocks(block, extent.count)),
            }
        }
        data
    }
}

#[derive(Clone, Copy, Debug)]
struct Allocation {
    count: u64,
    owner: u64,
    xid: u64,
}

/// Every run of data blocks the volume ever allocated, by first block.
#[derive(Clone, Debug, Default)]
pub struct Extents {
    allocations: BTreeMap<u64, Allocation>,
    /// Reference counts of blocks at the newest snapshot.
    at_snapshot: BTreeMap<u64, i32>,
    last_snapshot: u64,
    /// Blocks of NEW extents in the trees of snapshots.
    pub held_by_snapshots: Vec<u64>,
}

impl Extents {
    /// Writes data to new blocks owned by `owner`. Gives the first block and the count, zeros for no data.
    pub fn alloc(&mut self, data: &[u8], owner: u64, disk: &mut Disk) -> (u64, u64) {
        if data.is_empty() {
            return (0, 0);
        }
        let (block, count) = disk.write_data(data, owner);
        self.allocations.insert(block, Allocation { count, owner, xid: disk.xid });
        (block, count)
    }

    /// Records of the current extentref tree and the blocks of its NEW extents, given the streams in use.
    pub fn records<'a>(&self, streams: impl Iterator<Item = &'a Stream>) -> (Vec<Record>, Vec<u64>) {
        let counts = reference_counts(streams);
        let (mut records, mut new_blocks) = (Vec::new(), Vec::new());
        for (first, allocation) in &self.allocations {
            let is_new = allocation.xid > self.last_snapshot;
            let count_of = |block: u64| {
                let count = counts.get(&block).copied().unwrap_or(0);
                if is_new { count } else { count - self.at_snapshot.get(&block).copied().unwrap_or(0) }
            };
            let end = first + allocation.count;
            let mut from = *first;
            while from < end {
                let refcnt = count_of(from);
                let to = (from..end).find(|block| count_of(*block) != refcnt).unwrap_or(end);
                let (kind, owner) =
                    if is_new { (APFS_KIND_NEW, allocation.owner) } else { (APFS_KIND_UPDATE, u64::MAX) };
                if refcnt != 0 {
                    let key = Key::plain(from, APFS_TYPE_EXTENT).bytes;
                    records.push(Record::new(key, phys_extent(to - from, kind, owner, refcnt)));
                    if is_new {
                        new_blocks.extend(from..to);
                    }
                }
                from = to;
            }
        }
        (records, new_blocks)
    }

    /// Starts a new tree: what `records` gave belongs to the snapshot taken at `xid`.
    pub fn freeze<'a>(&mut self, streams: impl Iterator<Item = &'a Stream>, new_blocks: Vec<u64>, xid: u64) {
        self.at_snapshot = reference_counts(streams);
        self.last_snapshot = xid;
        self.held_by_snapshots.extend(new_blocks);
    }
}

/// File extents covering each block.
fn reference_counts<'a>(streams: impl Iterator<Item = &'a Stream>) -> BTreeMap<u64, i32> {
    let mut counts = BTreeMap::new();
    for extent in streams.flat_map(|stream| &stream.extents).filter(|extent| extent.block != 0) {
        for block in extent.block..extent.block + extent.count {
            *counts.entry(block).or_insert(0) += 1;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replacing_the_middle_splits_the_extent() {
        let mut stream = Stream::default();
        stream.replace(0, 100, 5);
        stream.replace(2, 200, 1);
        let found: Vec<_> = stream.extents.iter().map(|e| (e.logical, e.count, e.block)).collect();
        assert_eq!(found, [(0, 2, 100), (2, 1, 200), (3, 2, 103)]);
    }

    #[test]
    fn writing_past_the_end_leaves_a_hole() {
        let mut stream = Stream::default();
        stream.replace(3, 100, 1);
        assert_eq!((stream.blocks(), stream.hole_blocks()), (4, 3));
    }

    #[test]
    fn an_overwritten_block_of_a_snapshot_gets_an_update_record() {
        let mut disk = Disk::new(4096, 2, usize::MAX);
        disk.alloc(1);
        let mut extents = Extents::default();
        let mut stream = Stream::default();
        let (block, count) = extents.alloc(&[1; 8192], 16, &mut disk);
        stream.replace(0, block, count);
        let (records, new) = extents.records([&stream].into_iter());
        assert_eq!((records.len(), new.len()), (1, 2));
        extents.freeze([&stream].into_iter(), new, 2);
        disk.xid = 3;
        let (block, count) = extents.alloc(&[2; 4096], 16, &mut disk);
        stream.replace(1, block, count);
        let (records, new) = extents.records([&stream].into_iter());
        assert_eq!(records[0].value.as_ref().unwrap()[16..], (-1_i32).to_le_bytes());
        assert_eq!((records.len(), new), (2, vec![3]));
    }
}
