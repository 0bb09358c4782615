//! Hunts sparse disk images whose nodes lead in circles, claim the same band twice or cost much memory: nodes with
//! changed fields.
//!
//! `cargo +nightly fuzz run sparse -- -max_len=256`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| apfs_fuzz::wrapped::sparse(data));
