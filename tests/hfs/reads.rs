//! How often a device is read, what happens when it fails, and ceilings.

use std::sync::Arc;

use apfs_core::hfsplus::Volume;
use apfs_core::{Class, Error, Fs, FsExt, OpenOptions};
use apfs_tests::build::hfs::HfsBuilder;
use apfs_tests::device::{Counting, Failing};
use apfs_tests::hfs_volumes::{pattern, small};
use apfs_tests::listing::{list, list_sound, read};

use crate::expect::{open, open_on, open_sound};

/// From nothing to the content of one file far down takes a bounded number of reads.
#[test]
fn a_cold_lookup_takes_few_reads() {
    let volume = HfsBuilder::new("V").dir("/a").dir("/a/b").dir("/a/b/c").file("/a/b/c/d", "found");
    let volume = (0..3000).fold(volume, |volume, n| volume.file(&format!("/a/file {n}"), ""));
    let image = volume.max_records_per_node(14).build();
    let device = Arc::new(Counting::new(image.bytes, image.block_size));
    let volume = open_on(device.clone()).unwrap();
    assert!(volume.catalog().levels() >= 3);
    assert_eq!(read(&volume, "/a/b/c/d").unwrap(), b"found");
    let reads = device.take().len();
    assert!(reads < 30, "{reads} reads");
}

/// A walk over a volume that fits the cache asks for no node twice, and a second walk asks for none.
#[test]
fn a_walk_reads_each_node_once() {
    let volume = (0..300).fold(HfsBuilder::new("V"), |volume, n| volume.file(&format!("/file {n}"), ""));
    let image = volume.max_records_per_node(8).build();
    let device = Arc::new(Counting::new(image.bytes, image.block_size));
    let volume = open_on(device.clone()).unwrap();
    assert!(volume.walk(volume.root()).all(|entry| entry.is_ok()));
    let mut wanted: Vec<u64> = device.take().iter().map(|(first, _)| *first).collect();
    wanted.sort_unstable();
    let again = wanted.windows(2).filter(|pair| pair[0] == pair[1]).count();
    // The header of a tree is looked at before its root is.
    assert!(again <= 3, "{again} of {} reads were done before", wanted.len());
    assert!(volume.walk(volume.root()).all(|entry| entry.is_ok()));
    assert_eq!(device.take(), [], "the second walk finds all in the cache");
}

/// A read that fails once, anywhere, is an error or is said; afterwards everything works again.
#[test]
fn one_failed_read() {
    let image = small("V").build();
    let expected = list_sound(&open_sound(image.bytes.clone()));
    let device = Arc::new(Failing::new(image.bytes));
    let mut failures = 0;
    for count in 0.. {
        device.fail_after(count);
        let Ok(volume) = open_on(device.clone()) else {
            failures += 1;
            continue;
        };
        let found = list(&volume);
        if !device.has_failed() {
            assert!(found.files == expected, "the last round is without failure");
            break;
        }
        failures += 1;
        let is_complete = found.errors.is_empty() && found.files == expected;
        let is_said = !found.errors.is_empty() || found.files.values().any(|file| file.contains("not ready"));
        let is_said = is_said || !volume.findings().is_empty();
        assert!(is_complete || is_said, "a failure of read {count} went unsaid");
        assert!(list_sound(&volume) == expected, "read {count}: the device works again");
    }
    assert!(failures > 20, "only {failures} reads could fail");
}

/// Bad sectors under either header cost nothing: the other one serves, and it is said.
#[test]
fn unreadable_headers() {
    let image = small("V").build();
    let expected = list_sound(&open_sound(image.bytes.clone()));
    let end = image.bytes.len() as u64;
    for bad in [1024..1536, end - 1024..end - 512] {
        let device = Failing::new(image.bytes.clone());
        device.set_bad(bad.clone());
        let volume = open_on(Arc::new(device)).unwrap();
        assert_eq!((volume.from_copy(), volume.findings().len()), (bad.start == 1024, 1), "{bad:?}");
        assert!(list_sound(&volume) == expected);
    }
}

/// A device that is gone gives I/O errors, and what was open goes on when it is back.
#[test]
fn a_device_that_comes_back() {
    let image = small("V").build();
    let expected = list_sound(&open_sound(image.bytes.clone()));
    let device = Arc::new(Failing::new(image.bytes));
    let volume = open_on(device.clone()).unwrap();
    device.set_broken(true);
    assert_eq!(read(&volume, "/d/one").unwrap_err().class(), Class::Io);
    assert_eq!(open_on(device.clone()).unwrap_err().class(), Class::Io);
    device.set_broken(false);
    assert!(list_sound(&volume) == expected);
}

/// Several threads that read one volume at once see the same.
#[test]
fn threads_share_a_volume() {
    let volume = open_sound(small("V").build().bytes);
    let expected = list_sound(&volume);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert!(list_sound(&volume.clone()) == expected));
        }
    });
}

/// Depth of folders and length of attributes are bounded, and only what passes the bound is an error.
#[test]
fn ceilings() {
    let mut path = String::new();
    let mut volume = HfsBuilder::new("V").file("/top", "top").fork_xattr("/top", "long", pattern(9000), 1);
    for _ in 0..12 {
        path.push_str("/d");
        volume = volume.dir(&path);
    }
    let bytes = volume.build().bytes;
    let mut options = OpenOptions::default();
    options.limits.directory_depth = 10;
    options.limits.xattr_bytes = 8000;
    let limited = Volume::open(Arc::new(bytes.clone()), options).unwrap();
    let errors: Vec<Error> =
        limited.walk(limited.root()).filter_map(|entry| entry.err()).map(|error| error.error).collect();
    assert!(matches!(errors[..], [Error::Limit(_)]), "{errors:?}");
    let top = limited.find("/top").unwrap();
    assert!(matches!(limited.xattr(top, "long"), Err(Error::Limit(_))));
    let volume = open(bytes).unwrap();
    assert_eq!(volume.walk(volume.root()).filter(Result::is_err).count(), 0);
    assert_eq!(volume.xattr(top, "long").unwrap(), pattern(9000));
}
