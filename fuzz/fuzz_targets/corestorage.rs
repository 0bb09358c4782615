//! Hunts CoreStorage groups that cost much time or memory, open to something that can't be read twice, or give bytes of
//! another place: headers, labels and metadata with changed fields and right checksums. Key derivation has a low ceiling.
//!
//! `cargo +nightly fuzz run corestorage -- -dict=dict/plist.dict -max_len=256`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| apfs_fuzz::wrapped::core_storage(data));
