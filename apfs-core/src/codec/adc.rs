//! ADC, Apple Data Compression: the codec of the first compressed disk images (sheet dmg, section 4).

use super::fault::Fault;
use crate::base::bytes::get;

/// Expands ADC.
///
/// # Errors
/// The input ends early, or a copy reaches back before the start of the output.
pub fn decode(src: &[u8], dst: &mut [u8]) -> Result<(), Fault> {
    let (mut at, mut done) = (0usize, 0usize);
    while done < dst.len() {
        let code = Code::read(src, at).ok_or(Fault::new("ADC", "the input ends early"))?;
        at = at.saturating_add(code.size);
        // The last run may say more than is wanted.
        let room = dst.len().saturating_sub(done);
        match code.run {
            Run::Literal(bytes) => {
                let len = bytes.len().min(room);
                let (from, to) = (bytes.get(..len), dst.get_mut(done..done.saturating_add(len)));
                if let (Some(from), Some(to)) = (from, to) {
                    to.copy_from_slice(from);
                }
                done = done.saturating_add(len);
            }
            Run::Copy { distance, len } => {
                let len = len.min(room);
                repeat(dst, done, distance, len)
                    .ok_or(Fault::new("ADC", "a copy reaches back before the start"))?;
                done = done.saturating_add(len);
            }
        }
    }
    Ok(())
}

/// What is to be appended next.
enum Run<'s> {
    Literal(&'s [u8]),
    Copy { distance: usize, len: usize },
}

/// One instruction and the bytes it takes.
struct Code<'s> {
    run: Run<'s>,
    size: usize,
}

impl Code<'_> {
    /// The instruction at an offset, if it is all there.
    #[allow(clippy::arithmetic_side_effects, reason = "sums of a few bytes' values")]
    fn read(src: &[u8], at: usize) -> Option<Code<'_>> {
        let rest = src.get(at..)?;
        let first = usize::from(*rest.first()?);
        let next = |index: usize| rest.get(index).copied().map(usize::from);
        Some(match first {
            0x80.. => {
                let len = (first & 0x7F) + 1;
                Code { run: Run::Literal(get(rest, 1, len)?), size: 1 + len }
            }
            0x40.. => {
                let distance = (next(1)? << 8 | next(2)?) + 1;
                Code { run: Run::Copy { distance, len: (first & 0x3F) + 4 }, size: 3 }
            }
            _ => {
                let distance = ((first & 3) << 8 | next(1)?) + 1;
                Code { run: Run::Copy { distance, len: (first >> 2 & 0x0F) + 3 }, size: 2 }
            }
        })
    }
}

/// Appends `len` bytes from `distance` back; they may be bytes that are only now appended.
fn repeat(dst: &mut [u8], done: usize, distance: usize, len: usize) -> Option<()> {
    let start = done.checked_sub(distance)?;
    let end = done.checked_add(len)?;
    let mut at = done;
    while at < end {
        // Everything from `start` on repeats with the distance, so what is there doubles each time.
        let piece = end.saturating_sub(at).min(at.saturating_sub(start));
        dst.get(..at.checked_add(piece)?)?;
        dst.copy_within(start..start.checked_add(piece)?, at);
        at = at.checked_add(piece)?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;

    fn expand(src: &[u8], len: usize) -> Result<Vec<u8>, Fault> {
        let mut dst = vec![0xEE; len];
        decode(src, &mut dst).map(|()| dst)
    }

    /// Every kind of run, made by hand from the sheet.
    #[test]
    fn runs() {
        assert_eq!(expand(&[0x82, b'a', b'b', b'c'], 3).unwrap(), b"abc");
        // Short copy: 3 + 1 bytes from 3 back.
        assert_eq!(expand(&[0x82, b'a', b'b', b'c', 0x04, 2], 7).unwrap(), b"abcabca");
        // Long copy: 4 + 2 bytes from 2 back, overlapping itself.
        assert_eq!(expand(&[0x82, b'a', b'b', b'c', 0x42, 0, 1], 9).unwrap(), b"abcbcbcbc");
        // A distance of more than a byte.
        let mut long = vec![0xFF; 1];
        long.extend(0..=127);
        long.extend([0xFF; 1]);
        long.extend(128..=255);
        long.extend([0x00, 0xFF]);
        assert_eq!(expand(&long, 259).unwrap()[256..], [0, 1, 2]);
        long.truncate(258);
        long.extend([0x80, 7, 0x03, 0x00, 0x40, 0x01, 0x00]);
        let fault = Fault::new("ADC", "a copy reaches back before the start");
        assert_eq!(expand(&long, 260), Err(fault), "769 back of 257 bytes");
    }

    /// The end of the output ends everything, also inside of a run; input behind it does not matter.
    #[test]
    fn ends() {
        assert_eq!(expand(&[0x82, b'a', b'b', b'c', 0xFF], 2).unwrap(), b"ab");
        assert_eq!(expand(&[0x80, b'a', 0x7F, 0, 0], 5).unwrap(), b"aaaaa");
        assert_eq!(expand(&[], 0).unwrap(), b"");
        for src in [&[][..], &[0x80], &[0x81, b'a'], &[0x80, b'a', 0x00], &[0x80, b'a', 0x40, 0]] {
            assert_eq!(expand(src, 9), Err(Fault::new("ADC", "the input ends early")), "{src:?}");
        }
        assert!(expand(&[0x00, 0x00], 3).is_err(), "nothing to copy from");
    }
}
