//! Writes a Mac's volumes for measuring: `cargo run -p apfs-tests --example make_mac FILE [FILES]`.

use std::path::PathBuf;

fn main() -> std::io::Result<()> {
    let mut args = std::env::args_os().skip(1);
    let path = args.next().map_or_else(|| "mac.img".into(), PathBuf::from);
    let files = args.next().and_then(|count| count.to_str()?.parse().ok()).unwrap_or(20_000);
    std::fs::write(path, apfs_tests::macs::large(files).bytes)
}
