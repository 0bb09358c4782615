//! Single changed bytes with the checksum made right again: how many of them the check notices.
//!
//! `APFS_FLIPS=exhaustive` changes every byte of all metadata in use; otherwise every 7th is changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use apfs_core::OpenOptions;
use apfs_core::apfs::Container;
use apfs_core::check::{self, CheckOptions};
use apfs_tests::build::disk::Place;
use apfs_tests::build::{Image, ImageBuilder, Role, VolumeBuilder, fix_checksum};

fn build() -> Image {
    let volume = VolumeBuilder::new("V")
        .dir("/d")
        .file("/d/one", [1; 9_000])
        .symlink("/link", "d/one")
        .xattr("/d/one", "small", "value")
        .hardlink("/d/one", "/again")
        .snapshot("s")
        .overwrite("/d/one", 4096, [4; 4096]);
    ImageBuilder::new().volume(volume).build()
}

/// True if the check says more than nothing, or the container does not even open.
fn notices(image: &Image) -> bool {
    let Ok(container) = Container::open(Arc::new(image.bytes.clone()), OpenOptions::default()) else {
        return true;
    };
    let mut noticed = false;
    let mut options = CheckOptions::default();
    (options.snapshots, options.findings_per_rule) = (true, u64::MAX);
    check::apfs::check(&container, &options, None, &mut |_| noticed = true).unwrap();
    noticed
}

/// What is used of a block: all but the free space of nodes, the rest of structures, and bitmaps of older times.
fn used_bytes(image: &Image, place: &Place) -> Vec<usize> {
    let bytes =
        &image.bytes[place.block as usize * image.block_size..][..place.count as usize * image.block_size];
    (8..bytes.len()).filter(|at| bytes[*at] != 0).collect()
}

/// Of the bytes that are not 0 most can't be changed without being noticed; the rest says what no one else says.
#[test]
fn most_changes_are_noticed() {
    let sound = build();
    assert!(!notices(&sound), "the sound image is clean");
    let step = if std::env::var_os("APFS_FLIPS").is_some_and(|flips| flips == "exhaustive") { 1 } else { 7 };
    let roles = sound.places.iter().filter(|place| {
        !matches!(place.role, Role::Data | Role::ChunkBitmap | Role::PoolBitmap)
            && place.checkpoint.is_none_or(|checkpoint| checkpoint == 0)
            && (place.role == Role::BlockZero || sound.newest().used.contains(&place.block))
    });
    let mut by_role: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut missed: BTreeMap<(String, usize), usize> = BTreeMap::new();
    let mut image = sound.clone();
    for place in roles.cloned().collect::<Vec<_>>() {
        for at in used_bytes(&sound, &place).into_iter().step_by(step) {
            let start = place.block as usize * sound.block_size;
            let end = start + place.count as usize * sound.block_size;
            image.bytes[start + at] ^= 0x40;
            fix_checksum(&mut image.bytes[start..end]);
            let (count, noticed) = by_role.entry(format!("{:?}", place.role)).or_default();
            *count += 1;
            if notices(&image) {
                *noticed += 1;
            } else {
                *missed.entry((format!("{:?}", place.role), at)).or_default() += 1;
            }
            image.bytes[start..end].copy_from_slice(&sound.bytes[start..end]);
        }
    }
    let (count, noticed) = by_role.values().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    println!("{noticed} of {count} changes noticed; {by_role:?}");
    if step == 1 {
        println!("missed: {missed:?}");
    }
    assert!(noticed * 100 >= count * 60, "{noticed} of {count}: {by_role:?}");
}
