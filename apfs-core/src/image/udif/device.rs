//! The disk in a UDIF image, expanded chunk by chunk as it is read.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::cache::ChunkCache;
use super::chunk::{Chunk, ChunkKind, SECTOR};
use super::map::{ChunkMap, Slot};
use super::segment::{Segment, data_fork};
use super::table::{Table, Tables, check_disk_len};
use super::trailer::{Trailer, place};
use crate::base::bytes::{len64, to_usize, zeroed};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::limits::Limits;
use crate::codec::Fault;
use crate::image::plist;
use crate::image::resource_fork::ResourceFork;
use crate::io::read_at::{ReadAt, Run, past_end};

/// A UDIF image as the disk in it. Any number of threads may read; each expands what it needs.
pub struct Udif {
    segments: Vec<Segment>,
    /// The one of the segment that lists the chunks.
    main_trailer: Trailer,
    /// The stored data of all segments.
    data: Arc<dyn ReadAt>,
    tables: Vec<Table>,
    /// Their stored checksums one behind the other.
    table_checksums: Vec<u8>,
    pub(super) map: ChunkMap,
    sectors: u64,
    findings: Vec<Corrupt>,
    /// Why chunks are missing: what none describes can't be read then.
    damage: Option<Corrupt>,
    largest_chunk: u64,
    cache: ChunkCache,
    /// By number of the chunk: whether it was ever expanded.
    touched: Vec<AtomicBool>,
    touched_count: AtomicUsize,
    expansions: AtomicUsize,
}

/// How much of an image was expanded so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Expanded {
    /// Compressed chunks that were expanded at least once.
    pub chunks: usize,
    /// All compressed chunks of the image.
    pub of: usize,
    /// How often a chunk was expanded, the same one counted again.
    pub times: usize,
}

impl Udif {
    /// Opens an image that is one file.
    ///
    /// # Errors
    /// `Corrupt` if the trailer or all tables are damaged, `Limit` for a disk or tables that are too large, `NotFound` for
    /// an image of several segments.
    pub fn open(file: Arc<dyn ReadAt>, limits: &Limits) -> Result<Udif> {
        Udif::open_segments(file, Vec::new(), limits)
    }

    /// Opens an image that was cut into segments, `.dmg` and then `.dmgpart` in their order.
    ///
    /// # Errors
    /// As [`Udif::open`]; `Corrupt` if the segments do not belong together.
    pub fn open_segments(
        first: Arc<dyn ReadAt>,
        rest: Vec<Arc<dyn ReadAt>>,
        limits: &Limits,
    ) -> Result<Udif> {
        let files = [first].into_iter().chain(rest);
        let segments: Vec<Segment> = files.map(|file| Segment::open(file, limits)).collect::<Result<_>>()?;
        let data = data_fork(&segments, limits)?;
        let missing = || Error::damage(Damage::Missing, place("XMLLength"));
        let segment = segments.iter().find(|segment| segment.has_tables()).ok_or_else(missing)?;
        let main_trailer = segment.trailer.clone();
        let Tables { tables, chunks, checksums, mut findings, damage } = read_tables(segment, limits)?;
        let map = ChunkMap::new(chunks)?;
        findings.extend(map.damage().cloned());
        let damage = damage.or(map.damage().cloned());
        let told = main_trailer.sectors;
        let by_tables =
            tables.iter().map(|table| table.start.saturating_add(table.sectors)).max().unwrap_or(0);
        if told != 0 && told < map.end() {
            let finding = Corrupt::new(Damage::Contradiction, place("SectorCount"));
            findings.push(finding.expected(map.end()).found(told));
        }
        let sectors = if told == 0 { by_tables.max(map.end()) } else { told.max(map.end()) };
        check_disk_len(sectors.saturating_mul(SECTOR), limits)?;
        let touched = map.all().iter().map(|_| AtomicBool::new(false)).collect();
        Ok(Udif {
            segments,
            main_trailer,
            data,
            tables,
            table_checksums: checksums,
            map,
            sectors,
            findings,
            damage,
            largest_chunk: limits.image_chunk_bytes,
            cache: ChunkCache::new(limits.chunk_cache_bytes),
            touched,
            touched_count: AtomicUsize::new(0),
            expansions: AtomicUsize::new(0),
        })
    }

    /// What the blocks `koly` of its files say, in the order of the segments.
    pub fn trailers(&self) -> impl ExactSizeIterator<Item = &Trailer> {
        self.segments.iter().map(|segment| &segment.trailer)
    }

    /// What the block `koly` says that belongs to the tables.
    #[must_use]
    pub fn main_trailer(&self) -> &Trailer {
        &self.main_trailer
    }

    pub(super) fn table_checksums(&self) -> &[u8] {
        &self.table_checksums
    }

    pub(super) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Its tables, in the order of the image.
    #[must_use]
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// What contradicts itself in the image without making it unreadable.
    #[must_use]
    pub fn findings(&self) -> &[Corrupt] {
        &self.findings
    }

