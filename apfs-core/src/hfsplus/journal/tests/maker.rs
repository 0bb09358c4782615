//! Writes journals, and says what a volume is once they are replayed. Shares nothing with the reader but its answers.

use super::super::{Journal, JournalState};
use crate::base::damage::Damage;
use crate::base::limits::Limits;
use crate::io::read_at::ReadAt;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

/// Bytes of the volume, where its info block and its journal are, and how long that is.
pub(super) const VOLUME: usize = 1 << 20;
pub(super) const INFO: usize = 8 << 10;
pub(super) const START: usize = 64 << 10;
pub(super) const SIZE: usize = 256 << 10;

/// Flags of lists: checksums, first of its transaction.
pub(super) const SUMMED: u32 = 1;
pub(super) const FIRST: u32 = 2;
pub(super) const KILLED: u64 = u64::MAX;

/// Writes a journal into a volume, and keeps what the volume should be once it is replayed.
#[derive(Clone)]
pub(super) struct Maker {
    pub(super) volume: Vec<u8>,
    pub(super) replayed: Vec<u8>,
    pub(super) big: bool,
    /// Bytes of the journal's header and of those of lists.
    pub(super) head: usize,
    pub(super) list_head: usize,
    pub(super) start: usize,
    /// Where the next list goes.
    pub(super) at: usize,
    pub(super) sequence: u32,
}

impl Maker {
    /// A journal that begins at a position.
    pub(super) fn new(big: bool, head: usize, list_head: usize, start: usize) -> Maker {
        let volume: Vec<u8> = (0..VOLUME).map(|at| (at / 512 % 97) as u8).collect();
        let mut maker =
            Maker { replayed: volume.clone(), volume, big, head, list_head, start, at: start, sequence: 40 };
        maker.info(1, START as u64, SIZE as u64);
        maker
    }

    pub(super) fn little() -> Maker {
        Maker::new(false, 512, 4096, 512)
    }

    pub(super) fn info(&mut self, flags: u32, offset: u64, size: u64) {
        self.volume[INFO..INFO + 180].fill(0x5A);
        self.volume[INFO..][..4].copy_from_slice(&flags.to_be_bytes());
        self.volume[INFO + 36..][..8].copy_from_slice(&offset.to_be_bytes());
        self.volume[INFO + 44..][..8].copy_from_slice(&size.to_be_bytes());
    }

    /// A number in the order of this journal.
    pub(super) fn number(&self, value: u64, len: usize) -> Vec<u8> {
        let mut bytes = value.to_le_bytes()[..len].to_vec();
        if self.big {
            bytes.reverse();
        }
        bytes
    }

    pub(super) fn numbers(&self, values: &[(u64, usize)]) -> Vec<u8> {
        values.iter().flat_map(|(value, len)| self.number(*value, *len)).collect()
    }

    /// Where a byte of the ring is in the volume.
    pub(super) fn place(&self, at: usize) -> usize {
        START + self.head + (at - self.head) % (SIZE - self.head)
    }

    pub(super) fn put(&mut self, at: usize, bytes: &[u8]) {
        for (number, byte) in bytes.iter().enumerate() {
            let place = self.place(at + number);
            self.volume[place] = *byte;
        }
    }

    pub(super) fn flip(&mut self, at: usize) {
        let place = self.place(at);
        self.volume[place] ^= 0x10;
    }

    /// Appends a list of blocks with all fields as they should be; returns where it begins.
    pub(super) fn list(&mut self, flags: u32, blocks: &[(u64, Vec<u8>)]) -> usize {
        let used = self.list_head + blocks.iter().map(|(_, data)| data.len()).sum::<usize>();
        let max = (self.list_head / 16 - 1).min(SIZE / self.head);
        let head = [max as u64, blocks.len() as u64 + 1, used as u64];
        self.list_with(flags, head, blocks)
    }

