//! LZFSE: blocks that are stored, LZVN, or entropy-coded literals and matches (sheet decmpfs, section 8).

mod fse;
mod header;

use alloc::vec::Vec;

use super::fault::Fault;
use super::lzvn;
use super::output::{Output, WIDE};
use crate::base::bytes::{get, u32_at, zeroed};
use fse::{Bits, DISTANCES, LITERAL_COUNTS, LiteralTable, MATCH_LENGTHS, ValueTable};
use header::{Frequencies, Header, MAX_LITERALS};

/// `bvx-`: stored bytes.
const STORED: u32 = 0x2D78_7662;
/// `bvxn`: LZVN.
const LZVN: u32 = 0x6E78_7662;
/// `bvx1`: LZFSE, tables as they are.
const PLAIN_TABLES: u32 = 0x3178_7662;
/// `bvx2`: LZFSE, compressed tables.
const PACKED_TABLES: u32 = 0x3278_7662;
/// `bvx$`: end of the stream.
const END: u32 = 0x2478_7662;

/// Bytes of the header of a stored block: magic, length.
const STORED_HEADER: usize = 8;
/// Bytes of the header of an LZVN block: magic, length of the output, length of the payload.
const LZVN_HEADER: usize = 12;

/// Fills `dst` from an LZFSE stream. It may end with its last byte of content: the end mark is not asked for.
///
/// # Errors
/// Blocks that are unknown, damaged or cut off, or whose output is of another length than `dst`.
pub fn decode(src: &[u8], dst: &mut [u8]) -> Result<(), Fault> {
    let mut output = Output::new(dst);
    let mut literals = Vec::new();
    let mut rest = src;
    while !output.is_full() {
        let used = match u32_at(rest, 0) {
            Some(STORED) => stored(rest, &mut output)?,
            Some(LZVN) => lzvn_block(rest, &mut output)?,
            Some(PLAIN_TABLES) => coded(rest, &Header::plain(rest)?, &mut output, &mut literals)?,
            Some(PACKED_TABLES) => coded(rest, &Header::packed(rest)?, &mut output, &mut literals)?,
            Some(END) => return Err(fault("fewer bytes than promised")),
            Some(_) => return Err(fault("unknown block")),
            None => return Err(CUT_OFF),
        };
        rest = rest.get(used..).ok_or(CUT_OFF)?;
    }
    let more = matches!(u32_at(rest, 0), Some(STORED | LZVN | PLAIN_TABLES | PACKED_TABLES));
    if more && raw_len(rest)? > 0 { Err(TOO_LONG) } else { Ok(()) }
}

/// Bytes that the block at the start of `block` expands to.
fn raw_len(block: &[u8]) -> Result<usize, Fault> {
    u32_at(block, 4).and_then(|len| usize::try_from(len).ok()).ok_or(CUT_OFF)
}

fn stored(block: &[u8], output: &mut Output<'_>) -> Result<usize, Fault> {
    let len = raw_len(block)?;
    let bytes = get(block, STORED_HEADER, len).ok_or(CUT_OFF)?;
    output.literals(bytes, 0, len).ok_or(TOO_LONG)?;
    Ok(STORED_HEADER.wrapping_add(len))
}

fn lzvn_block(block: &[u8], output: &mut Output<'_>) -> Result<usize, Fault> {
    let payload_len = u32_at(block, 8).and_then(|len| usize::try_from(len).ok()).ok_or(CUT_OFF)?;
    let payload = get(block, LZVN_HEADER, payload_len).ok_or(CUT_OFF)?;
    output.part(raw_len(block)?, |part| lzvn::expand(payload, part)).ok_or(TOO_LONG)??;
    Ok(LZVN_HEADER.wrapping_add(payload_len))
}

/// An entropy-coded block. `literals` is memory to work in.
fn coded(
    block: &[u8],
    header: &Header,
    output: &mut Output<'_>,
    literals: &mut Vec<u8>,
) -> Result<usize, Fault> {
    if literals.is_empty() {
        *literals = zeroed(MAX_LITERALS.wrapping_add(WIDE)).map_err(|_| fault("no memory for literals"))?;
    }
    let codes = header.literal_payload.bits(block, header.len)?;
    let literals = literals.get_mut(..header.literals.wrapping_add(WIDE)).ok_or(CUT_OFF)?;
    decode_literals(codes, header, literals)?;
    let codes = header.match_payload.bits(block, header.literal_payload.end(header.len))?;
    let part = output.part(header.raw_len, |part| decode_matches(codes, header, literals, part));
    part.ok_or(TOO_LONG)??;
    Ok(header.match_payload.end(header.literal_payload.end(header.len)))
}

/// Fills the front of `literals`. Four codes take turns in one stream of bits.
fn decode_literals(mut codes: Bits<'_>, header: &Header, literals: &mut [u8]) -> Result<(), Fault> {
    let table = LiteralTable::new(&header.frequencies.literals, header.literals > 0)?;
    let [mut a, mut b, mut c, mut d] = header.literal_payload.states;
    for four in literals.get_mut(..header.literals).ok_or(CUT_OFF)?.as_chunks_mut::<4>().0 {
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

/// Fills `part`, the output of one block. `literals` has some bytes behind its end that only make copying faster.
fn decode_matches(
    mut codes: Bits<'_>,
    header: &Header,
    literals: &[u8],
    part: &mut Output<'_>,
) -> Result<(), Fault> {
    let Frequencies { literal_counts, match_lengths, distances, .. } = &header.frequencies;
    let used = header.matches > 0;
    let counts = ValueTable::<64>::new(literal_counts, &LITERAL_COUNTS, used)?;
    let lengths = ValueTable::<64>::new(match_lengths, &MATCH_LENGTHS, used)?;
    let distances = ValueTable::<256>::new(distances, &DISTANCES, used)?;
    let [mut count_state, mut length_state, mut distance_state] = header.match_payload.states;
    let (mut at, mut distance) = (0usize, 0usize);
    for _ in 0..header.matches {
        codes.load()?;
        let count = counts.next(&mut codes, &mut count_state);
        let length = lengths.next(&mut codes, &mut length_state);
        let next = distances.next(&mut codes, &mut distance_state);
        // 0 means: the same distance again.
        distance = if next == 0 { distance } else { next };
        part.literals(literals, at, count).ok_or(BAD_LITERALS)?;
        at = at.wrapping_add(count);
        if length > 0 {
            part.repeat(distance, length).ok_or(BAD_MATCH)?;
        }
    }
    if at > header.literals {
        return Err(BAD_LITERALS);
    }
    if !part.is_full() {
        return Err(fault("block is shorter than it says"));
    }
    codes.finish(&[count_state, length_state, distance_state])
}

const BAD_LITERALS: Fault = Fault { codec: CODEC, why: "more literals than there are or than fit" };
const BAD_MATCH: Fault =
    Fault { codec: CODEC, why: "match from before the start, or past the end of its block" };
const CODEC: &str = "LZFSE";
const CUT_OFF: Fault = Fault { codec: CODEC, why: "data is cut off" };
const TOO_LONG: Fault = Fault { codec: CODEC, why: "more bytes than promised" };

fn fault(why: &'static str) -> Fault {
    Fault::new(CODEC, why)
}
