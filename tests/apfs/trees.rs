//! Trees of many levels, blocks of all sizes, scattered and wrapping rings.

use apfs_core::Oid;
use apfs_core::apfs::btree::Cursor;
use apfs_core::apfs::tree_kind::FREE_QUEUE;
use apfs_tests::build::bytes::u16_at;
use apfs_tests::build::{ImageBuilder, Role, VolumeBuilder};
use apfs_tests::listing::{list_sound, open, read, view};

use crate::variants::{images, pattern};

/// Whatever the container looks like, files have the content that was written.
#[test]
fn every_container_reads_back() {
    for (name, image) in images() {
        let view = view(image.bytes);
        let mut sparse = vec![0; 700_000];
        sparse[131_072..201_072].fill(5);
        sparse[524_288..524_298].fill(6);
        for (path, expected) in [
            ("/young/b/c/deep", b"deep down".to_vec()),
            ("/link", b"deep down".to_vec()),
            ("/a/file 39", b"content of 39".to_vec()),
            ("/a/file 4", b"other content".to_vec()),
            ("/young/empty", Vec::new()),
            ("/large", pattern(100_000, 1)),
            ("/young/b/c/large once more", pattern(100_000, 1)),
            ("/pieces", pattern(300_000, 2)),
            ("/a/clone", pattern(300_000, 2)),
            ("/sparse", sparse),
        ] {
            if path == "/link" {
                assert!(read(&view, path).is_err(), "{name}: its target was moved");
            } else {
                assert!(read(&view, path).unwrap() == expected, "{name}: {path}");
            }
        }
        let snapshot = view.volume().snapshot("first").unwrap();
        let before = view.volume().view_at(&snapshot).unwrap();
        assert_eq!(read(&before, "/link").unwrap(), b"deep down", "{name}");
        assert_eq!(read(&before, "/a/file 4").unwrap(), b"content of 4", "{name}");
    }
}

/// How nodes, rings and areas are laid out changes nothing of what is read.
#[test]
fn layout_does_not_show() {
    let images = images();
    let sound = |wanted: &str| {
        let (_, image) = images.iter().find(|(name, _)| *name == wanted).unwrap();
        list_sound(&view(image.bytes.clone()))
    };
    // The changes of a volume are spread over the checkpoints, so times depend on their number.
    let (one, four) = (sound("plain"), sound("four checkpoints"));
    assert_eq!((one.len(), four.len()), (57, 57));
    for (name, image) in &images {
        let expected = if image.checkpoints.len() == 4 { &four } else { &one };
        let found = list_sound(&view(image.bytes.clone()));
        // Larger blocks allocate more.
        assert!(found == *expected || image.block_size > 4096, "{name}");
        assert!(found.keys().eq(expected.keys()), "{name}");
    }
}

/// The trees of these tests are as tall as they should be: otherwise they would show nothing.
#[test]
fn trees_are_tall() {
    let image = ImageBuilder::new().max_records_per_node(2).volume(crate::variants::rich("V")).build();
    assert!(view(image.bytes.clone()).tree().levels() >= 8);
    assert!(image.live(Role::VolumeOmapNode).iter().any(|node| node.level >= 6));
}

/// Hundreds of snapshots, each with a content of its own, in tall trees.
#[test]
fn three_hundred_snapshots() {
    let volume = (0..300).fold(VolumeBuilder::new("V").file("/x", "start"), |volume, number| {
        volume.overwrite("/x", 0, format!("{number:05}")).snapshot(&format!("snapshot {number}"))
    });
    let image = ImageBuilder::new().max_records_per_node(4).volume(volume).build();
    let volume = open(image.bytes).unwrap().volume(0).unwrap();
    let snapshots = volume.snapshots().unwrap();
    assert_eq!(snapshots.len(), 300);
    for (number, snapshot) in snapshots.iter().enumerate() {
        assert_eq!(snapshot.name.to_string(), format!("snapshot {number}"));
        let view = volume.view_at(snapshot).unwrap();
        assert_eq!(read(&view, "/x").unwrap(), format!("{number:05}").into_bytes());
    }
    assert!(snapshots.is_sorted_by_key(|snapshot| snapshot.xid));
}

/// The free queues are trees of ephemeral nodes, found through the checkpoint maps.
#[test]
fn free_queue_of_many_levels() {
    let mut volume = VolumeBuilder::new("V");
    for number in 0..600 {
        volume = volume.file(&format!("/file {number}"), "x");
    }
    volume = volume.commit();
    for number in (0..600).step_by(2) {
        volume = volume.remove(&format!("/file {number}"));
    }
    let image = ImageBuilder::new().checkpoints(2).volume(volume).build();
    let nodes = image.live(Role::FreeQueueNode).into_iter();
    let level = |block: u64| u16_at(image.block(block), 0x22);
    let (level, root) = nodes.map(|node| (level(node.block), node.oid)).max().unwrap();
    assert!(level >= 1, "level {level}");
    let container = open(image.bytes.clone()).unwrap();
    assert!(container.checkpoint().ephemeral_damage().is_none());
    let tree = container.tree(&FREE_QUEUE, Oid(root)).unwrap();
    assert_eq!(tree.levels(), level + 1);
    let mut cursor = Cursor::new();
    cursor.seek(&tree, &[0; 16]).unwrap();
    let mut keys = Vec::new();
    while let Some(record) = cursor.record() {
        let number = |at: usize| u64::from_le_bytes(record.key()[at..at + 8].try_into().unwrap());
        keys.push((number(0), number(8)));
        cursor.advance(&tree).unwrap();
    }
    assert!(keys.is_sorted() && keys.len() > 250, "{keys:?}");
    assert_eq!(keys.len() as u64, tree.info().unwrap().bt_key_count.get());
}
