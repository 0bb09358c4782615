//! Images with APFS volumes for tests in other languages: a Mac, seals, and what a check or an account finds.

use apfs_build::Role;

use crate::build::{Image, ImageBuilder, VolumeBuilder};
use crate::{compress, fusion, macs, sample, sealed};

/// Bit of the bitmap that [`leaked`] sets.
const LEAKED: usize = 250;

/// Every image with its name.
pub fn all() -> [(&'static str, Vec<u8>); 10] {
    let broken = |seal: &mut crate::build::Seal| seal.broken = Some(1);
    let pair = fusion::pair();
    [
        ("fusion-tier2", pair.tier2),
        ("fusion-main", pair.bytes),
        ("mac", macs::mac().bytes),
        ("mac-locked", macs::locked(sample::protection()).bytes),
        ("sealed", sealed::image(8, |_| {}).bytes),
        ("sealed-broken", sealed::image(8, broken).bytes),
        ("sealed-data", sealed_data()),
        ("sealed-node", sealed_node()),
        ("space", space().bytes),
        ("leaked", leaked()),
    ]
}

/// A sealed volume with one byte changed in the second block of `/bin/plain`.
fn sealed_data() -> Vec<u8> {
    let mut bytes = sealed::image(8, |_| {}).bytes;
    let content = compress::sample::noise(40_000, 1);
    let at = bytes.windows(4096).step_by(4096).position(|block| block == &content[4096..8192]);
    bytes[at.unwrap() * 4096 + 904] ^= 1;
    bytes
}

/// A sealed volume with one byte changed that nothing uses, in the leaf with the records of `/empty`.
fn sealed_node() -> Vec<u8> {
    let mut image = sealed::image(8, |_| {});
    let leaf = image.fs_leaves_of(0, image.inode(0, "/empty"))[0];
    let unused = image.block(leaf).windows(64).position(|window| window.iter().all(|byte| *byte == 0));
    image.block_mut(leaf)[unused.unwrap() + 32] ^= 1;
    image.bytes
}

/// A volume with three blocks of data that the live state has, and five that a snapshot alone has.
fn space() -> Image {
    let volume = VolumeBuilder::new("Space").file("/stays", [1; 12_000]).file("/gone", [2; 20_000]);
    ImageBuilder::new().volume(volume.snapshot("then").remove("/gone")).build()
}

/// The same with a block in use that nobody has: 250, by the newest bitmap.
fn leaked() -> Vec<u8> {
    let mut image = space();
    let bitmap = image.of_checkpoint(image.checkpoints.len() - 1, Role::ChunkBitmap)[0].block;
    let byte = &mut image.block_mut(bitmap)[LEAKED / 8];
    assert!(*byte & 1 << (LEAKED % 8) == 0, "block 250 is free");
    *byte |= 1 << (LEAKED % 8);
    image.bytes
}