    /// Appends a list with the given `max_blocks`, `num_blocks` and `bytes_used`.
    pub(super) fn list_with(
        &mut self,
        flags: u32,
        [max, count, used]: [u64; 3],
        blocks: &[(u64, Vec<u8>)],
    ) -> usize {
        let (at, sequence) = (self.at, self.sequence.into());
        let head = |sum| {
            let head = [(max, 2), (count, 2), (used, 4), (sum, 4), (flags.into(), 4)];
            self.numbers(&[&head[..], &[(0, 8), (0, 4), (sequence, 4)]].concat())
        };
        let mut bytes = head(sum(&head(0)));
        for (bnum, data) in blocks {
            let checksum = if flags & SUMMED != 0 { sum(data) } else { 0x0BAD_0BAD };
            bytes.extend(self.numbers(&[(*bnum, 8), (data.len() as u64, 4), (checksum, 4)]));
        }
        bytes.resize(self.list_head, 0x5A);
        blocks.iter().for_each(|(_, data)| bytes.extend(data));
        self.put(at, &bytes);
        self.at = self.head + (at - self.head + bytes.len()) % (SIZE - self.head);
        at
    }

    /// Appends a whole transaction of one list and applies it to the expected volume.
    pub(super) fn transaction(&mut self, blocks: &[(u64, Vec<u8>)]) -> usize {
        self.sequence += 1;
        self.expect(blocks);
        self.list(SUMMED | FIRST, blocks)
    }

    pub(super) fn expect(&mut self, blocks: &[(u64, Vec<u8>)]) {
        for (bnum, data) in blocks {
            self.replayed[*bnum as usize * self.head..][..data.len()].copy_from_slice(data);
        }
    }

    /// Writes the header. What was expected counts for the volume outside the journal.
    pub(super) fn header(&mut self, start: usize, end: usize) {
        let fields = [start, end, SIZE].map(|value| (value as u64, 8));
        self.header_with(0x4A4E_4C78, &fields);
    }

    pub(super) fn header_with(&mut self, magic: u64, positions: &[(u64, usize)]) {
        let fields = |sum| {
            let head = [(magic, 4), (0x1234_5678, 4)];
            let sizes = [(self.list_head as u64, 4), (sum, 4), (self.head as u64, 4)];
            self.numbers(&[&head, positions, &sizes].concat())
        };
        let mut bytes = fields(sum(&fields(0)));
        bytes.extend(self.number(self.sequence.into(), 4));
        self.volume[START..][..bytes.len()].copy_from_slice(&bytes);
    }

    /// Everything up to here is to be replayed.
    pub(super) fn end(&mut self) {
        self.header(self.start, self.at);
    }

    pub(super) fn read(&self) -> Journal {
        Journal::read(&self.volume, INFO as u64, &Limits::default()).unwrap()
    }

    /// The volume as the journal shows it, without the journal and its info block.
    pub(super) fn shown(&self, journal: &Journal) -> Vec<u8> {
        let device: Arc<dyn ReadAt> = Arc::new(self.volume.clone());
        let mut bytes = vec![0; VOLUME];
        journal.overlay(device.clone()).unwrap_or(device).read_exact_at(0, &mut bytes).unwrap();
        bytes[INFO..INFO + 180].copy_from_slice(&self.replayed[INFO..INFO + 180]);
        bytes[START..START + SIZE].copy_from_slice(&self.replayed[START..START + SIZE]);
        bytes
    }

    /// The journal is replayed as expected, so many transactions of it.
    pub(super) fn assert_replayed(&self, transactions: u64) -> Journal {
        let journal = self.read();
        assert_eq!(journal.state, JournalState::Dirty);
        assert_eq!(journal.transactions, transactions, "{:?}", journal.findings);
        assert!(self.shown(&journal) == self.replayed, "the volume differs");
        journal
    }

    pub(super) fn assert_unusable(&self, damage: Damage, field: &str) {
        let journal = self.read();
        let JournalState::Unusable(why) = &journal.state else { panic!("{field}: {journal:?}") };
        assert_eq!((why.damage, why.place.field), (damage, field));
        assert!(self.shown(&journal) == self.replayed, "{field}: nothing is applied");
        assert_eq!((journal.transactions, journal.blocks, journal.bytes), (0, 0, 0), "{field}");
    }
}

/// The checksum, by the sheet's formula.
fn sum(bytes: &[u8]) -> u64 {
    let mut c = 0_u64;
    for x in bytes {
        c = (c * 256 % (1 << 32)) ^ ((c + u64::from(*x)) % (1 << 32));
    }
    (1 << 32) - 1 - c
}

/// A block: its number, and bytes that are found nowhere else.
pub(super) fn block(bnum: u64, mark: u8, len: usize) -> (u64, Vec<u8>) {
    (bnum, (0..len).map(|at| mark ^ (at % 253) as u8).collect())
}
