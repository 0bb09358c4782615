//! Binary property lists, read object by object.
//!
//! Objects refer to one another by number, so a small list can stand for an endless one: nothing is expanded but what
//! is asked for, and every step counts against a budget.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::Cell;
use core::fmt::Write;

use crate::base::bytes::{get, len64, to_usize};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::time::Timestamp;

const MAGIC: &[u8] = b"bplist00";
const TRAILER: usize = 32;
/// Seconds from 1970 to 2001, from which dates count.
const EPOCH: f64 = 978_307_200.0;
/// Objects looked at and bytes of text made, of one list.
const BUDGET: u64 = 64 << 20;
/// Longest text that stands for one value.
const MOST_TEXT: usize = 16 << 10;
/// Lists inside one another that are shown.
const MOST_DEPTH: usize = 16;

/// A binary property list.
#[derive(Debug)]
pub(super) struct Plist<'a> {
    bytes: &'a [u8],
    /// Where each object begins.
    offsets: &'a [u8],
    offset_size: usize,
    ref_size: usize,
    count: u64,
    top: u64,
    spent: Cell<u64>,
}

/// One object.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    Integer(i128),
    Real(f64),
    Date(Timestamp),
    Data(&'a [u8]),
    Text(Text<'a>),
    Uid(u64),
    Array(Refs<'a>),
    Dict(Pairs<'a>),
}

/// Text as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Text<'a> {
    Ascii(&'a [u8]),
    Utf16(&'a [u8]),
}

/// Numbers of objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refs<'a> {
    bytes: &'a [u8],
    size: usize,
}

/// Numbers of keys and their values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pairs<'a> {
    keys: Refs<'a>,
    values: Refs<'a>,
}

impl<'a> Plist<'a> {
    /// Checks head and trailer.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Plist<'a>> {
        if !bytes.starts_with(MAGIC) {
            let hint = "only binary lists are known here";
            return Err(Error::unsupported("property list that is not binary", hint));
        }
        let start = bytes.len().checked_sub(TRAILER).ok_or_else(|| wrong(Damage::Bounds, "trailer", 0))?;
        let trailer =
            |at: usize, size: usize| start.checked_add(at).and_then(|at| get(bytes, at, size)).map(unsigned);
        let field = |at, size, name| trailer(at, size).ok_or_else(|| wrong(Damage::Bounds, name, start));
        let (offset_size, ref_size) = (field(6, 1, "offsetIntSize")?, field(7, 1, "objectRefSize")?);
        let (count, top) = (field(8, 8, "numObjects")?, field(16, 8, "topObject")?);
        let table = field(24, 8, "offsetTableOffset")?;
        if !(1..=8).contains(&offset_size) || !(1..=8).contains(&ref_size) {
            return Err(wrong(Damage::Range, "offsetIntSize", start));
        }
        let (offset_size, ref_size) = (to_usize(offset_size)?, to_usize(ref_size)?);
        let len = to_usize(count).ok().and_then(|count| count.checked_mul(offset_size));
        let offsets = len.and_then(|len| get(bytes.get(..start)?, to_usize(table).ok()?, len));
        let offsets = offsets.ok_or_else(|| wrong(Damage::Bounds, "offsetTableOffset", start))?;
        let spent = Cell::new(0);
        Ok(Plist { bytes, offsets, offset_size, ref_size, count, top, spent })
    }

    /// The outermost object.
    pub(super) fn top(&self) -> Result<Value<'a>> {
        self.value(self.top)
    }

    /// An object by its number.
    pub(super) fn value(&self, index: u64) -> Result<Value<'a>> {
        self.spend(1)?;
        if index >= self.count {
            return Err(wrong(Damage::Range, "object", 0));
        }
        let entry = to_usize(index)?.saturating_mul(self.offset_size);
        let offset = get(self.offsets, entry, self.offset_size).map(unsigned);
        let at = to_usize(offset.ok_or_else(|| wrong(Damage::Bounds, "offset", entry))?)?;
        let damaged = || wrong(Damage::Bounds, "object", at);
        let rest = self.bytes.get(at..).ok_or_else(damaged)?;
        let (marker, rest) = rest.split_first().ok_or_else(damaged)?;
        self.object(*marker, rest).ok_or_else(damaged)?
    }

    /// An object by its marker and what follows; `None` if it does not fit.
    fn object(&self, marker: u8, rest: &'a [u8]) -> Option<Result<Value<'a>>> {
        let low = marker & 0xF;
        Some(Ok(match marker >> 4 {
            0 => match low {
                0 => Value::Null,
                8 => Value::Bool(false),
                9 => Value::Bool(true),
                _ => {
                    return Some(Err(Error::unsupported(
                        format!("object {marker:#x} of a property list"),
                        "",
                    )));
                }
            },
            1 => Value::Integer(integer(rest.get(..1usize.checked_shl(low.into())?)?)?),
            2 => Value::Real(real(rest.get(..1usize.checked_shl(low.into())?)?)?),
            3 => Value::Date(date(real(rest.get(..8)?)?)?),
            8 => Value::Uid(unsigned(rest.get(..usize::from(low).checked_add(1)?)?)),
            kind @ (4 | 5 | 6 | 0xA | 0xC | 0xD) => {
                let (count, rest) = count(low, rest)?;
                match kind {
                    4 => Value::Data(rest.get(..count)?),
                    5 => Value::Text(Text::Ascii(rest.get(..count)?)),
                    6 => Value::Text(Text::Utf16(rest.get(..count.checked_mul(2)?)?)),
                    0xD => {
                        let len = count.checked_mul(self.ref_size)?;
                        let (keys, values) = (rest.get(..len)?, get(rest, len, len)?);
                        Value::Dict(Pairs { keys: self.refs(keys), values: self.refs(values) })
                    }
                    _ => Value::Array(self.refs(rest.get(..count.checked_mul(self.ref_size)?)?)),
                }
            }
            _ => return Some(Err(Error::unsupported(format!("object {marker:#x} of a property list"), ""))),
        }))
    }

    fn refs(&self, bytes: &'a [u8]) -> Refs<'a> {
        Refs { bytes, size: self.ref_size }
    }

    /// Any object as one line of text.
    pub(super) fn shown(&self, index: u64) -> Result<String> {
        let mut out = String::new();
        // What is still to be shown, last first.
        let mut todo = alloc::vec![Part::Object(index, 0)];
        while let Some(part) = todo.pop() {
            let before = out.len();
            match part {
                Part::Word(word) => out.push_str(word),
                Part::Object(index, depth) => {
                    if out.len() > MOST_TEXT || depth > MOST_DEPTH {
                        out.push_str("...");
                        break;
                    }
                    self.push(&self.value(index)?, depth, &mut out, &mut todo)?;
                }
            }
            self.spend(len64(out.len().saturating_sub(before)))?;
        }
        Ok(out)
    }

    /// Shows a plain value; the parts of a list are put on the stack.
    fn push(&self, value: &Value<'a>, depth: usize, out: &mut String, todo: &mut Vec<Part>) -> Result<()> {
        let part = |index| Part::Object(index, depth.saturating_add(1));
        // Writing to a String can't fail.
        let _ = match value {
            Value::Null => write!(out, "null"),
            Value::Bool(value) => write!(out, "{value}"),
            Value::Integer(value) => write!(out, "{value}"),
            Value::Real(value) => write!(out, "{value}"),
            Value::Date(value) => write!(out, "{value}"),
            Value::Uid(value) => write!(out, "UID {value}"),
            Value::Text(text) => {
                text.push(out);
                Ok(())
            }
            Value::Data(bytes) => {
                let shown = bytes.get(..MOST_TEXT).unwrap_or(bytes);
                shown.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
            }
            Value::Array(items) => {
                self.spend(len64(items.bytes.len()))?;
                out.push('[');
                todo.push(Part::Word("]"));
                let first = todo.len();
                for item in items.clone().take(MOST_TEXT) {
                    todo.push(part(item));
                    todo.push(Part::Word(", "));
                }
                todo.truncate(todo.len().saturating_sub(1).max(first));
                reverse(todo, first);
                Ok(())
            }
            Value::Dict(pairs) => {
                self.spend(len64(pairs.keys.bytes.len()))?;
                out.push('{');
                todo.push(Part::Word("}"));
                let first = todo.len();
                for (key, value) in pairs.clone().take(MOST_TEXT) {
                    todo.extend([part(key), Part::Word(": "), part(value), Part::Word(", ")]);
                }
                todo.truncate(todo.len().saturating_sub(1).max(first));
                reverse(todo, first);
                Ok(())
            }
        };
        Ok(())
    }

    fn spend(&self, steps: u64) -> Result<()> {
        let spent = self.spent.get().saturating_add(steps);
        self.spent.set(spent);
        if spent > BUDGET { Err(Error::limit("work on a property list", BUDGET, spent)) } else { Ok(()) }
    }
}

/// Something to be shown.
enum Part {
    /// An object, and how many lists it is in.
    Object(u64, usize),
    Word(&'static str),
}

fn reverse(parts: &mut [Part], from: usize) {
    if let Some(parts) = parts.get_mut(from..) {
        parts.reverse();
    }
}

impl Text<'_> {
    fn push(self, out: &mut String) {
        match self {
            Text::Ascii(bytes) => {
                let bytes = bytes.get(..MOST_TEXT).unwrap_or(bytes);
                out.extend(bytes.iter().map(|byte| char::from(*byte)));
            }
            Text::Utf16(bytes) => {
                let (units, _) = bytes.get(..MOST_TEXT).unwrap_or(bytes).as_chunks::<2>();
                let units = units.iter().map(|unit| u16::from_be_bytes(*unit));
                out.extend(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)));
            }
        }
    }
}

