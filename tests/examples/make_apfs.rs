//! Writes images with APFS volumes for tests in other languages: `cargo run -p apfs-tests --example make_apfs FOLDER`.

use std::path::PathBuf;

use apfs_tests::apfs_images;

fn main() -> std::io::Result<()> {
    let folder = std::env::args_os().nth(1).map_or_else(PathBuf::new, PathBuf::from);
    std::fs::create_dir_all(&folder)?;
    for (name, bytes) in apfs_images::all() {
        std::fs::write(folder.join(format!("{name}.img")), bytes)?;
    }
    Ok(())
}
