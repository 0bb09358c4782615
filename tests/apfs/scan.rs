//! The scan in record order gives what the walk gives, on everything at hand.

use apfs_core::apfs::View;
use apfs_core::{Fs, FsExt, Scan};
use apfs_tests::build::{ImageBuilder, VolumeBuilder};
use apfs_tests::corpus;
use apfs_tests::listing::{open, scanned, scanned_in_parts, view, walked};

use crate::variants::images;

fn assert_scan_is_walk(name: &str, view: &View) {
    let walked = walked(view);
    assert!(scanned(view) == walked, "{name}: whole scan");
    for parts in [1, 2, 3, 7, 1000] {
        assert!(scanned_in_parts(view, parts) == walked, "{name}: {parts} parts");
    }
}

/// Built containers of every shape, live and at a snapshot.
#[test]
fn on_built_images() {
    for (name, image) in images() {
        let view = view(image.bytes);
        assert_scan_is_walk(name, &view);
        let snapshot = view.volume().snapshot("first").unwrap();
        assert_scan_is_walk(name, &view.volume().view_at(&snapshot).unwrap());
    }
}

/// Images of the Linux driver.
#[test]
fn on_linux_images() {
    let Some(folder) = corpus::folder() else { return };
    for path in corpus::lab_images(&folder) {
        let options = apfs_core::OpenOptions::default();
        let container = apfs_core::apfs::Container::open(corpus::device(&path), options).unwrap();
        for (slot, volume) in container.volumes() {
            assert_scan_is_walk(&format!("{} {slot}", path.display()), &volume.unwrap().view().unwrap());
        }
    }
}

/// A directory whose parent has a higher number than itself.
#[test]
fn parents_that_come_later() {
    let volume = VolumeBuilder::new("V")
        .dir("/old")
        .dir("/old/inner")
        .file("/old/inner/file", "x")
        .dir("/new")
        .dir("/new/newer")
        .rename("/old", "/new/newer/old");
    let view = view(ImageBuilder::new().volume(volume).build().bytes);
    let paths: Vec<_> =
        scanned(&view).into_iter().map(|(path, _)| String::from_utf8(path).unwrap()).collect();
    let expected =
        ["/", "/new", "/new/newer", "/new/newer/old", "/new/newer/old/inner", "/new/newer/old/inner/file"];
    assert_eq!(paths, expected);
    assert_scan_is_walk("moved", &view);
}

/// A file that was removed while open is in no directory and is not listed; by its number it can be read.
#[test]
fn orphans_are_not_listed() {
    let volume = VolumeBuilder::new("V").file("/kept", "x").file("/doomed", "y").commit().orphan("/doomed");
    let image = ImageBuilder::new().checkpoints(2).volume(volume).build();
    let view = view(image.bytes);
    let paths: Vec<_> = scanned(&view).into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, [b"/".to_vec(), b"/kept".to_vec()]);
    assert_scan_is_walk("orphan", &view);
    assert_eq!(view.stat(apfs_core::FileId(17)).unwrap().size, 1);
}

/// A file with several names is given under each of them, and knows them all.
#[test]
fn hard_links_under_all_paths() {
    let volume = VolumeBuilder::new("V")
        .dir("/z")
        .file("/one", "x")
        .hardlink("/one", "/two")
        .dir("/a")
        .hardlink("/one", "/a/three")
        .hardlink("/one", "/z/four");
    let view = view(ImageBuilder::new().volume(volume).build().bytes);
    let paths: Vec<_> =
        scanned(&view).into_iter().map(|(path, _)| String::from_utf8(path).unwrap()).collect();
    assert_eq!(paths, ["/", "/a", "/a/three", "/one", "/two", "/z", "/z/four"]);
    assert_scan_is_walk("hard links", &view);
    let id = view.find("/one").unwrap();
    assert_eq!((view.stat(id).unwrap().nlink, view.links(id).unwrap().len()), (4, 4));
    // Removing the first name leaves the others.
    let volume =
        VolumeBuilder::new("V").file("/one", "x").hardlink("/one", "/two").hardlink("/one", "/three");
    let view = open(ImageBuilder::new().volume(volume.remove("/one")).build().bytes);
    let view = view.unwrap().volume(0).unwrap().view().unwrap();
    let paths: Vec<_> =
        scanned(&view).into_iter().map(|(path, _)| String::from_utf8(path).unwrap()).collect();
    assert_eq!(paths, ["/", "/three", "/two"]);
    assert_scan_is_walk("first name removed", &view);
}

/// A scan can be stopped from outside and by its receiver.
#[test]
fn scans_stop_when_told() {
    let view = view(images().remove(0).1.bytes);
    let stopped = view.scan(Some(&|| true), &mut |_| Ok(()));
    assert_eq!(stopped.unwrap_err().class(), apfs_core::Class::Cancelled);
    let mut seen = 0;
    let stopped = view.scan(None, &mut |_| {
        seen += 1;
        Err(apfs_core::Error::Cancelled)
    });
    assert_eq!((stopped.unwrap_err().class(), seen), (apfs_core::Class::Cancelled, 1));
}
