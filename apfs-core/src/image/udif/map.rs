//! Which chunk holds a sector.

use alloc::vec::Vec;
use core::ops::Range;

use super::chunk::{Chunk, SECTOR};
use crate::base::bytes::len64;
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};

/// All chunks of an image. No two of them have a sector in common.
#[derive(Debug)]
pub(super) struct ChunkMap {
    /// Those of a table stand together, each table's by sector.
    chunks: Vec<Chunk>,
    /// Numbers of the chunks, by sector.
    order: Vec<u32>,
}

/// What is at a sector.
#[derive(Debug)]
pub(super) enum Slot<'a> {
    /// A chunk, with its number.
    Chunk(usize, &'a Chunk),
    /// No table says anything about it, up to this sector: it reads as zeros.
    Gap(u64),
}

impl Slot<'_> {
    /// First sector behind it.
    pub(super) fn end(&self) -> u64 {
        match self {
            Slot::Chunk(_, chunk) => chunk.end(),
            Slot::Gap(end) => *end,
        }
    }
}

impl ChunkMap {
    /// Puts chunks in order.
    ///
    /// # Errors
    /// `Corrupt` if two of them have a sector in common.
    pub(super) fn new(chunks: Vec<Chunk>) -> Result<ChunkMap> {
        let count = u32::try_from(chunks.len())
            .map_err(|_| Error::limit("chunks of an image", u64::from(u32::MAX), len64(chunks.len())))?;
        let start = |index: &u32| get(&chunks, *index).map_or(0, |chunk| chunk.start);
        let mut order: Vec<u32> = (0..count).collect();
        order.sort_unstable_by_key(start);
        let mut end = 0;
        for chunk in order.iter().filter_map(|index| get(&chunks, *index)) {
            if chunk.start < end {
                let place = Place::new("BLKXChunkEntry", "SectorNumber");
                return Err(Corrupt::new(Damage::Overlap, place).found(chunk.start).into());
            }
            end = chunk.end();
        }
        Ok(ChunkMap { chunks, order })
    }

    /// What is at a sector; a gap may go on behind the end of the disk.
    pub(super) fn at(&self, sector: u64) -> Slot<'_> {
        let behind = |index: &u32| get(&self.chunks, *index).is_some_and(|chunk| chunk.end() <= sector);
        let position = self.order.partition_point(behind);
        let index = self.order.get(position).copied();
        match index.and_then(|index| Some((usize::try_from(index).ok()?, get(&self.chunks, index)?))) {
            Some((index, chunk)) if chunk.start <= sector => Slot::Chunk(index, chunk),
            Some((_, chunk)) => Slot::Gap(chunk.start),
            None => Slot::Gap(u64::MAX.checked_div(SECTOR).unwrap_or(u64::MAX)),
        }
    }

    /// All chunks.
    pub(super) fn all(&self) -> &[Chunk] {
        &self.chunks
    }

    /// The chunks of a table.
    pub(super) fn of_table(&self, range: &Range<usize>) -> &[Chunk] {
        self.chunks.get(range.clone()).unwrap_or_default()
    }

    /// First sector behind all chunks.
    pub(super) fn end(&self) -> u64 {
        self.order.last().and_then(|index| get(&self.chunks, *index)).map_or(0, Chunk::end)
    }
}

fn get(chunks: &[Chunk], index: u32) -> Option<&Chunk> {
    chunks.get(usize::try_from(index).ok()?)
}

#[cfg(test)]
mod tests {
    use super::super::chunk::ChunkKind;
    use super::*;

    fn chunk(start: u64, sectors: u64) -> Chunk {
        Chunk { start, sectors, kind: ChunkKind::Raw, offset: 0, stored: 0 }
    }

    /// Unordered chunks and gaps are found by sector; a common sector is refused.
    #[test]
    fn by_sector() {
        let map = ChunkMap::new([chunk(20, 5), chunk(0, 4), chunk(4, 6)].to_vec()).unwrap();
        let found = |sector| match map.at(sector) {
            Slot::Chunk(index, _) => (index, 0),
            Slot::Gap(end) => (9, end),
        };
        let all = [0, 3, 4, 9, 10, 19, 20, 24].map(found);
        assert_eq!(all, [(1, 0), (1, 0), (2, 0), (2, 0), (9, 20), (9, 20), (0, 0), (0, 0)]);
        assert!(matches!(map.at(25), Slot::Gap(end) if end > 1 << 50));
        assert_eq!(map.end(), 25);
        for bad in [[chunk(0, 5), chunk(4, 1)], [chunk(4, 1), chunk(4, 1)], [chunk(0, 9), chunk(3, 1)]] {
            assert!(ChunkMap::new(bad.to_vec()).is_err());
        }
    }
}
