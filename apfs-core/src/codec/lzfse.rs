//! LZFSE: blocks that are stored, LZVN, or entropy-coded literals and matches (sheet decmpfs, section 8).

mod block;
mod fse;
mod header;

use alloc::vec::Vec;

use super::fault::Fault;
use super::lzvn;
use super::output::Output;
use crate::base::bytes::{get, u32_at};
use header::Header;

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
            Some(PLAIN_TABLES) => block::expand(rest, &Header::plain(rest)?, &mut output, &mut literals)?,
            Some(PACKED_TABLES) => block::expand(rest, &Header::packed(rest)?, &mut output, &mut literals)?,
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
    output.literals(bytes, len).ok_or(TOO_LONG)?;
    Ok(STORED_HEADER.wrapping_add(len))
}

fn lzvn_block(block: &[u8], output: &mut Output<'_>) -> Result<usize, Fault> {
    let payload_len = u32_at(block, 8).and_then(|len| usize::try_from(len).ok()).ok_or(CUT_OFF)?;
    let payload = get(block, LZVN_HEADER, payload_len).ok_or(CUT_OFF)?;
    lzvn::expand(payload, output.part(raw_len(block)?).ok_or(TOO_LONG)?)?;
    Ok(LZVN_HEADER.wrapping_add(payload_len))
}

const CODEC: &str = "LZFSE";
const CUT_OFF: Fault = Fault { codec: CODEC, why: "data is cut off" };
const TOO_LONG: Fault = Fault { codec: CODEC, why: "more bytes than promised" };

fn fault(why: &'static str) -> Fault {
    Fault::new(CODEC, why)
}