    /// True if it carries a code signature.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        self.segments.iter().any(Segment::has_signature)
    }

    /// How many chunks are stored in each way, without those that no chunk is stored in.
    #[must_use]
    pub fn chunk_counts(&self) -> Vec<(ChunkKind, usize)> {
        let mut kinds: Vec<ChunkKind> = self.map.all().iter().map(|chunk| chunk.kind).collect();
        kinds.sort_unstable();
        kinds.chunk_by(|a, b| a == b).filter_map(|same| Some((*same.first()?, same.len()))).collect()
    }

    /// How much of the image was expanded so far.
    #[must_use]
    pub fn expanded(&self) -> Expanded {
        Expanded {
            chunks: self.touched_count.load(Ordering::Relaxed),
            of: self.map.all().iter().filter(|chunk| chunk.kind.is_compressed()).count(),
            times: self.expansions.load(Ordering::Relaxed),
        }
    }

    /// Fills `buf` from the chunk that holds it, `inside` bytes from its start on.
    fn read_chunk(&self, index: usize, chunk: &Chunk, inside: u64, buf: &mut [u8]) -> Result<()> {
        if chunk.kind.is_zeros() {
            buf.fill(0);
            return Ok(());
        }
        if chunk.kind == ChunkKind::Raw {
            let end = inside.saturating_add(len64(buf.len()));
            if end > chunk.stored {
                let finding = Corrupt::new(Damage::Bounds, chunk.place("CompressedLength"));
                return Err(finding.expected(chunk.len()).found(chunk.stored).into());
            }
            self.check_stored(chunk)?;
            return self.data.read_exact_at(chunk.offset.saturating_add(inside), buf);
        }
        if let Some(fault) = self.cache.fault(index) {
            return Err(chunk.broken(fault));
        }
        if inside == 0 && len64(buf.len()) == chunk.len() {
            return match self.cache.get(index) {
                Some(bytes) => copy(&bytes, 0, buf),
                None => self.expand(index, chunk, buf),
            };
        }
        let bytes = match self.cache.get(index) {
            Some(bytes) => bytes,
            None => {
                // Checked before memory is taken, not only when it is filled.
                self.check_expanded(chunk)?;
                let mut bytes = zeroed(to_usize(chunk.len())?)?;
                self.expand(index, chunk, &mut bytes)?;
                let bytes = Arc::new(bytes);
                self.cache.insert(index, bytes.clone());
                bytes
            }
        };
        copy(&bytes, inside, buf)
    }

    /// Expands a whole compressed chunk.
    fn expand(&self, index: usize, chunk: &Chunk, dst: &mut [u8]) -> Result<()> {
        self.check_expanded(chunk)?;
        self.check_stored(chunk)?;
        // No codec makes data longer than this, and what stands behind it can't matter. It is little: in images inside
        // images every byte read here may cost a chunk there.
        let most = chunk.len().saturating_add(chunk.len() >> 3).saturating_add(1 << 10);
        let len = to_usize(chunk.stored.min(most))?;
        let result = match self.data.slice_at(chunk.offset, len) {
            Some(src) => chunk.kind.expand(src, dst),
            None => {
                let mut src = zeroed(len)?;
                self.data.read_exact_at(chunk.offset, &mut src)?;
                chunk.kind.expand(&src, dst)
            }
        };
        self.expansions.fetch_add(1, Ordering::Relaxed);
        if self.touched.get(index).is_some_and(|touched| !touched.swap(true, Ordering::Relaxed)) {
            self.touched_count.fetch_add(1, Ordering::Relaxed);
        }
        match result {
            Some(Ok(())) => Ok(()),
            Some(Err(fault)) => {
                self.cache.insert_fault(index, fault);
                Err(chunk.broken(fault))
            }
            None => Err(Error::unsupported(alloc::format!("chunk of a disk image, {}", chunk.kind), "")),
        }
    }

    pub(super) fn check_expanded(&self, chunk: &Chunk) -> Result<()> {
        if chunk.len() > self.largest_chunk {
            return Err(Error::limit("bytes of a compressed chunk", self.largest_chunk, chunk.len()));
        }
        Ok(())
    }

    fn check_stored(&self, chunk: &Chunk) -> Result<()> {
        let end = chunk.offset.checked_add(chunk.stored);
        if end.is_none_or(|end| end > self.data.len()) {
            let finding = Corrupt::new(Damage::PastEnd, chunk.place("CompressedOffset"));
            return Err(finding.found(format_args!("{} bytes at {}", chunk.stored, chunk.offset)).into());
        }
        Ok(())
    }
}

impl Chunk {
    /// Bytes that it expands to.
    pub(super) fn len(&self) -> u64 {
        self.sectors.saturating_mul(SECTOR)
    }

    fn broken(&self, fault: Fault) -> Error {
        Corrupt::new(Damage::Compressed, self.place("")).found(fault).into()
    }

    /// The chunk by its first byte on the disk.
    fn place(&self, field: &'static str) -> Place {
        Place::new("BLKXChunkEntry", field).offset(self.start.saturating_mul(SECTOR))
    }
}

