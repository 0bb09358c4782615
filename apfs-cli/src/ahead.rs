//! Reads the pieces of a long stream on all processors and gives them in order: decompression and decryption take
//! longer than what is done with the bytes.

use core::num::NonZero;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use apfs_core::Result;

/// Bytes of one piece.
const PIECE: usize = 1 << 20;
/// Pieces that one worker may be ahead.
const AHEAD: usize = 2;
/// Length from which on a stream is worth threads.
const WORTH_IT: u64 = 4 << 20;

/// Number of workers for a stream of a length: 1 if it is not worth more.
pub(crate) fn workers(len: u64) -> usize {
    if len < WORTH_IT { 1 } else { thread::available_parallelism().map_or(1, NonZero::get) }
}

/// Gives the bytes of a stream of `len` bytes in order. `read` fills a buffer from an offset on and returns how much,
/// less only at the end.
///
/// The outer error is that of `take`, the inner one says why the stream could not be read to its end.
pub(crate) fn in_order<E>(
    len: u64,
    workers: usize,
    read: impl Fn(u64, &mut [u8]) -> Result<usize> + Sync,
    mut take: impl FnMut(&[u8]) -> core::result::Result<(), E>,
) -> core::result::Result<Result<()>, E> {
    let step = u64::try_from(PIECE).unwrap_or(1);
    let read = &read;
    thread::scope(|scope| {
        let mut lanes: Vec<Lane> = Vec::new();
        for first in (0..len).step_by(PIECE).take(workers) {
            let stride = step.saturating_mul(u64::try_from(workers).unwrap_or(1));
            let ((full, filled), (back, empty)) =
                (sync_channel(AHEAD), sync_channel(AHEAD.saturating_add(2)));
            scope.spawn(move || work(first, stride, len, read, &full, &empty));
            lanes.push(Lane { filled, back });
        }
        let mut at = 0u64;
        for lane in lanes.iter().cycle() {
            if at >= len {
                break;
            }
            // A worker that is gone has sent the error that ended it, or nobody waits for it.
            let Ok(piece) = lane.filled.recv() else { break };
            let piece = match piece {
                Ok(piece) => piece,
                Err(error) => return Ok(Err(error)),
            };
            take(&piece)?;
            let short = piece.len() < PIECE;
            let _ = lane.back.try_send(piece);
            if short {
                break;
            }
            at = at.saturating_add(step);
        }
        Ok(Ok(()))
    })
}

/// What comes from one worker, and where its buffers go back.
struct Lane {
    filled: Receiver<Result<Vec<u8>>>,
    back: SyncSender<Vec<u8>>,
}

/// Reads every so many pieces until the end, an error, or nobody takes them any more.
fn work(
    first: u64,
    stride: u64,
    len: u64,
    read: &(impl Fn(u64, &mut [u8]) -> Result<usize> + Sync),
    full: &SyncSender<Result<Vec<u8>>>,
    empty: &Receiver<Vec<u8>>,
) {
    let mut at = first;
    while at < len {
        let mut piece = empty.try_recv().unwrap_or_default();
        let wanted = usize::try_from(len.saturating_sub(at)).unwrap_or(PIECE).min(PIECE);
        piece.resize(wanted, 0);
        let read = read(at, &mut piece).map(|count| {
            piece.truncate(count);
            piece
        });
        let ended = read.is_err();
        if full.send(read).is_err() || ended {
            return;
        }
        at = at.saturating_add(stride);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use apfs_core::Error;
    use core::convert::Infallible;

    fn byte(offset: u64) -> u8 {
        u8::try_from(offset.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56).unwrap()
    }

    /// Fills from a stream of so many bytes.
    fn fill(stream: u64, at: u64, buffer: &mut [u8]) -> usize {
        let count = usize::try_from(stream.saturating_sub(at)).unwrap().min(buffer.len());
        for (offset, target) in (at..).zip(&mut buffer[..count]) {
            *target = byte(offset);
        }
        count
    }

    /// Every byte comes once and in order, whatever the length and the number of workers.
    #[test]
    fn in_order_whatever_the_workers() {
        for len in [0, 1, (1 << 20) - 1, 1 << 20, (3 << 20) + 5] {
            for workers in [1, 2, 7] {
                let mut seen = 0u64;
                let read = |at: u64, buffer: &mut [u8]| Ok(fill(len, at, buffer));
                let ended = in_order(len, workers, read, |piece| {
                    assert!((seen..).zip(piece).all(|(offset, found)| *found == byte(offset)));
                    seen += u64::try_from(piece.len()).unwrap();
                    Ok::<(), Infallible>(())
                });
                assert!(matches!(ended, Ok(Ok(()))));
                assert_eq!(seen, len);
            }
        }
    }

    /// What stands before a piece that can't be read is given, and nothing behind it; a short stream ends early.
    #[test]
    fn stops_at_the_first_error() {
        let mut seen = 0;
        let read = |at: u64, buffer: &mut [u8]| match at >> 20 {
            2 => Err(Error::Misuse("planted")),
            _ => Ok(fill(u64::MAX, at, buffer)),
        };
        let ended = in_order(8 << 20, 3, read, |piece| {
            seen += piece.len();
            Ok::<(), Infallible>(())
        });
        assert!(matches!(ended, Ok(Err(Error::Misuse("planted")))));
        assert_eq!(seen, 2 << 20);
        let mut seen = 0;
        let read = |at: u64, buffer: &mut [u8]| Ok(fill((1 << 20) + 3, at, buffer));
        let ended = in_order(8 << 20, 2, read, |piece| {
            seen += piece.len();
            Ok::<(), Infallible>(())
        });
        assert!(matches!(ended, Ok(Ok(()))));
        assert_eq!(seen, (1 << 20) + 3);
    }

    /// An error of the taker ends it at once.
    #[test]
    fn the_taker_may_stop() {
        let read = |at: u64, buffer: &mut [u8]| Ok(fill(u64::MAX, at, buffer));
        assert_eq!(in_order(1 << 30, 2, read, |_| Err("enough")).err(), Some("enough"));
    }
}
