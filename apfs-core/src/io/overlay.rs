//! A device of which some ranges come from elsewhere: a volume as it is once its journal has been replayed.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::fmt;

use super::read_at::{ReadAt, Run, past_end};
use crate::base::bytes::{len64, to_usize};
use crate::base::error::{Error, Result};

/// Ranges of a device, and where the bytes stand that replace them.
#[derive(Clone)]
pub struct Replaced {
    /// By where a range begins; they do not overlap.
    ranges: BTreeMap<u64, Range>,
    max: usize,
}

#[derive(Clone, Copy)]
struct Range {
    end: u64,
    /// Where the bytes stand on their device.
    source: u64,
}

impl Replaced {
    /// No ranges yet, and at most so many.
    #[must_use]
    pub fn new(max: usize) -> Replaced {
        Replaced { ranges: BTreeMap::new(), max }
    }

    /// Replaces `len` bytes from `start` by those from `source`, whatever replaced them before.
    ///
    /// # Errors
    /// [`Error::Misuse`] if a range passes 2^64; [`Error::Limit`] if there are too many ranges.
    pub fn insert(&mut self, start: u64, len: u64, source: u64) -> Result<()> {
        let (Some(end), Some(_)) = (start.checked_add(len), source.checked_add(len)) else {
            return Err(Error::Misuse("a range that passes 2^64"));
        };
        if len == 0 {
            return Ok(());
        }
        // From behind, since only the first range that is hit can begin before the new one.
        while let Some((&hit_start, &hit)) = self.ranges.range(..end).next_back() {
            if hit.end <= start {
                break;
            }
            self.ranges.remove(&hit_start);
            if hit.end > end {
                let source = hit.source.saturating_add(end.saturating_sub(hit_start));
                self.ranges.insert(end, Range { end: hit.end, source });
            }
            if hit_start < start {
                self.ranges.insert(hit_start, Range { end: start, source: hit.source });
            }
        }
        self.ranges.insert(start, Range { end, source });
        match self.ranges.len() {
            count if count > self.max => {
                Err(Error::limit("number of replaced ranges", len64(self.max), len64(count)))
            }
            _ => Ok(()),
        }
    }

    /// True if nothing is replaced.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Bytes that are replaced.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.ranges.iter().fold(0, |sum, (start, range)| sum.saturating_add(range.end.saturating_sub(*start)))
    }

    /// Where the bytes at an offset come from, and how many do from there on.
    fn at(&self, offset: u64) -> Stretch {
        if let Some((start, range)) = self.ranges.range(..=offset).next_back()
            && range.end > offset
        {
            let source = range.source.saturating_add(offset.saturating_sub(*start));
            return Stretch { len: range.end.saturating_sub(offset), source: Some(source) };
        }
        let next = self.ranges.range(offset..).next().map_or(u64::MAX, |(start, _)| *start);
        Stretch { len: next.saturating_sub(offset), source: None }
    }
}

impl fmt::Debug for Replaced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replaced")
            .field("ranges", &self.ranges.len())
            .field("bytes", &self.bytes())
            .finish_non_exhaustive()
    }
}

/// Bytes of one origin.
struct Stretch {
    len: u64,
    /// Where they stand on the other device; `None` if nothing replaces them.
    source: Option<u64>,
}

/// A device with some ranges replaced by bytes of another one, or of elsewhere on the same. Nothing is copied.
#[derive(Clone)]
pub struct Overlay {
    base: Arc<dyn ReadAt>,
    source: Arc<dyn ReadAt>,
    replaced: Arc<Replaced>,
}

impl Overlay {
    /// `base`, with its `replaced` ranges as they are on `source`. Ranges past the end of `base` are never seen.
    #[must_use]
    pub fn new(base: Arc<dyn ReadAt>, source: Arc<dyn ReadAt>, replaced: Arc<Replaced>) -> Overlay {
        Overlay { base, source, replaced }
    }

    /// The device that has the bytes at an offset, where it has them, and how many from there on.
    fn origin(&self, offset: u64) -> (&dyn ReadAt, u64, u64) {
        match self.replaced.at(offset) {
            Stretch { len, source: Some(source) } => (&*self.source, source, len),
            Stretch { len, source: None } => (&*self.base, offset, len),
        }
    }
}

impl ReadAt for Overlay {
    fn len(&self) -> u64 {
        self.base.len()
    }

    fn read_exact_at(&self, offset: u64, mut buf: &mut [u8]) -> Result<()> {
        if offset.checked_add(len64(buf.len())).is_none_or(|end| end > self.len()) {
            return Err(past_end(offset, buf.len(), self.len()));
        }
        let mut at = offset;
        while !buf.is_empty() {
            let (device, from, len) = self.origin(at);
            let here = len.min(len64(buf.len()));
            let (now, later) = buf.split_at_mut(to_usize(here)?);
            device.read_exact_at(from, now)?;
            at = at.saturating_add(here);
            buf = later;
        }
        Ok(())
    }

    fn slice_at(&self, offset: u64, len: usize) -> Option<&[u8]> {
        let is_inside = offset.checked_add(len64(len)).is_some_and(|end| end <= self.len());
        let (device, from, _) =
            Some(self.origin(offset)).filter(|(_, _, there)| is_inside && *there >= len64(len))?;
        device.slice_at(from, len)
    }

    fn run_at(&self, offset: u64) -> Option<Run> {
        let rest = self.len().checked_sub(offset).filter(|rest| *rest > 0)?;
        let (device, from, len) = self.origin(offset);
        let len = len.min(rest);
        let run = device.run_at(from);
        Some(run.map_or(Run { len, zeros: false }, |run| Run { len: run.len.min(len), ..run }))
    }
}

