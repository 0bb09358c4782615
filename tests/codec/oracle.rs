//! LZFSE and LZVN against `lzfse_rust`: the same bytes, or both refuse.
//!
//! What they decode, we decode to the same. Where only they refuse, it is for one of these reasons, which real files
//! gave: bytes behind the end, or a stream that ends with its last byte of content instead of an end mark. They also
//! refuse blocks that an encoder would not write, but that expand: these must at least come from a changed stream.

use apfs_core::codec::{lzfse, lzvn};
use apfs_tests::compress::{self, sample};
use proptest::prelude::*;

use crate::round_trip::decoded;

fn theirs(stream: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    lzfse_rust::decode_bytes(stream, &mut out).ok().map(|_| out)
}

/// What one of the readers says of a stream of `len` bytes: ours are asked for that many.
fn check(stream: &[u8], len: usize) -> Result<(), TestCaseError> {
    let ours = decoded(lzfse::decode, stream, len);
    match theirs(stream) {
        Some(theirs) if theirs.len() == len => prop_assert_eq!(ours, Ok(theirs)),
        Some(theirs) => prop_assert!(ours.is_err(), "{} bytes by them, {len} by us", theirs.len()),
        None => {}
    }
    Ok(())
}

/// Data of some kind and length.
fn data() -> impl Strategy<Value = Vec<u8>> {
    (0..5_usize, 0..20_000_usize, any::<u64>())
        .prop_map(|(kind, len, seed)| sample::all(len, seed).swap_remove(kind).1)
}

/// A change of a stream: a byte becomes another, or a part is cut out or doubled.
#[derive(Clone, Debug)]
enum Change {
    Byte(prop::sample::Index, u8),
    Cut(prop::sample::Index, usize),
    Double(prop::sample::Index, usize),
    End(prop::sample::Index),
}

fn change() -> impl Strategy<Value = Change> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        6 => (index(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
        1 => (index(), 1..9_usize).prop_map(|(at, len)| Change::Cut(at, len)),
        1 => (index(), 1..9_usize).prop_map(|(at, len)| Change::Double(at, len)),
        1 => index().prop_map(Change::End),
    ]
}

fn apply(stream: &mut Vec<u8>, changes: &[Change]) {
    for change in changes {
        if stream.is_empty() {
            return;
        }
        match change {
            Change::Byte(at, byte) => *at.get_mut(stream) = *byte,
            Change::Cut(at, len) => {
                let at = at.index(stream.len());
                stream.drain(at..stream.len().min(at + len));
            }
            Change::Double(at, len) => {
                let at = at.index(stream.len());
                stream.extend_from_within(at..stream.len().min(at + len));
            }
            Change::End(at) => stream.truncate(at.index(stream.len())),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// Sound streams of both encoders, LZVN ones of ours in their frame.
    #[test]
    fn sound_streams(data in data()) {
        let stream = compress::lzfse(&data);
        prop_assert!(theirs(&stream).as_ref() == Some(&data));
        check(&stream, data.len())?;
        if !data.is_empty() {
            let framed = compress::lzvn_block(&compress::lzvn(&data), data.len());
            prop_assert!(theirs(&framed).as_ref() == Some(&data));
            check(&framed, data.len())?;
        }
    }

    /// Streams that were changed: whatever they still decode, we decode to the same, and to no other length.
    #[test]
    fn changed_streams(
        data in data(),
        changes in prop::collection::vec(change(), 1..4),
        near_start in any::<bool>(),
        framed in any::<bool>(),
    ) {
        let mut stream = match framed {
            true => compress::lzvn_block(&compress::lzvn(&data), data.len()),
            false => compress::lzfse(&data),
        };
        // Headers and tables are where changes do most.
        let tail = stream.split_off(if near_start { stream.len().min(700) } else { stream.len() });
        apply(&mut stream, &changes);
        stream.extend(tail);
        check(&stream, data.len())?;
        if let Some(theirs) = theirs(&stream) {
            check(&stream, theirs.len())?;
        }
        // A raw LZVN stream says no length: it must not be read as more than it is.
        if framed && stream.len() > 16 {
            let _ = decoded(lzvn::decode, &stream[12..], data.len());
        }
    }
}

/// Streams without blocks, and the shortest ones.
#[test]
fn shortest_streams() {
    for stream in
        [&b""[..], b"bvx$", b"bvx", b"bvx-\x00\x00\x00\x00bvx$", b"bvx-\x01\x00\x00\x00abvx$", b"bvx?"]
    {
        for len in 0..3 {
            let ours = decoded(lzfse::decode, stream, len).ok();
            // Nothing is in a stream of nothing, whatever it is.
            if len > 0 || theirs(stream).is_some() {
                assert_eq!(ours, theirs(stream).filter(|theirs| theirs.len() == len), "{stream:?}, {len}");
            }
        }
    }
}

/// Several blocks of different kinds, with matches that reach back into earlier ones.
#[test]
fn blocks_share_a_window() {
    let data = sample::text(9000, 3);
    let first = [b"bvx-", &9000_u32.to_le_bytes()[..], &data].concat();
    // 14 bits of distance: a match of 34 bytes from 9,000 bytes back, and one of 200 at the same distance.
    let ops =
        [&[0xA0 | 31 >> 2][..], &((9000_u16 << 2) | 3).to_le_bytes(), &[0xF0, 184, 6, 0, 0, 0, 0, 0, 0, 0]]
            .concat();
    let block = compress::lzvn_block(&ops, 234);
    let stream = [first, block].concat();
    let want = [&data[..], &data[..234]].concat();
    assert_eq!(theirs(&stream).as_ref(), Some(&want));
    assert_eq!(decoded(lzfse::decode, &stream, want.len()).as_ref(), Ok(&want));
}
