//! Devices that end early.

use std::sync::Arc;

use apfs_core::{Class, Disk, OpenOptions};
use apfs_tests::build::{Image, ImageBuilder, VolumeBuilder};
use apfs_tests::listing::{list, open, read, view};

fn build() -> Image {
    let volume = VolumeBuilder::new("V").file("/first", [1; 20_000]).dir("/d").file("/d/last", [2; 40_000]);
    ImageBuilder::new().max_records_per_node(4).volume(volume).build()
}

/// Cut anywhere, an image gives right answers or errors.
#[test]
fn cut_at_every_block() {
    let image = build();
    let sound = list(&view(image.bytes.clone()));
    let mut readable = 0;
    for blocks in 0..image.bytes.len() as u64 / 4096 {
        let mut cut = image.clone();
        cut.truncate(blocks);
        let Ok(container) = open(cut.bytes) else { continue };
        let Ok(view) = container.volume(0).and_then(|volume| volume.view()) else { continue };
        for (path, file) in list(&view).files {
            let same = sound.files.get(&path) == Some(&file);
            assert!(same || file.contains("cannot read"), "{blocks} blocks: {file}");
        }
        readable += 1;
    }
    assert!(readable > 0, "without the free blocks at its end the image is whole");
}

/// Data behind the cut is lost, metadata before it is not.
#[test]
fn cut_data() {
    let mut image = build();
    let data = image.data_of(0, "/d/last")[0];
    // The data lies before the metadata here: move it behind everything.
    let end = image.bytes.len() as u64 / 4096;
    image.set_first_extent(0, "/d/last", end - data.count);
    image.truncate(end - 1);
    let view = view(image.bytes);
    assert_eq!(read(&view, "/d/last").unwrap_err().class(), Class::Io);
    assert_eq!(read(&view, "/first").unwrap(), [1; 20_000]);
}

/// Files too short to be anything.
#[test]
fn nearly_nothing() {
    let image = build();
    for len in [0, 1, 31, 32, 511, 512, 4095, 4096, 4097] {
        let bytes = image.bytes[..len].to_vec();
        assert!(open(bytes.clone()).is_err(), "{len} bytes");
        let disk = Disk::open(Arc::new(bytes), &OpenOptions::default());
        let opened = disk.and_then(|disk| disk.container(0, OpenOptions::default()));
        assert!(opened.is_err(), "{len} bytes");
    }
}
