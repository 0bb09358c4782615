//! Hunts wrong bounds in B-tree nodes: one node of a sound image gets any content behind its header, with the right
//! checksum. Table, free space, keys and values then lie anywhere; nothing may be read outside of the node, and a
//! cursor must end.
//!
//! `cargo +nightly fuzz run node -- -dict=dict/apfs.dict -max_len=4098 -timeout=5`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| apfs_fuzz::target::node(data));
