//! The checksums that an image carries (sheet dmg, section 2.1).

use alloc::vec::Vec;
use core::ops::Range;

use super::chunk::{ChunkKind, SECTOR};
use super::device::Udif;
use super::trailer::Checksum;
use crate::base::bytes::{len64, to_usize, zeroed};
use crate::base::error::{Error, Result};
use crate::io::read_at::ReadAt;
use crate::sum::crc32::{Crc32, crc32};

/// Bytes read at once where that is up to us.
const PIECE: u64 = 1 << 20;

/// Told how many bytes were checked since the last call; an error ends the check, [`Error::Cancelled`] for instance.
pub type Progress<'a> = &'a mut dyn FnMut(u64) -> Result<()>;

/// Result of comparing a stored checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Check {
    /// It is right.
    Matches(u32),
    /// It is wrong.
    Differs {
        /// CRC-32 in the image.
        stored: u32,
        /// CRC-32 of the bytes.
        computed: u32,
    },
    /// The image has none.
    Absent,
    /// It is of a kind that is not computed here.
    NotChecked(Checksum),
}

impl Check {
    fn new(stored: Checksum, compute: impl FnOnce() -> Result<u32>) -> Result<Check> {
        match stored {
            Checksum::None => Ok(Check::Absent),
            Checksum::Crc32(stored) => Ok(Check::compare(stored, compute()?)),
            Checksum::Other(_) => Ok(Check::NotChecked(stored)),
        }
    }

    fn compare(stored: u32, computed: u32) -> Check {
        if stored == computed { Check::Matches(stored) } else { Check::Differs { stored, computed } }
    }
}

impl Udif {
    /// Compares the checksum of a table with what its chunks expand to. Several tables may be checked at once.
    ///
    /// # Errors
    /// `NotFound` if there is no such table; of reading if a chunk cannot be expanded; of `progress`.
    pub fn verify_table(&self, index: usize, progress: Progress<'_>) -> Result<Check> {
        let table = self.tables().get(index);
        let table =
            table.ok_or_else(|| Error::not_found(alloc::format!("table {index} of the disk image")))?;
        Check::new(table.checksum, || {
            let (mut crc, mut buffer) = (Crc32::new(), Vec::new());
            for chunk in self.map.of_table(&table.chunks) {
                match chunk.kind {
                    ChunkKind::Ignore => {}
                    ChunkKind::Zero => crc.update_zeros(chunk.sectors.saturating_mul(SECTOR)),
                    _ => {
                        self.check_expanded(chunk)?;
                        let (start, len) = (chunk.start.saturating_mul(SECTOR), chunk.len());
                        let piece = if chunk.kind == ChunkKind::Raw { PIECE } else { len };
                        add(self, start..start.saturating_add(len), piece, &mut crc, &mut buffer, progress)?;
                    }
                }
            }
            Ok(crc.value())
        })
    }

    /// Compares the checksum of the stored data of a segment, by its number from 0 on.
    ///
    /// # Errors
    /// `NotFound` if there is no such segment; of reading, and of `progress`.
    pub fn verify_data_fork(&self, segment: usize, progress: Progress<'_>) -> Result<Check> {
        let number = segment;
        let segment = self.segments().get(number);
        let segment = segment.ok_or_else(|| Error::not_found(alloc::format!("segment {number}")))?;
        Check::new(segment.trailer.data_checksum, || {
            let mut crc = Crc32::new();
            let bytes = 0..segment.trailer.data_len;
            add(&segment.data(), bytes, PIECE, &mut crc, &mut Vec::new(), progress)?;
            Ok(crc.value())
        })
    }

    /// Compares the checksum of the tables' checksums as they are stored, right or not.
    #[must_use]
    pub fn verify_master(&self) -> Check {
        match self.main_trailer().master_checksum {
            Checksum::None => Check::Absent,
            Checksum::Crc32(stored) => Check::compare(stored, crc32(self.table_checksums())),
            other @ Checksum::Other(_) => Check::NotChecked(other),
        }
    }
}

/// Adds bytes of a device to a checksum, so many at a time.
fn add(
    device: &dyn ReadAt,
    bytes: Range<u64>,
    piece: u64,
    crc: &mut Crc32,
    buffer: &mut Vec<u8>,
    progress: Progress<'_>,
) -> Result<()> {
    let mut at = bytes.start;
    while at < bytes.end {
        let len = to_usize(bytes.end.saturating_sub(at).min(piece))?;
        if buffer.len() < len {
            *buffer = zeroed(len)?;
        }
        let buffer = buffer.get_mut(..len).unwrap_or_default();
        device.read_exact_at(at, buffer)?;
        crc.update(buffer);
        progress(len64(len))?;
        at = at.saturating_add(len64(len));
    }
    Ok(())
}
