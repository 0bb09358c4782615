//! `apfs convert` and `apfs verify` on disk images.

use std::fs;
use std::path::Path;
use std::process::Command;

use apfs_tests::build::VolumeBuilder;
use apfs_tests::build::udif::{Store, Udif};
use apfs_tests::compress::sample;

use crate::support::{Disk, Run};

/// A disk without any file system.
fn image() -> Udif {
    let mut image = Udif::new().table("one", 0).chunk(Store::Ignore, &[0; 512 * 300]);
    for (seed, store) in (1u64..).zip(Store::DATA) {
        image = image.chunk(store, &sample::text(512 * 256, seed));
    }
    image
        .table("two", 4000)
        .chunk(Store::Zlib, &sample::records(512 * 9, 1))
        .chunk(Store::Zlib, &[0; 512 * 2048])
}

fn convert(disk: &Disk, out: &Path, args: &[&str]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_apfs"));
    Run::of(command.arg("convert").arg(disk.path()).arg(out).args(args))
}

fn partial(out: &Path) -> bool {
    out.with_extension("img.partial").exists()
}

/// The whole disk, with holes where there is nothing; nothing is replaced unless that is asked for.
#[test]
fn converts() {
    let (built, folder) = (image(), tempfile::tempdir().unwrap());
    let (disk, out) = (Disk::of_bytes(&built.build()), folder.path().join("out.img"));
    let expected = built.disk();
    let said = convert(&disk, &out, &[]).clean();
    assert!(said.ends_with("bytes, 791040 of them written, the others zeros\n"), "{said}");
    assert!(fs::read(&out).unwrap() == expected && !partial(&out));
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let stored = fs::metadata(&out).unwrap().blocks() * 512;
        assert!(usize::try_from(stored).unwrap() < expected.len() / 2, "{stored} of {}", expected.len());
    }
    fs::write(&out, "mine").unwrap();
    let run = convert(&disk, &out, &[]);
    assert!(run.code == 2 && run.stderr.contains("--force"), "{}", run.stderr);
    assert_eq!(fs::read(&out).unwrap(), b"mine");
    let json = convert(&disk, &out, &["--force", "--json"]).json();
    assert_eq!((&json["schema"], &json["layers"][0]), (&"apfs.convert/1".into(), &"udif".into()));
    assert_eq!((&json["bytes"], &json["written"]), (&expected.len().into(), &791_040.into()));
    assert!(fs::read(&out).unwrap() == expected);
}

/// The image itself is never the target, by whatever name.
#[test]
#[cfg(unix)]
fn never_the_image() {
    let disk = Disk::of_bytes(&image().build());
    let before = fs::read(disk.path()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (link, hard) = (folder.path().join("link"), disk.path().with_file_name("hard"));
    std::os::unix::fs::symlink(disk.path(), &link).unwrap();
    fs::hard_link(disk.path(), &hard).unwrap();
    for out in [&disk.path(), &link, &hard, Path::new("/dev/null")] {
        let run = convert(&disk, out, &["--force"]);
        assert!(run.code == 2, "{}: {}", out.display(), run.stderr);
    }
    fs::hard_link(disk.path(), folder.path().join("x.partial")).unwrap();
    assert_eq!(convert(&disk, &folder.path().join("x"), &["--force"]).code, 2);
    assert!(fs::read(disk.path()).unwrap() == before);
}

/// Other files of an image are not the target either.
#[test]
fn never_a_part() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let apfs = |image: &str, out: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_apfs"));
        Run::of(command.args(["convert", "--force"]).arg(path(image)).arg(path(out)))
    };
    for part in ["disk.001", "disk.002"] {
        fs::write(path(part), [1; 512]).unwrap();
    }
    let run = apfs("disk.001", "disk.002");
    assert!(run.code == 2 && run.stderr.contains("part of the image"), "{}", run.stderr);
    assert_eq!(apfs("disk.001", "disk.img").code, 0);
    assert_eq!(fs::read(path("disk.img")).unwrap(), [1; 1024]);
}

