//! The header of a journal: how far its ring is filled.

use zerocopy::{BigEndian, LittleEndian};

use super::info::JournalInfo;
use crate::base::bytes::pod;
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::hfsplus::raw::journal::{
    ENDIAN_MAGIC, JOURNAL_HEADER_CKSUM_LEN, JOURNAL_HEADER_MAGIC, JournalHeader, OLD_JOURNAL_HEADER_MAGIC,
};
use crate::io::read_at::ReadAt;
use crate::sum::journal::structure_sum;

const STRUCTURE: &str = "journal_header";
/// Where its checksum is.
const CHECKSUM_AT: usize = 36;
/// Positions in a journal are multiples of this.
const SECTOR: u64 = 512;
const SMALLEST: u64 = 256 << 10;
const LARGEST: u64 = 1 << 30;
/// Largest block of a device.
const LARGEST_SECTOR: u32 = 1 << 16;

/// Order of the bytes of numbers in a journal: that of the machine that wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteOrder {
    /// Intel and Apple silicon.
    Little,
    /// PowerPC.
    Big,
}

/// The header of a journal, valid.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Header {
    /// Order of the bytes of its numbers.
    pub byte_order: ByteOrder,
    /// An old header, `JHDR`, that has no checksum.
    pub is_old: bool,
    /// Where the oldest transaction begins that is not in place yet, in bytes from the start of the journal; never in
    /// the header.
    pub start: u64,
    /// Where the newest one ends. Equal to `start`: there is none.
    pub end: u64,
    /// Bytes of the journal, header included.
    pub size: u64,
    /// Bytes of this header, which is the unit of block numbers.
    pub jhdr_size: u32,
    /// Bytes of the header of a list of blocks.
    pub blhdr_size: u32,
    /// Number of the newest transaction, or 0.
    pub sequence_num: u32,
    endian: u32,
    checksum: u32,
}

impl Header {
    pub(super) fn read(device: &dyn ReadAt, info: &JournalInfo) -> Result<Header> {
        info.check_inside(device.len())?;
        let mut bytes = [0; size_of::<JournalHeader<BigEndian>>()];
        if !(SMALLEST..=LARGEST).contains(&info.size) {
            let place = Place::new("JournalInfoBlock", "size");
            return Err(Corrupt::new(Damage::Range, place).found(info.size).into());
        }
        device.read_exact_at(info.offset, &mut bytes)?;
        let big = pod(&bytes).and_then(|raw| decode::<BigEndian>(raw, ByteOrder::Big));
        let little = || pod(&bytes).and_then(|raw| decode::<LittleEndian>(raw, ByteOrder::Little));
        let mut header = big.or_else(little).ok_or_else(|| wrong("magic", Damage::Magic))?;
        let sum = structure_sum(bytes.get(..JOURNAL_HEADER_CKSUM_LEN).unwrap_or_default(), CHECKSUM_AT);
        if !header.is_old && sum != header.checksum {
            return Err(wrong("checksum", Damage::Checksum));
        }
        if header.is_old && header.jhdr_size == 0 {
            // From before the field: a sector of the disks of that time.
            header.jhdr_size = 512;
        }
        header.check(info)?;
        Ok(header)
    }

    /// What does not agree with the rest, and does no harm.
    pub(super) fn finding(&self) -> Option<Corrupt> {
        let place = Place::new(STRUCTURE, "endian").offset(4);
        (self.endian != ENDIAN_MAGIC).then(|| Corrupt::new(Damage::Contradiction, place).found(self.endian))
    }

    fn check(&mut self, info: &JournalInfo) -> Result<()> {
        if self.size != info.size {
            return Err(wrong("size", Damage::Contradiction));
        }
        let sector = u64::from(self.jhdr_size);
        if !self.jhdr_size.is_power_of_two() || !(512..=LARGEST_SECTOR).contains(&self.jhdr_size) {
            return Err(wrong("jhdr_size", Damage::Range));
        }
        // A multiple of the sector also holds a head and an entry.
        let blhdr_size = u64::from(self.blhdr_size);
        if blhdr_size == 0
            || !blhdr_size.is_multiple_of(sector)
            || blhdr_size > self.size.saturating_sub(sector)
        {
            return Err(wrong("blhdr_size", Damage::Range));
        }
        for (position, field) in [(&mut self.start, "start"), (&mut self.end, "end")] {
            // The end of the ring is its beginning.
            if *position == self.size {
                *position = sector;
            }
            if !position.is_multiple_of(SECTOR) || !(sector..self.size).contains(position) {
                return Err(wrong(field, Damage::Range));
            }
        }
        Ok(())
    }
}

/// The fields of a header, if its magic number is one in this order of bytes.
fn decode<O: zerocopy::ByteOrder>(raw: &JournalHeader<O>, byte_order: ByteOrder) -> Option<Header> {
    let is_old = match raw.magic.get() {
        JOURNAL_HEADER_MAGIC => false,
        OLD_JOURNAL_HEADER_MAGIC => true,
        _ => return None,
    };
    Some(Header {
        byte_order,
        is_old,
        start: raw.start.get(),
        end: raw.end.get(),
        size: raw.size.get(),
        jhdr_size: raw.jhdr_size.get(),
        blhdr_size: raw.blhdr_size.get(),
        sequence_num: raw.sequence_num.get(),
        endian: raw.endian.get(),
        checksum: raw.checksum.get(),
    })
}

fn wrong(field: &'static str, damage: Damage) -> Error {
    Error::damage(damage, Place::new(STRUCTURE, field).offset(0))
}
