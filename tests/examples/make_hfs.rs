//! Writes the HFS+ volumes of the tests for other readers, by themselves and wrapped:
//! `cargo run -p apfs-tests --example make_hfs FOLDER`.

use std::path::PathBuf;

use apfs_tests::build::hfs::wrapper;
use apfs_tests::hfs_volumes;

fn main() -> std::io::Result<()> {
    let folder = std::env::args_os().nth(1).map_or_else(PathBuf::new, PathBuf::from);
    for (name, volume) in hfs_volumes::all() {
        let bytes = volume.build().bytes;
        std::fs::write(folder.join(format!("{name}.img")), &bytes)?;
        std::fs::write(folder.join(format!("{name}.wrapped.img")), wrapper::wrap(&bytes, name).0)?;
    }
    Ok(())
}
