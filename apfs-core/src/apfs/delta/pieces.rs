//! Byte ranges in which two streams differ: blocks are never overwritten in place, so equal places are equal bytes.

use alloc::vec::Vec;

use crate::apfs::btree::Cursor;
use crate::apfs::record::extent::FileExtent;
use crate::apfs::record::key::{self, RecordType};
use crate::apfs::view::View;
use crate::base::bytes::{len64, u64_at};
use crate::base::error::{Error, Result};
use crate::base::ids::BlockSize;

/// Byte ranges, start and end, in order and apart.
pub(super) type Ranges = Vec<(u64, u64)>;

/// Where a run of a stream lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    start: u64,
    end: u64,
    /// `None` for zeros: a hole, or space that was never written.
    stored: Option<Stored>,
}

/// Equal for all pieces that one extent can be cut into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stored {
    /// Byte on the device less byte in the stream.
    shift: u64,
    /// Key; or tweak less block.
    cipher: u64,
    flags: u8,
}

impl Piece {
    pub(super) fn new(extent: &FileExtent, block_size: BlockSize) -> Piece {
        let at = extent.block.0.wrapping_mul(block_size.bytes());
        let stored = Stored {
            shift: at.wrapping_sub(extent.logical),
            cipher: if extent.has_tweak() && extent.crypto_id != 0 {
                extent.crypto_id.wrapping_sub(extent.block.0)
            } else {
                extent.crypto_id
            },
            flags: extent.flags,
        };
        let is_zeros = extent.is_hole() || extent.is_unwritten();
        Piece { start: extent.logical, end: extent.end(), stored: (!is_zeros).then_some(stored) }
    }
}

/// The next piece of a stream; `None` at its end.
pub(super) trait Source: FnMut() -> Result<Option<Piece>> {}
impl<F: FnMut() -> Result<Option<Piece>>> Source for F {}

/// Ranges in which two streams lie in different places; at most so many.
pub(super) fn compare(mut a: impl Source, mut b: impl Source, most: usize) -> Result<Ranges> {
    let mut ranges = Ranges::new();
    let (mut first, mut second) = (a()?, b()?);
    let mut at = 0u64;
    loop {
        while first.is_some_and(|piece| piece.end <= at) {
            first = a()?;
        }
        while second.is_some_and(|piece| piece.end <= at) {
            second = b()?;
        }
        if first.is_none() && second.is_none() {
            return Ok(ranges);
        }
        let here =
            |piece: Option<Piece>| piece.filter(|piece| piece.start <= at).and_then(|piece| piece.stored);
        let border = |piece: Option<Piece>| {
            piece.map_or(u64::MAX, |piece| if piece.start > at { piece.start } else { piece.end })
        };
        let stop = border(first).min(border(second));
        if here(first) != here(second) {
            let count = ranges.len();
            match ranges.last_mut() {
                Some((_, end)) if *end == at => *end = stop,
                _ if count >= most => {
                    let most = len64(most);
                    return Err(Error::limit("byte ranges that differ", most, most.saturating_add(1)));
                }
                _ => ranges.push((at, stop)),
            }
        }
        at = stop;
    }
}

/// Goes along the extents of a stream in one state.
pub(super) struct Extents<'v> {
    view: &'v View,
    id: u64,
    cursor: Cursor,
    begun: bool,
}

