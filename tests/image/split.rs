//! Disks in several files, and paths.

use std::fs;
use std::path::{Path, PathBuf};

use apfs_core::image::format::Format;
use apfs_core::image::path::{Opened, open_path};
use apfs_core::image::split::{Parts, parts};
use apfs_core::{Class, Disk, Limits, OpenOptions, ReadAt, Result};
use apfs_tests::build::udif::{Store, Udif};
use apfs_tests::build::{ImageBuilder, SparseImage, VolumeBuilder};
use apfs_tests::compress::sample;
use tempfile::TempDir;

use super::shared::{check, pattern};

fn folder(names: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (number, name) in names.iter().enumerate() {
        fs::write(folder.path().join(name), pattern(1000, number as u64 + 1)).unwrap();
    }
    folder
}

fn open(path: &Path) -> Result<Opened> {
    open_path(path, None, &[], &Limits::default())
}

fn class(path: &Path) -> Option<Class> {
    open(path).err().map(|error| error.class())
}

/// Every way to number parts, from any one of them, and a shorter last part.
#[test]
fn any_part_leads_to_all() {
    for names in [
        ["disk.001", "disk.002", "disk.003"],
        ["disk.000", "disk.001", "disk.002"],
        ["disk.raw.000", "disk.raw.001", "disk.raw.002"],
        ["disk.dd.001", "disk.dd.002", "disk.dd.003"],
        ["disk.r00", "disk.r01", "disk.r02"],
        ["disk.part1", "disk.part2", "disk.part3"],
        ["disk.aa", "disk.ab", "disk.ac"],
    ] {
        let folder = folder(&names);
        fs::write(folder.path().join(names[2]), pattern(10, 3)).unwrap();
        // Others beside it do not belong to it.
        for other in ["disk.img", "disk.txt.001", "disk", "other.002"] {
            fs::write(folder.path().join(other), "x").unwrap();
        }
        let disk = [pattern(1000, 1), pattern(1000, 2), pattern(10, 3)].concat();
        for name in names {
            let opened = open(&folder.path().join(name)).unwrap();
            let formats: Vec<_> = opened.unwrapped.layers.iter().map(|layer| layer.format).collect();
            assert_eq!(formats, [Format::Split], "{name}");
            check(&*opened.unwrapped.device, &disk);
        }
    }
}

