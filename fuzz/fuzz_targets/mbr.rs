//! Hunts master boot records and chains of extended ones that lead outside of the disk, in circles or on for ever:
//! any entries behind the right signatures.
//!
//! `cargo +nightly fuzz run mbr -- -max_len=4096`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| apfs_fuzz::target::mbr(data));
