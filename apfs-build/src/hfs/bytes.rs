//! Big-endian fields, and names as units of UTF-16.

/// Concatenates fields of different widths into one record.
macro_rules! be {
    ($($field:expr),* $(,)?) => {{
        let mut record = Vec::<u8>::new();
        $(record.extend_from_slice(($field).to_be_bytes().as_ref());)*
        record
    }};
}
pub(super) use be;

pub use crate::bytes::put;

pub fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes(bytes[at..at + 2].try_into().unwrap())
}

pub fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

pub fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(bytes[at..at + 8].try_into().unwrap())
}

/// The stored form of one component of a path: `:` is a stored `/`, U+2400 a stored NUL.
pub fn units(name: &str) -> Vec<u16> {
    let stored = name.chars().map(|c| match c {
        ':' => '/',
        '\u{2400}' => '\0',
        other => other,
    });
    stored.collect::<String>().encode_utf16().collect()
}

/// Length and units, as names stand in keys and records.
pub fn stored_name(name: &[u16]) -> Vec<u8> {
    assert!(name.len() <= 255, "a name has at most 255 units");
    let length = name.len() as u16;
    core::iter::once(&length).chain(name).flat_map(|unit| unit.to_be_bytes()).collect()
}
