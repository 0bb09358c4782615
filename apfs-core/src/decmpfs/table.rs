//! Where the chunks of a file lie in its resource fork (sheet decmpfs, sections 4 and 5).

use alloc::vec::Vec;

use super::chunk::CHUNK_LEN;
use super::method::Codec;
use crate::base::bytes::{len64, to_usize, u32_at, zeroed};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::Result;
use crate::base::ids::{FileId, Oid};
use crate::io::read_at::ReadAt;

/// The layout that is a classic resource file.
const RESOURCE: &str = "cmpf resource";
/// The layout that is a table of offsets.
const OFFSETS: &str = "decmpfs offset table";

/// Where the data of a resource file begins, in every fork seen.
const DATA_OFFSET: u64 = 0x100;
/// Most bytes of a packed chunk. Writers need no more than a marker and the chunk itself.
const MAX_PACKED: u64 = 2 * CHUNK_LEN;

/// The table of a fork. It describes exactly the chunks that the header promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Table {
    file: FileId,
    layout: Layout,
    /// Chunks lie in these bytes of the fork.
    from: u64,
    to: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// Offset and length of each chunk, counted from byte `base` of the fork, where their number stands.
    Resource { base: u64 },
    /// The offset of each chunk and of the end of the last one.
    Offsets,
}

/// A packed chunk in the fork.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: u64,
    pub(super) len: usize,
}

/// The entries of some chunks, as stored.
#[derive(Debug)]
pub(super) struct Entries {
    table: Table,
    /// Chunk of the first entry.
    first: u64,
    /// Where the entries stand in the fork.
    at: u64,
    bytes: Vec<u8>,
}

impl Table {
    /// Reads what a table says about itself. `count` is how many chunks the header promises, at least one.
    ///
    /// # Errors
    /// A table that leaves the fork, or describes another number of chunks.
    pub(super) fn open(file: FileId, codec: Codec, fork: &dyn ReadAt, count: u64) -> Result<Table> {
        let resource = match codec {
            Codec::Zlib => true,
            // Two layouts are told of, none was seen. The start of a large table of offsets can look like the other.
            Codec::Stored | Codec::Marked => {
                let starts = u32_be(fork, file, RESOURCE, "data offset", 0)? == DATA_OFFSET;
                let number = DATA_OFFSET.saturating_add(4);
                starts
                    && u32_le(fork, file, RESOURCE, "chunk count", number).is_ok_and(|found| found == count)
            }
            Codec::Lzvn | Codec::Lzfse | Codec::Lzbitmap => false,
        };
        if resource { Table::resource(file, fork, count) } else { Table::offsets(file, fork, count) }
    }

    fn resource(file: FileId, fork: &dyn ReadAt, count: u64) -> Result<Table> {
        let data = u32_be(fork, file, RESOURCE, "data offset", 0)?;
        let len = u32_be(fork, file, RESOURCE, "resource length", data)?;
        let base = data.saturating_add(4);
        let found = u32_le(fork, file, RESOURCE, "chunk count", base)?;
        let place = |field, at| place(file, RESOURCE, field, at);
        if found != count {
            let finding = Corrupt::new(Damage::Contradiction, place("chunk count", base));
            return Err(finding.expected(count).found(found).into());
        }
        // A fork that ends early costs the chunks that it lacks.
        let to = base.saturating_add(len).min(fork.len());
        let from = count.saturating_mul(8).saturating_add(base).saturating_add(4);
        if from > to {
            return Err(Corrupt::new(Damage::Bounds, place("chunk count", base)).found(count).into());
        }
        Ok(Table { file, layout: Layout::Resource { base }, from, to })
    }

    fn offsets(file: FileId, fork: &dyn ReadAt, count: u64) -> Result<Table> {
        let from = u32_le(fork, file, OFFSETS, "offset", 0)?;
        if from > fork.len() {
            let finding = Corrupt::new(Damage::Bounds, place(file, OFFSETS, "offset", 0));
            return Err(finding.expected(alloc::format!("at most {}", fork.len())).found(from).into());
        }
        let needed = count.saturating_add(1).saturating_mul(4);
        let wrong_count = |at, expected, found: u64| {
            let finding = Corrupt::new(Damage::Contradiction, place(file, OFFSETS, "offset", at));
            Err(finding.expected(alloc::format!("{expected} for {count} chunks")).found(found).into())
        };
        if from < needed {
            return wrong_count(0, alloc::format!("at least {needed}"), from);
        }
        // Some tables end with words that mean nothing. One that goes on where the last chunk ends means that the header
        // hides a chunk.
        if from >= needed.saturating_add(4) {
            let end = u32_le(fork, file, OFFSETS, "offset", needed.saturating_sub(4))?;
            let next = u32_le(fork, file, OFFSETS, "offset", needed)?;
            if next > end && next <= fork.len() {
                return wrong_count(needed, "no more chunks".into(), next);
            }
        }
        Ok(Table { file, layout: Layout::Offsets, from, to: fork.len() })
    }

