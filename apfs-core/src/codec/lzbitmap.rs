//! LZBITMAP: bitmaps of eight bytes say which are new and which repeat (sheet decmpfs, section 9).

use super::fault::Fault;
use super::output::Output;
use crate::base::bytes::{get, u16_at};

/// Magic at the start of a stream: `ZBM` and a tab.
const MAGIC: &[u8] = &[0x5A, 0x42, 0x4D, 0x09];
/// Bytes of a chunk header: length of the chunk, length of its output.
const CHUNK_HEADER: usize = 6;
/// Bytes of a compressed chunk before its new bytes.
const COMPRESSED_HEADER: usize = 15;
/// Most bytes that one chunk expands to.
const MAX_CHUNK: usize = 0x8000;
/// Bytes of the table of bitmaps at the end of a chunk.
const TABLE: usize = 17;
/// Nibble that says: a count follows.
const REPEATED: u8 = 15;

/// Fills `dst` from an LZBITMAP stream. It may end with its last byte of content: the end mark is not asked for.
///
/// # Errors
/// Chunks that are damaged or cut off, distances that lead nowhere, output of another length than `dst`.
pub fn decode(src: &[u8], dst: &mut [u8]) -> Result<(), Fault> {
    let mut rest = src.strip_prefix(MAGIC).ok_or(fault("wrong magic number"))?;
    let mut output = Output::new(dst);
    while let (Some(len), Some(raw_len)) = (u24_at(rest, 0), u24_at(rest, 3)) {
        if output.is_full() {
            return if raw_len > 0 { Err(TOO_LONG) } else { Ok(()) };
        }
        if raw_len == 0 {
            break;
        }
        if raw_len > MAX_CHUNK {
            return Err(fault("chunk is too long"));
        }
        let chunk = get(rest, 0, len).ok_or(CUT_OFF)?;
        if len == raw_len.wrapping_add(CHUNK_HEADER) {
            let stored = chunk.get(CHUNK_HEADER..).ok_or(CUT_OFF)?;
            output.literals(stored, raw_len).ok_or(TOO_LONG)?;
        } else {
            expand(chunk, &mut output.part(raw_len).ok_or(TOO_LONG)?)?;
        }
        rest = rest.get(len..).ok_or(CUT_OFF)?;
    }
    match (output.is_full(), rest.len() < CHUNK_HEADER) {
        (true, _) => Ok(()),
        (false, true) => Err(CUT_OFF),
        (false, false) => Err(fault("fewer bytes than promised")),
    }
}

/// The areas of a compressed chunk, each read from its start; all of them end with the chunk.
struct Areas<'a> {
    /// Bytes that no earlier ones repeat.
    new: &'a [u8],
    /// New distances.
    distances: &'a [u8],
    /// Bitmaps that are not in the table.
    bitmaps: &'a [u8],
    /// Which bitmap comes next, and how often: nibbles, the low one of a byte first.
    nibbles: &'a [u8],
    /// The low nibble of the first byte is used.
    half: bool,
    table: &'a [u8],
}

