//! Hunts in the check of seals: it ends, its parts say what the whole says, and no changed node is intact. Inputs are
//! as for `image`.
//!
//! `cargo +nightly fuzz run seal -- -max_len=512 -timeout=5 -rss_limit_mb=512`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| apfs_fuzz::seal::seal(data));
