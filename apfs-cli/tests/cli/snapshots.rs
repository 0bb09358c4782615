//! `apfs snapshots`: flags, space, and snapshots of which only a part is left.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a panic is a failed test"
)]

use apfs_tests::build::disk::Role;
use apfs_tests::build::{Image, ImageBuilder, VolumeBuilder};
use serde_json::{Value, json};

use crate::support::Disk;

fn image() -> Image {
    let volume = VolumeBuilder::new("V").file("/a", vec![1; 40_960]).snapshot("one");
    let volume = volume.overwrite("/a", 0, vec![2; 40_960]).snapshot("two");
    let volume = volume.overwrite("/a", 0, vec![3; 4096]).snapshot("three").file("/b", "b");
    ImageBuilder::new().volume(volume).build()
}

fn xids(disk: &Disk) -> Vec<u64> {
    let listed = disk.apfs("snapshots", &["--json"]).json();
    listed["snapshots"].as_array().unwrap().iter().map(|row| row["xid"].as_u64().unwrap()).collect()
}

/// Replaces the only occurrence of some bytes in a block, and repairs its checksum.
fn replace(image: &mut Image, block: u64, old: &[u8], new: &[u8]) {
    image.edit(block, |bytes| {
        let at = bytes.windows(old.len()).position(|window| window == old).unwrap();
        bytes[at..at + new.len()].copy_from_slice(new);
    });
}

fn listed(stdout: &[u8]) -> Vec<Value> {
    let all: Value = serde_json::from_slice(stdout).unwrap();
    all["snapshots"].as_array().unwrap().clone()
}

/// Number of the only live block of a kind.
fn block(image: &Image, role: Role) -> u64 {
    let live = image.live(role);
    assert_eq!(live.len(), 1);
    live[0].block
}

/// Flags in the object map and in the record: each snapshot is listed with words and a reason, and opened by force only.
#[test]
fn flags() {
    let mut image = image();
    let all = xids(&Disk::of(&image));
    let map = block(&image, Role::OmapSnapshotNode);
    let size = image.block_size;
    image.edit(map, |bytes| {
        // Values of 16 bytes lie before the footer of 40, the first one last.
        bytes[size - 40 - 16] = 1;
        bytes[size - 40 - 32] = 2;
    });
    let records = block(&image, Role::SnapMetaNode);
    image.edit(records, |bytes| {
        // Flags, length and name of the third; its name is a key too, which lies before all values.
        let name = b"\x06\0three\0";
        let at = bytes.windows(name.len()).rposition(|window| window == name).unwrap();
        bytes[at - 4] = 1;
    });
    let disk = Disk::of(&image);
    let run = disk.apfs("snapshots", &["--json"]);
    let rows = listed(&run.stdout);
    let found: Vec<_> = rows.iter().map(|row| (row["flag_names"].clone(), row["usable"].clone())).collect();
    let want =
        [["pending-deletion"], ["reverted"], ["pending-dataless"]].map(|words| (json!(words), json!(false)));
    assert_eq!(found, want);
    assert_eq!(rows.iter().map(|row| row["xid"].as_u64().unwrap()).collect::<Vec<_>>(), all);
    let text = disk.apfs("snapshots", &[]);
    assert!(text.text().contains("[pending-deletion] (it is being deleted)"), "{}", text.text());
    for name in ["one", "two", "three"] {
        let run = disk.apfs("diff", &[name, "live"]);
        assert!(run.code == 1 && run.stderr.contains("forcing shows what is left"), "{}", run.stderr);
        let run = disk.apfs("diff", &[name, "live", "--force"]);
        assert!(!run.text().is_empty(), "{}", run.stderr);
    }
}

/// A snapshot without its record is told by its name; the others are listed, and nothing is made up for it.
#[test]
fn without_its_record() {
    let mut image = image();
    let all = xids(&Disk::of(&image));
    let records = block(&image, Role::SnapMetaNode);
    let key = |kind: u64| (all[1] | kind << 60).to_le_bytes();
    replace(&mut image, records, &key(1), &key(2));
    let disk = Disk::of(&image);
    let run = disk.apfs("snapshots", &["--json"]);
    assert_eq!(run.code, 1);
    assert!(
        run.stderr.contains("j_snap_metadata_val_t") && run.stderr.contains("its name two"),
        "{}",
        run.stderr
    );
    let names: Vec<_> = listed(&run.stdout).iter().map(|row| row["name"].clone()).collect();
    assert_eq!(names, ["one", "three"]);
    assert_eq!(disk.apfs("diff", &["two", "live"]).code, 2);
}

/// A snapshot that the object map does not know any more is listed as such, and not opened.
#[test]
fn without_its_entry_in_the_map() {
    let mut image = image();
    let all = xids(&Disk::of(&image));
    let map = block(&image, Role::OmapSnapshotNode);
    replace(&mut image, map, &all[2].to_le_bytes(), &(all[2] + 100).to_le_bytes());
    let disk = Disk::of(&image);
    let run = disk.apfs("snapshots", &["--json"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("an entry of the object map"), "{}", run.stderr);
    let third = &listed(&run.stdout)[2];
    assert_eq!((&third["flag_names"], &third["usable"]), (&json!(["unmapped"]), &json!(false)));
    let run = disk.apfs("diff", &["three", "live"]);
    assert!(run.code == 1 && run.stderr.contains("does not keep its state"), "{}", run.stderr);
}

/// A snapshot whose superblock can't be read: the place is named, and the other states compare.
#[test]
fn without_its_superblock() {
    let mut image = image();
    let copy = image.all(Role::SnapshotSuperblock).next().unwrap().block;
    image.corrupt(copy);
    let disk = Disk::of(&image);
    assert_eq!(xids(&disk).len(), 3);
    let run = disk.apfs("diff", &["one", "live"]);
    assert_eq!((run.code, run.text()), (1, ""));
    assert!(
        run.stderr.contains("apfs_superblock_t") && run.stderr.contains(&copy.to_string()),
        "{}",
        run.stderr
    );
    assert_eq!(disk.apfs("diff", &["two", "live"]).code, 0);
}

/// What deleting each snapshot would free: here the blocks of data that no other state has, and some metadata.
#[test]
fn space() {
    let image = image();
    let disk = Disk::of(&image);
    let rows = listed(&disk.apfs("snapshots", &["--space", "--json"]).stdout);
    let frees: Vec<u64> = rows.iter().map(|row| row["frees_bytes"].as_u64().unwrap()).collect();
    // Ten blocks were overwritten after the first, one after the second, none after the third.
    assert!(frees[0] >= 40_960 && frees[0] < 100_000, "{frees:?}");
    assert!(frees[1] >= 4096 && frees[1] < 40_960, "{frees:?}");
    let report = disk.apfs("space", &["--json"]).json();
    let counted = report["containers"][0]["volumes"][0]["snapshots"].as_array().unwrap().clone();
    let counted: Vec<u64> = counted.iter().map(|row| row["frees"].as_u64().unwrap() * 4096).collect();
    assert_eq!(frees, counted);
    let text = disk.apfs("snapshots", &["--space"]).clean();
    assert!(text.contains("FREES") && text.contains(&frees[0].to_string()), "{text}");
    assert!(!disk.apfs("snapshots", &[]).clean().contains("FREES"));
}
