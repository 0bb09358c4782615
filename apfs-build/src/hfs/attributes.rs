//! Records of the attributes file.

use super::btree::Record;
use super::bytes::be;
use super::fork::{Fork, extent_record};

const INLINE: u32 = 0x10;
const FORK: u32 = 0x20;
const EXTENTS: u32 = 0x30;

/// A record with what it is sorted by: file, name, block.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Order(pub u32, pub Vec<u16>, pub u32);

/// The only record of a value that stands in the record itself.
pub fn inline(file: u32, name: &[u16], value: &[u8]) -> (Order, Record) {
    record(file, name, 0, [be![INLINE, 0_u64, value.len() as u32], value.to_vec()].concat())
}

/// The records of a value with blocks of its own: the fork, and extents behind the first eight.
pub fn fork(file: u32, name: &[u16], fork: &Fork) -> Vec<(Order, Record)> {
    let mut records = vec![record(file, name, 0, [be![FORK, 0_u32], fork.encode()].concat())];
    for (start, extents) in fork.overflow() {
        records.push(record(file, name, start, [be![EXTENTS, 0_u32], extents].concat()));
    }
    records
}

/// An extents record by itself, for tests that put one where it does not belong.
pub fn stray_extents(file: u32, name: &[u16], start: u32) -> (Order, Record) {
    record(file, name, start, [be![EXTENTS, 0_u32], extent_record(&[])].concat())
}

fn record(file: u32, name: &[u16], start: u32, data: Vec<u8>) -> (Order, Record) {
    assert!(name.len() <= 127, "a name of an attribute has at most 127 units");
    let mut key = be![12 + 2 * name.len() as u16, 0_u16, file, start, name.len() as u16];
    key.extend(name.iter().flat_map(|unit| unit.to_be_bytes()));
    (Order(file, name.to_vec(), start), Record { key, data, owner: file })
}
