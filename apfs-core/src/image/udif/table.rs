//! A table of chunks: the block `mish` that each partition of the disk has (sheet dmg, section 3).

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use zerocopy::byteorder::big_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use super::chunk::{Chunk, ChunkKind, SECTOR};
use super::trailer::{Checksum, RawChecksum};
use crate::base::bytes::{len64, pod_rest};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::limits::Limits;

/// Header of a table (`BLKXTable`).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawTable {
    signature: [u8; 4],
    version: U32,
    sector_number: U64,
    sector_count: U64,
    data_offset: U64,
    buffers_needed: U32,
    block_descriptors: U32,
    reserved: [u8; 24],
    checksum: RawChecksum,
    number_of_block_chunks: U32,
}

/// Entry of a table (`BLKXChunkEntry`).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawChunk {
    entry_type: U32,
    comment: U32,
    sector_number: U64,
    sector_count: U64,
    compressed_offset: U64,
    compressed_length: U64,
}

const _: () = assert!(size_of::<RawTable>() == 204 && size_of::<RawChunk>() == 40);

/// Says something, and has no sectors.
const COMMENT: u32 = 0x7FFF_FFFE;
/// The last entry of a table.
const TERMINATOR: u32 = 0xFFFF_FFFF;

/// A table of chunks, usually that of one partition.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Table {
    /// Number of its entry in the image.
    pub id: i32,
    /// Its name, for example `disk image (Apple_APFS : 4)`; may be empty.
    pub name: String,
    /// First sector of 512 bytes on the disk.
    pub start: u64,
    /// How many sectors.
    pub sectors: u64,
    /// Checksum of what its chunks expand to, chunks of ignored sectors left out.
    pub checksum: Checksum,
    /// Its chunks among all.
    pub(super) chunks: Range<usize>,
}

/// What tables become: chunks by table, and what is odd about them.
#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) tables: Vec<Table>,
    /// Those of a table stand together.
    pub(super) chunks: Vec<Chunk>,
    /// The stored checksums one behind the other, which is what the master checksum is of.
    pub(super) checksums: Vec<u8>,
    pub(super) findings: Vec<Corrupt>,
    /// The first finding that cost chunks: what no chunk describes need not be zeros.
    pub(super) damage: Option<Corrupt>,
}

impl Tables {
    /// Adds a table, or what is wrong with it. Of a table with an entry that makes no sense the others are taken.
    ///
    /// # Errors
    /// `Unsupported` for another version, `Limit` for a disk that is too large.
    pub(super) fn add(&mut self, id: i32, name: String, bytes: &[u8], limits: &Limits) -> Result<()> {
        let taken = self.take(id, name, bytes, limits);
        self.lose_if_corrupt(taken)
    }

    /// Notes damage that costs chunks; other errors stay what they are.
    pub(super) fn lose_if_corrupt(&mut self, result: Result<()>) -> Result<()> {
        match result {
            Err(Error::Corrupt(finding)) => {
                self.damage.get_or_insert_with(|| (*finding).clone());
                self.findings.push(*finding);
                Ok(())
            }
            other => other,
        }
    }

    fn take(&mut self, id: i32, name: String, bytes: &[u8], limits: &Limits) -> Result<()> {
        let short = || Corrupt::new(Damage::Bounds, place(""));
        let (raw, entries) = pod_rest::<RawTable>(bytes).ok_or_else(short)?;
        if raw.signature != *b"mish" {
            return Err(Corrupt::new(Damage::Magic, place("Signature")).expected("mish").into());
        }
        if raw.version.get() != 1 {
            let what = alloc::format!("UDIF table of version {}", raw.version);
            return Err(Error::unsupported(what, ""));
        }
        let count = raw.number_of_block_chunks.get();
        let there = len64(entries.len()).checked_div(len64(size_of::<RawChunk>())).unwrap_or(0);
        if u64::from(count) > there {
            let place = place("NumberOfBlockChunks");
            return Err(Corrupt::new(Damage::Bounds, place).expected(there).found(count).into());
        }
        let first = self.chunks.len();
        let (mut rest, mut lost) = (entries, Ok(()));
        for index in 0..count {
            let (entry, behind) = pod_rest::<RawChunk>(rest).ok_or_else(short)?;
            rest = behind;
            match entry.entry_type.get() {
                TERMINATOR => {
                    self.check_terminator(raw, entry, index, count);
                    break;
                }
                COMMENT => {}
                _ if entry.sector_count.get() == 0 => {}
                _ => match chunk(raw, entry, index, limits) {
                    Ok(chunk) => self.chunks.push(chunk),
                    Err(error @ Error::Corrupt(_)) => lost = lost.and(Err(error)),
                    Err(error) => return Err(error),
                },
            }
        }
        // One finding for all of them: there may be millions.
        self.lose_if_corrupt(lost)?;
        let table = Table {
            id,
            name,
            start: raw.sector_number.get(),
            sectors: raw.sector_count.get(),
            checksum: Checksum::new(&raw.checksum),
            chunks: first..self.chunks.len(),
        };
        self.check_size(&table);
        self.checksums.extend_from_slice(raw.checksum.value());
        if let Some(chunks) = self.chunks.get_mut(first..) {
            chunks.sort_unstable_by_key(|chunk| chunk.start);
        }
        self.tables.push(table);
        Ok(())
    }

