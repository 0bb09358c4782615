//! Writes the demonstration image: `cargo run -p apfs-tests --example make_sample [FILE]`.

use std::path::PathBuf;

fn main() -> std::io::Result<()> {
    let committed = || concat!(env!("CARGO_MANIFEST_DIR"), "/../samples/demo.img").into();
    let path = std::env::args_os().nth(1).map_or_else(committed, PathBuf::from);
    std::fs::write(path, apfs_tests::sample::demo().bytes)
}
