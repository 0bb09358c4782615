//! Hunts names that are equal and hash differently, comparisons that depend on the order, and names whose display
//! loses bytes or controls the terminal: two names of any bytes, divided by a NUL.
//!
//! `cargo +nightly fuzz run names -- -max_len=256`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| apfs_fuzz::target::names(data));
