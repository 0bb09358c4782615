//! Hunts UDIF images that cost time or memory, or read differently in parts: sound images with some bytes changed, and
//! any bytes. Runs must cover the disk, zeros must be zeros, and parts must be parts of the whole.
//!
//! `cargo +nightly fuzz run udif -- -max_len=4096 -timeout=5 -rss_limit_mb=512`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| apfs_fuzz::target::udif(data));