impl ReadAt for Udif {
    fn len(&self) -> u64 {
        self.sectors.saturating_mul(SECTOR)
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        if offset.checked_add(len64(buf.len())).is_none_or(|end| end > self.len()) {
            return Err(past_end(offset, buf.len(), self.len()));
        }
        let (mut at, mut rest) = (offset, buf);
        while !rest.is_empty() {
            let slot = self.map.at(at.checked_div(SECTOR).unwrap_or(0));
            let end = slot.end().saturating_mul(SECTOR);
            let here = to_usize(end.saturating_sub(at).min(len64(rest.len())))?;
            let (now, later) = rest.split_at_mut(here);
            match slot {
                Slot::Gap(_) => match &self.damage {
                    Some(damage) => return Err(damage.clone().into()),
                    None => now.fill(0),
                },
                Slot::Chunk(index, chunk) => {
                    self.read_chunk(
                        index,
                        chunk,
                        at.saturating_sub(chunk.start.saturating_mul(SECTOR)),
                        now,
                    )?;
                }
            }
            (at, rest) = (end, later);
        }
        Ok(())
    }

    fn run_at(&self, offset: u64) -> Option<Run> {
        let left = self.len().checked_sub(offset).filter(|left| *left > 0)?;
        let slot = self.map.at(offset.checked_div(SECTOR)?);
        let len = slot.end().saturating_mul(SECTOR).saturating_sub(offset).min(left);
        Some(match slot {
            Slot::Gap(_) => Run { len, zeros: self.damage.is_none() },
            Slot::Chunk(_, chunk) => Run { len, zeros: chunk.kind.is_zeros() },
        })
    }
}

/// Copies from an expanded chunk.
fn copy(bytes: &[u8], inside: u64, buf: &mut [u8]) -> Result<()> {
    bytes.read_exact_at(inside, buf)
}

/// The tables in the property list, or in the resource fork if there is no list that can be read.
fn read_tables(segment: &Segment, limits: &Limits) -> Result<Tables> {
    let trailer = &segment.trailer;
    if trailer.xml_len == 0 {
        return tables_in_fork(segment, limits);
    }
    let listed = tables_in_list(segment, limits);
    let damage = match &listed {
        Ok(tables) => tables.damage.clone(),
        Err(error) => error.corrupt().cloned(),
    };
    let Some(damage) = damage.filter(|_| trailer.fork_len > 0) else { return listed };
    match tables_in_fork(segment, limits) {
        Ok(mut tables) if tables.damage.is_none() || listed.is_err() => {
            tables.findings.push(damage);
            Ok(tables)
        }
        _ => listed,
    }
}

/// The tables, if at least one is sound or nothing is wrong with that there is none.
fn any_sound(tables: Tables) -> Result<Tables> {
    match tables.damage {
        Some(damage) if tables.chunks.is_empty() => Err(damage.into()),
        _ => Ok(tables),
    }
}

fn tables_in_list(segment: &Segment, limits: &Limits) -> Result<Tables> {
    let xml = read_bounded(&segment.image, segment.trailer.xml_offset, segment.trailer.xml_len, limits)?;
    let mut tables = Tables::default();
    for entry in plist::resource_fork(&xml, "blkx")? {
        match entry {
            Ok(entry) => tables.add(entry.id, entry.name, &entry.data, limits)?,
            Err(error) => tables.lose_if_corrupt(Err(error))?,
        }
    }
    any_sound(tables)
}

fn tables_in_fork(segment: &Segment, limits: &Limits) -> Result<Tables> {
    let fork = segment.fork();
    let (mut tables, mut read) = (Tables::default(), 0u64);
    for resource in ResourceFork::read(&fork, limits)?.of_kind(*b"blkx") {
        // Resources that share their bytes could make a small fork a large one.
        read = read.saturating_add(resource.len);
        if read > fork.len() {
            return Err(Error::damage(Damage::Overlap, Place::new("resource fork", "blkx")));
        }
        let bytes = read_bounded(&fork, resource.start, resource.len, limits)?;
        let name = String::from_utf8_lossy(&resource.name).into_owned();
        tables.add(i32::from(resource.id), name, &bytes, limits)?;
    }
    if tables.tables.is_empty() && tables.damage.is_none() {
        return Err(Error::damage(Damage::Missing, Place::new("resource fork", "blkx")));
    }
    any_sound(tables)
}

fn read_bounded(device: &dyn ReadAt, offset: u64, len: u64, limits: &Limits) -> Result<Vec<u8>> {
    if len > limits.image_table_bytes {
        return Err(Error::limit("bytes of a disk image's tables", limits.image_table_bytes, len));
    }
    if offset.checked_add(len).is_none_or(|end| end > device.len()) {
        let finding = Corrupt::new(Damage::PastEnd, place("XMLLength"));
        return Err(finding.found(format_args!("{len} bytes at {offset}")).into());
    }
    let mut bytes = zeroed(to_usize(len)?)?;
    device.read_exact_at(offset, &mut bytes)?;
    Ok(bytes)
}

impl fmt::Debug for Udif {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Udif")
            .field("sectors", &self.sectors)
            .field("tables", &self.tables.len())
            .field("expanded", &self.expanded())
            .finish_non_exhaustive()
    }
}
