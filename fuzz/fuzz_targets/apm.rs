//! Hunts Apple partition maps that lead outside of the disk, cost much memory or hide one partition in another:
//! entries with any fields behind the right signature, in blocks of either size.
//!
//! `cargo +nightly fuzz run apm -- -max_len=4096`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| apfs_fuzz::target::apm(data));
