//! Which chunk holds a sector.

use alloc::vec::Vec;
use core::ops::Range;

use super::chunk::{Chunk, SECTOR};
use crate::base::bytes::len64;
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};

/// All chunks of an image.
#[derive(Debug)]
pub(super) struct ChunkMap {
    /// Those of a table stand together, each table's by sector.
    chunks: Vec<Chunk>,
    /// Numbers of those that have no sector in common with another one, by sector.
    order: Vec<u32>,
    damage: Option<Corrupt>,
}

/// What is at a sector.
#[derive(Debug)]
pub(super) enum Slot<'a> {
    /// A chunk, with its number.
    Chunk(usize, &'a Chunk),
    /// No chunk describes it, up to this sector: it reads as zeros if nothing is wrong with the tables.
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
    /// Puts chunks in order. Of those that have sectors in common nobody can say which is the right one: all of them
    /// are left out.
    ///
    /// # Errors
    /// `Limit` for more chunks than 2^32.
    pub(super) fn new(chunks: Vec<Chunk>) -> Result<ChunkMap> {
        let count = u32::try_from(chunks.len())
            .map_err(|_| Error::limit("chunks of an image", u64::from(u32::MAX), len64(chunks.len())))?;
        let start = |index: &u32| get(&chunks, *index).map_or(0, |chunk| chunk.start);
        let mut order: Vec<u32> = (0..count).collect();
        order.sort_unstable_by_key(start);
        let (mut kept, mut end, mut is_shared, mut damage) =
            (Vec::with_capacity(order.len()), 0, false, None);
        for index in order {
            let Some(chunk) = get(&chunks, index) else { continue };
            if chunk.start < end {
                let place = Place::new("BLKXChunkEntry", "SectorNumber");
                damage.get_or_insert_with(|| Corrupt::new(Damage::Overlap, place).found(chunk.start));
                if !is_shared {
                    kept.pop();
                }
                is_shared = true;
            } else {
                kept.push(index);
                is_shared = false;
            }
            end = chunk.end().max(end);
        }
        Ok(ChunkMap { chunks, order: kept, damage })
    }

    /// What is wrong with the chunks, if something is.
    pub(super) fn damage(&self) -> Option<&Corrupt> {
        self.damage.as_ref()
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

    /// First sector behind all chunks but those that were left out.
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

    /// Unordered chunks and gaps are found by sector; chunks with a common sector are left out, and only they.
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
        assert!(map.damage().is_none());
        for bad in [[chunk(0, 5), chunk(4, 1)], [chunk(4, 1), chunk(4, 1)], [chunk(0, 9), chunk(3, 1)]] {
            let map = ChunkMap::new([&bad[..], &[chunk(8, 2), chunk(20, 1), chunk(30, 1)]].concat()).unwrap();
            assert_eq!(map.damage().map(|damage| damage.damage), Some(Damage::Overlap));
            assert!(matches!(map.at(4), Slot::Gap(8 | 20)), "{bad:?}");
            let both = bad[0].sectors == 9;
            assert_eq!(matches!(map.at(9), Slot::Gap(20)), both, "8 is shared with the chunk of 9 sectors");
            assert!(matches!(map.at(20), Slot::Chunk(3, _)) && matches!(map.at(30), Slot::Chunk(4, _)));
            assert_eq!(map.end(), 31);
        }
    }
}
