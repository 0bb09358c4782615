//! A sealed volume with some of everything that a seal covers.

use apfs_core::Result;
use apfs_core::apfs::SealVerdict;
use apfs_core::apfs::seal::SealMismatch;

use crate::build::{Image, ImageBuilder, Seal, VolumeBuilder};
use crate::compress::sample;
use crate::listing::open;

/// Snapshot that the system volume boots from.
pub const UPDATE: &str = "com.apple.os.update-0123456789ABCDEF";

/// Plain, sparse, cloned, compressed files of both places, in folders; small enough to flip every bit of.
pub fn volume(name: &str) -> VolumeBuilder {
    let mut volume = VolumeBuilder::new(name).role(1).dir("/bin").dir("/etc").dir("/usr").dir("/usr/lib");
    for number in 0..30 {
        volume = volume.file(&format!("/etc/file {number}"), format!("content of {number}"));
    }
    volume
        .file("/empty", "")
        .file("/bin/plain", sample::noise(40_000, 1))
        .fragmented("/usr/pieces", sample::noise(70_000, 2), 1)
        .sparse("/usr/sparse", 200_000, &[(65_536, &[5; 20_000]), (131_072, &[6; 10])])
        .clone_file("/bin/plain", "/usr/clone")
        .hardlink("/bin/plain", "/usr/lib/plain")
        .symlink("/link", "bin/plain")
        .compressed("/usr/inline", 3, sample::text(3_000, 3))
        .compressed("/usr/stored", 9, sample::text(700, 4))
        .compressed("/usr/fork", 4, sample::text(150_000, 5))
        .compressed("/usr/lib/lzvn", 8, sample::text(70_000, 6))
        .xattr("/bin/plain", "small", "value")
}

/// The volume in a container, with a seal of some kind and short nodes, so that the tree is tall.
pub fn image(records: usize, seal: impl FnOnce(&mut Seal)) -> Image {
    ImageBuilder::new().max_records_per_node(records).volume(volume("System").seal(seal)).build()
}

/// The same with a snapshot that it boots from.
pub fn booted(records: usize) -> Image {
    let volume = volume("System").seal(|_| ()).snapshot(UPDATE);
    ImageBuilder::new().max_records_per_node(records).volume(volume).build()
}

/// A volume of many files of about `bytes` together, large ones and small ones.
pub fn large(bytes: usize) -> Image {
    let noise = sample::noise(16 << 20, 7);
    let mut volume = VolumeBuilder::new("System").role(1).sealed();
    let (mut made, mut number) = (0, 0usize);
    while made < bytes {
        // Half of the bytes in large files.
        let len = if number.is_multiple_of(64) { 8 << 20 } else { 4096 << (number % 8) };
        if number.is_multiple_of(512) {
            volume = volume.dir(&format!("/{}", number / 512));
        }
        let start = number * 4099 % (8 << 20);
        volume = volume.file(&format!("/{}/{number}", number / 512), &noise[start..start + len]);
        (made, number) = (made + len, number + 1);
    }
    ImageBuilder::new().volume(volume).build()
}

/// The verdict on the live state of the first volume.
pub fn verdict(bytes: impl Into<Vec<u8>>) -> Result<SealVerdict> {
    let view = open(bytes)?.volume(0)?.view()?;
    Ok(view.verify_seal(None)?.expect("the volume is sealed"))
}

/// What differs on the live state of the first volume.
pub fn mismatch(bytes: impl Into<Vec<u8>>) -> SealMismatch {
    match verdict(bytes).unwrap() {
        SealVerdict::Mismatch(mismatch) => mismatch,
        other => panic!("{other}"),
    }
}
