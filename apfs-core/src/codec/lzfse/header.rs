//! Headers of the two kinds of entropy-coded blocks (sheet decmpfs, sections 8.1 to 8.3).

use super::fse::Bits;
use super::{CUT_OFF, fault};
use crate::base::bytes::{get, u16_at, u32_at, u64_at};
use crate::codec::fault::Fault;

/// Bytes of a `bvx1` header, with the two that its compiler added at the end.
const PLAIN_LEN: usize = 772;
/// Where the frequencies of a `bvx1` header stand.
const PLAIN_FREQUENCIES: usize = 50;
/// Bytes of a `bvx2` header before its frequencies.
const PACKED_LEN: usize = 32;

/// Most literals of one block.
pub(super) const MAX_LITERALS: usize = 40_000;
/// Most matches of one block.
const MAX_MATCHES: usize = 10_000;

/// What a block says about itself.
pub(super) struct Header {
    /// Bytes of the header.
    pub(super) len: usize,
    /// Bytes that the block expands to.
    pub(super) raw_len: usize,
    /// Literals, a multiple of 4.
    pub(super) literals: usize,
    pub(super) matches: usize,
    /// The codes of the literals follow the header,
    pub(super) literal_payload: Payload<4>,
    /// and those of the matches them. States: literal count, match length, distance.
    pub(super) match_payload: Payload<3>,
    pub(super) frequencies: Frequencies,
}

/// A run of codes.
pub(super) struct Payload<const STATES: usize> {
    /// Bytes.
    len: usize,
    /// Bits at the end that are not used.
    padding: u32,
    /// Where the codes begin.
    pub(super) states: [usize; STATES],
}

impl<const STATES: usize> Payload<STATES> {
    /// The codes, if the payload begins at byte `start` of its block.
    pub(super) fn bits<'a>(&self, block: &'a [u8], start: usize) -> Result<Bits<'a>, Fault> {
        Bits::new(block, start, self.len, self.padding)
    }

    /// Where the payload ends, if it begins at `start`.
    pub(super) fn end(&self, start: usize) -> usize {
        start.saturating_add(self.len)
    }
}

/// How many states each symbol has.
pub(super) struct Frequencies {
    pub(super) literal_counts: [u16; 20],
    pub(super) match_lengths: [u16; 20],
    pub(super) distances: [u16; 64],
    pub(super) literals: [u16; 256],
}

impl Header {
    /// A `bvx1` header.
    pub(super) fn plain(block: &[u8]) -> Result<Header, Fault> {
        let block = get(block, 0, PLAIN_LEN).ok_or(CUT_OFF)?;
        let long = |at| u32_at(block, at).ok_or(CUT_OFF);
        let size = |at| long(at).map(size);
        let state = |at| u16_at(block, at).map(usize::from).ok_or(CUT_OFF);
        let mut frequencies = block.get(PLAIN_FREQUENCIES..).ok_or(CUT_OFF)?.chunks_exact(2);
        let header = Header {
            len: PLAIN_LEN,
            raw_len: size(4)?,
            literals: size(12)?,
            matches: size(16)?,
            literal_payload: Payload {
                len: size(20)?,
                padding: long(28)?.wrapping_neg(),
                states: [state(32)?, state(34)?, state(36)?, state(38)?],
            },
            match_payload: Payload {
                len: size(24)?,
                padding: long(40)?.wrapping_neg(),
                states: [state(44)?, state(46)?, state(48)?],
            },
            frequencies: Frequencies::read(|| {
                frequencies.next().and_then(|bytes| u16_at(bytes, 0)).ok_or(CUT_OFF)
            })?,
        };
        header.check()
    }

