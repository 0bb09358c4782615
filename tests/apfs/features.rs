//! What this version can't read is refused by name; what is beside it stays readable.

use apfs_core::apfs::Container;
use apfs_core::{Class, Error};
use apfs_tests::build::{ImageBuilder, VolumeBuilder};
use apfs_tests::listing::{open, open_forced, read};

const INCOMPLETE_RESTORE: u64 = 0x10;
const UNKNOWN: u64 = 1 << 40;

fn volume(name: &str) -> VolumeBuilder {
    VolumeBuilder::new(name).file("/x", name)
}

fn refusal(container: &Container, slot: usize) -> Error {
    container.volume(slot).unwrap().view().unwrap_err()
}

fn read_x(container: &Container, slot: usize) -> String {
    String::from_utf8(read(&container.volume(slot).unwrap().view().unwrap(), "/x").unwrap()).unwrap()
}

/// A locked volume has its name and says that it is locked; its neighbours are read.
#[test]
fn encrypted_volume() {
    let builder = ImageBuilder::new().volume(volume("Open")).volume(volume("Secret").encrypted_flag());
    let container = open(builder.volume(volume("Also open")).build().bytes).unwrap();
    let secret = container.volume(1).unwrap();
    assert_eq!((secret.name().to_string().as_str(), secret.superblock().is_encrypted()), ("Secret", true));
    let error = refusal(&container, 1);
    assert_eq!(error.class(), Class::Locked);
    assert!(error.to_string().contains("Secret"), "{error}");
    assert_eq!((read_x(&container, 0).as_str(), read_x(&container, 2).as_str()), ("Open", "Also open"));
}

/// Unknown features of a volume.
#[test]
fn unknown_features_of_a_volume() {
    let strange = volume("Strange").option(|options| options.extra_incompatible_features = UNKNOWN);
    let bytes = ImageBuilder::new().volume(strange).volume(volume("Plain")).build().bytes;
    let container = open(bytes.clone()).unwrap();
    let error = refusal(&container, 0);
    assert_eq!(error.class(), Class::Unsupported);
    assert!(error.to_string().contains("0x10000000000") && error.to_string().contains("Strange"), "{error}");
    assert_eq!(read_x(&container, 1), "Plain");
    assert_eq!(read_x(&open_forced(bytes).unwrap(), 0), "Strange");
}

/// A restore that was never finished.
#[test]
fn incomplete_restore() {
    let half = volume("Half").option(|options| options.extra_incompatible_features = INCOMPLETE_RESTORE);
    let bytes = ImageBuilder::new().volume(half).build().bytes;
    let error = refusal(&open(bytes.clone()).unwrap(), 0);
    assert_eq!(error.class(), Class::Unsupported);
    assert!(error.to_string().contains("restore") && error.to_string().contains("Half"), "{error}");
    assert_eq!(read_x(&open_forced(bytes).unwrap(), 0), "Half");
}

/// Unknown features of the container.
#[test]
fn features_of_a_container() {
    let builder = ImageBuilder::new().volume(volume("V")).extra_incompatible_features(UNKNOWN);
    let bytes = builder.build().bytes;
    let error = open(bytes.clone()).unwrap_err();
    assert_eq!(error.class(), Class::Unsupported);
    assert!(error.to_string().contains("0x10000000000"), "{error}");
    assert_eq!(read_x(&open_forced(bytes).unwrap(), 0), "V");
}
