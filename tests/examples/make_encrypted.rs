//! Writes images that need a password, for tests in other languages:
//! `cargo run -p apfs-tests --example make_encrypted FOLDER`.

#![allow(clippy::as_conversions, reason = "sizes of small images")]

use std::path::PathBuf;

use apfs_tests::build::encrypted_image::EncryptedImage;
use apfs_tests::{build, sample};

const BAND: u64 = 1 << 20;

fn main() -> std::io::Result<()> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.ok_or_else(|| std::io::Error::other("which folder?"))?;
    std::fs::create_dir_all(&folder)?;
    let image = sample::encrypted();
    std::fs::write(folder.join("volume.img"), &image.bytes)?;
    // The key of the volume, for those who have it.
    std::fs::write(folder.join("volume.key"), sample::protection().key)?;
    let around = EncryptedImage::new(2, 256).password(sample::PASSWORD);
    std::fs::write(folder.join("image.dmg"), around.build(&image.bytes))?;
    std::fs::write(folder.join("image.key"), around.raw_key())?;
    let bundle = folder.join("bundle.sparsebundle");
    let around = EncryptedImage::new(1, 128).password(sample::PASSWORD);
    build::bundle::bundle(&bundle, image.bytes.len() as u64, BAND, &around.token());
    for (number, band) in around.encrypt(&image.bytes).chunks(BAND as usize).enumerate() {
        build::bundle::band(&bundle, number as u64, band);
    }
    Ok(())
}
