//! Apple's sparse image format of macOS 26, ASIF: chunks found through tables, and tables through a directory (sheet
//! sparse-images, section 3).

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use zerocopy::byteorder::big_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use crate::base::bytes::{len64, pod, to_usize, zeroed};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::limits::Limits;
use crate::io::bands::read_by_band;
use crate::io::cache::Cache;
use crate::io::read_at::{ReadAt, Run};

/// Start of the file.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Header {
    signature: [u8; 4],
    version: U32,
    header_size: U32,
    flags: U32,
    /// Byte offsets of the two directories.
    directory: [U64; 2],
    uuid: [u8; 16],
    sector_count: U64,
    max_sector_count: U64,
    chunk_size: U32,
    sector_size: U16,
    total_segments: U16,
    metadata_chunk: U64,
}

const _: () = assert!(size_of::<Header>() == 80);

const SIGNATURE: [u8; 4] = *b"shdw";
const HEADER: &str = "ASIF header";
const GROUP: &str = "ASIF chunk group";
/// Bytes of groups that are kept.
const CACHE_BYTES: usize = 1 << 20;
/// Low bits of an entry: number of the chunk in the file.
const CHUNK_MASK: u64 = (1 << 55) - 1;
/// Entries of the directory, or states of sectors, that are looked at together for the length of a run.
const LOOK_AHEAD: u64 = 4096;

/// The disk in an ASIF image. Tables are read as they are needed.
pub struct AsifImage {
    device: Arc<dyn ReadAt>,
    shape: Shape,
    /// Where the entries of the directory begin.
    directory: u64,
    len: u64,
    /// Groups of entries, by number on the disk.
    groups: Cache<Arc<Vec<u8>>>,
}

/// Sizes that follow from the header.
#[derive(Clone, Copy, Debug)]
struct Shape {
    sector: u64,
    chunk: u64,
    /// Chunks of a group.
    group_chunks: u64,
    /// Bytes of a group's entries.
    group_len: u64,
    /// Groups of a table.
    table_groups: u64,
    /// Bytes of the disk that one group tells of.
    group_span: u64,
    /// Bytes of the disk that one table tells of.
    table_span: u64,
}

/// What is known of a chunk of the disk.
enum Chunk {
    Zeros,
    /// All of it is stored, from this offset on.
    Stored(u64),
    /// Some of its sectors are stored, from the first offset on; which of them, says the bitmap at the second.
    Partly(u64, u64),
}

impl Shape {
    fn new(header: &Header) -> Result<Shape> {
        let (sector, chunk) = (u64::from(header.sector_size.get()), u64::from(header.chunk_size.get()));
        if !(512..=4096).contains(&sector) || !sector.is_power_of_two() {
            return Err(Corrupt::new(Damage::Range, Place::new(HEADER, "sector size")).found(sector).into());
        }
        let group_chunks = sector.saturating_mul(4);
        let group_len = group_chunks.saturating_add(1).saturating_mul(8);
        let table_groups = chunk.checked_div(group_len).unwrap_or(0);
        // A byte of the bitmap tells of four sectors.
        if table_groups == 0 || chunk.checked_rem(sector.saturating_mul(4)) != Some(0) {
            return Err(Corrupt::new(Damage::Range, Place::new(HEADER, "chunk size")).found(chunk).into());
        }
        let group_span = group_chunks.saturating_mul(chunk);
        let table_span = group_span.saturating_mul(table_groups);
        Ok(Shape { sector, chunk, group_chunks, group_len, table_groups, group_span, table_span })
    }
}

impl AsifImage {
    /// Reads the header, and which of the two directories is the newer one.
    ///
    /// # Errors
    /// `Corrupt` for a header that makes no sense or no directory in the file, `Unsupported` for a version that is not
    /// known, `Limit` for a disk longer than allowed.
    pub fn open(device: Arc<dyn ReadAt>, limits: &Limits) -> Result<AsifImage> {
        let mut bytes = [0; size_of::<Header>()];
        if device.len() < len64(bytes.len()) {
            return Err(Error::damage(Damage::Bounds, Place::new(HEADER, "")));
        }
        device.read_exact_at(0, &mut bytes)?;
        let header = pod::<Header>(&bytes).ok_or(Error::Misuse("a header was read whole"))?;
        if header.signature != SIGNATURE {
            return Err(Error::damage(Damage::Magic, Place::new(HEADER, "signature")));
        }
        if header.version.get() != 1 {
            let what = alloc::format!("ASIF image of version {}", header.version.get());
            return Err(Error::unsupported(what, "convert it on a Mac with `diskutil image create from`"));
        }
        let shape = Shape::new(header)?;
        let (count, max) = (header.sector_count.get(), header.max_sector_count.get());
        if count > max {
            let corrupt = Corrupt::new(Damage::Contradiction, Place::new(HEADER, "sector count"));
            return Err(corrupt.expected(alloc::format!("at most {max}")).found(count).into());
        }
        let len = count.saturating_mul(shape.sector);
        if len > limits.image_bytes {
            return Err(Error::limit("bytes of a disk image", limits.image_bytes, len));
        }
        let directory = newer_directory(&*device, header.directory.map(U64::get))?;
        let groups = Cache::new(CACHE_BYTES, to_usize(shape.group_len)?);
        Ok(AsifImage { device, shape, directory, len, groups })
    }

