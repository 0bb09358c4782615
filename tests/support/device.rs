//! Devices that count their reads, that fail when told to, and that keep no zeros in memory.

use core::ops::Range;
use std::collections::HashMap;
use std::io::Read;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use apfs_core::{Error, ReadAt, Result};

/// Records its reads. It lends no slices, so every access is seen.
#[derive(Debug)]
pub struct Counting {
    bytes: Vec<u8>,
    block_size: usize,
    /// First block and number of blocks.
    reads: Mutex<Vec<(u64, u64)>>,
}

impl Counting {
    pub fn new(bytes: Vec<u8>, block_size: usize) -> Self {
        Counting { bytes, block_size, reads: Mutex::default() }
    }

    /// First block and number of blocks of every read since the last call.
    pub fn take(&self) -> Vec<(u64, u64)> {
        core::mem::take(&mut self.reads.lock().unwrap())
    }
}

impl ReadAt for Counting {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        let size = self.block_size as u64;
        let (first, end) = (offset / size, (offset + buf.len() as u64).div_ceil(size));
        self.reads.lock().unwrap().push((first, end - first));
        self.bytes.read_exact_at(offset, buf)
    }
}

/// Fails one read, or all of them.
#[derive(Debug)]
pub struct Failing {
    bytes: Vec<u8>,
    /// Reads that succeed before one fails.
    left: AtomicU64,
    broken: AtomicBool,
    bad: Mutex<Range<u64>>,
}

impl Failing {
    pub fn new(bytes: Vec<u8>) -> Self {
        Failing {
            bytes,
            left: AtomicU64::new(u64::MAX),
            broken: AtomicBool::new(false),
            bad: Mutex::new(0..0),
        }
    }

    /// The read after `count` further ones fails, those behind it succeed.
    pub fn fail_after(&self, count: u64) {
        self.left.store(count, Ordering::Relaxed);
    }

    /// Whether the planned failure has happened.
    pub fn has_failed(&self) -> bool {
        self.left.load(Ordering::Relaxed) > u64::MAX / 2
    }

    /// Makes every read fail, or none.
    pub fn set_broken(&self, broken: bool) {
        self.broken.store(broken, Ordering::Relaxed);
    }

    /// Makes every read of these bytes fail.
    pub fn set_bad(&self, bytes: Range<u64>) {
        *self.bad.lock().unwrap() = bytes;
    }
}

impl ReadAt for Failing {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        let bad = self.bad.lock().unwrap().clone();
        let is_bad = offset < bad.end && bad.start < offset + buf.len() as u64;
        if is_bad || self.broken.load(Ordering::Relaxed) || self.left.fetch_sub(1, Ordering::Relaxed) == 0 {
            return Err(Error::io(offset, buf.len() as u64, "the device is not ready"));
        }
        self.bytes.read_exact_at(offset, buf)
    }
}

/// Bytes with zeros behind them, up to any length.
#[derive(Debug)]
pub struct ZeroTail {
    bytes: Vec<u8>,
    len: u64,
}

impl ZeroTail {
    pub fn new(bytes: Vec<u8>, len: u64) -> Self {
        ZeroTail { bytes, len }
    }
}

impl ReadAt for ZeroTail {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        if offset + buf.len() as u64 > self.len {
            return Err(Error::io(offset, buf.len() as u64, "past the end"));
        }
        let there = (self.bytes.len() as u64).saturating_sub(offset).min(buf.len() as u64) as usize;
        let (head, tail) = buf.split_at_mut(there);
        tail.fill(0);
        if there > 0 { self.bytes.read_exact_at(offset, head) } else { Ok(()) }
    }
}

const PIECE: usize = 64 << 10;

/// A large image of which only the pieces that are not all zero are kept.
#[derive(Debug)]
pub struct Sparse {
    len: u64,
    pieces: HashMap<u64, Box<[u8]>>,
}

impl Sparse {
    /// Reads an image to its end.
    pub fn read(mut source: impl Read) -> std::io::Result<Self> {
        let mut image = Sparse { len: 0, pieces: HashMap::new() };
        let mut piece = vec![0; PIECE];
        loop {
            let mut filled = 0;
            while filled < PIECE {
                match source.read(&mut piece[filled..])? {
                    0 => break,
                    read => filled += read,
                }
            }
            if filled == 0 {
                return Ok(image);
            }
            if piece[..filled] != vec![0; filled][..] {
                image.pieces.insert(image.len / PIECE as u64, piece[..filled].into());
            }
            image.len += filled as u64;
        }
    }
}

impl ReadAt for Sparse {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        if offset + buf.len() as u64 > self.len {
            return Err(Error::io(offset, buf.len() as u64, "past the end"));
        }
        let mut at = offset;
        let mut rest = buf;
        while !rest.is_empty() {
            let inside = (at % PIECE as u64) as usize;
            let len = rest.len().min(PIECE - inside);
            let (now, later) = rest.split_at_mut(len);
            match self.pieces.get(&(at / PIECE as u64)) {
                Some(piece) => now.copy_from_slice(&piece[inside..inside + len]),
                None => now.fill(0),
            }
            at += len as u64;
            rest = later;
        }
        Ok(())
    }
}
