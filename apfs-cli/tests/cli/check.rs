//! `apfs check`: findings in text and JSON, what is asked for, exit status.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a panic is a failed test"
)]

use apfs_tests::build::hfs::HfsImage;
use apfs_tests::build::{ImageBuilder, VolumeBuilder};
use apfs_tests::{hfs_volumes, sample};
use serde_json::Value;

use super::support::Disk;

/// A volume with a wrong count in its header and a name that is not decomposed.
fn damaged() -> HfsImage {
    let mut image = hfs_volumes::rich("Rich").file("/caf\u{e9}", "composed").build();
    image.edit_headers(|header| header[35] += 1);
    image
}

fn codes(rows: &[Value]) -> Vec<&str> {
    rows.iter().filter_map(|row| row["code"].as_str()).collect()
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Sound images of both file systems: nothing found, status 0, and what was checked.
#[test]
fn sound_images() {
    let apfs =
        ImageBuilder::new().volume(VolumeBuilder::new("V").dir("/d").file("/d/x", "x").snapshot("s")).build();
    for disk in [Disk::of(&apfs), Disk::of_bytes(&hfs_volumes::rich("Rich").build().bytes)] {
        let text = disk.apfs("check", &["--snapshots"]).clean();
        assert!(text.contains("checked: ") && text.contains("0 errors, 0 warnings"), "{text}");
        let rows = disk.apfs("check", &["--json", "--strict"]).rows();
        let summary = &rows.last().unwrap()["summary"];
        assert_eq!(
            (&summary["errors"], &summary["unchecked"]),
            (&0.into(), &Value::Array(vec![])),
            "{summary}"
        );
        assert!(!summary["checked"].as_object().unwrap().is_empty());
    }
}

/// Errors make the status 1, warnings only if told so; groups, rules and severities can be asked for.
#[test]
fn findings_and_status() {
    let disk = Disk::of_bytes(&damaged().bytes);
    let run = disk.apfs("check", &[]);
    assert_eq!((run.code, run.stderr.as_str()), (1, ""));
    assert!(
        run.text().contains("HFS+ volume Rich") && run.text().contains("H01 volume header"),
        "{}",
        run.text()
    );
    let run = disk.apfs("check", &["--json"]);
    let rows = lines(run.text());
    assert_eq!((run.code, codes(&rows)), (1, vec!["H0711", "H0105"]));
    let row = &rows[1];
    assert_eq!((&row["structure"], &row["field"]), (&"HFSPlusVolumeHeader".into(), &"fileCount".into()));
    assert_eq!(
        (&row["severity"], &row["partition"], &row["offset"]),
        (&"error".into(), &0.into(), &1024.into())
    );
    assert_eq!(rows[2]["summary"]["by_code"]["H0105"], 1);
    for (args, code, expected) in [
        (&["--json", "--only", "H07"][..], 0, vec!["H0711"]),
        (&["--json", "--only", "h0711", "--strict"], 1, vec!["H0711"]),
        (&["--json", "--only", "H0105"], 1, vec!["H0105"]),
        (&["--json", "--severity", "error"], 1, vec!["H0105"]),
        (&["--json", "--only", "H0711", "--severity", "error"], 0, vec![]),
    ] {
        let run = disk.apfs("check", args);
        assert_eq!((run.code, codes(&lines(run.text()))), (code, expected), "{args:?}");
    }
    let run = disk.apfs("check", &["--only", "H99"]);
    assert_eq!(run.code, 2);
}

/// Rules are listed without an image; one rule by its code.
#[test]
fn rules() {
    let program = || std::process::Command::new(env!("CARGO_BIN_EXE_apfs"));
    let run = super::support::Run::of(program().args(["check", "--list-rules", "--json"]));
    let rows = run.rows();
    assert!(
        rows.len() > 60
            && rows.iter().all(|row| row["text"].as_str().is_some_and(|text| text.ends_with('.')))
    );
    let run = super::support::Run::of(program().args(["check", "--list-rules", "--only", "H0711"]));
    assert_eq!(run.clean().lines().count(), 2);
}

/// What is locked is not checked, and said to be; with its password it is.
#[test]
fn locked_volumes() {
    let disk = Disk::of(&sample::encrypted());
    let run = disk.apfs("check", &["--json"]);
    let rows = lines(run.text());
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(!rows.last().unwrap()["summary"]["unchecked"].as_array().unwrap().is_empty());
    let folder = tempfile::tempdir().unwrap();
    let password = folder.path().join("password");
    std::fs::write(&password, sample::PASSWORD).unwrap();
    let run = disk.apfs("check", &["--password-file", &password.to_string_lossy()]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{}", run.text());
}

/// A volume that can't be opened is a finding, not a failure.
#[test]
fn what_can_not_be_opened() {
    let mut image = hfs_volumes::rich("Rich").build();
    let (at, _) = image.node_place(apfs_tests::build::hfs::HfsRole::Catalog, 0);
    image.bytes[at + 8] = 7;
    let run = Disk::of_bytes(&image.bytes).apfs("check", &["--json"]);
    let rows = lines(run.text());
    assert_eq!((run.code, codes(&rows)), (1, vec!["D0103"]));
    assert_eq!(rows[0]["field"], "kind");
}
