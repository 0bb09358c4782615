//! LZFSE blocks with plain tables (`bvx1`), which no encoder at hand writes: made from those with packed ones.

use apfs_core::codec::lzfse;
use apfs_tests::compress::{self, sample};

use crate::round_trip::decoded;

/// Where the bits of the numbers of a `bvx2` header stand: 64-bit word, first bit, count.
const COUNTS: [(usize, u32, u32); 4] = [(0, 0, 20), (0, 40, 20), (0, 20, 20), (1, 40, 20)];
const LITERAL_BITS: (usize, u32, u32) = (0, 60, 3);
const LITERAL_STATES: [(usize, u32, u32); 4] = [(1, 0, 10), (1, 10, 10), (1, 20, 10), (1, 30, 10)];
const MATCH_BITS: (usize, u32, u32) = (1, 60, 3);
const MATCH_STATES: [(usize, u32, u32); 3] = [(2, 32, 10), (2, 42, 10), (2, 52, 10)];

fn bits(block: &[u8], (word, first, count): (usize, u32, u32)) -> u32 {
    let word = u64::from_le_bytes(block[8 + 8 * word..][..8].try_into().unwrap());
    (word >> first & ((1 << count) - 1)) as u32
}

/// The 360 frequencies behind a `bvx2` header.
fn frequencies(packed: &[u8]) -> Vec<u16> {
    let bit = |at: usize| packed.get(at / 8).map_or(0, |byte| u16::from(byte >> (at % 8) & 1));
    let number = |at: usize, len: usize| (0..len).map(|nth| bit(at + nth) << nth).sum::<u16>();
    let mut at = 0;
    (0..360)
        .map(|_| {
            let (len, value) = match number(at, 4) {
                code if code & 1 == 0 => (2, code >> 1 & 1),
                code if code & 3 == 1 => (3, 2 + (code >> 2 & 1)),
                code if code & 7 == 3 => (5, 4 + number(at + 3, 2)),
                7 => (8, 8 + number(at + 4, 4)),
                _ => (14, 24 + number(at + 4, 10)),
            };
            at += len;
            value
        })
        .collect()
}

/// A stream of one `bvx2` block with its block as `bvx1`.
fn with_plain_tables(stream: &[u8]) -> Vec<u8> {
    assert_eq!(&stream[..4], b"bvx2");
    let header_len = bits(stream, (2, 0, 32)) as usize;
    let [literals, matches, literal_bytes, match_bytes] = COUNTS.map(|field| bits(stream, field));
    let signed = |field| bits(stream, field).wrapping_sub(7);
    let states = |fields: &[_]| -> Vec<u8> {
        fields.iter().flat_map(|field| (bits(stream, *field) as u16).to_le_bytes()).collect()
    };
    let numbers = [literal_bytes + match_bytes, literals, matches, literal_bytes, match_bytes];
    let mut block = [b"bvx1", &stream[4..8], &numbers.map(u32::to_le_bytes).concat()].concat();
    block.extend(signed(LITERAL_BITS).to_le_bytes());
    block.extend(states(&LITERAL_STATES));
    block.extend(signed(MATCH_BITS).to_le_bytes());
    block.extend(states(&MATCH_STATES));
    block.extend(frequencies(&stream[32..header_len]).iter().flat_map(|frequency| frequency.to_le_bytes()));
    block.extend([0, 0]);
    assert_eq!(block.len(), 772);
    [&block, &stream[header_len..]].concat()
}

/// Both readers give the same bytes as of the block with packed tables.
#[test]
fn plain_tables_read() {
    for (kind, data) in sample::all(20_000, 11) {
        let stream = compress::lzfse(&data);
        if stream[..4] != *b"bvx2" {
            continue;
        }
        let plain = with_plain_tables(&stream);
        let mut theirs = Vec::new();
        lzfse_rust::decode_bytes(&plain, &mut theirs).unwrap();
        assert!(theirs == data, "{kind}: the block is not made well");
        assert!(decoded(lzfse::decode, &plain, data.len()).as_ref() == Ok(&data), "{kind}");
        for len in 0..776 {
            assert!(decoded(lzfse::decode, &plain[..len], data.len()).is_err(), "{kind}, cut at {len}");
        }
    }
}
