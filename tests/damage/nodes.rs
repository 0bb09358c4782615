//! Tree nodes that lie, with checksums that fit: only what lies below them is lost.

use apfs_core::{Class, Damage, Scan};
use apfs_tests::build::bytes::u32_at;
use apfs_tests::build::{Image, ImageBuilder, Role, VolumeBuilder};
use apfs_tests::listing::{Listing, list, open, view};

const FILES: usize = 60;

fn content(number: usize) -> Vec<u8> {
    vec![number as u8; 5000]
}

fn build() -> Image {
    let volume = (0..FILES).fold(VolumeBuilder::new("V"), |volume, number| {
        volume.file(&format!("/file {number:02}"), content(number))
    });
    ImageBuilder::new().max_records_per_node(6).volume(volume).build()
}

/// Index nodes right above the leaves, by block.
fn parents_of_leaves(image: &Image) -> Vec<u64> {
    image.fs_nodes(0).iter().filter(|node| node.level == 1).map(|node| node.block).collect()
}

fn leaves(image: &Image) -> Vec<u64> {
    image.fs_nodes(0).iter().filter(|node| node.level == 0).map(|node| node.block).collect()
}

/// Lists a damaged image. What is listed without an error is as it was.
fn list_damaged(image: &Image, sound: &Listing) -> Listing {
    let found = list(&view(image.bytes.clone()));
    for (path, file) in &found.files {
        let same = sound.files.get(path) == Some(file);
        assert!(same || file.contains("damaged: "), "{}: {file}", String::from_utf8_lossy(path));
    }
    let scanned = scan_errors(image);
    assert!(scanned > 0, "the scan says it too");
    found
}

fn scan_errors(image: &Image) -> usize {
    let mut errors = 0;
    let mut count = |entry: core::result::Result<_, _>| {
        errors += usize::from(entry.is_err());
        Ok(())
    };
    view(image.bytes.clone()).scan(None, &mut |entry| count(entry.map(|_| ()))).unwrap();
    errors
}

/// The damage is noticed, and at least `least` files are still sound.
fn assert_local(image: &Image, sound: &Listing, least: usize) {
    let found = list_damaged(image, sound);
    let whole = found.files.iter().filter(|(path, file)| sound.files.get(*path) == Some(file)).count();
    let noticed = !found.errors.is_empty() || whole < sound.files.len();
    assert!(noticed, "nothing was noticed");
    assert!(whole >= least, "only {whole} of {} are left: {:?}", sound.files.len(), found.errors);
}

/// A child that is its own ancestor.
#[test]
fn loops() {
    let image = build();
    let sound = list(&view(image.bytes.clone()));
    assert_eq!((sound.files.len(), sound.errors.len()), (FILES + 1, 0));
    let root_oid = image.volumes[0].root_oid;
    for parent in parents_of_leaves(&image) {
        let mut damaged = image.clone();
        let own_oid = image.all(Role::FsNode).find(|node| node.block == parent).unwrap().oid;
        for target in [root_oid, own_oid] {
            damaged.set_child(parent, 1, target);
            assert_local(&damaged, &sound, 1);
        }
    }
}

/// One child in two places.
#[test]
fn shared_child() {
    let image = build();
    let sound = list(&view(image.bytes.clone()));
    let parent = parents_of_leaves(&image)[1];
    let mut damaged = image.clone();
    let first = image.child(parent, 0);
    damaged.set_child(parent, 1, first);
    assert_local(&damaged, &sound, FILES / 2);
}

/// A level that is not one below the parent's.
#[test]
fn lying_levels() {
    let image = build();
    let sound = list(&view(image.bytes.clone()));
    for node in leaves(&image).into_iter().skip(FILES / 3).step_by(5) {
        for level in [1, 2, 9, u16::MAX] {
            let mut damaged = image.clone();
            damaged.set_level(node, level);
            assert_local(&damaged, &sound, FILES / 4);
        }
    }
}

