//! Forks: where the bytes of a file lie, and what of that stands in the extents file.

use super::btree::Record;
use super::bytes::be;

/// A run of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    pub start: u32,
    pub count: u32,
}

/// A fork with all its extents, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fork {
    pub size: u64,
    pub extents: Vec<Extent>,
    pub clump: u32,
}

/// Fork types in keys of the extents file.
pub const DATA: u8 = 0;
pub const RESOURCE: u8 = 0xFF;

/// Extents in one record.
const RECORD: usize = 8;

impl Fork {
    /// Blocks of all extents.
    pub fn blocks(&self) -> u32 {
        self.extents.iter().map(|extent| extent.count).sum()
    }

    /// `HFSPlusForkData`: the first eight extents.
    pub fn encode(&self) -> Vec<u8> {
        let first = &self.extents[..self.extents.len().min(RECORD)];
        [be![self.size, self.clump, self.blocks()], extent_record(first)].concat()
    }

    /// Start block within the fork, and record, of the extents behind the first eight.
    pub fn overflow(&self) -> Vec<(u32, Vec<u8>)> {
        let mut at = 0;
        let mut records = Vec::new();
        for (number, extents) in self.extents.chunks(RECORD).enumerate() {
            if number > 0 {
                records.push((at, extent_record(extents)));
            }
            at += extents.iter().map(|extent| extent.count).sum::<u32>();
        }
        records
    }

    /// The records of the extents file.
    pub fn overflow_records(&self, file: u32, fork_type: u8) -> Vec<Record> {
        let records = self.overflow().into_iter();
        records.map(|(start, data)| Record { key: key(file, fork_type, start), data, owner: file }).collect()
    }

    /// Bytes of the volume that hold the fork, in the order of the file.
    pub fn ranges(&self, block_size: usize) -> Vec<core::ops::Range<usize>> {
        let range = |extent: &Extent| {
            extent.start as usize * block_size..(extent.start + extent.count) as usize * block_size
        };
        self.extents.iter().map(range).collect()
    }

    /// Where a byte of the fork lies on the volume.
    pub fn place(&self, offset: usize, block_size: usize) -> usize {
        let mut left = offset;
        for range in self.ranges(block_size) {
            if left < range.len() {
                return range.start + left;
            }
            left -= range.len();
        }
        panic!("byte {offset} is behind the end of the fork");
    }
}

/// `HFSPlusExtentKey`.
pub fn key(file: u32, fork_type: u8, start: u32) -> Vec<u8> {
    be![10_u16, fork_type, 0_u8, file, start]
}

/// `HFSPlusExtentRecord`.
pub fn extent_record(extents: &[Extent]) -> Vec<u8> {
    let mut record: Vec<u8> = extents.iter().flat_map(|extent| be![extent.start, extent.count]).collect();
    record.resize(RECORD * 8, 0);
    record
}
