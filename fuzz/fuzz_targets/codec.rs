//! Hunts writes past the promised length, panics and differences from another decoder in the codecs: a stream of an
//! encoder with some bytes changed, or any bytes. LZFSE and LZVN are compared with `lzfse_rust`.
//!
//! `cargo +nightly fuzz run codec -- -max_len=256 -timeout=5`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| apfs_fuzz::codec::codec(data));
