//! Finite-state entropy codes: the bit stream, which is read from its end, and the tables that decode it
//! (sheet decmpfs, sections 8.4 and 8.5).

use super::{CUT_OFF, fault};
use crate::codec::fault::Fault;

/// Bytes before a payload that may be loaded with its first ones. Every payload has a longer header before it.
const BEFORE: usize = 8;

/// Bits of a payload, from the last to the first.
#[derive(Clone, Copy)]
pub(super) struct Bits<'a> {
    /// What is not used up, and `BEFORE` bytes before the payload.
    bytes: &'a [u8],
    /// The last eight of the bytes.
    word: u64,
    /// How many bits of the word are not taken; those above them are.
    left: u32,
}

impl<'a> Bits<'a> {
    /// The bits of `src[start..start + len]`, without `padding` (at most 7) at the end, which must be zeros.
    pub(super) fn new(src: &'a [u8], start: usize, len: usize, padding: u32) -> Result<Bits<'a>, Fault> {
        let end = start.checked_add(len).ok_or(CUT_OFF)?;
        let bytes = src.get(start.wrapping_sub(BEFORE)..end).ok_or(CUT_OFF)?;
        let mut bits = Bits { bytes, word: 0, left: 64 };
        bits.load()?;
        match bits.take(padding) {
            0 => Ok(bits),
            _ => Err(fault("bits where padding should be")),
        }
    }

    /// Makes at least 57 bits ready to be taken.
    #[inline(always)]
    pub(super) fn load(&mut self) -> Result<(), Fault> {
        let used = 64u32.wrapping_sub(self.left) >> 3;
        self.bytes = self.bytes.get(..self.bytes.len().wrapping_sub(index(used.into()))).ok_or(USED_UP)?;
        self.word = u64::from_le_bytes(*self.bytes.last_chunk::<8>().ok_or(USED_UP)?);
        self.left = self.left.wrapping_add(used << 3);
        Ok(())
    }

    /// The next bits as a number; together at most 57 after a [`Bits::load`].
    #[inline(always)]
    pub(super) fn take(&mut self, count: u32) -> u64 {
        self.left = self.left.wrapping_sub(count);
        self.word.wrapping_shr(self.left) & low_bits(count)
    }

    /// Checks what is left: no more bits were taken than there are, and all codes ended where encoders begin.
    pub(super) fn finish(&self, states: &[usize]) -> Result<(), Fault> {
        let before = self.bytes.len().saturating_sub(8).saturating_mul(8);
        if before.saturating_add(index(self.left.into())) < BEFORE.saturating_mul(8) {
            return Err(USED_UP);
        }
        if states.iter().any(|state| *state != 0) {
            Err(fault("codes do not end in state 0"))
        } else {
            Ok(())
        }
    }
}

/// More was taken from a payload than it holds.
const USED_UP: Fault = Fault { codec: super::CODEC, why: "codes go on behind their payload" };

#[inline(always)]
fn low_bits(count: u32) -> u64 {
    !u64::MAX.wrapping_shl(count)
}

/// How a code goes on from one state: the next state is the base plus some bits of the stream.
#[derive(Clone, Copy, Default)]
struct Step {
    bits: u8,
    base: u16,
}

/// Calls `fill` with state, symbol and step of every state of a table of `states` (a power of two).
///
/// States that no symbol has lead to themselves: whoever enters one never gets back to state 0, where codes end.
/// Only a table that is not `used` may have no symbols at all.
fn for_each_step(
    frequencies: &[u16],
    states: u16,
    used: bool,
    mut fill: impl FnMut(usize, usize, Step),
) -> Result<(), Fault> {
    let mut state = 0u16;
    for (symbol, frequency) in frequencies.iter().copied().enumerate().filter(|(_, frequency)| *frequency > 0)
    {
        if frequency > states.saturating_sub(state) {
            return Err(fault("frequencies add up to more than there are states"));
        }
        // With `bits` bits more the frequency just passes the number of states.
        let bits = frequency.leading_zeros().wrapping_sub(states.leading_zeros());
        let long = (states.wrapping_mul(2) >> bits).wrapping_sub(frequency);
        for nth in 0..frequency {
            let step = if nth < long {
                let base = (frequency.wrapping_add(nth) << bits).wrapping_sub(states);
                Step { bits: u8::try_from(bits).unwrap_or(0), base }
            } else {
                let bits = bits.wrapping_sub(1);
                Step { bits: u8::try_from(bits).unwrap_or(0), base: nth.wrapping_sub(long) << bits }
            };
            fill(usize::from(state), symbol, step);
            state = state.wrapping_add(1);
        }
    }
    if used && state == 0 {
        return Err(fault("no frequencies"));
    }
    for state in state..states {
        fill(usize::from(state), 0, Step { bits: 0, base: state });
    }
    Ok(())
}

/// Decodes literals: 1024 states.
pub(super) struct LiteralTable([LiteralStep; LiteralTable::STATES]);

#[derive(Clone, Copy, Default)]
struct LiteralStep {
    bits: u8,
    literal: u8,
    next: u16,
}

impl LiteralTable {
    const STATES: usize = 1024;

