//! LZVN: bytes with short opcodes for literals and matches (sheet decmpfs, section 7).

use super::fault::Fault;
use super::output::Output;
use crate::base::bytes::u16_at;

/// What an opcode byte stands for.
#[derive(Clone, Copy)]
enum Op {
    /// Literals and a match at a distance of 11 bits.
    Near,
    /// Literals and a match at a distance of 14 bits.
    Medium,
    /// Literals and a match at a distance of 16 bits.
    Far,
    /// Literals and a match at the distance of the match before.
    Again,
    Literals,
    ManyLiterals,
    Match,
    LongMatch,
    Nothing,
    End,
    Undefined,
}

/// The meaning of every opcode byte.
const OPS: [Op; 256] = ops();

const fn ops() -> [Op; 256] {
    let mut ops = [Op::Undefined; 256];
    let mut byte = 0u8;
    loop {
        let op = match (byte, byte & 7) {
            (0x06, _) => Op::End,
            (0x0E | 0x16, _) => Op::Nothing,
            (0x70..=0x7F | 0xD0..=0xDF, _) => Op::Undefined,
            (0xA0..=0xBF, _) => Op::Medium,
            (0xE0, _) => Op::ManyLiterals,
            (0xE1..=0xEF, _) => Op::Literals,
            (0xF0, _) => Op::LongMatch,
            (0xF1..=0xFF, _) => Op::Match,
            (_, 7) => Op::Far,
            (0x00..=0x3F, 6) => Op::Undefined,
            (_, 6) => Op::Again,
            _ => Op::Near,
        };
        #[allow(
            clippy::as_conversions,
            clippy::indexing_slicing,
            reason = "a u8 is below 256; `From` is not const"
        )]
        {
            ops[byte as usize] = op;
        }
        byte = match byte.checked_add(1) {
            Some(next) => next,
            None => return ops,
        };
    }
}

/// Fills `dst` from a raw LZVN stream. It may end with its last byte of content, without the end mark.
///
/// # Errors
/// Undefined opcodes, distances that lead nowhere, data that is cut off or of another length than `dst`.
pub fn decode(src: &[u8], dst: &mut [u8]) -> Result<(), Fault> {
    expand(src, Output::new(dst))
}

/// Fills what is left of the output. Matches reach all of what it holds already.
pub(super) fn expand(src: &[u8], mut output: Output<'_>) -> Result<(), Fault> {
    let mut at = 0usize;
    let mut distance = 0usize;
    while !output.is_full() {
        let byte = *src.get(at).ok_or(fault("data is cut off"))?;
        let next = |offset| {
            src.get(at.wrapping_add(offset)).copied().map(usize::from).ok_or(fault("data is cut off"))
        };
        let word = || u16_at(src, at.wrapping_add(1)).map(usize::from).ok_or(fault("data is cut off"));
        let code = usize::from(byte);
        let (top, middle) = (code >> 6, (code >> 3 & 7).wrapping_add(3));
        let op = OPS.get(code).copied().unwrap_or(Op::Undefined);
        let (length, literals, matched) = match op {
            Op::Near => {
                distance = (code & 7) << 8 | next(1)?;
                (2, top, middle)
            }
            Op::Medium => {
                let word = word()?;
                distance = word >> 2;
                (3, code >> 3 & 3, ((code & 7) << 2 | word & 3).wrapping_add(3))
            }
            Op::Far => {
                distance = word()?;
                (3, top, middle)
            }
            Op::Again => (1, top, middle),
            Op::Literals => (1, code & 15, 0),
            Op::ManyLiterals => (2, next(1)?.wrapping_add(16), 0),
            Op::Match => (1, 0, code & 15),
            Op::LongMatch => (2, 0, next(1)?.wrapping_add(16)),
            Op::Nothing => (1, 0, 0),
            Op::End => return Err(fault("fewer bytes than promised")),
            Op::Undefined => return Err(fault("undefined opcode")),
        };
        at = at.wrapping_add(length);
        if literals > 0 {
            src.get(at..)
                .and_then(|from| output.literals(from, literals))
                .ok_or_else(|| broken_literals(output.room(), literals))?;
            at = at.wrapping_add(literals);
        }
        if matched > 0 {
            output.repeat(distance, matched).ok_or_else(|| broken_match(output.room(), matched))?;
        }
    }
    check_end(src.get(at..).unwrap_or(&[]))
}

