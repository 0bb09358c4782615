//! `apfs diff` and `apfs history`.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a panic is a failed test"
)]

use apfs_tests::build::{Image, ImageBuilder, VolumeBuilder};
use serde_json::{Value, json};

use crate::support::Disk;

fn volume() -> VolumeBuilder {
    VolumeBuilder::new("V")
        .dir("/Docs")
        .file("/Docs/kept", vec![1; 9000])
        .xattr("/Docs/kept", "tag", "1")
        .file("/Docs/gone", "gone")
        .file("/old", "same")
        .snapshot("one")
        .overwrite("/Docs/kept", 4096, vec![2; 4096])
        .xattr("/Docs/kept", "tag", "2")
        .remove("/Docs/gone")
        .snapshot("two")
        .rename("/old", "/new")
        .file("/Docs/late", "late")
}

fn image() -> Image {
    ImageBuilder::new().volume(volume()).build()
}

fn op_and_path(rows: &[Value]) -> Vec<String> {
    let mut all: Vec<String> = rows
        .iter()
        .filter(|row| row["type"] != "dir")
        .map(|row| format!("{} {}", row["op"].as_str().unwrap(), row["path"].as_str().unwrap()))
        .collect();
    all.sort();
    all
}

/// All keys of a JSON line, with the values that were written.
#[test]
fn json_lines() {
    let rows = Disk::of(&image()).apfs("diff", &["one", "live", "--json"]).rows();
    assert_eq!(
        op_and_path(&rows),
        ["created /Docs/late", "deleted /Docs/gone", "modified /Docs/kept", "renamed /new"]
    );
    let row = |path: &str| rows.iter().find(|row| row["path"] == path).unwrap();
    let kept = row("/Docs/kept");
    assert_eq!(kept["ranges"], json!([[4096, 4096]]));
    assert_eq!(kept["xattrs"], json!([{ "name": "tag", "op": "changed" }]));
    let fields: Vec<&str> =
        kept["fields"].as_array().unwrap().iter().map(|field| field.as_str().unwrap()).collect();
    assert!(fields.contains(&"mtime") && !fields.contains(&"size"), "{fields:?}");
    assert_eq!(
        (&kept["old_path"], &kept["type"], &kept["volume"]),
        (&Value::Null, &json!("file"), &json!("V"))
    );
    assert!(kept["ino"].as_u64().unwrap() > 2);
    assert_eq!((&kept["before"]["size"], &kept["after"]["size"]), (&json!(9000), &json!(9000)));
    assert!(kept["before"]["mtime_ns"].as_i64().unwrap() < kept["after"]["mtime_ns"].as_i64().unwrap());
    assert_eq!(row("/new")["old_path"], "/old");
    assert_eq!((&row("/Docs/gone")["after"], &row("/Docs/late")["before"]), (&Value::Null, &Value::Null));
    assert_eq!(row("/Docs/late")["after"]["size"], 4);
}

/// Text: a letter, fields, paths, ranges, attributes.
#[test]
fn text() {
    let text = Disk::of(&image()).apfs("diff", &["one", "live"]).clean();
    let has = |parts: &[&str]| text.lines().any(|line| parts.iter().all(|part| line.contains(part)));
    assert!(has(&["M ", "/Docs/kept", "[4096+4096]", "~tag"]), "{text}");
    assert!(
        has(&["D ", "/Docs/gone"]) && has(&["C ", "/Docs/late"]) && has(&["R ", "/old -> /new"]),
        "{text}"
    );
}

/// A state by name, UUID, transaction in either base, time, `live`, and as a checkpoint with or without a snapshot.
#[test]
fn every_way_to_name_a_state() {
    let image = ImageBuilder::new().checkpoints(3).volume(volume()).build();
    let disk = Disk::of(&image);
    let listed = disk.apfs("snapshots", &["--json"]).json();
    let one = &listed["snapshots"][0];
    let (xid, uuid) = (one["xid"].as_u64().unwrap(), one["uuid"].as_str().unwrap());
    let want = op_and_path(&disk.apfs("diff", &["one", "two", "--json"]).rows());
    assert_eq!(want, ["deleted /Docs/gone", "modified /Docs/kept"]);
    let time = one["create_time"].as_str().unwrap()[..19].replace('T', " ");
    let newest = image.newest().xid;
    let through = format!("checkpoint:{newest}/one");
    for name in [xid.to_string(), format!("{xid:#x}"), uuid.to_uppercase(), time.clone(), through] {
        let rows = disk.apfs("diff", &[&name, "two", "--json"]).rows();
        assert_eq!(op_and_path(&rows), want, "{name}");
    }
    let live = op_and_path(&disk.apfs("diff", &["one", "live", "--json"]).rows());
    let rows = disk.apfs("diff", &["one", &format!("checkpoint:{newest}"), "--json"]).rows();
    assert_eq!(op_and_path(&rows), live);
    // The state before the newest transaction had neither the new name nor the late file.
    let before = image.checkpoints[image.checkpoints.len() - 2].xid;
    let rows = disk.apfs("diff", &[&format!("checkpoint:{before}"), "live", "--json"]).rows();
    assert_eq!(op_and_path(&rows), ["created /Docs/late", "renamed /new"]);
}

