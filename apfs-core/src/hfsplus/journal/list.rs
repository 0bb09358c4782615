//! One list of blocks in a journal. A transaction has one or more of them.

use alloc::vec::Vec;

use zerocopy::{BigEndian, LittleEndian};

use super::header::{ByteOrder, Header};
use super::ring::Ring;
use crate::base::bytes::{pod, pod_rest, zeroed};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::Result;
use crate::base::ids::Xid;
use crate::hfsplus::raw::journal::{
    BLHDR_CHECK_CHECKSUMS, BLHDR_CHECKSUM_LEN, BLHDR_FIRST_HEADER, BlockInfo, BlockListHeader, KILLED,
};
use crate::sum::journal::structure_sum;

const STRUCTURE: &str = "block_list_header";
/// Where its checksum is.
const CHECKSUM_AT: usize = 8;
const HEAD_LEN: u64 = 16;
const ENTRY_LEN: u64 = 16;

/// The head of a list of blocks, whose checksum is right.
pub(super) struct List {
    /// Where it begins in the ring.
    at: u64,
    max_blocks: u16,
    num_blocks: u16,
    bytes_used: u32,
    flags: u32,
    /// Number of its transaction, or 0.
    pub(super) sequence: u32,
}

/// A block that a list writes.
pub(super) struct Block {
    /// Where it belongs, in units of the header's size.
    pub(super) bnum: u64,
    pub(super) len: u64,
    /// Where its bytes begin in the ring.
    pub(super) data: u64,
    /// Where its entry is in the ring.
    entry: u64,
    sequence: u32,
}

impl Block {
    /// A finding about where it belongs.
    pub(super) fn finding(&self, damage: Damage) -> Corrupt {
        Corrupt::new(damage, place("block_info", "bnum", self.entry, self.sequence)).found(self.bnum)
    }
}

/// Numbers of an entry.
struct Entry {
    bnum: u64,
    bsize: u32,
    cksum: u32,
}

impl List {
    /// Reads the head of the list at a position.
    pub(super) fn read(ring: &Ring<'_>, at: u64) -> Result<List> {
        let mut bytes = [0; BLHDR_CHECKSUM_LEN];
        ring.read(at, &mut bytes)?;
        let list = match ring.byte_order {
            ByteOrder::Little => decode::<LittleEndian>(&bytes, at),
            ByteOrder::Big => decode::<BigEndian>(&bytes, at),
        };
        let place = Place::new(STRUCTURE, "checksum").offset(at);
        match list {
            Some((list, checksum)) if checksum == structure_sum(&bytes, CHECKSUM_AT) => Ok(list),
            _ => Err(Corrupt::new(Damage::Checksum, place).into()),
        }
    }

    /// True if it is the first of its transaction.
    pub(super) fn is_first(&self) -> bool {
        self.flags & BLHDR_FIRST_HEADER != 0
    }

    /// A finding about a field.
    pub(super) fn finding(&self, damage: Damage, field: &'static str) -> Corrupt {
        Corrupt::new(damage, place(STRUCTURE, field, self.at, self.sequence))
    }

    /// The blocks that it writes, once all its numbers and the data have proved right. Nothing of it is longer than
    /// the `room` that there is for it in the ring.
    pub(super) fn blocks(&self, ring: &Ring<'_>, header: &Header, room: u64) -> Result<Vec<Block>> {
        let (max, count, used) = (u64::from(self.max_blocks), u64::from(self.num_blocks), self.bytes_used());
        let header_len = u64::from(header.blhdr_size);
        if max.saturating_mul(header.jhdr_size.into()) > header.size {
            return Err(self.finding(Damage::Range, "max_blocks").found(max).into());
        }
        let entries_end = HEAD_LEN.saturating_add(count.saturating_mul(ENTRY_LEN));
        if !(1..=max).contains(&count) || entries_end > header_len {
            return Err(self.finding(Damage::Range, "num_blocks").found(count).into());
        }
        if used < header_len || used > room {
            return Err(self.finding(Damage::Bounds, "bytes_used").found(used).into());
        }
        let mut blocks = Vec::new();
        let mut filled = header_len;
        for (number, entry) in (1_u64..).zip(self.entries(ring)?) {
            let at = ring.after(self.at, HEAD_LEN.saturating_add(number.saturating_mul(ENTRY_LEN)));
            let finding = |damage, field| Corrupt::new(damage, place("block_info", field, at, self.sequence));
            let (len, data) = (u64::from(entry.bsize), ring.after(self.at, filled));
            filled = filled.saturating_add(len);
            if filled > used {
                return Err(finding(Damage::Bounds, "bsize").found(len).into());
            }
            if entry.bnum == KILLED {
                continue;
            }
            if len == 0 {
                return Err(finding(Damage::Range, "bsize").found(0).into());
            }
            let is_summed = self.flags & BLHDR_CHECK_CHECKSUMS != 0 && entry.cksum != 0;
            if is_summed && ring.sum(data, len)? != entry.cksum {
                return Err(finding(Damage::Checksum, "cksum").into());
            }
            blocks.push(Block { bnum: entry.bnum, len, data, entry: at, sequence: self.sequence });
        }
        Ok(blocks)
    }

    /// Bytes of its header and data together.
    pub(super) fn bytes_used(&self) -> u64 {
        u64::from(self.bytes_used)
    }

    /// All entries but the first, which is about the list itself.
    fn entries(&self, ring: &Ring<'_>) -> Result<Vec<Entry>> {
        let count = usize::from(self.num_blocks).saturating_sub(1);
        let mut bytes = zeroed(count.saturating_mul(size_of::<BlockInfo<BigEndian>>()))?;
        ring.read(ring.after(self.at, HEAD_LEN.saturating_add(ENTRY_LEN)), &mut bytes)?;
        Ok(match ring.byte_order {
            ByteOrder::Little => entries::<LittleEndian>(&bytes),
            ByteOrder::Big => entries::<BigEndian>(&bytes),
        })
    }
}

/// A place in a journal, with the number of its transaction if it has one.
fn place(structure: &'static str, field: &'static str, at: u64, sequence: u32) -> Place {
    let place = Place::new(structure, field).offset(at);
    if sequence == 0 { place } else { place.xid(Xid(sequence.into())) }
}

/// The head of a list and its checksum.
fn decode<O: zerocopy::ByteOrder>(bytes: &[u8], at: u64) -> Option<(List, u32)> {
    let (head, rest) = pod_rest::<BlockListHeader<O>>(bytes)?;
    let own: &BlockInfo<O> = pod(rest)?;
    let list = List {
        at,
        max_blocks: head.max_blocks.get(),
        num_blocks: head.num_blocks.get(),
        bytes_used: head.bytes_used.get(),
        flags: head.flags.get(),
        sequence: own.cksum.get(),
    };
    Some((list, head.checksum.get()))
}

fn entries<O: zerocopy::ByteOrder>(bytes: &[u8]) -> Vec<Entry> {
    let raw = bytes.chunks_exact(size_of::<BlockInfo<O>>()).filter_map(pod::<BlockInfo<O>>);
    raw.map(|raw| Entry { bnum: raw.bnum.get(), bsize: raw.bsize.get(), cksum: raw.cksum.get() }).collect()
}
