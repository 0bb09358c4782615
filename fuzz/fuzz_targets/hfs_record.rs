//! Hunts records of HFS+ that their decoders take for more than they are.
//!
//! `cargo +nightly fuzz run hfs_record -- -max_len=600`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| apfs_fuzz::hfs::record(data));
