//! A disk with an Apple partition map around images.

use super::bytes::put;

/// A partitioned disk. Everything in it is big-endian.
#[derive(Clone, Debug)]
pub struct Apm {
    block: usize,
    driver_map: Option<u16>,
    partitions: Vec<(String, String, Vec<u8>)>,
}

impl Apm {
    /// A disk with blocks of 512 or 2048 bytes, without a driver descriptor map.
    pub fn new(block: usize) -> Self {
        Apm { block, driver_map: None, partitions: Vec::new() }
    }

    /// Puts a driver descriptor map into block 0 that says this size of a block.
    pub fn driver_map(mut self, block: u16) -> Self {
        self.driver_map = Some(block);
        self
    }

    /// Appends a partition holding `content`, padded to whole blocks.
    pub fn partition(mut self, kind: &str, name: &str, content: &[u8]) -> Self {
        self.partitions.push((kind.to_owned(), name.to_owned(), content.to_vec()));
        self
    }

    /// The disk's bytes and the byte offset of every partition, the map not counted. The map takes the rest of the
    /// first 32 KiB.
    pub fn build(self) -> (Vec<u8>, Vec<usize>) {
        let mut disk = vec![0; 32 << 10];
        if let Some(size) = self.driver_map {
            put(&mut disk, 0, b"ER");
            put(&mut disk, 2, size.to_be_bytes());
        }
        let map_blocks = disk.len() / self.block - 1;
        let map = ("Apple_partition_map".to_owned(), "Apple".to_owned(), 1, map_blocks);
        let (mut entries, mut offsets) = (vec![map], Vec::new());
        for (kind, name, content) in &self.partitions {
            let (start, count) = (disk.len() / self.block, content.len().div_ceil(self.block));
            offsets.push(disk.len());
            disk.extend_from_slice(content);
            disk.resize((start + count) * self.block, 0);
            entries.push((kind.clone(), name.clone(), start, count));
        }
        put_map(&mut disk, self.block, &entries);
        (disk, offsets)
    }
}

/// Writes map entries of type, name, first block and blocks, from block 1 on.
pub fn put_map(disk: &mut [u8], block: usize, entries: &[(String, String, usize, usize)]) {
    for (number, (kind, name, start, count)) in entries.iter().enumerate() {
        let mut entry = vec![0; 512];
        put(&mut entry, 0, b"PM");
        for (at, value) in [(4, entries.len()), (8, *start), (12, *count), (84, *count)] {
            put(&mut entry, at, (value as u32).to_be_bytes());
        }
        put(&mut entry, 16, name);
        put(&mut entry, 48, kind);
        put(&mut entry, 88, 0x33_u32.to_be_bytes());
        put(disk, (number + 1) * block, entry);
    }
}