/// A state that is not there: the error lists what is.
#[test]
fn missing_and_ambiguous_states() {
    let disk = Disk::of(&image());
    let run = disk.apfs("diff", &["three", "live"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("three; there are: one (transaction"), "{}", run.stderr);
    assert!(run.stderr.contains("two (transaction"), "{}", run.stderr);
    let run = disk.apfs("diff", &["checkpoint:99999", "live"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("99999"), "{}", run.stderr);
    assert_eq!(disk.apfs("diff", &["checkpoint:x", "live"]).code, 2);
    let plain = Disk::of(&ImageBuilder::new().volume(VolumeBuilder::new("V")).build());
    let run = plain.apfs("diff", &["one", "live"]);
    assert!(run.code == 2 && run.stderr.contains("there are none"), "{}", run.stderr);
}

/// A path is found as the volume compares names; one that neither state has is an error; a directory renamed above it
/// counts.
#[test]
fn below_a_path() {
    let disk = Disk::of(&image());
    let rows = disk.apfs("diff", &["one", "live", "/docs", "--json"]).rows();
    assert_eq!(op_and_path(&rows), ["created /Docs/late", "deleted /Docs/gone", "modified /Docs/kept"]);
    let rows = disk.apfs("diff", &["one", "live", "/Docs/gone", "--json"]).rows();
    assert_eq!(op_and_path(&rows), ["deleted /Docs/gone"]);
    let run = disk.apfs("diff", &["one", "live", "/nothing"]);
    assert!(run.code == 2 && run.stderr.contains("neither state has it"), "{}", run.stderr);
    let volume = VolumeBuilder::new("V").dir("/a").dir("/a/b").file("/a/b/c", "c").file("/x", "x");
    let volume = volume.snapshot("s").rename("/a", "/z").remove("/x");
    let disk = Disk::of(&ImageBuilder::new().volume(volume).build());
    let text = disk.apfs("diff", &["s", "live", "/a/b/c"]).clean();
    assert!(text.contains("/a -> /z") && !text.contains("/x"), "{text}");
}

/// Of several volumes those with both states are compared, each under its name; `--volume` chooses one.
#[test]
fn several_volumes() {
    let other = VolumeBuilder::new("W").file("/w", "w").snapshot("one").remove("/w");
    let third = VolumeBuilder::new("X").file("/x", "x");
    let disk = Disk::of(&ImageBuilder::new().volume(volume()).volume(other).volume(third).build());
    let rows = disk.apfs("diff", &["one", "live", "--json"]).rows();
    let of = |name: &str| rows.iter().filter(|row| row["volume"] == name).cloned().collect::<Vec<_>>();
    assert_eq!(op_and_path(&of("W")), ["deleted /w"]);
    assert!(!of("V").is_empty() && of("X").is_empty());
    let text = disk.apfs("diff", &["one", "live"]).clean();
    assert!(text.contains("V:\n") && text.contains("W:\n") && !text.contains("X:"), "{text}");
    let rows = disk.apfs("diff", &["one", "live", "--json", "--volume", "W"]).rows();
    assert_eq!(op_and_path(&rows), ["deleted /w"]);
    assert_eq!(disk.apfs("diff", &["one", "live", "--volume", "X"]).code, 2);
}

/// Exit status 1 on request only; counts, and what was read for them.
#[test]
fn exit_code_and_counts() {
    let disk = Disk::of(&image());
    assert_eq!(disk.apfs("diff", &["one", "live"]).code, 0);
    assert_eq!(disk.apfs("diff", &["one", "live", "--exit-code"]).code, 1);
    assert_eq!(disk.apfs("diff", &["two", "two", "--exit-code"]).code, 0);
    let counts = disk.apfs("diff", &["one", "live", "--stat", "--json"]).json();
    assert_eq!(
        (&counts["created"], &counts["deleted"], &counts["renamed"]),
        (&json!(1), &json!(1), &json!(1))
    );
    assert_eq!((&counts["changed_bytes"], &counts["leaves"]), (&json!(4096), &json!([1, 1])));
    let same = disk.apfs("diff", &["two", "two", "--stat", "--json"]).json();
    assert_eq!(same["leaves"], json!([0, 0]));
    assert!(
        disk.apfs("diff", &["one", "live", "--stat"]).clean().contains("1 created, 1 deleted, 1 renamed")
    );
}

/// Versions of a file through a rename, over snapshots, older checkpoints and the live state.
#[test]
fn history() {
    let image = ImageBuilder::new().checkpoints(2).volume(volume()).build();
    let disk = Disk::of(&image);
    let rows = disk.apfs("history", &["/Docs/kept", "--json"]).rows();
    let states: Vec<Vec<&str>> = rows
        .iter()
        .map(|row| row["states"].as_array().unwrap().iter().map(|state| state.as_str().unwrap()).collect())
        .collect();
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert_eq!(states[0], ["snapshot one"]);
    assert!(rows.iter().all(|row| row["part"] == 0 && row["volume_index"] == 0), "{rows:?}");
    assert!(states[1].contains(&"snapshot two") && states[1].contains(&"live"), "{states:?}");
    assert_eq!(rows[1]["change"]["ranges"], json!([[4096, 4096]]));
    let rows = disk.apfs("history", &["/new", "--json"]).rows();
    let last = rows.last().unwrap();
    assert_eq!((&last["change"]["op"], &last["change"]["old_path"]), (&json!("renamed"), &json!("/old")));
    // What only an old state has is found there, and its end is told.
    let rows = disk.apfs("history", &["/Docs/gone", "--json"]).rows();
    let exists: Vec<bool> = rows.iter().map(|row| row["exists"].as_bool().unwrap()).collect();
    assert_eq!(exists, [true, false]);
    let text = disk.apfs("history", &["/Docs/gone"]).clean();
    assert!(text.contains("absent") && text.contains("snapshot one"), "{text}");
    assert_eq!(disk.apfs("history", &["/nothing"]).code, 2);
}