impl Iterator for Refs<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let (index, rest) = self.bytes.split_at_checked(self.size)?;
        self.bytes = rest;
        Some(unsigned(index))
    }
}

impl Iterator for Pairs<'_> {
    type Item = (u64, u64);

    fn next(&mut self) -> Option<(u64, u64)> {
        Some((self.keys.next()?, self.values.next()?))
    }
}

fn wrong(damage: Damage, field: &'static str, offset: usize) -> Error {
    Corrupt::new(damage, Place::new("bplist", field).offset(len64(offset))).into()
}

/// A big-endian number of up to eight bytes.
fn unsigned(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Integers of up to four bytes have no sign; those of eight and sixteen do.
fn integer(bytes: &[u8]) -> Option<i128> {
    match bytes.len() {
        1 | 2 | 4 => Some(i128::from(unsigned(bytes))),
        8 => Some(i128::from(i64::from_be_bytes(bytes.try_into().ok()?))),
        16 => Some(i128::from_be_bytes(bytes.try_into().ok()?)),
        _ => None,
    }
}

fn real(bytes: &[u8]) -> Option<f64> {
    match bytes.len() {
        4 => Some(f64::from(f32::from_be_bytes(bytes.try_into().ok()?))),
        8 => Some(f64::from_be_bytes(bytes.try_into().ok()?)),
        _ => None,
    }
}

/// Seconds since 2001; `None` for what is no time that can be said in nanoseconds.
fn date(seconds: f64) -> Option<Timestamp> {
    // By way of text: no conversion from a float is exact or checked.
    let whole = seconds + EPOCH;
    let (text, limit) = (format!("{whole:.9}"), 9_000_000_000.0);
    if !(-limit..limit).contains(&whole) {
        return None;
    }
    let (before, after) = text.split_once('.')?;
    let (sign, before) = before.strip_prefix('-').map_or((1, before), |digits| (-1, digits));
    let (seconds, nanos): (i64, i64) = (before.parse().ok()?, after.parse().ok()?);
    seconds.checked_mul(1_000_000_000)?.checked_add(nanos)?.checked_mul(sign).map(Timestamp)
}

/// A count in the marker or behind it, and what follows.
fn count(low: u8, rest: &[u8]) -> Option<(usize, &[u8])> {
    if low < 0xF {
        return Some((low.into(), rest));
    }
    let (marker, rest) = rest.split_first()?;
    let len = 1usize.checked_shl((marker & 0xF).into()).filter(|len| marker >> 4 == 1 && *len <= 8)?;
    let (number, rest) = rest.split_at_checked(len)?;
    Some((to_usize(unsigned(number)).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by Python's `plistlib` of
    /// `[{"a": 1, "b": [True, b"\x01\x02"]}, "ä", datetime(2020, 1, 16, 14, 58, 6), -5, 2.5, {"long": 20 * "x"}]`.
    const PYTHON: &str = "62706c6973743030a60108090a0b0cd202030405516151621001a20607094201026100e43341c1e858bf0000\
                          0013fffffffffffffffb234004000000000000d10d0e546c6f6e675f10147878787878787878787878787878\
                          787878787878080f1416181a1d1e21242d363f42470000000000000101000000000000000f00000000000000\
                          00000000000000005e";

    fn sample() -> Vec<u8> {
        // Objects by hand, in the order of their numbers.
        let objects: [&[u8]; 9] = [
            b"\xA3\x01\x07\x08",                     // 0: the array
            b"\xD2\x02\x03\x04\x05",                 // 1: the dictionary
            b"\x51a",                                // 2
            b"\x51b",                                // 3
            b"\x10\x2A",                             // 4: 42
            b"\xA2\x06\x06",                         // 5: an array
            b"\x09",                                 // 6: true
            b"\x61\x00\xE4",                         // 7: ä
            b"\x33\x3F\xF0\x00\x00\x00\x00\x00\x00", // 8: one second after 2001
        ];
        list(&objects, 0)
    }

    fn list(objects: &[&[u8]], top: u8) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        let mut offsets = Vec::new();
        for object in objects {
            offsets.push(u8::try_from(bytes.len()).unwrap());
            bytes.extend_from_slice(object);
        }
        let table = u8::try_from(bytes.len()).unwrap();
        bytes.extend_from_slice(&offsets);
        let mut trailer = [0; TRAILER];
        trailer[6] = 1;
        trailer[7] = 1;
        trailer[15] = u8::try_from(objects.len()).unwrap();
        trailer[23] = top;
        trailer[31] = table;
        bytes.extend_from_slice(&trailer);
        bytes
    }

    /// Every kind of object that the manifest has.
    #[test]
    fn objects() {
        let bytes = sample();
        let plist = Plist::parse(&bytes).unwrap();
        assert_eq!(plist.shown(0).unwrap(), "[{a: 42, b: [true, true]}, ä, 2001-01-01T00:00:01.000000000Z]");
        assert_eq!(plist.value(8).unwrap(), Value::Date(Timestamp(978_307_201_000_000_000)));
        assert!(plist.value(9).is_err());
    }

    /// What another program wrote.
    #[test]
    fn other_program() {
        let pairs = PYTHON.as_bytes().chunks(2);
        let byte = |pair: &[u8]| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap();
        let bytes: Vec<u8> = pairs.map(byte).collect();
        let plist = Plist::parse(&bytes).unwrap();
        let expected = "[{a: 1, b: [true, 0102]}, ä, 2020-01-16T14:58:06.000000000Z, -5, 2.5, \
                        {long: xxxxxxxxxxxxxxxxxxxx}]";
        assert_eq!(plist.shown(plist.top).unwrap(), expected);
    }

    /// Lists without entries, negative numbers, long counts.
    #[test]
    fn corners() {
        let objects: [&[u8]; 5] = [
            b"\xA4\x01\x02\x03\x04",
            b"\xA0",
            b"\xD0",
            b"\x13\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
            b"\x5F\x10\x02hi",
        ];
        let bytes = list(&objects, 0);
        assert_eq!(Plist::parse(&bytes).unwrap().shown(0).unwrap(), "[[], {}, -1, hi]");
    }

    /// Dates before 1970 and with a fraction; what is no date is damage.
    #[test]
    fn dates() {
        assert_eq!(date(0.5), Some(Timestamp(978_307_200_500_000_000)));
        assert_eq!(date(-EPOCH - 1.5), Some(Timestamp(-1_500_000_000)));
        for wrong in [f64::NAN, f64::INFINITY, 1e300, -1e300] {
            assert_eq!(date(wrong), None);
        }
    }

    /// A list that holds itself, and one whose lists double forty times, end.
    #[test]
    fn endless() {
        let itself = list(&[b"\xA1\x00"], 0);
        assert!(Plist::parse(&itself).unwrap().shown(0).unwrap().ends_with("..."));
        let rows: Vec<[u8; 3]> = (0..40).map(|row| [0xA2, row + 1, row + 1]).collect();
        let mut objects: Vec<&[u8]> = rows.iter().map(|row| &row[..]).collect();
        objects.push(b"\x09");
        let doubling = list(&objects, 0);
        let shown = Plist::parse(&doubling).unwrap().shown(0).unwrap();
        assert!(shown.len() <= 2 * MOST_TEXT);
    }

    /// No cut and no flipped byte of a list does more than fail.
    #[test]
    fn damage() {
        let bytes = sample();
        for len in 0..bytes.len() {
            let _ = Plist::parse(&bytes[..len]).and_then(|plist| plist.shown(0));
        }
        for at in 0..bytes.len() {
            for flip in [1, 0x80, 0xFF] {
                let mut bytes = bytes.clone();
                bytes[at] ^= flip;
                let _ = Plist::parse(&bytes).and_then(|plist| plist.shown(plist.top));
            }
        }
    }
}
