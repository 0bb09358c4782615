//! Copies a device on all processors: each worker takes the next run, reads it whole and puts it in its place.
//!
//! Holes are never read, and zeros never written.

use core::num::NonZero;
use core::ops::Range;
use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use apfs_core::{Error, ReadAt};

use crate::exit::Failure;
use crate::progress::Progress;

/// Bytes read at once. A chunk of a compressed image is read whole if it is not longer.
const PIECE: u64 = 4 << 20;
/// Bytes around a damaged place that are given up together, where they are not one chunk.
const DAMAGED_PIECE: usize = 64 << 10;
/// Bytes that are looked at for zeros together.
const ZEROS: usize = 64 << 10;
/// Most workers: each holds a piece.
const MOST_WORKERS: usize = 16;

/// Takes bytes at their place, from any thread.
pub(crate) type Write<'a> = dyn Fn(u64, &[u8]) -> Result<(), Failure> + Sync + 'a;

/// What was copied.
#[derive(Debug, Default)]
pub(crate) struct Copied {
    /// Bytes written; the others are zeros.
    pub(crate) written: u64,
    /// Bytes that could not be read, in their order, each run with the first reason.
    pub(crate) lost: Vec<(Range<u64>, Error)>,
}

/// Copies everything. What can't be read is left out if `keep_going`, and otherwise ends it.
pub(crate) fn copy(
    device: &dyn ReadAt,
    write: &Write<'_>,
    keep_going: bool,
    progress: &Progress,
) -> Result<Copied, Failure> {
    let workers = thread::available_parallelism().map_or(1, NonZero::get).min(MOST_WORKERS);
    let job = Job { device, write, keep_going, progress, next: Mutex::new(0), stop: AtomicBool::new(false) };
    let parts: Vec<Result<Copied, Failure>> = thread::scope(|scope| {
        let started: Vec<_> = (1..workers).map(|_| scope.spawn(|| job.work())).collect();
        let here = job.work();
        let others = started.into_iter().map(|worker| {
            worker.join().unwrap_or_else(|_| Err(Failure::Usage("a worker died: this is a bug".to_owned())))
        });
        [here].into_iter().chain(others).collect()
    });
    let mut all = Copied::default();
    for part in parts {
        let part = part?;
        all.written = all.written.saturating_add(part.written);
        all.lost.extend(part.lost);
    }
    all.lost.sort_by_key(|(range, _)| range.start);
    all.lost.dedup_by(|(next, _), (range, _)| {
        let touch = next.start == range.end;
        if touch {
            range.end = next.end;
        }
        touch
    });
    Ok(all)
}

/// What the workers share.
struct Job<'a> {
    device: &'a dyn ReadAt,
    write: &'a Write<'a>,
    keep_going: bool,
    progress: &'a Progress,
    /// First byte that nobody has taken yet.
    next: Mutex<u64>,
    stop: AtomicBool,
}

impl Job<'_> {
    /// Copies pieces until there are none, or somebody failed.
    fn work(&self) -> Result<Copied, Failure> {
        let done = self.copy_pieces();
        if done.is_err() {
            self.stop.store(true, Ordering::Relaxed);
        }
        done
    }

    fn copy_pieces(&self) -> Result<Copied, Failure> {
        let (mut copied, mut buffer) = (Copied::default(), Vec::new());
        while let Some((at, len)) = self.take() {
            if buffer.len() < len {
                buffer.resize(len, 0);
            }
            let piece = buffer.get_mut(..len).unwrap_or_default();
            match self.device.read_exact_at(at, piece) {
                Ok(()) => copied.written = copied.written.saturating_add(self.put(at, piece)?),
                Err(error) if !self.keep_going => {
                    return Err(Failure::Core(format!("{len} bytes at {at}"), error));
                }
                Err(_) => self.rescue(at, piece, &mut copied)?,
            }
            self.progress.read(len);
        }
        Ok(copied)
    }

    /// The next bytes to copy. Runs of zeros are passed over.
    fn take(&self) -> Option<(u64, usize)> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        while !self.stop.load(Ordering::Relaxed) {
            let at = *next;
            let run = self.device.run_at(at)?;
            if run.zeros {
                *next = at.saturating_add(run.len);
                self.progress.read(usize::try_from(run.len).unwrap_or(usize::MAX));
                continue;
            }
            let len = run.len.min(PIECE);
            *next = at.saturating_add(len);
            return usize::try_from(len).ok().map(|len| (at, len));
        }
        None
    }

    /// Writes what of a piece is not zero; gives how much that is.
    fn put(&self, at: u64, piece: &[u8]) -> Result<u64, Failure> {
        let (mut written, mut start) = (0, at);
        for part in piece.chunk_by_zeros() {
            let len = u64::try_from(part.len()).unwrap_or(u64::MAX);
            if !is_zero(part) {
                (self.write)(start, part)?;
                written = u64::saturating_add(written, len);
            }
            start = start.saturating_add(len);
        }
        Ok(written)
    }

    /// Copies what can be read of a piece that can't be read as a whole.
    fn rescue(&self, at: u64, piece: &mut [u8], copied: &mut Copied) -> Result<(), Failure> {
        let mut start = at;
        for part in piece.chunks_mut(DAMAGED_PIECE) {
            let end = start.saturating_add(u64::try_from(part.len()).unwrap_or(u64::MAX));
            match self.device.read_exact_at(start, part) {
                Ok(()) => copied.written = copied.written.saturating_add(self.put(start, part)?),
                Err(error) => match copied.lost.last_mut() {
                    Some((range, _)) if range.end == start => range.end = end,
                    _ => copied.lost.push((start..end, error)),
                },
            }
            start = end;
        }
        Ok(())
    }
}

