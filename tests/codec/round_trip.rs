//! Whatever an encoder makes of any bytes comes out again, and nothing else does.

use apfs_core::codec::{Fault, adc, bzip2, lzbitmap, lzfse, lzvn, xz, zlib};
use apfs_tests::compress::{self, sample};

type Encode = fn(&[u8]) -> Vec<u8>;
pub(crate) type Decode = fn(&[u8], &mut [u8]) -> Result<(), Fault>;

/// Every codec with an encoder for it.
const CODECS: [(&str, Encode, Decode); 7] = [
    ("ADC", compress::adc, adc::decode),
    ("bzip2", compress::bzip2, bzip2::decode),
    ("xz", compress::xz, xz::decode),
    ("zlib", compress::zlib, zlib::decode),
    ("LZVN", compress::lzvn, lzvn::decode),
    ("LZFSE", compress::lzfse, lzfse::decode),
    ("LZBITMAP", compress::lzbitmap, lzbitmap::decode),
];

/// Lengths around what changes something: blocks, chunks, wide copies.
const LENGTHS: [usize; 14] = [0, 1, 2, 7, 8, 9, 16, 63, 1000, 4095, 4096, 32_769, 65_536, 300_000];

pub(crate) fn decoded(decode: Decode, src: &[u8], len: usize) -> Result<Vec<u8>, Fault> {
    let mut dst = vec![0xAA; len];
    decode(src, &mut dst).map(|()| dst)
}

/// All codecs, kinds of bytes and lengths; bytes behind the stream change nothing.
#[test]
fn what_goes_in_comes_out() {
    for (codec, encode, decode) in CODECS {
        for len in LENGTHS {
            for (kind, data) in sample::all(len, len as u64 + 7) {
                let mut stream = encode(&data);
                assert!(
                    decoded(decode, &stream, len).as_ref() == Ok(&data),
                    "{codec}, {len} bytes of {kind}"
                );
                stream.extend([0xEE; 49]);
                assert!(
                    decoded(decode, &stream, len).as_ref() == Ok(&data),
                    "{codec}, {len} of {kind}, and more"
                );
            }
        }
    }
}

/// A stream of more or fewer bytes than promised is a fault.
#[test]
fn broken_promises() {
    for (codec, encode, decode) in CODECS {
        for len in [1, 8, 9, 64, 4096, 70_000] {
            for (kind, data) in sample::all(len, 3) {
                let stream = encode(&data);
                for wrong in [len + 1, len + 100] {
                    assert!(
                        decoded(decode, &stream, wrong).is_err(),
                        "{codec}, {kind}, {wrong} for {len} bytes"
                    );
                }
            }
        }
    }
}

/// A stream that is cut off inside of its content is a fault, wherever it is cut.
#[test]
fn cut_off() {
    for (codec, encode, decode) in CODECS {
        for (kind, data) in sample::all(3000, 5) {
            let stream = encode(&data);
            for len in 0..stream.len() {
                if let Ok(out) = decoded(decode, &stream[..len], 3000) {
                    assert!(
                        out == data && stream.len() - len <= 12,
                        "{codec}, {kind}, {len} of {}",
                        stream.len()
                    );
                }
            }
        }
    }
}
