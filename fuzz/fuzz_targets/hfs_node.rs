//! Hunts nodes of HFS+ trees with any content: parsed by themselves, and in the place of a sound one.
//!
//! `cargo +nightly fuzz run hfs_node -- -max_len=4098`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| apfs_fuzz::hfs::node(data));
