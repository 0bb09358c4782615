//! Chunks: how a range of a file divides into them, and how those of a fork are expanded.

use alloc::vec::Vec;

use super::method::Codec;
use super::table::{Entries, Table};
use crate::base::bytes::{to_usize, zeroed};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::Result;
use crate::base::ids::{FileId, Oid};
use crate::io::read_at::ReadAt;

/// Bytes that a chunk expands to; the last one of a file may have fewer.
pub(super) const CHUNK: usize = 0x1_0000;
/// The same as a 64-bit number.
pub(super) const CHUNK_LEN: u64 = 0x1_0000;

/// Entries of a table that are read at a time when all are.
const ENTRIES: u64 = 4096;

/// A chunk, and from which of its bytes on a range needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) index: u64,
    /// Bytes of the whole chunk, expanded.
    pub(super) len: usize,
    pub(super) skip: usize,
}

/// Cuts `buf`, which takes the bytes of a file of `size` bytes from `offset` on, where chunks end.
pub(super) fn for_each_part(
    size: u64,
    offset: u64,
    buf: &mut [u8],
    mut fill: impl FnMut(Part, &mut [u8]) -> Result<()>,
) -> Result<()> {
    let (mut at, mut rest) = (offset, buf);
    while !rest.is_empty() && at < size {
        let start = at.saturating_sub(at % CHUNK_LEN);
        let len = to_usize(size.saturating_sub(start).min(CHUNK_LEN))?;
        let skip = to_usize(at.saturating_sub(start))?;
        let (now, later) = rest.split_at_mut(len.saturating_sub(skip).min(rest.len()));
        fill(Part { index: start / CHUNK_LEN, len, skip }, now)?;
        at = start.saturating_add(CHUNK_LEN);
        rest = later;
    }
    Ok(())
}

/// Looks whether every chunk of a file of `size` bytes lies where the table of its fork allows.
pub(super) fn check_spans(file: FileId, codec: Codec, fork: &dyn ReadAt, size: u64) -> Result<()> {
    let count = size.div_ceil(CHUNK_LEN);
    let table = Table::open(file, codec, fork, count)?;
    let mut first = 0u64;
    while first < count {
        let here = count.saturating_sub(first).min(ENTRIES);
        let entries = table.entries(fork, first, here)?;
        for index in first..first.saturating_add(here) {
            entries.span(index)?;
        }
        first = first.saturating_add(here);
    }
    Ok(())
}

/// The chunks of a fork, for one read of a range. The table is read when the first of them is needed.
pub(super) struct Chunks<'f, F> {
    pub(super) file: FileId,
    pub(super) codec: Codec,
    pub(super) fork: &'f F,
    /// Bytes of the file, expanded; more than none.
    pub(super) size: u64,
    /// Last byte of the range.
    pub(super) last: u64,
    entries: Option<Entries>,
    packed: Vec<u8>,
}

impl<'f, F: ReadAt> Chunks<'f, F> {
    pub(super) fn new(file: FileId, codec: Codec, fork: &'f F, size: u64, last: u64) -> Chunks<'f, F> {
        Chunks { file, codec, fork, size, last, entries: None, packed: Vec::new() }
    }

    /// Expands a chunk into `dst`, which is as long as it.
    pub(super) fn expand(&mut self, index: u64, dst: &mut [u8]) -> Result<()> {
        let fork: &dyn ReadAt = &self.fork;
        let entries = match &mut self.entries {
            Some(entries) => entries,
            missing => {
                let table = Table::open(self.file, self.codec, fork, self.size.div_ceil(CHUNK_LEN))?;
                let count = (self.last / CHUNK_LEN).saturating_sub(index).saturating_add(1);
                missing.insert(table.entries(fork, index, count)?)
            }
        };
        let span = entries.span(index)?;
        let packed = match fork.slice_at(span.start, span.len) {
            Some(lent) => lent,
            None => {
                if self.packed.len() < span.len {
                    self.packed = zeroed(span.len)?;
                }
                let packed = self.packed.get_mut(..span.len).unwrap_or(&mut []);
                fork.read_exact_at(span.start, packed)?;
                packed
            }
        };
        self.codec.expand(packed, dst).map_err(|fault| {
            let place = Place::new("decmpfs chunk", "").oid(Oid(self.file.0)).offset(span.start);
            let finding = Corrupt::new(Damage::Compressed, place);
            finding.found(alloc::format!("chunk {index}: {fault}")).into()
        })
    }
}
