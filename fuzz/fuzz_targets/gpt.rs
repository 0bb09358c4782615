//! Hunts partition tables that lead outside of the disk or cost much memory: headers and entries of a sound table
//! with changed fields and repaired checksums. Partitions must end, and those past the end must be reported.
//!
//! `cargo +nightly fuzz run gpt -- -dict=dict/apfs.dict -max_len=512`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| apfs_fuzz::target::gpt(data));

libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    if seed % 2 == 0 {
        libfuzzer_sys::fuzzer_mutate(data, size, max_size)
    } else {
        apfs_fuzz::mutate::mutate(data, size, max_size, seed)
    }
});
