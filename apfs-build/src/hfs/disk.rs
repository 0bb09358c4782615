//! The blocks of a volume while it is written: each is given away once, in ascending order.

use super::fork::{Extent, Fork};

/// A growing volume.
#[derive(Debug)]
pub struct Disk {
    pub block_size: usize,
    pub bytes: Vec<u8>,
    /// One per block.
    pub used: Vec<bool>,
}

impl Disk {
    pub fn new(block_size: usize) -> Self {
        Disk { block_size, bytes: Vec::new(), used: Vec::new() }
    }

    /// Blocks so far.
    pub fn block_count(&self) -> u32 {
        self.used.len() as u32
    }

    /// The next `count` blocks.
    pub fn alloc(&mut self, count: u32) -> Extent {
        let start = self.block_count();
        self.grow(count, true);
        Extent { start, count }
    }

    /// Leaves blocks free.
    pub fn skip(&mut self, count: u32) {
        self.grow(count, false);
    }

    fn grow(&mut self, count: u32, used: bool) {
        self.used.resize(self.used.len() + count as usize, used);
        self.bytes.resize(self.used.len() * self.block_size, 0);
    }

    /// Writes a fork in `pieces` runs (fewer if it has fewer blocks), the last one first, with free blocks between.
    pub fn write(&mut self, content: &[u8], pieces: usize, extra_blocks: u32) -> Fork {
        let blocks = content.len().div_ceil(self.block_size) as u32 + extra_blocks;
        let pieces = (pieces.max(1) as u32).min(blocks);
        let mut extents = Vec::new();
        for piece in (0..pieces).rev() {
            let from = |piece: u32| (u64::from(blocks) * u64::from(piece) / u64::from(pieces)) as u32;
            let extent = self.alloc(from(piece + 1) - from(piece));
            let at = from(piece) as usize * self.block_size;
            let end = content.len().min(at + extent.count as usize * self.block_size);
            if at < end {
                self.put(extent.start, &content[at..end]);
            }
            extents.insert(0, extent);
            if pieces > 1 {
                self.skip(1);
            }
        }
        Fork { size: content.len() as u64, extents, clump: 0 }
    }

    /// Writes bytes from the start of a block on.
    pub fn put(&mut self, block: u32, bytes: &[u8]) {
        let at = block as usize * self.block_size;
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }
}