    /// A `bvx2` header.
    pub(super) fn packed(block: &[u8]) -> Result<Header, Fault> {
        let word = |at| u64_at(block, at).ok_or(CUT_OFF);
        let (counts, literal, matched) = (word(8)?, word(16)?, word(24)?);
        let state = |word, shift| size(bits(word, shift, 10));
        let len = size(bits(matched, 0, 32));
        let mut packed = Packed { bytes: block.get(PACKED_LEN..len).ok_or(CUT_OFF)?, bits: 0, count: 0 };
        let frequencies = match packed.bytes {
            [] => Frequencies::read(|| Ok(0))?,
            _ => Frequencies::read(|| packed.next())?,
        };
        packed.finish()?;
        let header = Header {
            len,
            raw_len: u32_at(block, 4).map(size).ok_or(CUT_OFF)?,
            literals: size(bits(counts, 0, 20)),
            matches: size(bits(counts, 40, 20)),
            literal_payload: Payload {
                len: size(bits(counts, 20, 20)),
                padding: 7u32.wrapping_sub(bits(counts, 60, 3)),
                states: [state(literal, 0), state(literal, 10), state(literal, 20), state(literal, 30)],
            },
            match_payload: Payload {
                len: size(bits(literal, 40, 20)),
                padding: 7u32.wrapping_sub(bits(literal, 60, 3)),
                states: [state(matched, 32), state(matched, 42), state(matched, 52)],
            },
            frequencies,
        };
        header.check()
    }

    fn check(self) -> Result<Header, Fault> {
        let [count, length, distance] = self.match_payload.states;
        let why = if self.literals > MAX_LITERALS || !self.literals.is_multiple_of(4) {
            "wrong number of literals"
        } else if self.matches > MAX_MATCHES {
            "wrong number of matches"
        } else if self.literal_payload.padding > 7 || self.match_payload.padding > 7 {
            "more than 7 bits of padding"
        } else if self.literal_payload.states.iter().any(|state| *state >= 1024) {
            "state of the literals out of range"
        } else if count >= 64 || length >= 64 || distance >= 256 {
            "state of the matches out of range"
        } else {
            return Ok(self);
        };
        Err(fault(why))
    }
}

/// A length or count; what this platform can't address is cut off anyway.
fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// `count` bits of `word` from bit `shift` on.
fn bits(word: u64, shift: u32, count: u32) -> u32 {
    let mask = !u64::MAX.wrapping_shl(count);
    u32::try_from(word.wrapping_shr(shift) & mask).unwrap_or(u32::MAX)
}

impl Frequencies {
    /// All frequencies, in stored order.
    fn read(mut next: impl FnMut() -> Result<u16, Fault>) -> Result<Frequencies, Fault> {
        let mut frequencies = Frequencies {
            literal_counts: [0; 20],
            match_lengths: [0; 20],
            distances: [0; 64],
            literals: [0; 256],
        };
        let Frequencies { literal_counts, match_lengths, distances, literals } = &mut frequencies;
        for frequency in literal_counts.iter_mut().chain(match_lengths).chain(distances).chain(literals) {
            *frequency = next()?;
        }
        Ok(frequencies)
    }
}

/// Frequencies of variable length, lowest bit first.
struct Packed<'a> {
    bytes: &'a [u8],
    bits: u32,
    count: u32,
}

impl Packed<'_> {
    fn next(&mut self) -> Result<u16, Fault> {
        while self.count < 14
            && let Some((byte, rest)) = self.bytes.split_first()
        {
            self.bits |= u32::from(*byte).wrapping_shl(self.count);
            self.count = self.count.wrapping_add(8);
            self.bytes = rest;
        }
        let code = self.bits;
        let (len, first, value) = if code & 1 == 0 {
            (2, 0, code >> 1 & 1)
        } else if code & 3 == 1 {
            (3, 2, code >> 2 & 1)
        } else if code & 7 == 3 {
            (5, 4, code >> 3 & 3)
        } else if code & 15 == 7 {
            (8, 8, code >> 4 & 15)
        } else {
            (14, 24, code >> 4 & 1023)
        };
        self.count = self.count.checked_sub(len).ok_or(fault("frequencies are cut off"))?;
        self.bits = self.bits.wrapping_shr(len);
        Ok(u16::try_from(value).unwrap_or(0).wrapping_add(first))
    }

    /// Less than a byte is left.
    fn finish(&self) -> Result<(), Fault> {
        if self.bytes.is_empty() && self.count < 8 {
            Ok(())
        } else {
            Err(fault("header is longer than its frequencies"))
        }
    }
}