    /// Reads the entries of `count` chunks from chunk `first` on.
    pub(super) fn entries(&self, fork: &dyn ReadAt, first: u64, count: u64) -> Result<Entries> {
        let (at, len) = match self.layout {
            Layout::Resource { base } => {
                (first.saturating_mul(8).saturating_add(base).saturating_add(4), count.saturating_mul(8))
            }
            Layout::Offsets => (first.saturating_mul(4), count.saturating_add(1).saturating_mul(4)),
        };
        if at.saturating_add(len) > self.from {
            return Err(Corrupt::new(Damage::Bounds, self.place("", at)).into());
        }
        let mut bytes = zeroed(to_usize(len)?)?;
        fork.read_exact_at(at, &mut bytes)?;
        Ok(Entries { table: *self, first, at, bytes })
    }

    fn place(&self, field: &'static str, at: u64) -> Place {
        let structure = if self.layout == Layout::Offsets { OFFSETS } else { RESOURCE };
        place(self.file, structure, field, at)
    }
}

impl Entries {
    /// Where a chunk is.
    ///
    /// # Errors
    /// One that leaves the data, is empty, or too long.
    pub(super) fn span(&self, index: u64) -> Result<Span> {
        let nth = to_usize(index.saturating_sub(self.first))?;
        let word = |at| u32_at(&self.bytes, at).map(u64::from);
        let (at, span) = match self.table.layout {
            Layout::Resource { base } => {
                let at = nth.saturating_mul(8);
                let start = word(at).map(|offset| offset.saturating_add(base));
                (at, start.zip(word(at.saturating_add(4))))
            }
            Layout::Offsets => {
                let at = nth.saturating_mul(4);
                let span = word(at).zip(word(at.saturating_add(4)));
                (at, span.map(|(start, end)| (start, end.saturating_sub(start))))
            }
        };
        let place = |field| self.table.place(field, self.at.saturating_add(len64(at)));
        let (start, len) = span.ok_or_else(|| Corrupt::new(Damage::Bounds, place("")))?;
        let Table { from, to, .. } = self.table;
        let found = alloc::format!("chunk {index}: {len} bytes at {start}");
        if start < from || start.saturating_add(len) > to {
            let finding = Corrupt::new(Damage::Bounds, place("chunk offset"));
            return Err(finding.expected(alloc::format!("within {from} to {to}")).found(found).into());
        }
        if len == 0 || len > MAX_PACKED {
            let finding = Corrupt::new(Damage::Range, place("chunk length"));
            return Err(finding.expected(alloc::format!("1 to {MAX_PACKED}")).found(found).into());
        }
        Ok(Span { start, len: to_usize(len)? })
    }
}

fn place(file: FileId, structure: &'static str, field: &'static str, at: u64) -> Place {
    Place::new(structure, field).oid(Oid(file.0)).offset(at)
}

/// Four bytes of a table; that they are not there is damage of the table, not of the device.
fn word(
    fork: &dyn ReadAt,
    file: FileId,
    structure: &'static str,
    field: &'static str,
    at: u64,
) -> Result<[u8; 4]> {
    let mut word = [0; 4];
    if at.saturating_add(4) > fork.len() {
        let finding = Corrupt::new(Damage::Bounds, place(file, structure, field, at));
        return Err(finding.found(alloc::format!("fork of {} bytes", fork.len())).into());
    }
    fork.read_exact_at(at, &mut word)?;
    Ok(word)
}

fn u32_be(
    fork: &dyn ReadAt,
    file: FileId,
    structure: &'static str,
    field: &'static str,
    at: u64,
) -> Result<u64> {
    word(fork, file, structure, field, at).map(|word| u32::from_be_bytes(word).into())
}

fn u32_le(
    fork: &dyn ReadAt,
    file: FileId,
    structure: &'static str,
    field: &'static str,
    at: u64,
) -> Result<u64> {
    word(fork, file, structure, field, at).map(|word| u32::from_le_bytes(word).into())
}
