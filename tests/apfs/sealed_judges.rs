//! Sealed images that the builder makes, and their damage, before judges other than ourselves: 7-Zip and apfsck.
//! Where one is not installed its part is left out with a message.

use std::path::Path;
use std::process::Command;

use apfs_tests::build::{Image, ImageBuilder, VolumeBuilder};
use apfs_tests::compress::sample;
use apfs_tests::sealed;

const SEVEN_ZIP: &str = "7zz";

/// Whether a judge accepts an image, apfsck without a word; `None` if it is not installed.
fn accepts(program: &str, args: &[&str], image: &Image) -> Option<bool> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sealed.img");
    std::fs::write(&file, &image.bytes).unwrap();
    let Ok(output) = Command::new(program).args(args).arg(&file).output() else {
        println!("left out: {program} is not installed");
        return None;
    };
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    println!("{program}: {}\n{text}", output.status);
    Some(output.status.success() && (program == SEVEN_ZIP || text.is_empty()))
}

/// 7-Zip reads all files and compares hashes of data.
fn seven_zip(image: &Image) -> Option<bool> {
    accepts(SEVEN_ZIP, &["t", "-tapfs"], image)
}

/// apfsck compares hashes of nodes and data. `APFSCK` says where it is.
fn apfsck(image: &Image) -> Option<bool> {
    let program = std::env::var("APFSCK").unwrap_or_else(|_| "apfsck".to_owned());
    let program = if Path::new(&program).is_dir() { program + "/apfsck" } else { program };
    accepts(&program, &["-cw"], image)
}

/// What both judges know how to read: neither sparse files nor clones, and data that is compressed inline.
fn image(records: usize) -> Image {
    let mut volume = VolumeBuilder::new("System").role(1).sealed().dir("/bin").dir("/etc");
    for number in 0..30 {
        volume = volume.file(&format!("/etc/file {number}"), format!("content of {number}"));
    }
    let volume = volume
        .file("/bin/plain", sample::noise(40_000, 1))
        .fragmented("/bin/pieces", sample::noise(70_000, 2), 1)
        .compressed("/bin/inline", 3, sample::text(3_000, 3))
        .symlink("/link", "bin/plain");
    ImageBuilder::new().max_records_per_node(records).volume(volume).build()
}

/// 7-Zip takes out of a sealed volume what was put in.
#[test]
fn extracted() {
    let folder = tempfile::tempdir().unwrap();
    let (file, out) = (folder.path().join("sealed.img"), folder.path().join("out"));
    std::fs::write(&file, &image(8).bytes).unwrap();
    let mut command = Command::new(SEVEN_ZIP);
    command.args(["x", "-tapfs", "-snl-"]).arg(format!("-o{}", out.display())).arg(&file);
    let Ok(output) = command.output() else {
        println!("left out: 7zz is not installed");
        return;
    };
    println!("{}", String::from_utf8_lossy(&output.stdout));
    let expected = [
        ("bin/plain", sample::noise(40_000, 1)),
        ("bin/pieces", sample::noise(70_000, 2)),
        ("bin/inline", sample::text(3_000, 3)),
        ("etc/file 7", b"content of 7".to_vec()),
    ];
    for (path, content) in expected {
        let found = [out.join(path), out.join("System").join(path)].into_iter().find(|path| path.exists());
        let found = found.unwrap_or_else(|| panic!("7zz has no {path}"));
        assert!(std::fs::read(found).unwrap() == content, "{path}");
    }
}

fn flip(image: &mut Image, block: u64, at: usize) {
    image.block_mut(block)[at] ^= 1;
}

/// What we call intact both accept; both know SHA-256 only.
#[test]
fn intact() {
    for records in [8, 1000] {
        let image = image(records);
        assert!(sealed::verdict(image.bytes.clone()).unwrap().is_intact());
        assert_ne!(seven_zip(&image), Some(false));
        assert_ne!(apfsck(&image), Some(false));
    }
}

/// A bit in the data of a file: both see it, as we do.
#[test]
fn data() {
    let mut image = image(8);
    let block = image.data_of(0, "/bin/plain")[0].block;
    flip(&mut image, block + 2, 7);
    assert!(!sealed::verdict(image.bytes.clone()).unwrap().is_intact());
    assert_ne!(seven_zip(&image), Some(true));
    assert_ne!(apfsck(&image), Some(true));
}

/// A bit in a leaf, an index node and the root: apfsck sees it, as we do.
#[test]
fn nodes() {
    let image = image(8);
    let nodes: Vec<_> = image.fs_nodes(0).into_iter().map(|node| (node.level, node.block)).collect();
    for level in 0..=nodes.iter().map(|node| node.0).max().unwrap() {
        let mut image = image.clone();
        let block = nodes.iter().find(|node| node.0 == level).unwrap().1;
        flip(&mut image, block, 0x1F);
        assert!(!sealed::verdict(image.bytes.clone()).is_ok_and(|verdict| verdict.is_intact()));
        assert_ne!(apfsck(&image), Some(true), "level {level}");
    }
}
