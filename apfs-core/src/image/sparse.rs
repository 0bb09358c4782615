//! Sparse disk images, `.sparseimage`: bands in the order in which they were first written (sheet sparse-images,
//! section 1).

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use zerocopy::byteorder::big_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use crate::base::bytes::{len64, pod, to_usize, zeroed};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::limits::Limits;
use crate::io::bands::read_by_band;
use crate::io::read_at::{ReadAt, Run};

const SIGNATURE: [u8; 4] = *b"sprs";
const SECTOR: u64 = 512;
/// The only version that has been seen.
const VERSION: u32 = 3;
const HEADER: &str = "sparse image header";
const INDEX: &str = "sparse image index node";
/// Bytes of a node; its bands follow it.
const NODE_LEN: u64 = 4096;

/// First node of the file.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct HeaderNode {
    signature: [u8; 4],
    version: U32,
    sectors_per_band: U32,
    flags: U32,
    total_sectors_low: U32,
    next_node_offset: U64,
    total_sectors: U64,
    padding: [u8; 28],
    band_id: [U32; 1008],
}

/// A further node.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct IndexNode {
    signature: [u8; 4],
    number: U32,
    flags: U32,
    next_node_offset: U64,
    padding: [u8; 36],
    band_id: [U32; 1010],
}

const _: () = assert!(size_of::<HeaderNode>() == 4096 && size_of::<IndexNode>() == 4096);

/// The disk in a sparse image. A damaged table of bands costs the bands it does not tell of.
pub struct SparseImage {
    device: Arc<dyn ReadAt>,
    len: u64,
    band_len: u64,
    /// Bands that are stored, by number, no number twice.
    bands: Vec<Band>,
    /// Where the last of them begins in the file: the one that may be cut.
    last: u64,
    /// What is wrong with the table: a band that is not in it may be stored all the same.
    damage: Option<Corrupt>,
}

#[derive(Clone, Copy, Debug)]
struct Band {
    number: u32,
    /// Where it begins in the file.
    at: u64,
}

impl SparseImage {
    /// Reads the header and the table of bands.
    ///
    /// # Errors
    /// `Corrupt` for a header that makes no sense, `Limit` for more bands or a longer disk than allowed. A damaged table
    /// is no error here: reads of bands that it should tell of are.
    pub fn open(device: Arc<dyn ReadAt>, limits: &Limits) -> Result<SparseImage> {
        let header = read_node(&*device, 0)?;
        let raw = pod::<HeaderNode>(&header).ok_or(Error::Misuse("a node was read whole"))?;
        if raw.signature != SIGNATURE {
            return Err(Error::damage(Damage::Magic, Place::new(HEADER, "signature")));
        }
        if raw.version.get() != VERSION {
            let what = alloc::format!("sparse image of version {}", raw.version.get());
            return Err(Error::unsupported(what, "convert it on a Mac with `hdiutil convert`"));
        }
        let band_len = u64::from(raw.sectors_per_band.get()).saturating_mul(SECTOR);
        if band_len == 0 {
            return Err(Error::damage(Damage::Range, Place::new(HEADER, "sectors per band")));
        }
        let sectors = match raw.total_sectors.get() {
            0 => u64::from(raw.total_sectors_low.get()),
            sectors => sectors,
        };
        let len = sectors.saturating_mul(SECTOR);
        if len > limits.image_bytes {
            return Err(Error::limit("bytes of a disk image", limits.image_bytes, len));
        }
        let mut table = Table::new(band_len, len.div_ceil(band_len), limits.image_table_bytes);
        table.read(&*device, raw)?;
        table.drop_bands_that_come_twice();
        let Table { bands, damage, .. } = table;
        let last = bands.iter().map(|band| band.at).max().unwrap_or(0);
        Ok(SparseImage { device, len, band_len, bands, last, damage })
    }

    /// What is wrong with the table of bands, if anything is.
    #[must_use]
    pub fn damage(&self) -> Option<&Corrupt> {
        self.damage.as_ref()
    }

    /// Fills a buffer from one band, from an offset in it on.
    fn read_band(&self, number: u64, inside: u64, buf: &mut [u8]) -> Result<()> {
        let index = self.bands.partition_point(|band| u64::from(band.number) < number);
        let Some(band) = self.bands.get(index).filter(|band| u64::from(band.number) == number) else {
            if let Some(damage) = &self.damage {
                return Err(damage.clone().into());
            }
            buf.fill(0);
            return Ok(());
        };
        let start = band.at.saturating_add(inside);
        let stored = to_usize(self.device.len().saturating_sub(start).min(len64(buf.len())))?;
        let is_cut = band.at == self.last && band.at < self.device.len();
        if stored < buf.len() && !is_cut {
            let place = Place::new("sparse image", "band").offset(start);
            return Err(Corrupt::new(Damage::PastEnd, place).found(number).into());
        }
        let (now, zeros) = buf.split_at_mut(stored);
        zeros.fill(0);
        if now.is_empty() { Ok(()) } else { self.device.read_exact_at(start, now) }
    }
}

/// Collects the bands that the nodes of a file tell of.
struct Table {
    band_len: u64,
    /// Bands of the disk.
    count: u64,
    /// Bytes that nodes may have together, and bands in memory.
    bytes: u64,
    bands: Vec<Band>,
    /// Where nodes and their bands lie: first byte and end.
    nodes: BTreeMap<u64, u64>,
    damage: Option<Corrupt>,
}

