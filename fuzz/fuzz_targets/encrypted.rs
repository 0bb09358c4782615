//! Hunts encrypted disk images whose headers cost much time or memory, lead outside of the file or open to something
//! that can't be read twice: headers of both versions with changed fields. Rounds of key derivation have a low ceiling.
//!
//! `cargo +nightly fuzz run encrypted -- -max_len=256`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| apfs_fuzz::wrapped::encrypted(data));
