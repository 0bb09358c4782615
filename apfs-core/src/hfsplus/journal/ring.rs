//! The ring that a journal is: what passes its end goes on behind the header.

use alloc::vec::Vec;

use super::header::{ByteOrder, Header};
use crate::base::bytes::{len64, to_usize};
use crate::base::error::Result;
use crate::io::read_at::ReadAt;
use crate::sum::journal::JournalSum;

/// Bytes that are read at once to be summed up.
const CHUNK: u64 = 64 << 10;

/// The ring of a journal. Positions are bytes from the start of the journal, never in its header.
pub(super) struct Ring<'a> {
    device: &'a dyn ReadAt,
    /// First byte of the journal on the device.
    start: u64,
    head: u64,
    size: u64,
    pub(super) byte_order: ByteOrder,
}

impl<'a> Ring<'a> {
    /// The ring that a valid header describes, of a journal that lies in the device.
    pub(super) fn new(device: &'a dyn ReadAt, start: u64, header: &Header) -> Ring<'a> {
        let (head, size) = (u64::from(header.jhdr_size), header.size);
        Ring { device, start, head, size, byte_order: header.byte_order }
    }

    /// Bytes of the ring, the header not counted.
    pub(super) fn capacity(&self) -> u64 {
        self.size.saturating_sub(self.head)
    }

    /// Bytes from one position to another, at most once around.
    pub(super) fn distance(&self, from: u64, to: u64) -> u64 {
        match to.checked_sub(from) {
            Some(distance) => distance,
            None => self.capacity().saturating_sub(from.saturating_sub(to)),
        }
    }

    /// The position so many bytes further on, at most once around.
    pub(super) fn after(&self, at: u64, len: u64) -> u64 {
        let next = at.saturating_add(len);
        next.checked_sub(self.size).map_or(next, |rest| rest.saturating_add(self.head))
    }

    /// Where bytes of the ring are on the device, in one run or two: offset and length, which may be 0.
    pub(super) fn runs(&self, at: u64, len: u64) -> [(u64, u64); 2] {
        let first = len.min(self.size.saturating_sub(at));
        let second = len.saturating_sub(first);
        [(self.start.saturating_add(at), first), (self.start.saturating_add(self.head), second)]
    }

    /// Fills a buffer, which is no longer than the ring.
    pub(super) fn read(&self, at: u64, mut buf: &mut [u8]) -> Result<()> {
        for (offset, len) in self.runs(at, len64(buf.len())) {
            let (now, later) = buf.split_at_mut(to_usize(len)?);
            if !now.is_empty() {
                self.device.read_exact_at(offset, now)?;
            }
            buf = later;
        }
        Ok(())
    }

    /// Checksum of some bytes.
    pub(super) fn sum(&self, at: u64, len: u64) -> Result<u32> {
        let mut sum = JournalSum::default();
        let mut chunk = Vec::new();
        let (mut at, mut left) = (at, len);
        while left > 0 {
            let now = left.min(CHUNK);
            chunk.resize(to_usize(now)?, 0);
            self.read(at, &mut chunk)?;
            sum.update(&chunk);
            at = self.after(at, now);
            left = left.saturating_sub(now);
        }
        Ok(sum.value())
    }

    /// True if bytes of the volume are bytes of the journal.
    pub(super) fn overlaps(&self, offset: u64, len: u64) -> bool {
        let end = self.start.saturating_add(self.size);
        offset < end && offset.saturating_add(len) > self.start
    }

    /// True if bytes are inside the volume.
    pub(super) fn is_in_volume(&self, offset: u64, len: u64) -> bool {
        offset.checked_add(len).is_some_and(|end| end <= self.device.len())
    }
}
