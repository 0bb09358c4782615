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

/// Fills `dst` from a raw LZVN stream. It may end with its last byte of content: the end mark is not asked for.
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
    Ok(())
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
