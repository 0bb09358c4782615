//! What a codec has written so far, which is also the window its matches are copied from.

/// Bytes that are copied at once where there is room for them.
pub(super) const WIDE: usize = 16;

/// Bytes of a match that are copied at once where it is that far back.
const FAR: usize = 32;

/// The bytes to fill, and how far they are filled. No method writes past their end.
pub(super) struct Output<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

impl<'a> Output<'a> {
    pub(super) fn new(bytes: &'a mut [u8]) -> Output<'a> {
        Output { bytes, at: 0 }
    }

    /// Bytes not yet written.
    pub(super) fn room(&self) -> usize {
        self.bytes.len().saturating_sub(self.at)
    }

    pub(super) fn is_full(&self) -> bool {
        self.room() == 0
    }

    /// The next `len` bytes, to be filled by themselves with all that is before them in reach; `None` if they do not
    /// fit.
    pub(super) fn part(&mut self, len: usize) -> Option<Output<'_>> {
        let start = self.at;
        let end = start.checked_add(len)?;
        let bytes = self.bytes.get_mut(..end)?;
        self.at = end;
        Some(Output { bytes, at: start })
    }

    /// Writes the first `len` bytes of `source`; `None` if they are not all there, or do not fit.
    #[inline(always)]
    pub(super) fn literals(&mut self, source: &[u8], len: usize) -> Option<()> {
        if len <= WIDE
            && let Some(wide) = source.first_chunk::<WIDE>()
            && let Some(target) = self.bytes.get_mut(self.at..).and_then(|to| to.first_chunk_mut::<WIDE>())
        {
            *target = *wide;
        } else {
            literals_exactly(self.bytes, self.at, source.get(..len)?)?;
        }
        self.at = self.at.wrapping_add(len);
        Some(())
    }

    /// Writes `len` bytes that stand `distance` before the end, which may be fewer than `len`: they repeat. `None` if
    /// the distance is 0 or reaches before the start, or if they do not fit.
    #[inline(always)]
    pub(super) fn repeat(&mut self, distance: usize, len: usize) -> Option<()> {
        // A distance that is too large makes a range that is none, and `get` refuses it.
        let from = self.at.wrapping_sub(distance);
        if len <= FAR
            && distance >= FAR
            && let Some(window) = self.bytes.get_mut(from..self.at.wrapping_add(FAR))
            && let Some((source, target)) = window.split_at_mut_checked(distance)
            && let (Some(wide), Some(target)) = (source.first_chunk::<FAR>(), target.first_chunk_mut::<FAR>())
        {
            *target = *wide;
        } else {
            repeat_exactly(self.bytes, self.at, distance, len)?;
        }
        self.at = self.at.wrapping_add(len);
        Some(())
    }
}

/// [`Output::literals`] of any length, and near the end.
#[inline(never)]
fn literals_exactly(bytes: &mut [u8], at: usize, source: &[u8]) -> Option<()> {
    bytes.get_mut(at..at.wrapping_add(source.len()))?.copy_from_slice(source);
    Some(())
}

/// [`Output::repeat`] of any length and distance, and near the end.
#[inline(never)]
fn repeat_exactly(bytes: &mut [u8], at: usize, distance: usize, len: usize) -> Option<()> {
    let from = at.checked_sub(distance)?;
    let end = at.checked_add(len).filter(|end| *end <= bytes.len())?;
    // What is copied lengthens the pattern: the next copy can be twice as long.
    let mut at = at;
    while at < end {
        let step = at.wrapping_sub(from).min(end.wrapping_sub(at));
        if step == 0 {
            return None;
        }
        bytes.copy_within(from..from.wrapping_add(step), at);
        at = at.wrapping_add(step);
    }
    Some(())
}