    pub(super) fn new(frequencies: &[u16; 256], used: bool) -> Result<LiteralTable, Fault> {
        let mut table = [LiteralStep::default(); LiteralTable::STATES];
        for_each_step(frequencies, 1024, used, |state, symbol, Step { bits, base }| {
            if let (Some(entry), Ok(literal)) = (table.get_mut(state), u8::try_from(symbol)) {
                *entry = LiteralStep { bits, literal, next: base };
            }
        })?;
        Ok(LiteralTable(table))
    }

    /// The literal of this state, and on to the next state: at most 10 bits.
    #[inline(always)]
    pub(super) fn next(&self, bits: &mut Bits<'_>, state: &mut usize) -> u8 {
        let at = *state & LiteralTable::STATES.wrapping_sub(1);
        let LiteralStep { bits: count, literal, next } = self.0.get(at).copied().unwrap_or_default();
        *state = usize::from(next).wrapping_add(index(bits.take(count.into())));
        literal
    }
}

/// Decodes one of the three numbers of a match: `STATES` states.
pub(super) struct ValueTable<const STATES: usize>([ValueStep; STATES]);

#[derive(Clone, Copy, Default)]
struct ValueStep {
    /// Bits of the step and of the number together: one read takes both.
    bits: u8,
    /// Bits of the number, which come last.
    extra: u8,
    next: u16,
    value: u32,
}

impl<const STATES: usize> ValueTable<STATES> {
    pub(super) fn new<const COUNT: usize>(
        frequencies: &[u16; COUNT],
        symbols: &Symbols<COUNT>,
        used: bool,
    ) -> Result<ValueTable<STATES>, Fault> {
        let mut table = [ValueStep::default(); STATES];
        let states = u16::try_from(STATES).unwrap_or(0);
        for_each_step(frequencies, states, used, |state, symbol, Step { bits, base }| {
            if let (Some(entry), Some(&extra), Some(&value)) =
                (table.get_mut(state), symbols.extra.get(symbol), symbols.base.get(symbol))
            {
                *entry = ValueStep { bits: bits.wrapping_add(extra), extra, next: base, value };
            }
        })?;
        Ok(ValueTable(table))
    }

    /// The number of this state, and on to the next state: at most 14, 17 and 23 bits for the three kinds.
    #[inline(always)]
    pub(super) fn next(&self, bits: &mut Bits<'_>, state: &mut usize) -> u32 {
        let at = *state & STATES.wrapping_sub(1);
        let ValueStep { bits: count, extra, next, value } = self.0.get(at).copied().unwrap_or_default();
        let more = bits.take(count.into());
        let extra = u32::from(extra);
        *state = usize::from(next).wrapping_add(index(more.wrapping_shr(extra)));
        value.wrapping_add(u32::try_from(more & low_bits(extra) & 0xFFFF_FFFF).unwrap_or(0))
    }
}

/// A number of at most 32 bits, for counting and indexing.
#[inline(always)]
fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// What the symbols of a code stand for: a base, and extra bits to add to it.
pub(super) struct Symbols<const COUNT: usize> {
    extra: [u8; COUNT],
    base: [u32; COUNT],
}

/// How many literals to copy.
pub(super) const LITERAL_COUNTS: Symbols<20> = Symbols {
    extra: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 3, 5, 8],
    base: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 20, 28, 60],
};

/// How many bytes to repeat.
pub(super) const MATCH_LENGTHS: Symbols<20> = Symbols {
    extra: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 5, 8, 11],
    base: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 24, 56, 312],
};

/// From how far back: four symbols for each number of extra bits from 0 to 15, without gaps.
pub(super) const DISTANCES: Symbols<64> = distances();

const fn distances() -> Symbols<64> {
    let mut symbols = Symbols { extra: [0; 64], base: [0; 64] };
    let (mut extras, mut bases): (&mut [u8], &mut [u32]) = (&mut symbols.extra, &mut symbols.base);
    let (mut nth, mut bits, mut size, mut from) = (0u8, 0u8, 1u32, 0u32);
    while let (Some((extra, more)), Some((base, after))) = (extras.split_first_mut(), bases.split_first_mut())
    {
        (*extra, *base) = (bits, from);
        (extras, bases) = (more, after);
        from = from.wrapping_add(size);
        nth = nth.wrapping_add(1);
        if nth % 4 == 0 {
            bits = bits.wrapping_add(1);
            size = size.wrapping_mul(2);
        }
    }
    symbols
}
