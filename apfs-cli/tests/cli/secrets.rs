//! Encrypted volumes from the command line: where secrets come from, what is said, exit status.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "test: a panic is a failed test"
)]

use std::path::PathBuf;
use std::process::Command;

use apfs_tests::build::encryption::er_state;
use apfs_tests::build::object::{Header, OBJ_PHYSICAL};
use apfs_tests::build::{Encryption, Image, ImageBuilder, Role, Unlock, VolumeBuilder};

use crate::support::{Disk, Run};

const HOW: &str = "--password-file, --password-fd or the variable APFS_PASSWORD";
const FS_FLAGS: usize = 0x108;
const ER_STATE_OID: usize = 0x3d0;

fn secret(name: &str, password: &str) -> VolumeBuilder {
    VolumeBuilder::new(name)
        .file("/s", b"x")
        .snapshot("old")
        .encrypted(Encryption::native([Unlock::disk(password)]))
}

/// Two locked volumes and an open one.
fn disk() -> Disk {
    let open = VolumeBuilder::new("Open").file("/a", b"one");
    Disk::of(
        &ImageBuilder::new().volume(secret("First", "1")).volume(open).volume(secret("Second", "2")).build(),
    )
}

fn file(disk: &Disk, text: &str) -> PathBuf {
    let path = disk.path().with_extension("txt");
    std::fs::write(&path, text).unwrap();
    path
}

/// Whoever gave no secret is told once, at the end, how to give one; who gave a wrong one knows.
#[test]
fn how_to_give_a_secret() {
    let disk = disk();
    for (command, args) in [("ls", vec![]), ("cat", vec!["/a"]), ("hash", vec![]), ("tree", vec!["--json"])] {
        let run = disk.apfs(command, &args);
        assert_eq!((run.code, run.stderr.matches("is needed").count()), (1, 2), "{command}: {}", run.stderr);
        assert_eq!(run.stderr.matches(HOW).count(), 1, "{command}: {}", run.stderr);
        assert!(run.stderr.lines().last().unwrap().contains(HOW), "{command}: {}", run.stderr);
    }
    let run = disk.apfs("ls", &["--volume", "First"]);
    assert!(run.code == 2 && run.stderr.lines().last().unwrap().contains(HOW), "{}", run.stderr);
    let run = disk.apfs("ls", &["--password", "wrong"]);
    assert!(run.code == 1 && run.stderr.contains("fits") && !run.stderr.contains(HOW), "{}", run.stderr);
    assert!(!disk.apfs("info", &[]).clean().is_empty(), "nothing is missing");
    let bound = Unlock::user(1, "a").with(|unlock| unlock.hardware_bound = true);
    let bound = VolumeBuilder::new("Bound").encrypted(Encryption::native([bound]));
    let run = Disk::of(&ImageBuilder::new().volume(bound).build()).apfs("ls", &[]);
    assert!(run.code == 2 && run.stderr.contains("hardware") && !run.stderr.contains(HOW), "{}", run.stderr);
}

/// Secrets come from files, descriptors, the command line and the environment, and all are tried on every volume.
#[test]
fn sources() {
    let disk = disk();
    let path = file(&disk, "2\n");
    let path = path.to_str().unwrap();
    let run = disk.apfs("cat", &["--volume", "Second", "--password", "1", "--password-file", path, "/s"]);
    assert_eq!(run.clean(), "x");
    let mut command = Command::new(env!("CARGO_BIN_EXE_apfs"));
    let run = command.args(["hash", disk.path().to_str().unwrap(), "--password-file", path]);
    run.env("APFS_PASSWORD", "1");
    assert!(!Run::of(run).clean().is_empty());
    let shell = "exec \"$0\" cat \"$1\" --volume Second --password-fd 7 /s 7<\"$2\"";
    let mut command = Command::new("sh");
    command.args(["-c", shell, env!("CARGO_BIN_EXE_apfs"), disk.path().to_str().unwrap(), path]);
    assert_eq!(Run::of(&mut command).clean(), "x");
}

/// The check says what opens what, and its status is 1 while something stays locked.
#[test]
fn check() {
    let disk = disk();
    let path = file(&disk, "1\n");
    let run = disk.apfs("unlock", &["--check", "--password-file", path.to_str().unwrap()]);
    assert!(run.code == 1 && run.stderr.contains("volume Second: none of the given"), "{}", run.stderr);
    assert_eq!(run.text().matches("OPENED BY").count(), 1, "{}", run.text());
    let run = disk.apfs("unlock", &["--check", "--password", "1", "--password", "2"]);
    assert_eq!(run.clean().matches("OPENED BY").count(), 2);
}

/// The right password of a volume whose encryption is being changed does not make its files readable.
#[test]
fn check_of_a_conversion() {
    let mut image = ImageBuilder::new().volume(secret("Secret", "1")).build();
    let block = u64::try_from(image.bytes.len() / image.block_size).unwrap() - 1;
    let xid = image.newest().xid;
    image.block_mut(block).copy_from_slice(&er_state(2, 1, 2, 4096));
    Header { o_oid: block, o_xid: xid, o_type: OBJ_PHYSICAL | 0x18, o_subtype: 0 }
        .stamp(image.block_mut(block));
    edit_superblock(&mut image, ER_STATE_OID, block);
    let run = Disk::of(&image).apfs("unlock", &["--check", "--password", "1"]);
    assert!(run.code == 1 && run.stderr.contains("50 % done"), "{} {}", run.stderr, run.text());
    assert!(run.text().contains("OPENED BY"), "{}", run.text());
}

/// Snapshots of a volume whose files have keys of their own are read as far as the volume is.
#[test]
fn snapshots_under_file_keys() {
    let volume = VolumeBuilder::new("Phone").file("/s", b"x").snapshot("old").file("/t", b"y");
    let mut image = ImageBuilder::new().volume(volume).build();
    edit_superblock(&mut image, FS_FLAGS, 0);
    let run = Disk::of(&image).apfs("ls", &["--snapshots"]);
    let names: Vec<_> = run.text().lines().filter(|line| *line == "s").collect();
    assert_eq!(names.len(), 2, "{} {}", run.text(), run.stderr);
}

fn edit_superblock(image: &mut Image, at: usize, value: u64) {
    let superblock = image.live(Role::VolumeSuperblock)[0].block;
    image.edit(superblock, |bytes| bytes[at..at + 8].copy_from_slice(&value.to_le_bytes()));
}
