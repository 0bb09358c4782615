//! A device put together from pieces of others and of zeros: sparse and split images, pairs of disks.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use super::read_at::{ReadAt, Run, past_end};
use crate::base::bytes::{len64, to_usize};
use crate::base::error::{Error, Result};

/// Where the bytes of a piece come from.
#[derive(Clone)]
pub enum Source {
    /// Zeros.
    Zeros,
    /// The bytes of a device from an offset on.
    Device(Arc<dyn ReadAt>, u64),
}

struct Piece {
    end: u64,
    start: u64,
    source: Source,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Zeros => f.write_str("Zeros"),
            Source::Device(_, start) => f.debug_tuple("Device").field(start).finish(),
        }
    }
}

/// A device made of pieces that follow one another without gaps.
#[derive(Default)]
pub struct Pieces {
    pieces: Vec<Piece>,
}

impl Pieces {
    /// No pieces yet.
    #[must_use]
    pub fn new() -> Pieces {
        Pieces::default()
    }

    /// Appends a piece of `len` bytes.
    ///
    /// # Errors
    /// [`Error::Misuse`] if the total length passes 2^64.
    pub fn push(&mut self, len: u64, source: Source) -> Result<()> {
        let start = self.len();
        let end = start.checked_add(len).ok_or(Error::Misuse("pieces longer than 2^64 bytes"))?;
        if len > 0 {
            self.pieces.push(Piece { end, start, source });
        }
        Ok(())
    }
}

impl ReadAt for Pieces {
    fn len(&self) -> u64 {
        self.pieces.last().map_or(0, |piece| piece.end)
    }

    fn read_exact_at(&self, offset: u64, mut buf: &mut [u8]) -> Result<()> {
        let fail = || past_end(offset, buf.len(), self.len());
        if offset.checked_add(len64(buf.len())).is_none_or(|end| end > self.len()) {
            return Err(fail());
        }
        let first = self.pieces.partition_point(|piece| piece.end <= offset);
        let mut at = offset;
        for piece in self.pieces.iter().skip(first) {
            if buf.is_empty() {
                break;
            }
            let here = to_usize(piece.end.saturating_sub(at).min(len64(buf.len())))?;
            let (now, later) = buf.split_at_mut(here);
            match &piece.source {
                Source::Zeros => now.fill(0),
                Source::Device(device, start) => {
                    let from = start.saturating_add(at.saturating_sub(piece.start));
                    device.read_exact_at(from, now)?;
                }
            }
            at = piece.end;
            buf = later;
        }
        Ok(())
    }

    fn run_at(&self, offset: u64) -> Option<Run> {
        let first = self.pieces.partition_point(|piece| piece.end <= offset);
        let piece = self.pieces.get(first)?;
        let rest = piece.end.saturating_sub(offset);
        Some(match &piece.source {
            Source::Zeros => Run { len: rest, zeros: true },
            Source::Device(device, start) => {
                let run = device.run_at(start.saturating_add(offset.saturating_sub(piece.start)));
                run.map_or(Run { len: rest, zeros: false }, |run| Run { len: run.len.min(rest), ..run })
            }
        })
    }
}

impl fmt::Debug for Pieces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pieces").field("pieces", &self.pieces.len()).field("len", &self.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    /// Reads cross borders between data and zeros; the end is the end.
    #[test]
    fn crosses_borders() {
        let mut pieces = Pieces::new();
        pieces.push(2, Source::Device(Arc::new(vec![1u8, 2, 3]), 1)).unwrap();
        pieces.push(2, Source::Zeros).unwrap();
        pieces.push(1, Source::Device(Arc::new(vec![9u8]), 0)).unwrap();
        let mut all = [7u8; 5];
        pieces.read_exact_at(0, &mut all).unwrap();
        assert_eq!(all, [2, 3, 0, 0, 9]);
        let mut two = [0u8; 2];
        pieces.read_exact_at(3, &mut two).unwrap();
        assert_eq!(two, [0, 9]);
        assert!(pieces.read_exact_at(4, &mut two).is_err());
        assert!(pieces.push(u64::MAX, Source::Zeros).is_err());
    }
}
