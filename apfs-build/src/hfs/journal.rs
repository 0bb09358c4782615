//! A journal with transactions that were not carried out.

use core::ops::Range;

use super::bytes::put;

/// Byte order of the machine that wrote the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Little,
    Big,
}

/// One block, or several, of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Offset on the volume, a multiple of `header_size`, and what is to stand there.
    Write(u64, Vec<u8>),
    /// A block of so many bytes that was freed before the transaction was done.
    Killed(usize),
}

/// One list of blocks in the ring.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockList {
    pub changes: Vec<Change>,
    /// Whether a transaction begins here.
    pub is_first: bool,
    /// Sequence number; `None` is the one that follows.
    pub sequence: Option<u32>,
    pub bad_header_checksum: bool,
    /// The block whose checksum is wrong.
    pub bad_block_checksum: Option<usize>,
    /// Whether it stands behind `end`, as if the header had not been written.
    pub is_behind_end: bool,
}

/// A journal to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journal {
    pub order: Order,
    /// `jhdr_size`: also the unit of block numbers.
    pub header_size: usize,
    /// `blhdr_size`.
    pub list_size: usize,
    /// Where the first list stands; 0 is right behind the header.
    pub start: usize,
    /// The old magic, of journals without checksums.
    pub old_magic: bool,
    /// Whether blocks have checksums.
    pub block_checksums: bool,
    pub bad_header_checksum: bool,
    pub first_sequence: u32,
    pub lists: Vec<BlockList>,
}

const MAGIC: u32 = 0x4A4E_4C78;
const OLD_MAGIC: u32 = 0x4A48_4452;
const ENDIAN: u32 = 0x1234_5678;
const CHECK_CHECKSUMS: u32 = 1;
const FIRST_HEADER: u32 = 2;
const KILLED: u64 = u64::MAX;

impl Default for Journal {
    fn default() -> Self {
        Journal::new()
    }
}

impl Journal {
    /// An empty journal of a small machine.
    pub fn new() -> Self {
        Journal {
            order: Order::Little,
            header_size: 512,
            list_size: 4096,
            start: 0,
            old_magic: false,
            block_checksums: true,
            bad_header_checksum: false,
            first_sequence: 41,
            lists: Vec::new(),
        }
    }

    /// Sets any field.
    pub fn with(mut self, set: impl FnOnce(&mut Journal)) -> Self {
        set(&mut self);
        self
    }

    /// A transaction in one list of blocks.
    pub fn transaction(self, changes: Vec<Change>) -> Self {
        self.list(BlockList { changes, is_first: true, ..BlockList::default() })
    }

    /// A transaction in several lists.
    pub fn long_transaction(self, lists: Vec<Vec<Change>>) -> Self {
        lists.into_iter().enumerate().fold(self, |journal, (number, changes)| {
            journal.list(BlockList { changes, is_first: number == 0, ..BlockList::default() })
        })
    }

    /// Any list of blocks.
    pub fn list(mut self, list: BlockList) -> Self {
        self.lists.push(list);
        self
    }

    /// Writes it over the area of a journal.
    pub fn write(&self, area: &mut [u8]) {
        area.fill(0);
        let start = self.start.max(self.header_size);
        let (mut at, mut end, mut sequence) = (start, start, self.first_sequence);
        for list in &self.lists {
            if let Some(number) = list.sequence {
                sequence = number;
            }
            let bytes = self.encode(list, sequence, area.len());
            // The ring begins again behind the header.
            let ring = area.len() - self.header_size;
            assert!(bytes.len() < ring, "a list is shorter than the ring");
            for (offset, byte) in bytes.iter().enumerate() {
                area[self.header_size + (at - self.header_size + offset) % ring] = *byte;
            }
            at = self.header_size + (at - self.header_size + bytes.len()) % ring;
            if !list.is_behind_end {
                end = at;
            }
            sequence = sequence.wrapping_add(u32::from(list.is_first));
        }
        self.write_header(area, start, end, sequence.wrapping_sub(1));
    }

    fn write_header(&self, area: &mut [u8], start: usize, end: usize, sequence: u32) {
        let size = area.len();
        put(area, 0, self.u32(if self.old_magic { OLD_MAGIC } else { MAGIC }));
        put(area, 4, self.u32(ENDIAN));
        put(area, 8, self.u64(start as u64));
        put(area, 16, self.u64(end as u64));
        put(area, 24, self.u64(size as u64));
        put(area, 32, self.u32(self.list_size as u32));
        put(area, 36, self.u32(0));
        put(area, 40, self.u32(self.header_size as u32));
        put(area, 44, self.u32(sequence));
        let sum = if self.old_magic { 0 } else { checksum(&area[..44]) };
        put(area, 36, self.u32(sum ^ u32::from(self.bad_header_checksum)));
    }

    fn encode(&self, list: &BlockList, sequence: u32, ring: usize) -> Vec<u8> {
        let count = list.changes.len() + 1;
        let max = (self.list_size / 16 - 1).min(ring / self.header_size);
        assert!(count <= max, "{count} blocks do not fit one list");
        let mut bytes = vec![0; self.list_size];
        put(&mut bytes, 28, self.u32(sequence));
        for (index, change) in list.changes.iter().enumerate() {
            let (number, data) = match change {
                Change::Write(offset, data) => {
                    assert!(offset % self.header_size as u64 == 0, "block numbers count journal blocks");
                    (offset / self.header_size as u64, data.clone())
                }
                Change::Killed(len) => (KILLED, vec![0xDB; *len]),
            };
            let sum = if self.block_checksums { checksum(&data) } else { 0 };
            let wrong = u32::from(list.bad_block_checksum == Some(index));
            let at = 16 + 16 * (index + 1);
            put(&mut bytes, at, self.u64(number));
            put(&mut bytes, at + 8, self.u32(data.len() as u32));
            put(&mut bytes, at + 12, self.u32(sum ^ wrong));
            bytes.extend(data);
        }
        let flags = if self.block_checksums { CHECK_CHECKSUMS } else { 0 };
        let flags = flags | if list.is_first { FIRST_HEADER } else { 0 };
        let len = bytes.len() as u32;
        put(&mut bytes, 0, self.u16(max as u16));
        put(&mut bytes, 2, self.u16(count as u16));
        put(&mut bytes, 4, self.u32(len));
        put(&mut bytes, 12, self.u32(flags));
        let sum = checksum(&bytes[..32]);
        put(&mut bytes, 8, self.u32(sum ^ u32::from(list.bad_header_checksum)));
        bytes
    }

    fn u16(&self, value: u16) -> [u8; 2] {
        if self.order == Order::Big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    fn u32(&self, value: u32) -> [u8; 4] {
        if self.order == Order::Big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    fn u64(&self, value: u64) -> [u8; 8] {
        if self.order == Order::Big { value.to_be_bytes() } else { value.to_le_bytes() }
    }
}

/// The checksum of headers and blocks.
pub fn checksum(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(0_u32, |sum, byte| (sum << 8) ^ sum.wrapping_add(u32::from(*byte)))
}

/// The changes, block by block, that make one volume of another of the same length; `except` stays as it is.
pub fn difference(before: &[u8], after: &[u8], block: usize, except: &Range<usize>) -> Vec<Change> {
    assert_eq!(before.len(), after.len(), "a journal changes no lengths");
    let blocks = before.chunks(block).zip(after.chunks(block)).enumerate();
    let differ = blocks.filter(|(number, (a, b))| a != b && !except.contains(&(number * block)));
    differ.map(|(number, (_, after))| Change::Write((number * block) as u64, after.to_vec())).collect()
}
