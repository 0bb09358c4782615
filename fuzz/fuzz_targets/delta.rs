//! Hunts in comparisons of states of an APFS volume, and in histories of files: whatever is wrong with an image, they
//! end, and where nothing is damaged both ways to find differences agree. Inputs are those of `image`.
//!
//! `cargo +nightly fuzz run delta -- -max_len=512 -timeout=5 -rss_limit_mb=512`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| apfs_fuzz::delta::delta(data));

libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    apfs_fuzz::mutate::mutate(data, size, max_size, seed)
});
