//! What a codec has written so far, which is also the window its matches are copied from.

/// Bytes that are copied at once where there is room for them.
pub(super) const WIDE: usize = 16;

/// Room behind a copy that lets it be made in whole steps of [`WIDE`] bytes.
const SLACK: usize = 2 * WIDE;

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

    /// Lets `write` fill exactly the next `len` bytes; `None` if they do not fit.
    pub(super) fn part<E>(
        &mut self,
        len: usize,
        write: impl FnOnce(&mut Output<'_>) -> Result<(), E>,
    ) -> Option<Result<(), E>> {
        let end = self.at.checked_add(len)?;
        let mut part = Output { bytes: self.bytes.get_mut(..end)?, at: self.at };
        let written = write(&mut part);
        self.at = part.at;
        Some(written)
    }

    /// Writes `len` bytes of `source` from `from` on; `None` if they are not all there, or do not fit.
    #[inline(always)]
    pub(super) fn literals(&mut self, source: &[u8], from: usize, len: usize) -> Option<()> {
        // A sum that wraps makes a range that is none, and `get` refuses it.
        let end = self.at.wrapping_add(len);
        if len <= WIDE
            && let Some(wide) = source.get(from..).and_then(|source| source.first_chunk::<WIDE>())
            && let Some(target) = self.bytes.get_mut(self.at..).and_then(|to| to.first_chunk_mut::<WIDE>())
        {
            *target = *wide;
        } else {
            let source = source.get(from..from.wrapping_add(len))?;
            self.bytes.get_mut(self.at..end)?.copy_from_slice(source);
        }
        self.at = end;
        Some(())
    }

    /// Writes `len` bytes that stand `distance` before the end, which may be fewer than `len`: they repeat. `None` if
    /// the distance is 0 or reaches before the start, or if they do not fit.
    #[inline(always)]
    pub(super) fn repeat(&mut self, distance: usize, len: usize) -> Option<()> {
        let from = self.at.checked_sub(distance)?;
        let end = self.at.wrapping_add(len);
        if len.wrapping_add(SLACK) > self.room() || distance < WIDE {
            return self.repeat_carefully(distance, len);
        }
        let (mut from, mut to) = (from, self.at);
        loop {
            let wide = *self.bytes.get(from..)?.first_chunk::<WIDE>()?;
            *self.bytes.get_mut(to..)?.first_chunk_mut::<WIDE>()? = wide;
            from = from.wrapping_add(WIDE);
            to = to.wrapping_add(WIDE);
            if to >= end {
                break;
            }
        }
        self.at = end;
        Some(())
    }

    /// [`Output::repeat`] near the end, or of a short pattern.
    fn repeat_carefully(&mut self, distance: usize, len: usize) -> Option<()> {
        if distance == 0 || len > self.room() {
            return None;
        }
        let mut left = len;
        // What is copied lengthens the pattern: the next copy can be twice as long.
        let from = self.at.checked_sub(distance)?;
        while left > 0 {
            let step = left.min(self.at.saturating_sub(from));
            self.bytes.copy_within(from..from.wrapping_add(step), self.at);
            self.at = self.at.wrapping_add(step);
            left = left.wrapping_sub(step);
        }
        Some(())
    }
}
