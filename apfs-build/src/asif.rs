//! ASIF images: directory, tables, groups and bitmaps of chunks.

/// Bytes in a sector.
pub const SECTOR: usize = 512;
/// Bytes in a chunk: two groups fit in a table, which keeps images small.
pub const CHUNK: usize = 40_960;
/// Chunks that one group tells of.
pub const GROUP: usize = 4 * SECTOR;

/// An ASIF image of which only the chunks that were given are stored.
#[derive(Clone, Debug)]
pub struct Asif {
    sectors: u64,
    chunks: Vec<(usize, Vec<u8>, Option<Vec<bool>>)>,
}

impl Asif {
    pub fn new(sectors: u64) -> Self {
        Asif { sectors, chunks: Vec::new() }
    }

    /// Stores a whole chunk.
    pub fn chunk(mut self, number: usize, content: &[u8]) -> Self {
        self.chunks.push((number, content.to_vec(), None));
        self
    }

    /// Stores a chunk of which only some sectors count.
    pub fn partial(mut self, number: usize, content: &[u8], sectors: &[bool]) -> Self {
        self.chunks.push((number, content.to_vec(), Some(sectors.to_vec())));
        self
    }

    /// The file. The first directory is the older one and knows no table; the second has a higher sequence number.
    pub fn build(&self) -> Vec<u8> {
        let group_len = 8 * (GROUP + 1);
        let mut file = vec![0; CHUNK];
        let put =
            |file: &mut Vec<u8>, at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
        put(&mut file, 0, &self.header());
        put(&mut file, 2048, &5u64.to_be_bytes());
        put(&mut file, 4096, &6u64.to_be_bytes());
        let new_chunk = |file: &mut Vec<u8>| {
            let number = file.len() / CHUNK;
            file.resize(file.len() + CHUNK, 0);
            number
        };
        for (number, content, sectors) in &self.chunks {
            let (group, index) = (number / GROUP, number % GROUP);
            let entry = 4096 + 8 + group / 2 * 8;
            let read =
                |file: &[u8], at: usize| u64::from_be_bytes(file[at..at + 8].try_into().unwrap()) as usize;
            if read(&file, entry) == 0 {
                let table = new_chunk(&mut file);
                put(&mut file, entry, &(table as u64).to_be_bytes());
            }
            let group_at = read(&file, entry) * CHUNK + group % 2 * group_len;
            let data = new_chunk(&mut file);
            put(&mut file, data * CHUNK, content);
            let status: u64 = if sectors.is_some() { 3 << 62 } else { 1 << 62 };
            put(&mut file, group_at + index * 8, &(status | data as u64).to_be_bytes());
            let bitmap_entry = group_at + GROUP * 8;
            for (sector, _) in sectors.iter().flatten().enumerate().filter(|(_, stored)| **stored) {
                if read(&file, bitmap_entry) == 0 {
                    let bitmap = new_chunk(&mut file);
                    put(&mut file, bitmap_entry, &(bitmap as u64).to_be_bytes());
                }
                let number = index * (CHUNK / SECTOR) + sector;
                let at = read(&file, bitmap_entry) * CHUNK + number / 4;
                file[at] |= 1 << (number % 4 * 2);
            }
        }
        file
    }

    fn header(&self) -> Vec<u8> {
        let mut out = b"shdw".to_vec();
        for number in [1u32, 512, 0] {
            out.extend(number.to_be_bytes());
        }
        for offset in [2048u64, 4096] {
            out.extend(offset.to_be_bytes());
        }
        out.extend(*b"uuid of an image");
        for sectors in [self.sectors, 1 << 40] {
            out.extend(sectors.to_be_bytes());
        }
        out.extend((CHUNK as u32).to_be_bytes());
        out.extend((SECTOR as u16).to_be_bytes());
        out.resize(512, 0);
        out
    }
}
