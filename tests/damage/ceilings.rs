//! What a few bytes of an image could ask for: memory, time, or that everything else is forgotten.

use std::sync::{Arc, Mutex};

use apfs_core::{Class, Corrupt, Disk, Fs, FsExt, Observer, OpenOptions, StreamId};
use apfs_tests::build::gpt::types;
use apfs_tests::build::{Gpt, ImageBuilder, Role, VolumeBuilder};
use apfs_tests::listing::{list, open, read, view};

fn volume() -> VolumeBuilder {
    VolumeBuilder::new("V").file("/x", "content")
}

/// A run of a scattered checkpoint area may say it is as long as it likes: only the area is read.
#[test]
fn endless_run_of_an_area() {
    let mut image = ImageBuilder::new().fragmented_areas(true).volume(volume()).build();
    for node in image.all(Role::AreaTreeNode).map(|place| place.block).collect::<Vec<_>>() {
        let count = image.block(node)[0x24] as usize;
        image.set_value(node, count - 1, 8, &(1u64 << 40).to_le_bytes());
    }
    let view = view(image.bytes);
    assert_eq!(read(&view, "/x").unwrap(), b"content");
}

/// Block 0 can be older than a container that has grown: its size does not count.
#[test]
fn block_zero_of_a_smaller_container() {
    let mut image = ImageBuilder::new().volume(volume()).build();
    let blocks = image.bytes.len() as u64 / 4096;
    image.edit(0, |block| block[0x28..0x30].copy_from_slice(&(blocks / 4).to_le_bytes()));
    assert_eq!(read(&view(image.bytes), "/x").unwrap(), b"content");
}

/// With block 0 damaged, a newer container that lies inside a file is not taken for this one.
#[test]
fn container_inside_a_file() {
    let inner = ImageBuilder::new().first_xid(1000).volume(VolumeBuilder::new("Inner")).build();
    let mut outer = ImageBuilder::new().volume(volume().file("/inner.img", inner.bytes)).build();
    outer.corrupt(0);
    let container = open(outer.bytes).unwrap();
    assert_eq!(container.volume(0).unwrap().name().to_str(), Some("V"));
}

/// A hole of a pebibyte in a small image is a ceiling reached, not an endless read of zeros.
#[test]
fn endless_hole() {
    let view = view(ImageBuilder::new().volume(volume().sparse("/hole", 1 << 50, &[])).build().bytes);
    let hole = view.find("/hole").unwrap();
    let mut buffer = [0; 16];
    assert_eq!(view.read_at(hole, &StreamId::Data, 0, &mut buffer).unwrap_err().class(), Class::Limit);
    assert_eq!(read(&view, "/x").unwrap(), b"content");
}

#[derive(Default)]
struct Findings(Mutex<Vec<Corrupt>>);

impl Observer for Findings {
    fn finding(&self, finding: &Corrupt) {
        self.0.lock().unwrap().push(finding.clone());
    }
}

/// A damaged record of one snapshot does not hide the others, and is told.
#[test]
fn one_bad_snapshot_record() {
    let volume = volume().snapshot("first").file("/y", "y").snapshot("second").file("/z", "z");
    let mut image = ImageBuilder::new().volume(volume).build();
    let node = image.live(Role::SnapMetaNode)[0].block;
    // The length of the name in the first snapshot's record.
    image.set_value(node, 0, 0x30, &60_000u16.to_le_bytes());
    let findings = Arc::new(Findings::default());
    let options = OpenOptions { observer: Some(findings.clone()), ..OpenOptions::default() };
    let container = apfs_core::apfs::Container::open(Arc::new(image.bytes), options).unwrap();
    let volume = container.volume(0).unwrap();
    let snapshots = volume.snapshots().unwrap();
    assert_eq!(snapshots.iter().map(|snapshot| snapshot.name.to_string()).collect::<Vec<_>>(), ["second"]);
    assert_eq!(list(&volume.view_at(&snapshots[0]).unwrap()).errors, [""; 0]);
    assert_eq!(findings.0.lock().unwrap().len(), 1);
}

/// On an image that is longer than its disk was, the other partition table is where the first one says.
#[test]
fn backup_table_of_a_grown_image() {
    let image = ImageBuilder::new().volume(volume()).build();
    let (mut bytes, _) = Gpt::new(512).partition(types::APFS, "A", &image.bytes).build();
    bytes.resize(bytes.len() + 100_000, 0);
    bytes[512 * 2 + 1] ^= 0xff;
    let disk = Disk::open(Arc::new(bytes), &OpenOptions::default()).unwrap();
    assert!(disk.table_from_backup());
    assert_eq!(disk.apfs_partitions(), [0]);
}

/// What looks like a container in front of a disk image's trailer is a disk image.
#[test]
fn trailer_of_a_disk_image() {
    let mut bytes = ImageBuilder::new().volume(volume()).build().bytes;
    bytes.extend_from_slice(b"koly");
    bytes.resize(bytes.len() + 508, 0);
    let error = Disk::open(Arc::new(bytes), &OpenOptions::default()).unwrap_err();
    assert!(error.to_string().contains("UDIF"), "{error}");
}

/// Mappings that ask for the same large object again and again are refused before they are read.
#[test]
fn ephemeral_objects_larger_than_their_ring() {
    let mut image = ImageBuilder::new().volume(volume()).build();
    let map = image.live(Role::CheckpointMap)[0].block;
    let size = (200u32 << 20).to_le_bytes();
    image.edit(map, |block| block[0x28 + 8..0x28 + 12].copy_from_slice(&size));
    let container = open(image.bytes).unwrap();
    assert!(container.checkpoint().ephemeral_damage().is_some());
    assert_eq!(read(&container.volume(0).unwrap().view().unwrap(), "/x").unwrap(), b"content");
}
