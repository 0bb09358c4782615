//! How often a device is read, and what happens when it fails.

use std::collections::BTreeSet;
use std::sync::Arc;

use apfs_core::apfs::Container;
use apfs_core::{Class, Fs, FsExt, OpenOptions};
use apfs_tests::build::{ImageBuilder, Role, VolumeBuilder};
use apfs_tests::device::{Counting, Failing};
use apfs_tests::listing::{list, list_sound, read, view, view_on};

use crate::variants::rich;

/// A walk over a volume that fits the cache asks for no block twice, and a second walk asks for none.
#[test]
fn a_walk_reads_each_block_once() {
    let image = ImageBuilder::new().max_records_per_node(6).volume(rich("V")).build();
    let nodes = image.fs_nodes(0).len();
    let device = Arc::new(Counting::new(image.bytes, image.block_size));
    let container = Container::open(device.clone(), OpenOptions::default()).unwrap();
    device.take();
    let view = container.volume(0).unwrap().view().unwrap();
    assert!(view.walk(view.root()).all(|entry| entry.is_ok()));
    let reads = device.take();
    // A read begins with the block that is wanted; what follows it is read ahead.
    let mut wanted: Vec<u64> = reads.iter().map(|(first, _)| *first).collect();
    wanted.sort_unstable();
    assert!(wanted.windows(2).all(|pair| pair[0] != pair[1]), "{wanted:?}");
    let blocks: BTreeSet<u64> = reads.iter().flat_map(|(first, count)| *first..first + count).collect();
    assert!(blocks.len() >= nodes, "the walk sees all {nodes} nodes");
    let total: u64 = reads.iter().map(|(_, count)| count).sum();
    assert!(total <= 2 * blocks.len() as u64, "{total} blocks were read where {} do", blocks.len());
    assert!(view.walk(view.root()).all(|entry| entry.is_ok()));
    assert_eq!(device.take(), [], "the second walk finds all in the cache");
}

/// From nothing to the content of one file far down takes a bounded number of reads.
#[test]
fn a_cold_lookup_takes_few_reads() {
    let mut volume = VolumeBuilder::new("V").dir("/a").dir("/a/b").dir("/a/b/c").file("/a/b/c/d", "found");
    for number in 0..3000 {
        volume = volume.file(&format!("/a/file {number}"), "");
    }
    let image = ImageBuilder::new().max_records_per_node(24).volume(volume).build();
    let omap_levels = image.live(Role::VolumeOmapNode).iter().map(|node| node.level + 1).max().unwrap();
    let device = Arc::new(Counting::new(image.bytes, image.block_size));
    let view = view_on(device.clone()).unwrap();
    let levels = view.tree().levels();
    assert!(levels >= 3);
    assert_eq!(read(&view, "/a/b/c/d").unwrap(), b"found");
    let limit = 12 + 4 * u64::from(levels) * (1 + u64::from(omap_levels));
    let reads = device.take().len() as u64;
    assert!(reads <= limit, "{reads} reads, at most {limit} allowed");
}

/// A read that fails once, anywhere, is an error or is said; afterwards everything works again.
#[test]
fn one_failed_read() {
    let volume = VolumeBuilder::new("V")
        .dir("/d")
        .file("/d/file", [1; 9000])
        .symlink("/link", "d")
        .stream_xattr("/d/file", "big", [2; 5000]);
    let volume = (0..8).fold(volume, |volume, number| volume.file(&format!("/{number}"), "x"));
    let image = ImageBuilder::new().checkpoints(2).max_records_per_node(5).volume(volume).build();
    let expected = list_sound(&view(image.bytes.clone()));
    let device = Arc::new(Failing::new(image.bytes));
    let mut failures = 0;
    for count in 0.. {
        device.fail_after(count);
        let Ok(container) = Container::open(device.clone(), OpenOptions::default()) else {
            failures += 1;
            continue;
        };
        let passed_over =
            !container.rejected().is_empty() || container.checkpoint().ephemeral_damage().is_some();
        let Ok(view) = container.volume(0).and_then(|volume| volume.view()) else {
            assert!(device.has_failed());
            failures += 1;
            continue;
        };
        let found = list(&view);
        if !device.has_failed() {
            assert!(found.files == expected, "the last round is without failure");
            break;
        }
        failures += 1;
        let complete = found.errors.is_empty() && found.files == expected;
        let said = !found.errors.is_empty() || found.files.values().any(|file| file.contains("not ready"));
        assert!(complete || said || passed_over, "a failure of read {count} went unsaid");
        if !passed_over {
            assert!(list_sound(&view) == expected, "read {count}: the device works again");
        }
    }
    assert!(failures > 20, "only {failures} reads could fail");
}

/// A device that is gone gives I/O errors, and what was open goes on when it is back.
#[test]
fn a_device_that_comes_back() {
    let image = ImageBuilder::new().max_records_per_node(8).volume(rich("V")).build();
    let expected = list_sound(&view(image.bytes.clone()));
    let device = Arc::new(Failing::new(image.bytes));
    let view = view_on(device.clone()).unwrap();
    device.set_broken(true);
    assert_eq!(read(&view, "/large").unwrap_err().class(), Class::Io);
    assert_eq!(view_on(device.clone()).unwrap_err().class(), Class::Io);
    device.set_broken(false);
    assert!(list_sound(&view) == expected);
}

/// A bad spot under the newest superblock leads to an older state only together with a remark.
#[test]
fn bad_spot_in_the_ring() {
    let volume = VolumeBuilder::new("V").file("/x", "old").commit().overwrite("/x", 0, "new");
    let image = ImageBuilder::new().checkpoints(2).volume(volume).build();
    let bad = image.newest().superblock;
    let device = Arc::new(Failing::new(image.bytes));
    device.set_bad(bad * 4096..(bad + 1) * 4096);
    let container = Container::open(device, OpenOptions::default()).unwrap();
    let rejected = container.rejected();
    assert!(rejected.iter().any(|rejected| rejected.block.0 == bad), "{rejected:?}");
}
