//! Hunts property lists and resource forks that cost more than they are long, or lead outside of themselves.
//!
//! `cargo +nightly fuzz run plist -- -dict=dict/plist.dict -max_len=65536 -timeout=5 -rss_limit_mb=512`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| apfs_fuzz::target::plist(data));
