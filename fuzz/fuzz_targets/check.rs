//! Hunts in the checks of APFS and HFS+: whatever is wrong with an image, a check ends, counts what it tells, and never
//! panics. The first byte says which file system, the rest is as for `image` and `hfs_volume`.
//!
//! `cargo +nightly fuzz run check -- -max_len=512 -timeout=5 -rss_limit_mb=512`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| apfs_fuzz::check::of_any(data));
