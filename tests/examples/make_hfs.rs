//! Writes the HFS+ volumes of the tests for other readers, by themselves and wrapped, and the images for tests in other
//! languages: `cargo run -p apfs-tests --example make_hfs FOLDER`.

use std::path::PathBuf;

use apfs_tests::build::hfs::wrapper;
use apfs_tests::{hfs_images, hfs_volumes};

fn main() -> std::io::Result<()> {
    let folder = std::env::args_os().nth(1).map_or_else(PathBuf::new, PathBuf::from);
    std::fs::create_dir_all(&folder)?;
    for (name, volume) in hfs_volumes::all() {
        let bytes = volume.build().bytes;
        std::fs::write(folder.join(format!("{name}.img")), &bytes)?;
        std::fs::write(folder.join(format!("{name}.wrapped.img")), wrapper::wrap(&bytes, name).0)?;
    }
    for (name, bytes) in hfs_images::all() {
        std::fs::write(folder.join(format!("{name}.img")), bytes)?;
    }
    Ok(())
}