    /// Fills a buffer from one chunk.
    fn read_chunk(&self, at: u64, mut buf: &mut [u8]) -> Result<()> {
        let inside = at.checked_rem(self.shape.chunk).unwrap_or(0);
        match self.chunk(at)? {
            Chunk::Zeros => buf.fill(0),
            Chunk::Stored(start) => self.read(start.saturating_add(inside), buf)?,
            Chunk::Partly(start, bitmap) => {
                let mut inside = inside;
                while !buf.is_empty() {
                    let (len, zeros) = self.sectors(bitmap, inside, len64(buf.len()))?;
                    let (now, later) = buf.split_at_mut(to_usize(len)?);
                    if zeros {
                        now.fill(0)
                    } else {
                        self.read(start.saturating_add(inside), now)?
                    }
                    inside = inside.saturating_add(len);
                    buf = later;
                }
            }
        }
        Ok(())
    }

    /// What the tables say of the chunk that holds an offset of the disk.
    fn chunk(&self, at: u64) -> Result<Chunk> {
        let number = at.checked_div(self.shape.group_span).unwrap_or(0);
        let Some(group) = self.group(number)? else { return Ok(Chunk::Zeros) };
        let inside = at.checked_rem(self.shape.group_span).unwrap_or(0);
        let index = inside.checked_div(self.shape.chunk).unwrap_or(0);
        let place = |field| Place::new(GROUP, field).offset(index);
        let entry = entry(&group, index)?;
        let start = self.chunk_start(entry & CHUNK_MASK, place("entry"))?;
        match (entry >> 62, entry & CHUNK_MASK) {
            (0, 0) => Ok(Chunk::Zeros),
            // The header lies in chunk 0.
            (1 | 3, 0) => Err(Error::damage(Damage::Range, place("entry"))),
            (1, _) => Ok(Chunk::Stored(start)),
            (3, _) => {
                let bitmap = self::entry(&group, self.shape.group_chunks)? & CHUNK_MASK;
                if bitmap == 0 {
                    return Err(Error::damage(Damage::Missing, place("bitmap")));
                }
                // Two bits for each sector of the group.
                let each = self.shape.chunk.checked_div(self.shape.sector.saturating_mul(4)).unwrap_or(0);
                let bitmap = self.chunk_start(bitmap, place("bitmap"))?;
                Ok(Chunk::Partly(start, bitmap.saturating_add(index.saturating_mul(each))))
            }
            (status, number) => {
                let what = alloc::format!("ASIF chunk of status {status} with number {number}");
                Err(Error::unsupported(what, "convert it on a Mac with `diskutil image create from`"))
            }
        }
    }

    /// Where a chunk of the file begins.
    fn chunk_start(&self, number: u64, place: Place) -> Result<u64> {
        let start = number.checked_mul(self.shape.chunk).filter(|start| *start < self.device.len());
        start.ok_or_else(|| Corrupt::new(Damage::PastEnd, place).found(number).into())
    }

    /// The entries of a group; `None` if it has none: the disk is zeros there.
    fn group(&self, number: u64) -> Result<Option<Arc<Vec<u8>>>> {
        if let Some(group) = self.groups.get(number) {
            return Ok(Some(group));
        }
        let table = number.checked_div(self.shape.table_groups).unwrap_or(0);
        let chunk = self.tables(table, 1)?.first().copied().unwrap_or(0);
        if chunk == 0 {
            return Ok(None);
        }
        let start = self.chunk_start(chunk, Place::new("ASIF directory", "entry").offset(table))?;
        let index = number.checked_rem(self.shape.table_groups).unwrap_or(0);
        let mut group = zeroed(to_usize(self.shape.group_len)?)?;
        self.read(start.saturating_add(index.saturating_mul(self.shape.group_len)), &mut group)?;
        let group = Arc::new(group);
        self.groups.insert(number, group.clone());
        Ok(Some(group))
    }

    /// Chunk numbers of so many tables.
    fn tables(&self, first: u64, count: u64) -> Result<Vec<u64>> {
        let mut bytes = zeroed(to_usize(count.saturating_mul(8))?)?;
        self.read(self.directory.saturating_add(first.saturating_mul(8)), &mut bytes)?;
        let (entries, _) = bytes.as_chunks();
        Ok(entries.iter().map(|entry| u64::from_be_bytes(*entry)).collect())
    }