/// No segment of an evidence file is the target.
#[test]
#[cfg(feature = "ewf")]
fn never_a_segment() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let segments = apfs_tests::build::ewf::ewf(&[7; 8 * 4096], 8, 4);
    for (name, segment) in ["disk.E01", "disk.E02"].iter().zip(&segments) {
        fs::write(path(name), segment).unwrap();
    }
    for (image, out) in [("disk.E01", "disk.E02"), ("disk.E02", "disk.E01"), ("disk.E02", "disk.E02")] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_apfs"));
        let run = Run::of(command.args(["convert", "--force"]).arg(path(image)).arg(path(out)));
        assert!(run.code == 2 && run.stderr.contains("part of the image"), "{out}: {}", run.stderr);
    }
    assert!(fs::read(path("disk.E02")).unwrap() == segments[1]);
}

/// What contradicts itself in an image is said by every command that reads it.
#[test]
fn findings_of_layers() {
    let volume = VolumeBuilder::new("V").file("/x", "content");
    let container = apfs_tests::build::ImageBuilder::new().volume(volume).build().bytes;
    let mut built = Udif::new().table("all", 0).chunk(Store::Zlib, &container);
    built.sectors = Some(1);
    let (disk, folder) = (Disk::of_bytes(&built.build()), tempfile::tempdir().unwrap());
    let runs = ["ls", "info", "verify"].map(|command| disk.apfs(command, &[]));
    let converted = convert(&disk, &folder.path().join("out.img"), &[]);
    for run in runs.iter().chain([&converted]) {
        assert!(run.code == 1, "{}", run.stderr);
        assert_eq!(run.stderr.matches("UDIF disk image: ").count(), 1, "{}", run.stderr);
        assert!(run.stderr.contains("UDIFResourceFile.SectorCount"), "{}", run.stderr);
    }
}

/// A damaged place leaves no file behind, or, if that is wanted, a file without it.
#[test]
fn damaged_place() {
    let mut built = image();
    built.tables[1].entries[0].offset = 1 << 40;
    let (disk, folder) = (Disk::of_bytes(&built.build()), tempfile::tempdir().unwrap());
    let out = folder.path().join("out.img");
    let run = convert(&disk, &out, &[]);
    assert!(run.code == 2 && run.stderr.contains("BLKXChunkEntry.CompressedOffset"), "{}", run.stderr);
    assert!(!out.exists() && !partial(&out));
    let run = convert(&disk, &out, &["--keep-damaged"]);
    assert!(run.code == 1 && run.stderr.contains("4608 bytes at 2048000 are lost"), "{}", run.stderr);
    let mut expected = built.disk();
    expected[4000 * 512..4009 * 512].fill(0);
    assert!(fs::read(&out).unwrap() == expected);
}

/// Right, wrong, absent and unreadable checksums are told apart, and so is the exit status.
#[test]
fn verifies() {
    let sound = Disk::of_bytes(&image().build());
    let text = sound.apfs("verify", &[]).clean();
    assert_eq!(text.matches("  ok ").count(), 4, "{text}");
    let json = sound.apfs("verify", &["--json"]).json();
    let checks = json["layers"][0]["checks"].as_array().unwrap();
    let kinds: Vec<_> = checks.iter().map(|check| check["what"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["data_fork", "table", "table", "master"]);
    let mut built = image();
    built.tables[0].checksum.2 = 1;
    let run = Disk::of_bytes(&built.build()).apfs("verify", &[]);
    assert!(
        run.code == 1 && run.stderr.contains("table 0, one: the checksum does not match"),
        "{}",
        run.stderr
    );
    assert!(run.text().contains("WRONG"), "{}", run.text());
    let mut built = image();
    built.tables[1].entries[0].offset = 1 << 40;
    let run = Disk::of_bytes(&built.build()).apfs("verify", &["--json"]);
    assert!(run.code == 1 && run.text().contains("unreadable"), "{}", run.stderr);
    let mut built = Udif::new().table("one", 0).chunk(Store::Zlib, &[1; 512]);
    built.tables[0].checksum = (4, 128, 0);
    let mut bytes = built.build();
    let trailer = bytes.len() - 512;
    for kind in [80, 352] {
        bytes[trailer + kind..][..4].copy_from_slice(&4u32.to_be_bytes());
    }
    let other = Disk::of_bytes(&bytes).apfs("verify", &[]);
    assert_eq!((other.code, other.text().matches("not checked").count()), (2, 3), "nothing was compared");
    let raw = Disk::of_bytes(&[0; 4096]).apfs("verify", &[]);
    assert_eq!((raw.code, raw.stderr.contains("no checksum")), (2, true));
}