impl fmt::Debug for Overlay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Overlay").field("replaced", &self.replaced).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "an overflow is a failed test")]
mod tests {
    use super::*;
    use crate::io::pieces::{Pieces, Source};
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn device(bytes: impl IntoIterator<Item = u8>) -> Arc<dyn ReadAt> {
        Arc::new(bytes.into_iter().collect::<Vec<u8>>())
    }

    fn overlay(len: u8, ranges: &[(u64, u64, u64)]) -> Overlay {
        let mut replaced = Replaced::new(1000);
        ranges.iter().for_each(|(start, len, source)| replaced.insert(*start, *len, *source).unwrap());
        Overlay::new(device(0..len), device(100..200), Arc::new(replaced))
    }

    fn all(device: &dyn ReadAt) -> Vec<u8> {
        let mut bytes = alloc::vec![0; to_usize(device.len()).unwrap()];
        device.read_exact_at(0, &mut bytes).unwrap();
        bytes
    }

    /// A later range cuts an earlier one at its start, in the middle, at its end, or takes its place.
    #[test]
    fn later_ranges_win() {
        let one = (2, 4, 0);
        for (two, expected) in [
            ((1, 2, 50), [0, 150, 151, 101, 102, 103, 6, 7]),
            ((3, 2, 50), [0, 1, 100, 150, 151, 103, 6, 7]),
            ((5, 2, 50), [0, 1, 100, 101, 102, 150, 151, 7]),
            ((2, 4, 50), [0, 1, 150, 151, 152, 153, 6, 7]),
            ((1, 7, 50), [0, 150, 151, 152, 153, 154, 155, 156]),
            ((6, 2, 50), [0, 1, 100, 101, 102, 103, 150, 151]),
            ((0, 2, 50), [150, 151, 100, 101, 102, 103, 6, 7]),
            ((3, 0, 50), [0, 1, 100, 101, 102, 103, 6, 7]),
        ] {
            assert_eq!(all(&overlay(8, &[one, two])), expected, "{two:?}");
        }
    }

    /// Slices are lent where one device has all bytes; runs end where the origin changes, and zeros stay known.
    #[test]
    fn slices_and_runs() {
        let mut base = Pieces::new();
        base.push(8, Source::Zeros).unwrap();
        base.push(2, Source::Device(device([1, 2]), 0)).unwrap();
        let mut replaced = Replaced::new(9);
        replaced.insert(4, 2, 7).unwrap();
        let overlay = Overlay::new(Arc::new(base), device(100..200), Arc::new(replaced));
        assert_eq!(overlay.run_at(1), Some(Run { len: 3, zeros: true }));
        assert_eq!(overlay.run_at(4), Some(Run { len: 2, zeros: false }));
        assert_eq!(overlay.run_at(6), Some(Run { len: 2, zeros: true }));
        assert_eq!(overlay.run_at(8), Some(Run { len: 2, zeros: false }));
        assert_eq!(overlay.run_at(10), None);
        assert_eq!(overlay.slice_at(4, 2), Some(&[107, 108][..]));
        assert_eq!(overlay.slice_at(4, 3), None);
        let overlay = self::overlay(8, &[(4, 8, 0)]);
        assert_eq!(overlay.slice_at(0, 4), Some(&[0, 1, 2, 3][..]));
        assert_eq!(overlay.slice_at(6, 2), Some(&[102, 103][..]));
        assert_eq!(overlay.slice_at(6, 3), None, "past the end");
        assert_eq!(overlay.run_at(4), Some(Run { len: 4, zeros: false }));
    }

    /// Reads past the end, ranges past 2^64 and too many ranges are errors.
    #[test]
    fn limits() {
        let overlay = overlay(8, &[(0, 20, 0)]);
        let mut two = [0; 2];
        assert!(overlay.read_exact_at(7, &mut two).is_err());
        assert!(overlay.read_exact_at(u64::MAX, &mut two).is_err());
        let mut replaced = Replaced::new(2);
        assert!(matches!(replaced.insert(u64::MAX, 1, 0), Err(Error::Misuse(_))));
        assert!(matches!(replaced.insert(0, 1, u64::MAX), Err(Error::Misuse(_))));
        assert!(replaced.is_empty());
        replaced.insert(0, 9, 0).unwrap();
        assert!(matches!(replaced.insert(3, 3, 0), Err(Error::Limit(_))), "one range becomes three");
    }

    proptest! {
        /// Any ranges in any order give what writing them one after the other would.
        #[test]
        fn as_if_written(ranges in prop::collection::vec((0u64..64, 0u64..20, 0u64..80), 0..30)) {
            let mut expected: Vec<u8> = (0..64).collect();
            let mut touched = [false; 84];
            for (start, len, source) in &ranges {
                for at in 0..*len {
                    touched[to_usize(start + at).unwrap()] = true;
                    if let Some(byte) = expected.get_mut(to_usize(start + at).unwrap()) {
                        *byte = u8::try_from(100 + source + at).unwrap();
                    }
                }
            }
            let overlay = overlay(64, &ranges);
            prop_assert_eq!(all(&overlay), expected.clone());
            prop_assert_eq!(overlay.replaced.bytes(), len64(touched.iter().filter(|hit| **hit).count()));
            let mut at = 0;
            while let Some(run) = overlay.run_at(at) {
                let len = to_usize(run.len).unwrap();
                let from = to_usize(at).unwrap();
                prop_assert_eq!(overlay.slice_at(at, len), Some(&expected[from..from + len]));
                at += run.len;
            }
            prop_assert_eq!(at, 64);
        }
    }
}
