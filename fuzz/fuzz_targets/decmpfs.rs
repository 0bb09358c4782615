//! Hunts wrong bounds in compressed files: attribute and resource fork of a file of any type with some bytes changed.
//! However a read is cut, it gives the same bytes or fails.
//!
//! `cargo +nightly fuzz run decmpfs -- -max_len=256 -timeout=5`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| apfs_fuzz::codec::decmpfs_file(data));