    fn check_terminator(&mut self, raw: &RawTable, entry: &RawChunk, index: u32, count: u32) {
        let (expected, found) = (raw.sector_count.get(), entry.sector_number.get());
        if expected != found {
            let finding = Corrupt::new(Damage::Contradiction, place("SectorCount"));
            self.findings.push(finding.expected(found).found(expected));
        }
        if index.saturating_add(1) != count {
            let finding = Corrupt::new(Damage::Contradiction, place("NumberOfBlockChunks"));
            self.findings.push(finding.expected(u64::from(index).saturating_add(1)).found(count));
        }
    }

    fn check_size(&mut self, table: &Table) {
        let chunks = self.chunks.get(table.chunks.clone()).unwrap_or_default();
        let end = chunks.iter().map(Chunk::end).max().unwrap_or(0);
        if end > table.start.saturating_add(table.sectors) {
            let sectors = end.saturating_sub(table.start);
            let finding = Corrupt::new(Damage::Bounds, place("SectorCount"));
            self.findings.push(finding.expected(sectors).found(table.sectors));
        }
        let described = chunks.iter().fold(0u64, |sum, chunk| sum.saturating_add(chunk.sectors));
        if described < table.sectors && self.damage.is_none() {
            let finding = Corrupt::new(Damage::Missing, Place::new("BLKXChunkEntry", "SectorNumber"));
            let found = alloc::format!("{described} of {} sectors of table {}", table.sectors, table.id);
            self.findings.push(finding.found(found));
        }
    }
}

/// An entry that describes sectors.
fn chunk(table: &RawTable, entry: &RawChunk, index: u32, limits: &Limits) -> Result<Chunk> {
    let kind = match entry.entry_type.get() {
        0 => ChunkKind::Zero,
        1 => ChunkKind::Raw,
        2 => ChunkKind::Ignore,
        0x8000_0004 => ChunkKind::Adc,
        0x8000_0005 => ChunkKind::Zlib,
        0x8000_0006 => ChunkKind::Bzip2,
        0x8000_0007 => ChunkKind::Lzfse,
        0x8000_0008 => ChunkKind::Lzma,
        kind => ChunkKind::Unknown(kind),
    };
    let (first, sectors) = (entry.sector_number.get(), entry.sector_count.get());
    let start = table.sector_number.get().checked_add(first);
    let end = start.and_then(|start| start.checked_add(sectors)?.checked_mul(SECTOR));
    let (Some(start), Some(end)) = (start, end) else {
        let place = Place::new("BLKXChunkEntry", "SectorCount").offset(entry_offset(index));
        return Err(Corrupt::new(Damage::Range, place).found(sectors).into());
    };
    check_disk_len(end, limits)?;
    // A sum past 2^64 is past the end of every file, like the largest offset.
    let offset = table.data_offset.get().saturating_add(entry.compressed_offset.get());
    Ok(Chunk { start, sectors, kind, offset, stored: entry.compressed_length.get() })
}

/// Refuses a disk that is too large.
pub(super) fn check_disk_len(len: u64, limits: &Limits) -> Result<()> {
    if len > limits.image_bytes {
        return Err(Error::limit("bytes of the disk in a disk image", limits.image_bytes, len));
    }
    Ok(())
}

/// Where in its table an entry stands.
fn entry_offset(index: u32) -> u64 {
    let before = u64::from(index).saturating_mul(len64(size_of::<RawChunk>()));
    len64(size_of::<RawTable>()).saturating_add(before)
}

fn place(field: &'static str) -> Place {
    Place::new("BLKXTable", field)
}
