//! Hunts journals of HFS+ that cost time or memory, or whose replay touches what it may not: lists of blocks with right
//! checksums unless the input says otherwise, then changes of single bytes.
//!
//! `cargo +nightly fuzz run journal -- -max_len=512 -timeout=5 -rss_limit_mb=512`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| apfs_fuzz::journal::journal(data));
