//! A byte range of a device as a device: a partition.

use alloc::sync::Arc;
use core::fmt;

use super::read_at::{ReadAt, Run, past_end};
use crate::base::bytes::len64;
use crate::base::error::Result;

/// A byte range of another device. Where the device ends early, reads of the missing part fail.
#[derive(Clone)]
pub struct Window {
    device: Arc<dyn ReadAt>,
    start: u64,
    len: u64,
}

impl Window {
    /// `len` bytes of `device` from `start`. The range may pass the end of a truncated device.
    #[must_use]
    pub fn new(device: Arc<dyn ReadAt>, start: u64, len: u64) -> Window {
        Window { device, start, len: len.min(u64::MAX.saturating_sub(start)) }
    }

    fn absolute(&self, offset: u64, len: usize) -> Option<u64> {
        let end = offset.checked_add(len64(len))?;
        if end > self.len { None } else { self.start.checked_add(offset) }
    }
}

impl ReadAt for Window {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        let start = self.absolute(offset, buf.len()).ok_or_else(|| past_end(offset, buf.len(), self.len))?;
        self.device.read_exact_at(start, buf)
    }

    fn slice_at(&self, offset: u64, len: usize) -> Option<&[u8]> {
        self.device.slice_at(self.absolute(offset, len)?, len)
    }

    fn run_at(&self, offset: u64) -> Option<Run> {
        let rest = self.len.checked_sub(offset).filter(|rest| *rest > 0)?;
        let run = self.start.checked_add(offset).and_then(|start| self.device.run_at(start));
        Some(run.map_or(Run { len: rest, zeros: false }, |run| Run { len: run.len.min(rest), ..run }))
    }
}

impl fmt::Debug for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Window").field("start", &self.start).field("len", &self.len).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    /// A window shows its range and nothing beyond, also where numbers would overflow.
    #[test]
    fn keeps_inside() {
        let window = Window::new(Arc::new(vec![0u8, 1, 2, 3, 4]), 1, 3);
        let mut out = [0u8; 2];
        window.read_exact_at(1, &mut out).unwrap();
        assert_eq!(out, [2, 3]);
        assert!(window.read_exact_at(2, &mut out).is_err());
        assert!(window.read_exact_at(u64::MAX, &mut out).is_err());
        assert_eq!(window.slice_at(0, 3), Some(&[1u8, 2, 3][..]));
        assert_eq!(window.slice_at(0, 4), None);
    }
}
