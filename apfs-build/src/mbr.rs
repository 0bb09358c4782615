//! A disk with a master boot record around images.

use super::bytes::{pack, put};

/// Where partitions begin and end: multiples of this.
const ALIGNMENT: usize = 1 << 20;

/// A partitioned disk.
#[derive(Clone, Debug)]
pub struct Mbr {
    sector: usize,
    primary: Vec<(u8, Vec<u8>)>,
    logical: Vec<(u8, Vec<u8>)>,
}

impl Mbr {
    /// A disk that counts in sectors of 512 or 4096 bytes.
    pub fn new(sector: usize) -> Self {
        Mbr { sector, primary: Vec::new(), logical: Vec::new() }
    }

    /// Appends a primary partition; at most four, three if there are logical ones.
    pub fn partition(mut self, kind: u8, content: &[u8]) -> Self {
        self.primary.push((kind, content.to_vec()));
        self
    }

    /// Appends a logical partition, in an extended one behind the primary ones.
    pub fn logical(mut self, kind: u8, content: &[u8]) -> Self {
        self.logical.push((kind, content.to_vec()));
        self
    }

    /// The disk's bytes and the byte offset of every partition: primary ones, the extended one, logical ones.
    pub fn build(self) -> (Vec<u8>, Vec<usize>) {
        let sector = self.sector;
        let mut disk = vec![0; ALIGNMENT];
        let (mut entries, mut offsets) = (Vec::new(), Vec::new());
        let append = |disk: &mut Vec<u8>, content: &[u8]| {
            let at = disk.len();
            disk.extend_from_slice(content);
            disk.resize(disk.len().next_multiple_of(ALIGNMENT), 0);
            at
        };
        for (kind, content) in &self.primary {
            let at = append(&mut disk, content);
            offsets.push(at);
            entries.push((*kind, at / sector, content.len() / sector));
        }
        if !self.logical.is_empty() {
            let first = disk.len();
            offsets.push(first);
            let mut records = Vec::new();
            for (kind, content) in &self.logical {
                let record = append(&mut disk, &[0]);
                let at = append(&mut disk, content);
                offsets.push(at);
                records.push((record, (*kind, (at - record) / sector, content.len() / sector)));
            }
            entries.push((0x0F, first / sector, (disk.len() - first) / sector));
            for (n, (record, logical)) in records.iter().enumerate() {
                let next = records
                    .get(n + 1)
                    .map(|(next, _)| (0x05, (next - first) / sector, 2 * ALIGNMENT / sector));
                let entries: Vec<_> = [*logical].into_iter().chain(next).collect();
                put_record(&mut disk, *record, &entries);
            }
        }
        put_record(&mut disk, 0, &entries);
        (disk, offsets)
    }
}

/// Writes a boot record of entries of type, first sector and sectors.
pub fn put_record(disk: &mut [u8], at: usize, entries: &[(u8, usize, usize)]) {
    for (n, (kind, start, count)) in entries.iter().enumerate() {
        let entry = at + 446 + n * 16;
        put(disk, entry, [0, 0, 0, 0, *kind, 0, 0, 0]);
        put(disk, entry + 8, pack![*start as u32, *count as u32]);
    }
    put(disk, at + 510, [0x55, 0xAA]);
}
