//! Containers that the builder makes in the eyes of others: apfsck, and fls and icat on snapshots. A judge that is not
//! installed is passed over with a message.
//!
//! apfsck reads blocks of 4096 bytes only, and no middle tree and no write-back cache that has anything in it, so that
//! the Fusion pair it sees has files on both devices and no copies. Sealed volumes are judged in `sealed_judges`.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use apfs_tests::build::compress::{decmpfs, sample};
use apfs_tests::build::{Fusion, Image, ImageBuilder, Role, VolumeBuilder};
use apfs_tests::{fusion, macs};
use tempfile::TempDir;

/// An image in files: one, or two of a Fusion pair.
fn write(image: &Image) -> (TempDir, PathBuf, Option<PathBuf>) {
    let folder = tempfile::tempdir().unwrap();
    let (main, tier2) = (folder.path().join("main.img"), folder.path().join("tier2.img"));
    fs::write(&main, &image.bytes).unwrap();
    let len = image.block_count * image.block_size as u64 - image.tier2.len() as u64;
    fs::File::options().write(true).open(&main).unwrap().set_len(len).unwrap();
    if !image.tier2.is_empty() {
        fs::write(&tier2, &image.tier2).unwrap();
    }
    let tier2 = tier2.exists().then_some(tier2);
    (folder, main, tier2)
}

/// Output of a program if it is installed: whether it went well, and what it said.
fn run(command: &mut Command) -> Option<(bool, String, Vec<u8>)> {
    match command.output() {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
            Some((output.status.success(), said.into_owned(), output.stdout))
        }
        Err(_) => {
            println!("left out: {:?} is not installed", command.get_program());
            None
        }
    }
}

/// A volume with most of what can be in one, without a snapshot.
fn rich() -> VolumeBuilder {
    let volume = VolumeBuilder::new("Rich")
        .dir("/a")
        .dir("/a/b")
        .file("/a/x", [1; 9000])
        .file("/empty", b"")
        .sparse("/a/sparse", 120_000, &[(32_768, &[5; 30_000])])
        .fragmented("/a/b/pieces", sample::noise(40_000, 1), 1)
        .clone_file("/a/b/pieces", "/clone")
        .hardlink("/a/x", "/x2")
        .symlink("/link", "a/x")
        .xattr("/a/x", "small", b"value")
        .stream_xattr("/a/x", "big", sample::noise(9000, 2));
    (0..200).fold(volume, |volume, n| volume.file(&format!("/a/b/file {n:03}"), [n as u8; 100]))
}

/// Compressed files of the types that a Mac writes most.
fn compressed() -> VolumeBuilder {
    [3, 7, 11].into_iter().fold(VolumeBuilder::new("Packed"), |volume, kind| {
        let text = sample::text(300, 1);
        let (attribute, _) = decmpfs::packed(kind, &text);
        volume.compressed_inline(&format!("/type {kind}"), attribute)
    })
}

fn snapshots() -> VolumeBuilder {
    rich()
        .snapshot("first")
        .remove("/a/sparse")
        .overwrite("/a/b/pieces", 0, [7; 4096])
        .rename("/a/b", "/moved")
        .snapshot("second")
        .remove("/clone")
        .file("/new", [3; 5000])
}

/// apfsck finds nothing, with all that it can be asked to say: crashes, what is unknown, what is weird.
#[test]
fn apfsck() {
    let tier2 = VolumeBuilder::new("Both")
        .file("/main", fusion::pattern(1, 30_000))
        .on_tier2(true)
        .file("/slow", fusion::pattern(2, 50_000))
        .snapshot("s")
        .overwrite("/slow", 0, fusion::pattern(3, 4096))
        .clone_file("/slow", "/clone");
    let one = |volume: VolumeBuilder| ImageBuilder::new().volume(volume).build();
    // Room for four volumes of 512 MiB.
    let large = ImageBuilder::new().min_blocks(4 << 17).sparse();
    let volumes = [macs::system(), macs::data(), macs::preboot(), macs::vm()];
    let of_a_mac = volumes.into_iter().fold(large, ImageBuilder::volume).build();
    let images = [
        ("rich", one(rich())),
        ("tall trees", ImageBuilder::new().max_records_per_node(4).volume(rich()).build()),
        ("case-sensitive", one(rich().case_sensitive())),
        ("compressed", one(compressed())),
        ("snapshots", one(snapshots())),
        ("checkpoints", ImageBuilder::new().checkpoints(3).volume(snapshots()).build()),
        ("system and data", of_a_mac),
        ("fusion", ImageBuilder::new().fusion(Fusion::default()).volume(tier2).build()),
    ];
    let program = std::env::var_os("APFSCK").map_or_else(|| PathBuf::from("apfsck"), PathBuf::from);
    let program = if program.is_dir() { program.join("apfsck") } else { program };
    for (name, image) in images {
        let (_folder, main, tier2) = write(&image);
        let mut command = Command::new(&program);
        // Compression is among what it does not know, and says so.
        command.arg(if name == "compressed" { "-cw" } else { "-cuw" });
        if let Some(tier2) = tier2 {
            command.arg("-F").arg(tier2);
        }
        let Some((good, said, _)) = run(command.arg(main)) else { return };
        assert!(good && said.is_empty(), "{name}: {said}");
    }
}

/// fls lists what each snapshot has, icat reads it.
#[test]
fn sleuth_kit() {
    let volume = VolumeBuilder::new("V").dir("/d").file("/d/x", "first").file("/gone", "soon");
    let volume = volume.snapshot("s1").overwrite("/d/x", 0, "other").remove("/gone").snapshot("s2");
    let image = ImageBuilder::new().volume(volume.rename("/d", "/e").file("/late", "live")).build();
    let (_folder, main, _) = write(&image);
    let superblock = image.block_of(Role::VolumeSuperblock).to_string();
    let expected = [
        (Some(2), vec![("d", ""), ("d/x", "first"), ("gone", "soon")]),
        (Some(3), vec![("d", ""), ("d/x", "other")]),
        (None, vec![("e", ""), ("e/x", "other"), ("late", "live")]),
    ];
    for (snapshot, expected) in expected {
        let tool = |name: &str| {
            let mut command = Command::new(name);
            command.args(["-f", "apfs", "-P", "apfs", "-B", &superblock]);
            if let Some(xid) = snapshot {
                command.args(["-S", &format!("{xid}")]);
            }
            command
        };
        let Some((good, said, out)) = run(tool("fls").args(["-rp"]).arg(&main)) else { return };
        assert!(good, "{snapshot:?}: {said}");
        let mut found = BTreeMap::new();
        for line in String::from_utf8(out).unwrap().lines() {
            let (head, path) = line.split_once(":\t").unwrap();
            let (kind, id) = head.split_once(' ').unwrap();
            let content = if kind.starts_with('r') {
                let (good, said, out) = run(tool("icat").arg(&main).arg(id)).unwrap();
                assert!(good, "{path} of {snapshot:?}: {said}");
                String::from_utf8(out).unwrap()
            } else {
                String::new()
            };
            found.insert(path.to_owned(), content);
        }
        let expected: BTreeMap<_, _> =
            expected.into_iter().map(|(path, content)| (path.to_owned(), content.to_owned())).collect();
        assert_eq!(found, expected, "{snapshot:?}");
    }
}
