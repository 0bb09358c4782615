//! Writes a container of 8 TB as a sparse file, for measuring: `cargo run -p apfs-tests --example make_large -- FILE`
#![allow(
    missing_docs,
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::std_instead_of_core,
    reason = "a panic says what went wrong"
)]

use std::fs::File;
use std::io::Write;

use apfs_tests::build::{ImageBuilder, VolumeBuilder};

fn main() {
    let path = std::env::args().nth(1).unwrap();
    let mut volume = VolumeBuilder::new("Large");
    for number in 0..100 {
        volume = volume.file(&format!("/file {number}"), format!("content of {number}"));
    }
    let image = ImageBuilder::new().min_blocks(1 << 31).sparse().volume(volume).build();
    let mut file = File::create(path).unwrap();
    file.write_all(&image.bytes).unwrap();
    file.set_len(image.block_count * image.block_size as u64).unwrap();
}