impl<'a> Areas<'a> {
    fn new(chunk: &'a [u8]) -> Option<Areas<'a>> {
        let from = |field| chunk.get(u24_at(chunk, field)?..);
        Some(Areas {
            new: chunk.get(COMPRESSED_HEADER..)?,
            distances: from(6)?,
            bitmaps: from(9)?,
            nibbles: from(12)?,
            half: false,
            table: chunk.get(chunk.len().checked_sub(TABLE)?..)?,
        })
    }

    fn peek_nibble(&self) -> Result<u8, Fault> {
        let byte = self.nibbles.first().ok_or(CUT_OFF)?;
        Ok(if self.half { byte >> 4 } else { byte & 15 })
    }

    fn nibble(&mut self) -> Result<u8, Fault> {
        let nibble = self.peek_nibble()?;
        if self.half {
            self.nibbles = self.nibbles.get(1..).unwrap_or(&[]);
        }
        self.half = !self.half;
        Ok(nibble)
    }

    /// How often a bitmap is used: a count may follow it, which is as long as its nibbles are 15.
    fn count(&mut self) -> Result<usize, Fault> {
        if self.peek_nibble()? != REPEATED {
            return Ok(1);
        }
        self.nibble()?;
        let mut count = 4usize;
        loop {
            let more = self.nibble()?;
            count = count.wrapping_add(more.into());
            if more != REPEATED {
                return Ok(count);
            }
        }
    }

    /// A bitmap, and of how many bytes the new distance before it is: the table holds twelve times ten bits.
    fn bitmap(&mut self, index: u8) -> Result<(u8, usize), Fault> {
        let Some(entry) = index.checked_sub(3) else {
            return Ok((take_byte(&mut self.bitmaps)?, index.into()));
        };
        let bit = usize::from(entry).wrapping_mul(10);
        let word = u16_at(self.table, bit >> 3).ok_or(CUT_OFF)? >> (bit & 7);
        let [bitmap, high] = word.to_le_bytes();
        match high & 3 {
            3 => Err(fault("distance of three bytes")),
            bytes => Ok((bitmap, bytes.into())),
        }
    }
}

/// Expands a compressed chunk; `part` is its output.
fn expand(chunk: &[u8], part: &mut Output<'_>) -> Result<(), Fault> {
    let mut areas = Areas::new(chunk).ok_or(CUT_OFF)?;
    let mut distance = 8usize;
    while !part.is_full() {
        let index = areas.nibble()?;
        if index == REPEATED {
            return Err(fault("a count without a bitmap"));
        }
        let mut count = if part.room() > 8 { areas.count()? } else { 1 };
        while count > 0 && !part.is_full() {
            let (bitmap, distance_bytes) = areas.bitmap(index)?;
            if distance_bytes > 0 {
                distance = 0;
                for nth in 0..distance_bytes {
                    distance |= usize::from(take_byte(&mut areas.distances)?) << nth.wrapping_mul(8);
                }
            }
            write(bitmap, distance, &mut areas.new, part)?;
            count = count.wrapping_sub(1);
        }
    }
    Ok(())
}

/// Writes eight bytes, or as many as there is room for: new ones where a bit is set, the lowest bit first.
fn write(bitmap: u8, distance: usize, new: &mut &[u8], part: &mut Output<'_>) -> Result<(), Fault> {
    for bit in 0..part.room().min(8) {
        if bitmap >> bit & 1 == 1 {
            part.literals(&[take_byte(new)?], 1).ok_or(TOO_LONG)?;
        } else {
            part.repeat(distance, 1).ok_or(fault("distance from before the start"))?;
        }
    }
    Ok(())
}

fn take_byte(bytes: &mut &[u8]) -> Result<u8, Fault> {
    let (byte, rest) = bytes.split_first().ok_or(CUT_OFF)?;
    *bytes = rest;
    Ok(*byte)
}

fn u24_at(bytes: &[u8], offset: usize) -> Option<usize> {
    let &[low, middle, high] = get(bytes, offset, 3)? else { return None };
    usize::try_from(u32::from_le_bytes([low, middle, high, 0])).ok()
}

const CODEC: &str = "LZBITMAP";
const CUT_OFF: Fault = Fault { codec: CODEC, why: "data is cut off" };
const TOO_LONG: Fault = Fault { codec: CODEC, why: "more bytes than promised" };

fn fault(why: &'static str) -> Fault {
    Fault::new(CODEC, why)
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> =
            hex.chars().map(|digit| digit.to_digit(16).unwrap().try_into().unwrap()).collect();
        digits.as_chunks::<2>().0.iter().map(|[high, low]| high << 4 | low).collect()
    }

    fn decoded(src: &[u8], len: usize) -> Result<Vec<u8>, &'static str> {
        let mut dst = alloc::vec![0xAA; len];
        decode(src, &mut dst).map_err(|fault| fault.why)?;
        Ok(dst)
    }

    const STORED: &str = concat!(
        "5a424d093100002b0000536d616c6c2066696c657320646f6e27742067657420636f6d70726573736564206174",
        "20616c6c2e2e2e0a060000000000"
    );
    const REPEATS: &str = concat!(
        "5a424d092d0000a0000018000018000018000061616161616161617835ef340f0000f10f0000000000000000000000",
        "0000060000000000"
    );
    const DIGITS: &str = concat!(
        "5a424d09520000a000003d00003d00003d0000303030303030303031313232333334343535363637373838393961",
        "61626263636464656566666767686869696a6a45ff300f000cf00f00000000000000000000000000060000000000"
    );

    /// The published vectors come out byte by byte.
    #[test]
    fn published_vectors() {
        let text = b"Small files don't get compressed at all...\n";
        assert_eq!(decoded(&bytes(STORED), text.len()).unwrap(), text);

        let mut repeats = [b'a'; 160];
        repeats[158] = b'x';
        assert_eq!(decoded(&bytes(REPEATS), 160).unwrap(), repeats);

        let digits: Vec<u8> = (b'0'..=b'9')
            .chain(b'a'..=b'j')
            .flat_map(|digit| [digit, digit, b'0', b'0', b'0', b'0', b'0', b'0'])
            .collect();
        assert_eq!(decoded(&bytes(DIGITS), 160).unwrap(), digits);
    }
}