impl<'v> Extents<'v> {
    pub(super) fn of(view: &'v View, id: u64) -> Extents<'v> {
        Extents { view, id, cursor: Cursor::new(), begun: false }
    }

    pub(super) fn next(&mut self) -> Result<Option<Piece>> {
        let sealed = self.view.sealed_extents();
        let tree = sealed.unwrap_or(self.view.tree());
        if self.begun {
            self.cursor.advance(tree)?;
        } else if sealed.is_some() {
            self.cursor.seek(tree, &key::fext(self.id, 0))?;
        } else {
            self.cursor.seek(tree, &key::file_extent(self.id, 0))?;
        }
        self.begun = true;
        let Some((leaf, index)) = self.cursor.leaf() else { return Ok(None) };
        let found = match sealed {
            Some(_) => u64_at(leaf.key(index), 0) == Some(self.id),
            None => key::decode(leaf.key(index)) == Some((self.id, RecordType::FileExtent)),
        };
        if !found {
            return Ok(None);
        }
        let (key, value) = (leaf.key(index), leaf.value(index).unwrap_or(&[]));
        piece(key, value, sealed.is_some(), self.view.volume().container().block_size())
            .map(Some)
            .map_err(|flaw| flaw.at(leaf.place(""), self.id))
    }
}

/// The piece that an extent record describes.
pub(super) fn piece(
    key: &[u8],
    value: &[u8],
    is_sealed: bool,
    block_size: BlockSize,
) -> Result<Piece, crate::base::flaw::Flaw> {
    let parse = if is_sealed { FileExtent::parse_sealed } else { FileExtent::parse };
    parse(key, value, block_size).map(|extent| Piece::new(&extent, block_size))
}

/// What of some ranges lies below `end`.
pub(super) fn clipped(ranges: &[(u64, u64)], end: u64) -> Ranges {
    let inside = ranges.iter().filter(|(start, _)| *start < end);
    inside.map(|(start, stop)| (*start, (*stop).min(end))).collect()
}

/// Adds a range at the end of others, all of which begin before it.
pub(super) fn append(ranges: &mut Ranges, (start, end): (u64, u64)) {
    match ranges.last_mut() {
        _ if start >= end => {}
        Some((_, last)) if *last >= start => *last = (*last).max(end),
        _ => ranges.push((start, end)),
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "numbers written by hand")]
mod tests {
    use super::*;
    use crate::base::ids::Paddr;

    fn extent(logical: u64, blocks: u64, block: u64) -> Piece {
        let key = [&[0; 8][..], &(logical * 4096).to_le_bytes()].concat();
        let value = [(blocks * 4096).to_le_bytes(), block.to_le_bytes(), [0; 8]].concat();
        let size = BlockSize::new(4096).unwrap();
        let piece = piece(&key, &value, false, size).unwrap();
        assert_eq!(piece.stored.is_none(), Paddr(block) == Paddr(0));
        piece
    }

    fn differ(a: &[Piece], b: &[Piece]) -> Vec<(u64, u64)> {
        let (mut a, mut b) = (a.iter().copied(), b.iter().copied());
        let ranges = compare(|| Ok(a.next()), || Ok(b.next()), 100).unwrap();
        ranges.into_iter().map(|(start, end)| (start / 4096, end / 4096)).collect()
    }

    /// An extent cut in three around a new block differs in that block alone.
    #[test]
    fn cut_extents() {
        let cut = [extent(0, 50, 1000), extent(50, 1, 7), extent(51, 49, 1051)];
        assert_eq!(differ(&[extent(0, 100, 1000)], &cut), [(50, 51)]);
        assert_eq!(differ(&cut, &[extent(0, 100, 1000)]), [(50, 51)]);
        assert_eq!(differ(&cut, &cut), []);
    }

    /// A hole, a gap between records and the end of all records are the same zeros.
    #[test]
    fn zeros() {
        assert_eq!(differ(&[extent(0, 9, 0)], &[]), []);
        assert_eq!(differ(&[extent(0, 4, 0), extent(4, 1, 7)], &[extent(4, 1, 7)]), []);
        assert_eq!(differ(&[extent(4, 2, 7)], &[extent(5, 1, 8)]), [(4, 5)]);
        assert_eq!(differ(&[extent(0, 2, 7)], &[extent(1, 2, 8)]), [(0, 1), (2, 3)]);
    }

    /// Extents that overlap, which no sound volume has, end too.
    #[test]
    fn overlaps_end() {
        assert_eq!(differ(&[extent(0, 9, 5), extent(3, 2, 70)], &[extent(0, 9, 5)]), []);
    }

    /// The ceiling counts ranges.
    #[test]
    fn ceiling() {
        let many: Vec<_> = (0..8).map(|n| extent(n * 2, 1, 100 + n)).collect();
        let mut source = many.iter().copied();
        assert!(compare(|| Ok(source.next()), || Ok(None), 7).is_err());
    }
}
