//! Hunts decoders that trust a length: every file-system record decoder on any key and value. A decoded name must be
//! one path component, an extent must not overflow, an extended field must lie inside its record.
//!
//! `cargo +nightly fuzz run records -- -dict=dict/apfs.dict -max_len=512`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| apfs_fuzz::target::records(data));
