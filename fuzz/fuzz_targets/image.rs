//! Hunts damage that gets past the checksums: a whole image with a few fields changed and every checksum repaired
//! must never panic, hang or use much memory; walk and scan must agree where neither reports damage; reads must not
//! depend on how they are cut; a wrong checksum must not be passed over.
//!
//! `cargo +nightly fuzz run image -- -dict=dict/apfs.dict -max_len=512 -timeout=5 -rss_limit_mb=512`
//! (on stable: `RUSTC_BOOTSTRAP=1 cargo fuzz run image -- ...`)
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| apfs_fuzz::target::image(data));

libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    if seed % 4 == 0 {
        libfuzzer_sys::fuzzer_mutate(data, size, max_size)
    } else {
        apfs_fuzz::mutate::mutate(data, size, max_size, seed)
    }
});
