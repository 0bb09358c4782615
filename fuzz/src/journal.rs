//! The promises about the journal of an HFS+ volume, and how an input becomes one.
//!
//! ```text
//! flags u8, sectors of a list's header u8, start u16 and end u16 in sectors (end 0: behind the last list)
//! then lists: flags u8 (0xFF: changes follow), step of the sequence and count of blocks u8,
//!             for each block: bnum u16, sectors u8
//! then changes of single bytes: offset in the journal u24, value u8
//! ```

use std::sync::Arc;

use apfs_core::hfsplus::journal::{Journal, JournalState};
use apfs_core::{Error, Limits, ReadAt};

const START: usize = 4096;
const SIZE: usize = 256 << 10;
const SECTOR: usize = 512;
/// The info block, the journal and some blocks behind it.
const VOLUME: usize = START + SIZE + (16 << 10);

/// Flags of an input: big-endian, old header, the header's checksum stays wrong.
const BIG: u8 = 1;
const OLD: u8 = 2;
const STALE: u8 = 4;
/// Flags of a list beside those of the format: its checksum stays wrong, that of its data does.
const STALE_LIST: u8 = 4;
const STALE_DATA: u8 = 8;
const CHANGES: u8 = 0xFF;

struct Maker {
    volume: Vec<u8>,
    is_big: bool,
    at: usize,
}

impl Maker {
    fn number(&self, value: u64, len: usize) -> Vec<u8> {
        match self.is_big {
            true => value.to_be_bytes()[8 - len..].to_vec(),
            false => value.to_le_bytes()[..len].to_vec(),
        }
    }

    fn put(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.volume[START + self.at] = *byte;
            self.at = if self.at + 1 == SIZE { SECTOR } else { self.at + 1 };
        }
    }

    /// A structure with its checksum at an offset.
    fn structure(&self, fields: &[(u64, usize)], sum_at: usize, is_stale: bool) -> Vec<u8> {
        let mut bytes: Vec<u8> = fields.iter().flat_map(|(value, len)| self.number(*value, *len)).collect();
        let value = self.number(u64::from(sum(&bytes) ^ u32::from(is_stale)), 4);
        bytes[sum_at..sum_at + 4].copy_from_slice(&value);
        bytes
    }

    /// Appends a list of blocks that three bytes each describe.
    fn list(&mut self, list_head: usize, sequence: u32, flags: u8, blocks: &[u8]) {
        let blocks: Vec<_> = blocks.chunks_exact(3).collect();
        let len = |block: &[u8]| match block[2] {
            0xFF => (u64::from(u32::MAX), 0),
            sectors => (u64::from(sectors % 16) * 512, usize::from(sectors % 16) * SECTOR),
        };
        let used = list_head + blocks.iter().map(|block| len(block).1).sum::<usize>();
        let (max, count) = (list_head as u64 / 16 - 1, blocks.len() as u64 + 1);
        let head = [(max, 2), (count, 2), (used as u64, 4), (0, 4), (u64::from(flags & 3), 4)];
        let own = [(0, 8), (0, 4), (u64::from(sequence), 4)];
        let mut bytes = self.structure(&[&head[..], &own].concat(), 8, flags & STALE_LIST != 0);
        let mut data = Vec::new();
        for (number, block) in blocks.iter().enumerate() {
            let (bsize, stored) = len(block);
            let content: Vec<u8> = (0..stored).map(|at| (at / 7 + number * 31) as u8 | 0x80).collect();
            let bnum = match u16::from_le_bytes([block[0], block[1]]) {
                // Killed, and others that lie nowhere.
                bnum @ 0xFFF0.. => u64::MAX - u64::from(0xFFFF - bnum),
                bnum => u64::from(bnum) % (VOLUME / SECTOR + 8) as u64,
            };
            let cksum = u64::from(sum(&content) ^ u32::from(flags & STALE_DATA != 0));
            bytes.extend([(bnum, 8), (bsize, 4), (cksum, 4)].iter().flat_map(|(v, l)| self.number(*v, *l)));
            data.extend(content);
        }
        bytes.resize(list_head.max(bytes.len()), 0);
        self.put(&bytes);
        self.put(&data);
    }
}

fn sum(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(0_u32, |c, x| (c << 8) ^ c.wrapping_add(u32::from(*x)))
}

