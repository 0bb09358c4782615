//! Hunts signatures that read outside of their range, and tables seen in what is none: any bytes, with zeros between
//! their first and second half.
//!
//! `cargo +nightly fuzz run probe -- -dict=dict/apfs.dict -max_len=8192`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| apfs_fuzz::target::probe(data));