/// Many parts, of which only some can be open at a time.
#[test]
fn many_parts() {
    let names: Vec<String> = (0..1100).map(|number| format!("disk.{number:03}")).collect();
    let folder = folder(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let opened = open(&folder.path().join("disk.1099")).unwrap();
    assert_eq!(opened.source.len(), 1_100_000);
    let mut bytes = vec![0; 1_100_000];
    opened.source.read_exact_at(0, &mut bytes).unwrap();
    assert!((0..1100).all(|number| bytes[number * 1000..][..1000] == pattern(1000, number as u64 + 1)));
    let mut limits = Limits::default();
    limits.image_segments = 1000;
    let error = open_path(folder.path().join("disk.000"), None, &[], &limits).unwrap_err();
    assert_eq!(error.class(), Class::Limit);
}

/// A missing part is named, and so is one that is there twice or cut.
#[test]
fn gaps() {
    for (names, missing) in [
        (&["disk.001", "disk.003"][..], "disk.002"),
        (&["disk.002", "disk.003"], "disk.001"),
        (&["disk.003"], "disk.001"),
        (&["disk.aa", "disk.ac"], "disk.ab"),
        (&["disk.r00", "disk.r02"], "disk.r01"),
    ] {
        let folder = folder(names);
        let error = open(&folder.path().join(names[0])).unwrap_err();
        assert_eq!(error.class(), Class::NotFound);
        assert!(error.to_string().contains(missing), "{error}");
    }
    let twice = folder(&["disk.001", "disk.0001"]);
    assert_eq!(class(&twice.path().join("disk.001")), Some(Class::Corrupt));
    let cut = folder(&["disk.001", "disk.002", "disk.003"]);
    fs::write(cut.path().join("disk.002"), pattern(999, 1)).unwrap();
    assert_eq!(class(&cut.path().join("disk.001")), Some(Class::Corrupt));
    fs::write(cut.path().join("disk.002"), pattern(1001, 1)).unwrap();
    assert_eq!(class(&cut.path().join("disk.001")), Some(Class::Corrupt));
}

/// A name that looks like a part by chance is a file; so is a part that is opened as a raw disk.
#[test]
fn files_of_their_own() {
    for (names, path) in [
        (&["backup.2024"][..], "backup.2024"),
        (&["disk.001", "disk.2024"], "disk.2024"),
        (&["disk.gz"], "disk.gz"),
        (&["disk.img", "disk.001"], "disk.img"),
        (&["disk.10"], "disk.10"),
    ] {
        let folder = folder(names);
        let opened = open(&folder.path().join(path)).unwrap();
        assert!(opened.unwrapped.layers.is_empty(), "{path}");
        assert_eq!(opened.source.len(), 1000);
    }
    let folder = folder(&["disk.001", "disk.002"]);
    let path = folder.path().join("disk.002");
    let raw = open_path(&path, Some(Format::Raw), &[], &Limits::default()).unwrap();
    check(&*raw.unwrapped.device, &pattern(1000, 2));
    let none = open_path(folder.path().join("disk"), Some(Format::Split), &[], &Limits::default());
    assert_eq!(none.unwrap_err().class(), Class::NotFound);
}

/// Segments of a UDIF image are found by either name.
#[test]
fn segments_of_udif() {
    let folder = folder(&["a.dmg", "a.002.dmgpart", "a.003.dmgpart", "b.dmg", "b.003.dmgpart"]);
    let path = |name: &str| folder.path().join(name);
    let found = |name: &str| parts(&path(name), &Limits::default());
    let all: Vec<PathBuf> = ["a.dmg", "a.002.dmgpart", "a.003.dmgpart"].map(path).into();
    for name in ["a.dmg", "a.003.dmgpart"] {
        assert_eq!(found(name).unwrap(), Some(Parts::UdifSegments(all.clone())), "{name}");
    }
    assert_eq!(found("b.dmg").unwrap(), None, "no second segment");
    assert_eq!(found("b.003.dmgpart").unwrap_err().class(), Class::NotFound);
}

/// A disk image in pieces, and a path that leads to nothing or to a part of an image only.
#[test]
fn paths() {
    let container = ImageBuilder::new().volume(VolumeBuilder::new("V").file("/x", "content")).build().bytes;
    let sectors = container.len() / 512;
    let bands = container.chunks(8 * 512).zip(0..);
    let sparse = bands.fold(SparseImage::new(8, sectors), |image, (band, number)| image.band(number, band));
    let (file, _) = sparse.build();
    let folder = tempfile::tempdir().unwrap();
    for (number, part) in file.chunks(100_000).enumerate() {
        fs::write(folder.path().join(format!("v.sparseimage.{:03}", number + 1)), part).unwrap();
    }
    let disk = Disk::open_path(folder.path().join("v.sparseimage.001"), &OpenOptions::default()).unwrap();
    let formats: Vec<_> = disk.layers().iter().map(|layer| layer.format).collect();
    assert_eq!(formats, [Format::Split, Format::SparseImage]);
    assert_eq!(disk.source().len(), file.len() as u64);
    assert_eq!(disk.apfs_partitions(), [0]);
    assert_eq!(class(&folder.path().join("nothing")), Some(Class::Io));
    fs::write(folder.path().join("v.sparseimage.shadow"), "shdw").unwrap();
    assert_eq!(class(&folder.path().join("v.sparseimage.shadow")), Some(Class::Unsupported));
}

/// Parts may be links to where they are kept, each under another name there.
#[test]
#[cfg(unix)]
fn linked_parts() {
    let (kept, links) = (folder(&["first", "second"]), tempfile::tempdir().unwrap());
    for (name, link) in [("first", "disk.001"), ("second", "disk.002")] {
        std::os::unix::fs::symlink(kept.path().join(name), links.path().join(link)).unwrap();
    }
    let opened = open(&links.path().join("disk.002")).unwrap();
    check(&*opened.unwrapped.device, &[pattern(1000, 1), pattern(1000, 2)].concat());
}

/// A part whose name is not UTF-8 is not taken for the whole disk.
#[test]
#[cfg(target_os = "linux")]
fn names_of_bytes() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &[u8]| folder.path().join(std::ffi::OsStr::from_bytes(name));
    for (name, expected) in [(&b"\xFF.001"[..], Some(Class::Unsupported)), (b"\xFF.img", None)] {
        fs::write(path(name), pattern(1000, 1)).unwrap();
        assert_eq!(class(&path(name)), expected);
    }
    let raw = open_path(path(b"\xFF.001"), Some(Format::Raw), &[], &Limits::default());
    check(&*raw.unwrap().unwrapped.device, &pattern(1000, 1));
}

/// A pipe is refused at once: nobody may ever write to it.
#[test]
#[cfg(unix)]
fn pipes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let (said, heard) = std::sync::mpsc::channel();
    std::thread::spawn(move || said.send(class(&path)));
    assert_eq!(heard.recv_timeout(std::time::Duration::from_secs(20)).unwrap(), Some(Class::Io));
}

/// Segments of a UDIF image are one disk, whichever of them is opened.
#[test]
fn segments_by_path() {
    let text = sample::text(512 * 64, 7);
    let built = Udif::new().table("all", 0).chunk(Store::Zlib, &text).chunk(Store::Raw, &text);
    // The second cut is inside of a chunk.
    let files = built.build_segments(&[100, built.fork.len() - 5000]);
    let folder = tempfile::tempdir().unwrap();
    let path = |number: usize| {
        folder.path().join(if number == 1 { "a.dmg".to_owned() } else { format!("a.{number:03}.dmgpart") })
    };
    for (number, file) in (1..).zip(&files) {
        fs::write(path(number), file).unwrap();
    }
    for number in 1..=3 {
        let opened = open(&path(number)).unwrap();
        let formats: Vec<_> = opened.unwrapped.layers.iter().map(|layer| layer.format).collect();
        assert_eq!(formats, [Format::Udif]);
        check(&*opened.unwrapped.device, &built.disk());
    }
    fs::remove_file(path(3)).unwrap();
    let error = open(&path(1)).unwrap_err();
    assert!(error.class() == Class::NotFound && error.to_string().contains("segment 3 of 3"), "{error}");
    fs::rename(path(2), path(3)).unwrap();
    assert_eq!(class(&path(1)), Some(Class::NotFound));
}