/// A volume with the journal that an input describes; its info block is at byte 0.
fn volume(input: &[u8]) -> Vec<u8> {
    let (head, mut input) = input.split_first_chunk::<6>().unwrap_or((&[0; 6], &[]));
    let [flags, list_sectors, positions @ ..] = *head;
    let position = |low, high| usize::from(u16::from_le_bytes([low, high])) % (SIZE / SECTOR + 1);
    let (start, mut end) =
        (position(positions[0], positions[1]).max(1), position(positions[2], positions[3]));
    let list_head = usize::from(list_sectors % 16 + 1) * SECTOR;
    let at = if start * SECTOR == SIZE { SECTOR } else { start * SECTOR };
    let mut maker = Maker { volume: vec![0x11; VOLUME], is_big: flags & BIG != 0, at };
    let mut sequence = 7_u32;
    while let Some(([flags, numbers], rest)) = input.split_first_chunk::<2>() {
        if *flags == CHANGES {
            break;
        }
        let (blocks, rest) = rest.split_at((usize::from(*numbers % 16) * 3).min(rest.len()));
        sequence = sequence.wrapping_add(u32::from(*numbers >> 4)).wrapping_sub(1);
        maker.list(list_head, sequence, *flags, blocks);
        input = rest;
    }
    if end == 0 {
        end = maker.at / SECTOR;
    }
    let magic = if flags & OLD != 0 { 0x4A48_4452 } else { 0x4A4E_4C78 };
    let positions = [(start * SECTOR) as u64, (end * SECTOR) as u64, SIZE as u64].map(|value| (value, 8));
    let sizes = [(list_head as u64, 4), (0, 4), (SECTOR as u64, 4)];
    let fields = [&[(magic, 4), (0x1234_5678, 4)][..], &positions, &sizes].concat();
    let header = maker.structure(&fields, 36, flags & STALE != 0);
    let mut volume = maker.volume;
    volume[START..][..header.len()].copy_from_slice(&header);
    volume[..4].copy_from_slice(&1_u32.to_be_bytes());
    volume[36..44].copy_from_slice(&(START as u64).to_be_bytes());
    volume[44..52].copy_from_slice(&(SIZE as u64).to_be_bytes());
    for change in input.get(1..).unwrap_or_default().chunks_exact(4) {
        let at = u32::from_le_bytes([change[0], change[1], change[2], 0]) as usize % (START + SIZE);
        volume[at] = change[3];
    }
    volume
}

/// Reads a journal and the volume that it makes.
pub fn journal(input: &[u8]) {
    let volume = volume(input);
    check(&volume, &crate::target::limits());
    // Without anything around it: every cut is an end.
    check(&volume[..input.len().min(VOLUME)], &crate::target::limits());
}

fn check(volume: &[u8], limits: &Limits) {
    let journal = match Journal::read(&volume, 0, limits) {
        Ok(journal) => journal,
        Err(Error::Limit(_)) => return,
        Err(error) => panic!("promise: damage is no error: {error}"),
    };
    let _ = format!("{journal:?}");
    let device: Arc<dyn ReadAt> = Arc::new(volume.to_vec());
    let replayed = journal.overlay(device.clone());
    assert!(journal.findings.len() <= 102, "promise: findings are bounded");
    if journal.state != JournalState::Dirty {
        assert!(replayed.is_none(), "promise: only a dirty journal changes something");
        assert_eq!((journal.transactions, journal.blocks, journal.misplaced), (0, 0, 0));
        return;
    }
    assert!(journal.transactions > 0, "promise: what is replayed is counted");
    assert!(journal.misplaced == 0 || !journal.findings.is_empty(), "promise: what is left out is told");
    let size = journal.info.as_ref().map_or(0, |info| info.size);
    assert!(journal.bytes <= size && journal.transactions <= size / 512, "promise: once around the ring");
    let Some(replayed) = replayed else { return };
    assert_eq!(replayed.len(), device.len(), "promise: replay changes no size");
    let mut whole = vec![0; volume.len()];
    replayed.read_exact_at(0, &mut whole).expect("promise: what is replayed is there");
    let changed = whole.iter().zip(volume).filter(|(new, old)| new != old).count() as u64;
    assert!(changed <= journal.bytes, "promise: no more changes than the journal says");
    if let Some(info) = &journal.info {
        let area = info.offset as usize..(info.offset + info.size) as usize;
        assert!(whole[area.clone()] == volume[area], "promise: the journal itself does not change");
    }
    let mut at = 0;
    while let Some(run) = replayed.run_at(at) {
        let bytes = replayed.slice_at(at, run.len as usize).expect("promise: memory is lent");
        assert!(bytes == &whole[at as usize..][..bytes.len()], "promise: runs are what is read");
        at += run.len;
    }
    assert_eq!(at, replayed.len(), "promise: runs lead to the end");
}
