//! Hunts damage in whole HFS+ volumes: one with a few fields changed must never panic, hang or use much memory; walk
//! and scan must agree where neither reports damage; reads must not depend on how they are cut.
//!
//! `cargo +nightly fuzz run hfs_volume -- -max_len=512 -timeout=5 -rss_limit_mb=512`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| apfs_fuzz::hfs::volume(data));

libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    if seed % 4 == 0 {
        libfuzzer_sys::fuzzer_mutate(data, size, max_size)
    } else {
        apfs_fuzz::mutate::mutate_of(apfs_fuzz::hfs::seeds(), data, size, max_size, seed)
    }
});