/// What follows the last byte must not be more content.
fn check_end(rest: &[u8]) -> Result<(), Fault> {
    let op = |byte: &u8| OPS.get(usize::from(*byte)).copied().unwrap_or(Op::Undefined);
    match rest.iter().map(op).find(|op| !matches!(op, Op::Nothing)) {
        None | Some(Op::End | Op::Undefined) => Ok(()),
        Some(_) => Err(fault("more bytes than promised")),
    }
}

/// Why `len` literals could not be copied.
#[cold]
fn broken_literals(room: usize, len: usize) -> Fault {
    fault(if len > room { "more bytes than promised" } else { "data is cut off" })
}

/// Why a match of `len` bytes could not be copied.
#[cold]
fn broken_match(room: usize, len: usize) -> Fault {
    fault(if len > room { "more bytes than promised" } else { "match from before the start" })
}

fn fault(why: &'static str) -> Fault {
    Fault::new("LZVN", why)
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    const END: [u8; 8] = [6, 0, 0, 0, 0, 0, 0, 0];

    fn decoded(ops: &[&[u8]], len: usize) -> Result<Vec<u8>, &'static str> {
        let mut dst = alloc::vec![0xAA; len];
        decode(&ops.concat(), &mut dst).map_err(|fault| fault.why)?;
        Ok(dst)
    }

    /// The vector of the format's description: nineteen literals.
    #[test]
    fn published_vector() {
        let text = b"My compressed file\n";
        assert_eq!(decoded(&[&[0xE0, 0x03], text, &END], 19).unwrap(), text);
    }

    /// Every opcode by hand, after the twelve literals `abcdefghijkl`.
    #[test]
    fn every_opcode() {
        let start: &[u8] = b"\xECabcdefghijkl";
        let cases: [(&[u8], &[u8]); 13] = [
            // LLMMMDDD: no literals, 3 from 12 back; two literals, 5 from 3 back.
            (&[0x00, 12], b"abc"),
            (b"\x90\x03xy", b"xylxylx"),
            // LLMMM111: one literal, 4 from 11 back.
            (b"\x4F\x0B\x00z", b"zcdef"),
            // 101LLMMM: 5 x 4 + 1 + 3 from 6 back, three literals.
            (&[0xBD, 0b01 | 6 << 2, 0, b'1', b'2', b'3'], b"123jkl123jkl123jkl123jkl123"),
            // 1110LLLL, 0xE0.
            (b"\xE2xy", b"xy"),
            (b"\xE0\x0012345678abcdefgh", b"12345678abcdefgh"),
            // A match, then LLMMM110, 1111MMMM and 0xF0 at its distance.
            (b"\x00\x0C\x46x", b"abcxefg"),
            (b"\x00\x0C\xF2", b"abcde"),
            (b"\x00\x0C\xF0\x04", b"abcdefghijklabcdefghijk"),
            // What does nothing.
            (b"\x0E\x16\xE1x", b"x"),
            // A distance of one is a run.
            (b"\x38\x01", b"llllllllll"),
            (b"\xE1x\xE1y\xE1z", b"xyz"),
            (b"", b""),
        ];
        for (ops, more) in cases {
            let want = [&b"abcdefghijkl"[..], more].concat();
            for end in [&END[..], b"", b"\x06junk behind the end"] {
                assert_eq!(decoded(&[start, ops, end], want.len()), Ok(want.clone()), "{ops:x?}");
            }
            for len in [want.len() - 1, want.len() + 1] {
                assert!(decoded(&[start, ops, &END], len).is_err(), "{ops:x?}, {len}");
            }
        }
    }

    /// Opcodes without a meaning, and distances that lead nowhere.
    #[test]
    fn refusals() {
        for byte in [0x1E, 0x26, 0x2E, 0x36, 0x3E, 0x70, 0x7F, 0xD0, 0xDF] {
            assert_eq!(decoded(&[b"\xE1a", &[byte], &[1; 9]], 9), Err("undefined opcode"), "{byte:x}");
        }
        assert_eq!(decoded(&[b"\xE1a\x00\x02"], 4), Err("match from before the start"));
        assert_eq!(decoded(&[b"\xE1a\x00\x00"], 4), Err("match from before the start"));
        assert_eq!(decoded(&[b"\xE1a\xF3"], 4), Err("match from before the start"));
        assert_eq!(decoded(&[b"\xE4abc"], 4), Err("data is cut off"));
    }
}
