//! Classic HFS: around an embedded volume, and by itself.

use super::bytes::{be, put};

/// Sectors before the first block of a classic volume: boot blocks, MDB, bitmap.
const FIRST_SECTOR: usize = 16;
/// Blocks of the wrapper before the embedded volume: its own two trees and a note for old systems.
const OWN_BLOCKS: usize = 5;

/// The volume inside a classic HFS volume, and the byte where it begins.
pub fn wrap(volume: &[u8], name: &str) -> (Vec<u8>, usize) {
    // Blocks are numbered by 16 bits.
    let block = (4096..).step_by(512).find(|block| volume.len() / block < 60_000).unwrap();
    let count = volume.len().div_ceil(block);
    let start = FIRST_SECTOR * 512 + OWN_BLOCKS * block;
    let mut mdb = mdb(name, OWN_BLOCKS + count + 1, block);
    put(&mut mdb, 124, b"H+");
    put(&mut mdb, 126, be![OWN_BLOCKS as u16, count as u16]);
    (classic(&mdb, volume, start, start + (count + 1) * block), start)
}

/// A classic HFS volume that holds nothing.
pub fn standard(name: &str) -> Vec<u8> {
    let block = 4096;
    classic(&mdb(name, 200, block), &[], 0, FIRST_SECTOR * 512 + 200 * block)
}

fn classic(mdb: &[u8], volume: &[u8], start: usize, end: usize) -> Vec<u8> {
    let mut bytes = vec![0; end + 1024];
    put(&mut bytes, start, volume);
    put(&mut bytes, 1024, mdb);
    let len = bytes.len();
    put(&mut bytes, len - 1024, mdb);
    bytes
}

/// A master directory block without an embedded volume.
fn mdb(name: &str, blocks: usize, block: usize) -> Vec<u8> {
    let date = super::item::EPOCH;
    let mut mdb = b"BD".to_vec();
    // Dates, attributes, files in the root, first block of the bitmap.
    mdb.extend(be![date, date, 0x0100_u16, 1_u16, 3_u16, 0_u16]);
    mdb.extend(be![blocks as u16, block as u32, block as u32, FIRST_SECTOR as u16, 17_u32, 0_u16]);
    assert_eq!(mdb.len(), 36);
    mdb.push(name.len() as u8);
    mdb.extend(name.bytes());
    mdb.resize(162, 0);
    mdb
}