    /// How many bytes from an offset in a chunk on are of one kind, at most `len`, and whether they are zeros.
    fn sectors(&self, bitmap: u64, inside: u64, len: u64) -> Result<(u64, bool)> {
        let sector = self.shape.sector;
        let first = inside.checked_div(sector).unwrap_or(0);
        let end = inside.saturating_add(len).div_ceil(sector).min(first.saturating_add(LOOK_AHEAD));
        let mut states = zeroed(to_usize(end.div_ceil(4).saturating_sub(first / 4))?)?;
        self.read(bitmap.saturating_add(first / 4), &mut states)?;
        let state = |number: u64| -> Option<u8> {
            let byte = states.get(usize::try_from((number / 4).checked_sub(first / 4)?).ok()?)?;
            byte.checked_shr(u32::try_from(number % 4).ok()?.checked_mul(2)?).map(|bits| bits & 3)
        };
        let kind = state(first);
        let zeros = match kind {
            Some(0) => true,
            Some(1) => false,
            _ => return Err(Error::unsupported("ASIF sector of unknown state", "")),
        };
        let same = (first..end).take_while(|number| state(*number) == kind);
        let stop = first.saturating_add(len64(same.count())).saturating_mul(sector);
        Ok((stop.saturating_sub(inside).min(len), zeros))
    }

    /// Bytes of the file.
    fn read(&self, at: u64, buf: &mut [u8]) -> Result<()> {
        if at.checked_add(len64(buf.len())).is_none_or(|end| end > self.device.len()) {
            return Err(Error::damage(Damage::PastEnd, Place::new("ASIF image", "chunk").offset(at)));
        }
        self.device.read_exact_at(at, buf)
    }

    /// Length of a hole at an offset that no table tells of, as far as the directory is looked at.
    fn hole(&self, at: u64) -> Result<u64> {
        let first = at.checked_div(self.shape.table_span).unwrap_or(0);
        let last = self.len.div_ceil(self.shape.table_span);
        let tables = self.tables(first, last.saturating_sub(first).min(LOOK_AHEAD))?;
        let empty = tables.iter().take_while(|table| **table == 0).count();
        Ok(first.saturating_add(len64(empty)).saturating_mul(self.shape.table_span).saturating_sub(at))
    }

    /// How many bytes from `at` on are of one kind, as far as one group tells, and whether they are zeros.
    fn run(&self, at: u64) -> Result<(u64, bool)> {
        let group = at.checked_div(self.shape.group_span).unwrap_or(0);
        if self.group(group)?.is_none() {
            return Ok((self.hole(at)?, true));
        }
        let rest = |at: u64| self.shape.chunk.saturating_sub(at.checked_rem(self.shape.chunk).unwrap_or(0));
        match self.chunk(at)? {
            Chunk::Stored(_) => Ok((rest(at), false)),
            Chunk::Partly(_, bitmap) => {
                self.sectors(bitmap, at.checked_rem(self.shape.chunk).unwrap_or(0), rest(at))
            }
            Chunk::Zeros => {
                let end = group.saturating_add(1).saturating_mul(self.shape.group_span).min(self.len);
                let mut stop = at.saturating_add(rest(at));
                while stop < end && matches!(self.chunk(stop), Ok(Chunk::Zeros)) {
                    stop = stop.saturating_add(self.shape.chunk);
                }
                Ok((stop.saturating_sub(at), true))
            }
        }
    }
}

/// Where the entries of the newer directory begin. One that is not in the file does not count.
fn newer_directory(device: &dyn ReadAt, places: [u64; 2]) -> Result<u64> {
    let mut newest: Option<(u64, u64)> = None;
    for at in places.into_iter().filter(|at| *at != 0) {
        let (mut sequence, Some(entries)) = ([0; 8], at.checked_add(8)) else { continue };
        if entries > device.len() {
            continue;
        }
        device.read_exact_at(at, &mut sequence)?;
        let sequence = u64::from_be_bytes(sequence);
        if newest.is_none_or(|(found, _)| found < sequence) {
            newest = Some((sequence, entries));
        }
    }
    let missing = || Error::damage(Damage::Missing, Place::new(HEADER, "directory"));
    newest.map(|(_, entries)| entries).ok_or_else(missing)
}

/// An entry of a group.
fn entry(group: &[u8], index: u64) -> Result<u64> {
    let (entries, _) = group.as_chunks();
    let entry =
        entries.get(to_usize(index)?).ok_or(Error::Misuse("a group has entries for all its chunks"))?;
    Ok(u64::from_be_bytes(*entry))
}

impl ReadAt for AsifImage {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        let chunk = self.shape.chunk;
        read_by_band((self.len, chunk), offset, buf, |number, inside, now| {
            self.read_chunk(number.saturating_mul(chunk).saturating_add(inside), now)
        })
    }

    fn run_at(&self, offset: u64) -> Option<Run> {
        let rest = self.len.checked_sub(offset).filter(|rest| *rest > 0)?;
        let inside = offset.checked_rem(self.shape.chunk)?;
        // Where the tables are damaged, reading the chunk says so.
        let (len, zeros) = self.run(offset).unwrap_or((self.shape.chunk.saturating_sub(inside), false));
        Some(Run { len: len.min(rest), zeros })
    }
}

impl fmt::Debug for AsifImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsifImage")
            .field("shape", &self.shape)
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}