/// A root that says to be very high.
#[test]
fn lying_root_level() {
    for level in [0, 1, 9, 500, u16::MAX] {
        let mut image = build();
        let root = image.fs_root(0);
        image.set_level(root, level);
        let container = open(image.bytes).unwrap();
        let outcome = container.volume(0).unwrap().view().map(|view| list(&view));
        match outcome {
            Ok(found) => assert!(!found.errors.is_empty(), "level {level}"),
            Err(error) => assert_eq!(error.class(), Class::Corrupt, "level {level}"),
        }
    }
}

/// Keys out of order in a node; without the root directory's own node there would be nothing to walk.
#[test]
fn unsorted_keys() {
    let image = build();
    let sound = list(&view(image.bytes.clone()));
    for node in leaves(&image).into_iter().skip(1).step_by(7) {
        if u32_at(image.block(node), 0x24) >= 2 {
            let mut damaged = image.clone();
            damaged.swap_entries(node, 0, 1);
            assert_local(&damaged, &sound, 1);
        }
    }
}

/// Keys that belong before or behind the node.
#[test]
fn overlapping_nodes() {
    let image = build();
    let sound = list(&view(image.bytes.clone()));
    for node in leaves(&image).into_iter().skip(20).step_by(9) {
        for id in [3_u64, 0x0fff_ffff_ffff] {
            let mut damaged = image.clone();
            let last = u32_at(image.block(node), 0x24) as usize - 1;
            let (index, kind) = (if id == 3 { 0 } else { last }, 3_u64);
            damaged.set_key(node, index, 0, &(id | kind << 60).to_le_bytes());
            assert_local(&damaged, &sound, 1);
        }
    }
}

/// Counts, tables and offsets that leave the node.
#[test]
fn giant_counts() {
    let image = build();
    let sound = list(&view(image.bytes.clone()));
    let leaf = leaves(&image)[30];
    for count in [0, 100, 65_535, u32::MAX] {
        let mut damaged = image.clone();
        damaged.set_nkeys(leaf, count);
        assert_local(&damaged, &sound, 1);
    }
    for (offset, len) in [(0xffff, 8), (0, 0xffff), (4000, 64), (0xffff, 0xffff)] {
        let mut damaged = image.clone();
        damaged.set_table_space(leaf, offset, len);
        assert_local(&damaged, &sound, 1);
    }
    for word in 0..4 {
        for value in [4095, 0xfffe] {
            let mut damaged = image.clone();
            damaged.set_toc(leaf, 0, (word, 4), value);
            assert_local(&damaged, &sound, 1);
        }
    }
}

/// The counts in the footer of a root are not relied upon.
#[test]
fn lying_footer() {
    let image = build();
    let sound = list(&view(image.bytes.clone()));
    let root = image.fs_root(0);
    for field in [0x10, 0x14, 0x18, 0x20] {
        let mut damaged = image.clone();
        damaged.set_info(root, field, &[0xff; 4]);
        assert!(list(&view(damaged.bytes)) == sound, "field {field:#x}");
    }
    let mut damaged = image.clone();
    damaged.set_info(root, 4, &8192_u32.to_le_bytes());
    let error = open(damaged.bytes).unwrap().volume(0).unwrap().view().unwrap_err();
    assert_eq!(error.corrupt().unwrap().damage, Damage::Range, "{error}");
}

/// Loops and lies in the object map: what can't be found is an error, the rest is read.
#[test]
fn object_map() {
    let image = build();
    let sound = list(&view(image.bytes.clone()));
    let nodes = image.live(Role::VolumeOmapNode);
    let root = nodes.iter().max_by_key(|node| node.level).unwrap().block;
    assert!(nodes.iter().any(|node| node.level == 1));
    for node in nodes.iter().filter(|node| node.level == 1) {
        for target in [root, node.block, 1 << 40, 0] {
            let mut damaged = image.clone();
            damaged.set_child(node.block, 0, target);
            let outcome = open(damaged.bytes.clone()).unwrap().volume(0).unwrap().view();
            match outcome {
                Ok(_) => drop(list_damaged(&damaged, &sound)),
                Err(error) => assert_eq!(error.class(), Class::Corrupt),
            }
        }
    }
}
