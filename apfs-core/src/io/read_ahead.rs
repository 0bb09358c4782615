//! Reads blocks ahead for whoever goes along a device: one large read instead of many small ones.

use alloc::vec::Vec;
use core::fmt;

use crate::base::bytes::{get, to_usize, zeroed};
use crate::base::error::Result;
use crate::base::sync::Mutex;

/// Readers that are told apart, for example threads that scan different parts.
const STREAMS: usize = 4;
/// How far on the next block of one reader may be.
const NEAR: u64 = 8;
/// Bytes of one large read.
const WINDOW_BYTES: usize = 128 << 10;

/// Remembers where blocks were read last, and holds what was read ahead there.
pub(crate) struct ReadAhead {
    streams: Mutex<Streams>,
    block_len: usize,
}

#[derive(Default)]
struct Streams {
    windows: Vec<Window>,
    turn: usize,
}

struct Window {
    /// Block that was asked for last.
    last: u64,
    /// First block of `bytes`.
    start: u64,
    bytes: Vec<u8>,
}

impl Window {
    fn block(&self, block: u64, block_len: usize) -> Option<&[u8]> {
        let index = to_usize(block.checked_sub(self.start)?).ok()?;
        get(&self.bytes, index.checked_mul(block_len)?, block_len)
    }
}

/// What is to be done for a block.
enum Plan {
    Have(Vec<u8>),
    Single,
    /// Read up to so many blocks, for the window of this number, into what was its memory.
    Ahead(usize, u64, Vec<u8>),
}

impl ReadAhead {
    pub(crate) fn new(block_len: usize) -> ReadAhead {
        ReadAhead { streams: Mutex::new(Streams::default()), block_len }
    }

    /// A block's bytes. `read` fills a buffer with blocks from a first one on; `is_kept` says which blocks need not be
    /// read again.
    pub(crate) fn block(
        &self,
        block: u64,
        is_kept: impl Fn(u64) -> bool,
        read: impl Fn(u64, &mut [u8]) -> Result<()>,
    ) -> Result<Vec<u8>> {
        let single = || {
            let mut bytes = zeroed(self.block_len)?;
            read(block, &mut bytes).map(|()| bytes)
        };
        let (window, most, mut bytes) = match self.streams.with(|streams| streams.plan(block, self.block_len))
        {
            Plan::Have(bytes) => return Ok(bytes),
            Plan::Single => return single(),
            Plan::Ahead(window, most, bytes) => (window, most, bytes),
        };
        let mut count = 1u64;
        while count < most && !is_kept(block.saturating_add(count)) {
            count = count.saturating_add(1);
        }
        // Near the end of a device, or of its readable part, there may be less to read.
        bytes.resize(to_usize(count)?.saturating_mul(self.block_len), 0);
        if read(block, &mut bytes).is_err() {
            return single();
        }
        let first = get(&bytes, 0, self.block_len).unwrap_or(&[]).to_vec();
        self.streams.with(|streams| {
            if let Some(window) = streams.windows.get_mut(window).filter(|window| window.last == block) {
                window.start = block;
                window.bytes = bytes;
            }
        });
        Ok(first)
    }
}

impl Streams {
    fn plan(&mut self, block: u64, block_len: usize) -> Plan {
        for window in &mut self.windows {
            if let Some(bytes) = window.block(block, block_len).map(<[u8]>::to_vec) {
                window.last = block;
                return Plan::Have(bytes);
            }
        }
        let follows = |window: &Window| block > window.last && block.saturating_sub(window.last) <= NEAR;
        if let Some(index) = self.windows.iter().position(follows) {
            let starts =
                self.windows.iter().filter(|window| !window.bytes.is_empty()).map(|window| window.start);
            let next = starts.filter(|start| *start > block).min().unwrap_or(u64::MAX);
            let room = u64::try_from(WINDOW_BYTES.checked_div(block_len).unwrap_or(1)).unwrap_or(1);
            let mut bytes = Vec::new();
            if let Some(window) = self.windows.get_mut(index) {
                window.last = block;
                bytes = core::mem::take(&mut window.bytes);
            }
            return Plan::Ahead(index, room.min(next.saturating_sub(block)), bytes);
        }
        let fresh = Window { last: block, start: 0, bytes: Vec::new() };
        match self.windows.get_mut(self.turn) {
            Some(window) => *window = fresh,
            None => self.windows.push(fresh),
        }
        self.turn = self.turn.saturating_add(1).checked_rem(STREAMS).unwrap_or(0);
        Plan::Single
    }
}

impl fmt::Debug for ReadAhead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadAhead").field("block_len", &self.block_len).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::cell::RefCell;

    /// Reads through a `ReadAhead` over a device of 100 blocks of one byte each; returns the device's reads.
    fn reads(blocks: &[u64], kept: &[u64]) -> Vec<(u64, usize)> {
        let (ahead, log) = (ReadAhead::new(1), RefCell::new(Vec::new()));
        for block in blocks {
            let read = |first: u64, buf: &mut [u8]| {
                log.borrow_mut().push((first, buf.len()));
                let last = first.saturating_add(u64::try_from(buf.len()).unwrap());
                if last > 100 {
                    return Err(crate::Error::Misuse("past the end"));
                }
                buf.iter_mut().zip(first..).for_each(|(byte, block)| *byte = u8::try_from(block).unwrap());
                Ok(())
            };
            let bytes = ahead.block(*block, |block| kept.contains(&block), read).unwrap();
            assert_eq!(bytes, [u8::try_from(*block).unwrap()]);
        }
        log.into_inner()
    }

    /// A second block near the first one starts reading ahead; what is kept already is not read again.
    #[test]
    fn goes_along() {
        assert_eq!(reads(&[10, 12, 13, 14, 20], &[22]), [(10, 1), (12, 10)]);
    }

    /// Blocks here and there, and going back, are read one by one.
    #[test]
    fn here_and_there() {
        assert_eq!(reads(&[10, 50, 90, 30, 9], &[]), [(10, 1), (50, 1), (90, 1), (30, 1), (9, 1)]);
    }

    /// Reading ahead past the end falls back to the block alone.
    #[test]
    fn at_the_end() {
        assert_eq!(reads(&[97, 98], &[]), [(97, 1), (98, 131_072), (98, 1)]);
    }
}
