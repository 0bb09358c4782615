//! Hunts in Fusion pairs: two devices, the middle tree and the write-back cache. Inputs are changes to a built pair.
//!
//! `cargo +nightly fuzz run fusion -- -max_len=512 -timeout=5 -rss_limit_mb=512`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| apfs_fuzz::fusion::fusion(data));