trait ChunkByZeros {
    /// Cuts where zeros begin and end.
    fn chunk_by_zeros(&self) -> impl Iterator<Item = &[u8]>;
}

impl ChunkByZeros for [u8] {
    fn chunk_by_zeros(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self;
        core::iter::from_fn(move || {
            let first = is_zero(rest.get(..ZEROS).unwrap_or(rest));
            let same = rest.chunks(ZEROS).take_while(|part| is_zero(part) == first);
            let len = same.map(<[u8]>::len).sum();
            let (part, behind) = rest.split_at_checked(len).filter(|(part, _)| !part.is_empty())?;
            rest = behind;
            Some(part)
        })
    }
}

fn is_zero(bytes: &[u8]) -> bool {
    let (blocks, rest) = bytes.as_chunks::<64>();
    rest.iter().all(|byte| *byte == 0) && blocks.iter().all(|block| *block == [0; 64])
}

#[cfg(test)]
#[allow(clippy::as_conversions, clippy::arithmetic_side_effects, reason = "a test")]
mod tests {
    use super::*;

    /// Parts are zero or not, and together they are the whole.
    #[test]
    fn zeros_are_cut_out() {
        let mut bytes = vec![0u8; 5 * ZEROS + 7];
        for at in [ZEROS + 3, 2 * ZEROS, 5 * ZEROS] {
            bytes[at] = 1;
        }
        let parts: Vec<_> = bytes.chunk_by_zeros().map(|part| (part.len(), is_zero(part))).collect();
        assert_eq!(parts, [(ZEROS, true), (2 * ZEROS, false), (2 * ZEROS, true), (7, false)]);
        assert_eq!([].chunk_by_zeros().count(), 0);
    }

    /// A device that gives a number of runs and fails in one place.
    struct Broken(Vec<u8>);

    impl ReadAt for Broken {
        fn len(&self) -> u64 {
            ReadAt::len(&self.0)
        }

        fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> apfs_core::Result<()> {
            let end = offset + buf.len() as u64;
            if offset < 200_000 && end > 100_000 {
                return Err(Error::io(offset, 1, "broken"));
            }
            self.0.read_exact_at(offset, buf)
        }
    }

    /// A damaged place costs what is around it, and everything if that was not asked for.
    #[test]
    fn damage() {
        let device = Broken((0..10_000_000u32).map(|n| n as u8 | 1).collect());
        let out = Mutex::new(vec![0; device.0.len()]);
        let write = |at: u64, bytes: &[u8]| {
            out.lock().unwrap()[at as usize..][..bytes.len()].copy_from_slice(bytes);
            Ok(())
        };
        let copied = copy(&device, &write, true, &Progress::default()).unwrap();
        let ranges: Vec<_> = copied.lost.iter().map(|(range, _)| (range.start, range.end)).collect();
        assert_eq!(ranges, [(65_536, 262_144)]);
        let out = out.lock().unwrap();
        assert!(out[..65_536] == device.0[..65_536] && out[262_144..] == device.0[262_144..]);
        assert!(out[65_536..262_144].iter().all(|byte| *byte == 0));
        assert_eq!(copied.written, 10_000_000 - (262_144 - 65_536));
        drop(out);
        assert!(copy(&device, &write, false, &Progress::default()).is_err());
    }
}
