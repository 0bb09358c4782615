//! Hunts ASIF images whose tables lead outside of the file or cost much memory or time: header, directories, table and
//! bitmap with changed fields.
//!
//! `cargo +nightly fuzz run asif -- -max_len=256`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| apfs_fuzz::wrapped::asif(data));