impl Table {
    fn new(band_len: u64, count: u64, bytes: u64) -> Table {
        Table { band_len, count, bytes, bands: Vec::new(), nodes: BTreeMap::new(), damage: None }
    }

    /// Follows the chain of nodes as far as it makes sense.
    fn read(&mut self, device: &dyn ReadAt, header: &HeaderNode) -> Result<()> {
        self.take(0, &header.band_id)?;
        let mut next = header.next_node_offset.get();
        while next != 0 {
            let place = || Place::new(INDEX, "").offset(next);
            let node = match read_node(device, next) {
                Ok(node) => node,
                Err(error) => {
                    let corrupt = error.corrupt().cloned();
                    self.note(corrupt.unwrap_or_else(|| Corrupt::new(Damage::Bounds, place())));
                    break;
                }
            };
            let raw = pod::<IndexNode>(&node).ok_or(Error::Misuse("a node was read whole"))?;
            if raw.signature != SIGNATURE {
                self.note(Corrupt::new(Damage::Magic, place()));
                break;
            }
            if !self.take(next, &raw.band_id)? {
                break;
            }
            next = raw.next_node_offset.get();
        }
        Ok(())
    }

    /// Takes the bands of a node. False if the node lies where another one or its bands do.
    fn take(&mut self, at: u64, ids: &[U32]) -> Result<bool> {
        let used = ids.iter().rposition(|id| id.get() != 0).map_or(0, |last| len64(last).saturating_add(1));
        let data = at.saturating_add(NODE_LEN);
        let end = data.saturating_add(used.saturating_mul(self.band_len));
        let before = self.nodes.range(..=at).next_back();
        let after = self.nodes.range(at..).next();
        if before.is_some_and(|(_, end)| *end > at) || after.is_some_and(|(start, _)| *start < end) {
            let damage = if self.nodes.contains_key(&at) { Damage::Loop } else { Damage::Overlap };
            self.note(Corrupt::new(damage, Place::new(INDEX, "").offset(at)));
            return Ok(false);
        }
        self.nodes.insert(at, end);
        for (id, slot) in ids.iter().zip(0u64..) {
            let Some(number) = id.get().checked_sub(1) else { continue };
            if u64::from(number) >= self.count {
                let place = Place::new(INDEX, "band number").offset(at);
                self.note(Corrupt::new(Damage::Range, place).expected(self.count).found(id.get()));
                continue;
            }
            self.bands.push(Band { number, at: data.saturating_add(slot.saturating_mul(self.band_len)) });
        }
        let nodes = len64(self.nodes.len()).saturating_mul(NODE_LEN);
        let bands = len64(self.bands.len()).saturating_mul(len64(size_of::<Band>()));
        if nodes.max(bands) > self.bytes {
            return Err(Error::limit("bytes of the table of bands", self.bytes, nodes.max(bands)));
        }
        Ok(true)
    }

    /// Sorts the bands. Of one that is stored twice nobody can say which is the right one.
    fn drop_bands_that_come_twice(&mut self) {
        self.bands.sort_unstable_by_key(|band| band.number);
        let is_same = |a: &Band, b: &Band| a.number == b.number;
        let twice =
            self.bands.chunk_by(is_same).find(|same| same.len() > 1).and_then(<[Band]>::first).copied();
        let Some(twice) = twice else { return };
        let place = Place::new(INDEX, "band number").offset(twice.at);
        self.note(Corrupt::new(Damage::Contradiction, place).found(twice.number));
        let single = self.bands.chunk_by(is_same).filter(|same| same.len() == 1);
        self.bands = single.flatten().copied().collect();
    }

    fn note(&mut self, damage: Corrupt) {
        self.damage.get_or_insert(damage);
    }
}

fn read_node(device: &dyn ReadAt, at: u64) -> Result<Vec<u8>> {
    if at.checked_add(NODE_LEN).is_none_or(|end| end > device.len()) {
        let structure = if at == 0 { HEADER } else { INDEX };
        return Err(Error::damage(Damage::Bounds, Place::new(structure, "").offset(at)));
    }
    let mut node = zeroed(to_usize(NODE_LEN)?)?;
    device.read_exact_at(at, &mut node)?;
    Ok(node)
}

impl ReadAt for SparseImage {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        read_by_band((self.len, self.band_len), offset, buf, |number, inside, now| {
            self.read_band(number, inside, now)
        })
    }

    fn run_at(&self, offset: u64) -> Option<Run> {
        let rest = self.len.checked_sub(offset).filter(|rest| *rest > 0)?;
        let number = offset.checked_div(self.band_len)?;
        let index = self.bands.partition_point(|band| u64::from(band.number) < number);
        let start = |band: &Band| u64::from(band.number).saturating_mul(self.band_len);
        let (end, zeros) = match self.bands.get(index) {
            Some(band) if u64::from(band.number) == number => {
                (start(band).saturating_add(self.band_len), false)
            }
            Some(next) => (start(next), self.damage.is_none()),
            None => (self.len, self.damage.is_none()),
        };
        Some(Run { len: end.saturating_sub(offset).min(rest), zeros })
    }
}

impl fmt::Debug for SparseImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SparseImage")
            .field("len", &self.len)
            .field("band_len", &self.band_len)
            .field("bands", &self.bands.len())
            .field("damage", &self.damage)
            .finish_non_exhaustive()
    }
}
