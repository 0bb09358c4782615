//! Entropy-coded blocks: all literals, then what to do with them (sheet decmpfs, section 8.6).

use alloc::vec::Vec;

use super::fse::{Bits, DISTANCES, LITERAL_COUNTS, LiteralTable, MATCH_LENGTHS, ValueTable};
use super::header::{Frequencies, Header, MAX_LITERALS};
use super::{CODEC, CUT_OFF, TOO_LONG, fault};
use crate::base::bytes::zeroed;
use crate::codec::fault::Fault;
use crate::codec::output::{Output, WIDE};

/// Matches that are decoded before they are carried out. Two small loops keep more in registers than one large one.
const BATCH: usize = 64;

const BAD_LITERALS: Fault = Fault { codec: CODEC, why: "more literals than there are or than fit" };
const BAD_MATCH: Fault =
    Fault { codec: CODEC, why: "match from before the start, or past the end of its block" };

/// Expands a block; returns its length. `literals` is memory to work in.
pub(super) fn expand(
    block: &[u8],
    header: &Header,
    output: &mut Output<'_>,
    literals: &mut Vec<u8>,
) -> Result<usize, Fault> {
    let Header { literal_payload, match_payload, .. } = header;
    if literals.is_empty() {
        *literals = zeroed(MAX_LITERALS.wrapping_add(WIDE)).map_err(|_| fault("no memory for literals"))?;
    }
    let codes = literal_payload.bits(block, header.len)?;
    decode_literals(codes, header, literals.get_mut(..header.literals).ok_or(CUT_OFF)?)?;
    let start = literal_payload.end(header.len);
    let matches = Matches::new(match_payload.bits(block, start)?, header)?;
    // Bytes behind the literals only make copying faster.
    let literals = literals.get(..header.literals.wrapping_add(WIDE)).ok_or(CUT_OFF)?;
    carry_out(matches, literals, output.part(header.raw_len).ok_or(TOO_LONG)?)?;
    Ok(match_payload.end(start))
}

/// Fills `literals`. Four codes take turns in one stream of bits.
fn decode_literals(mut codes: Bits<'_>, header: &Header, literals: &mut [u8]) -> Result<(), Fault> {
    let table = LiteralTable::new(&header.frequencies.literals, header.literals > 0)?;
    let [mut a, mut b, mut c, mut d] = header.literal_payload.states;
    for four in literals.as_chunks_mut::<4>().0 {
        codes.load()?;
        *four = [
            table.next(&mut codes, &mut a),
            table.next(&mut codes, &mut b),
            table.next(&mut codes, &mut c),
            table.next(&mut codes, &mut d),
        ];
    }
    codes.finish(&[a, b, c, d])
}

/// Literals to copy, and what to repeat after them.
#[derive(Clone, Copy, Default)]
struct Match {
    literals: u32,
    length: u32,
    /// 0 means: the same distance again.
    distance: u32,
}

/// The matches of a block, as far as they are not decoded.
struct Matches<'a> {
    codes: Bits<'a>,
    literals: ValueTable<64>,
    lengths: ValueTable<64>,
    distances: ValueTable<256>,
    states: [usize; 3],
    left: usize,
}

impl<'a> Matches<'a> {
    fn new(codes: Bits<'a>, header: &Header) -> Result<Matches<'a>, Fault> {
        let Frequencies { literal_counts, match_lengths, distances, .. } = &header.frequencies;
        let left = header.matches;
        Ok(Matches {
            codes,
            literals: ValueTable::new(literal_counts, &LITERAL_COUNTS, left > 0)?,
            lengths: ValueTable::new(match_lengths, &MATCH_LENGTHS, left > 0)?,
            distances: ValueTable::new(distances, &DISTANCES, left > 0)?,
            states: header.match_payload.states,
            left,
        })
    }

    /// Decodes the next matches into `batch`; returns how many.
    #[inline(never)]
    fn decode(&mut self, batch: &mut [Match; BATCH]) -> Result<usize, Fault> {
        let count = BATCH.min(self.left);
        let [mut a, mut b, mut c] = self.states;
        let mut codes = self.codes;
        for next in batch.iter_mut().take(count) {
            codes.load()?;
            let literals = self.literals.next(&mut codes, &mut a);
            let length = self.lengths.next(&mut codes, &mut b);
            let distance = self.distances.next(&mut codes, &mut c);
            *next = Match { literals, length, distance };
        }
        self.codes = codes;
        self.states = [a, b, c];
        self.left = self.left.wrapping_sub(count);
        Ok(count)
    }
}

/// Fills `part`, the output of one block.
fn carry_out(mut matches: Matches<'_>, literals: &[u8], mut part: Output<'_>) -> Result<(), Fault> {
    let mut literals = literals;
    let mut distance = 0;
    let mut batch = [Match::default(); BATCH];
    loop {
        let count = matches.decode(&mut batch)?;
        if count == 0 {
            break;
        }
        for next in batch.iter().take(count) {
            let count = size(next.literals);
            part.literals(literals, count).ok_or(BAD_LITERALS)?;
            literals = literals.get(count..).ok_or(BAD_LITERALS)?;
            if next.distance != 0 {
                distance = size(next.distance);
            }
            if next.length > 0 {
                part.repeat(distance, size(next.length)).ok_or(BAD_MATCH)?;
            }
        }
    }
    if literals.len() < WIDE {
        return Err(BAD_LITERALS);
    }
    if !part.is_full() {
        return Err(fault("block is shorter than it says"));
    }
    matches.codes.finish(&matches.states)
}

#[inline(always)]
fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
