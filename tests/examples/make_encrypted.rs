//! Writes images that need a password, for tests in other languages:
//! `cargo run -p apfs-tests --example make_encrypted FOLDER`.

use std::path::PathBuf;

fn main() -> std::io::Result<()> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.ok_or_else(|| std::io::Error::other("which folder?"))?;
    std::fs::create_dir_all(&folder)?;
    let image = apfs_tests::sample::encrypted();
    std::fs::write(folder.join("volume.img"), &image.bytes)?;
    // The key of the volume, for those who have it.
    std::fs::write(folder.join("volume.key"), apfs_tests::sample::protection().key)
}
