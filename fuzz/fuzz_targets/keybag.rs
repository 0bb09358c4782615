//! Hunts wrong bounds in decrypted keybags and in the key blobs in them: any bytes behind the object header, and any
//! bytes as a blob. Entries must lie in their keybag; nothing may be read outside of it.
//!
//! `cargo +nightly fuzz run keybag -- -max_len=4064`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| apfs_fuzz::target::keybag(data));
