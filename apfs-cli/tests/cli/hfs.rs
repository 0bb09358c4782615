//! HFS+ volumes: what listings show and hide, rows, facts, journals, and what only APFS has.
#![allow(clippy::panic, reason = "a panic is a failed test")]

use apfs_tests::build::hfs::{Content, HfsBuilder, HfsRole, JournalState};
use apfs_tests::build::{ImageBuilder, VolumeBuilder};
use apfs_tests::hfs_images;
use serde_json::{Value, json};

use crate::support::Disk;

/// A volume with what listings hide: both private folders and a journal.
fn volume() -> HfsBuilder {
    HfsBuilder::new("Plus")
        .private_folders()
        .journal(512 << 10, JournalState::Empty)
        .dir("/d")
        .file("/d/text", b"some text")
        .hardlink("/d/text", "/again")
        .symlink("/link", "d/text")
        .file("/icon", b"")
        .resource("/icon", Content::new(b"resources"))
        .xattr("/icon", "note", b"value")
        .item("/icon", |item| item.set_type(b"TEXT", b"ttxt"))
}

fn disk() -> Disk {
    Disk::of_bytes(&volume().build().bytes)
}

fn paths(rows: &[Value]) -> Vec<&str> {
    let mut paths: Vec<&str> = rows.iter().filter_map(|row| row["path"].as_str()).collect();
    paths.sort_unstable();
    paths
}

fn row<'r>(rows: &'r [Value], path: &str) -> &'r Value {
    rows.iter().find(|row| row["path"] == path).unwrap_or_else(|| panic!("no row {path}"))
}

/// Text hides what the file system keeps for itself, until it is asked for; JSON has everything.
#[test]
fn private_things() {
    let disk = disk();
    let hidden = ["HFS+ Private", ".journal"];
    for (command, args) in
        [("ls", vec![]), ("ls", vec!["-R"]), ("tree", vec![]), ("find", vec![]), ("hash", vec![])]
    {
        let text = disk.apfs(command, &args).clean();
        assert!(!hidden.iter().any(|name| text.contains(name)), "{command} {args:?}: {text}");
        let text = disk.apfs(command, &[&args[..], &["-a"]].concat()).clean();
        assert!(text.contains(".journal"), "{command} {args:?}: {text}");
        assert!(command == "hash" || text.contains("\u{2400}\u{2400}HFS+ Private Data"), "{command}: {text}");
        let rows = disk.apfs(command, &[&args[..], &["--json"]].concat()).rows();
        assert!(paths(&rows).iter().any(|path| path.contains(".journal")), "{command}");
    }
    assert_eq!(disk.apfs("ls", &[]).clean(), "again\nd\nicon\nlink\n");
    // The path that is shown leads there.
    let inodes = disk.apfs("ls", &["/\u{2400}\u{2400}\u{2400}\u{2400}HFS+ Private Data"]).clean();
    assert!(inodes.starts_with("iNode"), "{inodes}");
}

/// Rows have what HFS+ has and nothing else; a link has the fields of what it leads to, and a number of its own.
#[test]
fn rows() {
    let rows = disk().apfs("ls", &["-R", "--hash", "--json"]).rows();
    for row in &rows {
        let facts = (&row["volume"], &row["volume_index"], &row["part"], &row["snapshot"]);
        assert_eq!(facts, (&json!("Plus"), &json!(0), &json!(0), &Value::Null));
        for key in ["internal_flags", "private_id", "nchildren", "extents", "hole_extents", "sparse_bytes"] {
            assert_eq!(row.get(key), None, "{key} of {row}");
        }
        let is_dir = row["type"] == "dir";
        assert!(!is_dir || row["nlink"] == 1, "{row}");
    }
    let private = "/\0\0\0\0HFS+ Private Data";
    assert!(paths(&rows).contains(&private));
    let (one, again) = (row(&rows, "/d/text"), row(&rows, "/again"));
    for key in ["ino", "nlink", "mode", "sha256", "mtime_ns", "size"] {
        assert_eq!(one[key], again[key], "{key}");
    }
    assert_eq!((&one["nlink"], &one["size"]), (&json!(2), &json!(9)));
    let inode = row(&rows, &format!("{private}/iNode{}", one["ino"]));
    assert_eq!((inode.get("link_id"), &inode["nlink"]), (None, &json!(2)));
    let ids = [one, again].map(|row| row["link_id"].as_u64().unwrap());
    assert!(ids[0] != ids[1] && !ids.contains(&one["ino"].as_u64().unwrap()), "{ids:?}");
    // Of a single path as well.
    let listed = disk().apfs("ls", &["--json", "/again"]).rows();
    assert_eq!(listed[0]["link_id"], again["link_id"]);
    let icon = row(&rows, "/icon");
    assert_eq!((&icon["size"], &icon["rsrc_size"]), (&json!(0), &json!(9)));
    // printf resources | sha256sum
    let sum = "41d311a605520fc7b8b9a980a79437a26e26cebcbfdd569dd78d30f7cb3e7237";
    assert_eq!(icon["rsrc_sha256"], sum);
    assert_eq!(icon["xattrs"]["note"]["size"], 5);
    assert_eq!(icon["xattrs"]["note"].get("flags"), None);
    assert_eq!(icon["xattrs"]["com.apple.FinderInfo"]["size"], 32);
    assert_eq!(row(&rows, "/link")["target"], "d/text");
}

/// What only HFS+ knows of files, in text and JSON; every path of a linked file.
#[test]
fn facts() {
    let disk = disk();
    let text = disk.apfs("stat", &["/icon", "/again"]).clean();
    for line in
        ["Type, creator:    TEXT, ttxt", "Resource fork:    9", "                  /again", "This link:"]
    {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(!text.contains("APFS") && !text.contains("Protection class"), "{text}");
    let stat = disk.apfs("stat", &["--json", "/icon"]).json();
    let hfs = &stat["files"][0]["hfs"];
    assert_eq!((&hfs["file_type"], &hfs["creator"]), (&json!("TEXT"), &json!("ttxt")));
    assert_eq!(stat["files"][0].get("protection_class"), None);
    let run = disk.apfs("cat", &["--stream", "rsrc", "/icon"]).clean();
    assert_eq!(run, "resources");
    assert!(disk.apfs("xattr", &["/icon"]).clean().contains("         5  note\n"));
    assert_eq!(disk.apfs("xattr", &["/icon", "note"]).clean(), "value");
    // The resource fork is an attribute to programs, though not to the volume.
    assert!(disk.apfs("xattr", &["/icon"]).clean().contains("         9  com.apple.ResourceFork\n"));
    assert_eq!(disk.apfs("xattr", &["/icon", "com.apple.ResourceFork"]).clean(), "resources");
    let listing = disk.apfs("xattr", &["--json", "/icon", "com.apple.ResourceFork"]).clean();
    assert!(listing.contains("\"value_hex\":\"7265736f7572636573\""), "{listing}");
    assert_eq!(disk.apfs("find", &["--xattr", "com.apple.ResourceFork"]).clean(), "/icon\n");
}

/// Snapshots, checkpoints and roles are APFS's, and that is said.
#[test]
fn what_only_apfs_has() {
    let disk = disk();
    assert!(disk.apfs("snapshots", &[]).clean().contains("HFS+"));
    assert_eq!(disk.apfs("snapshots", &["--json"]).json()["snapshots"], json!([]));
    for args in [["--snapshot", "s"], ["--checkpoint", "7"], ["--volume", "role:data"]] {
        let run = disk.apfs("ls", &args);
        assert_eq!(run.code, 2, "{args:?}");
        assert!(run.stderr.contains("HFS+ has no"), "{args:?}: {}", run.stderr);
    }
    assert!(disk.apfs("unlock", &[]).clean().contains("nothing is encrypted"));
}

/// Volumes of both kinds on one disk: each is listed, and each is chosen by name, number, UUID and partition.
#[test]
fn both_kinds() {
    let disk = Disk::of_bytes(&hfs_images::mixed());
    let info = disk.apfs("info", &["--json"]).json();
    let hfs = &info["partitions"][1]["hfs"];
    assert_eq!((&hfs["name"], &hfs["variant"]), (&json!("Macintosh HD"), &json!("HFS+")));
    assert_eq!(info["partitions"][2]["hfs"]["names"], "case-sensitive");
    assert!(info["partitions"][0]["container"]["volumes"].is_array());
    let heads = disk.apfs("ls", &[]).clean();
    for head in ["Data:\n", "Other:\n", "Macintosh HD:\n"] {
        assert!(heads.contains(head), "{heads}");
    }
    for args in [["--volume", "Macintosh HD"], ["--partition", "1"]] {
        assert!(disk.apfs("ls", &args).clean().starts_with("again\n"), "{args:?}");
    }
    let wanted: Vec<_> =
        disk.apfs("ls", &["--json", "--volume", "0"]).rows().iter().map(|row| row["part"].clone()).collect();
    assert!([0, 1, 2].iter().all(|part| wanted.contains(&json!(part))), "{wanted:?}");
    if let Some(uuid) = hfs["uuid"].as_str() {
        assert!(disk.apfs("ls", &["--volume", uuid]).clean().contains("again\n"));
    }
    assert_eq!(disk.apfs("ls", &["--volume", "Nobody"]).code, 2);
}

/// The volume header in words: state, geometry, dates, wrapper, and which header it is.
#[test]
fn info() {
    let text = disk().apfs("info", &[]).clean();
    for part in
        ["Volume 0: Plus", "HFS+, case-insensitive", "JOURNALED", "Journal:", "empty", "of 4096 bytes"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let run = Disk::of_bytes(&hfs_images::header_copy()).apfs("info", &[]);
    let text = run.text();
    assert_eq!(run.code, 1);
    for part in ["classic HFS volume", "its copy at the end is used", "Finding:", "Inside"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

/// A journal is replayed in memory, and that is said without being a problem; `--no-journal` shows what is stored.
#[test]
fn journal() {
    let disk = Disk::of_bytes(&hfs_images::dirty());
    let replayed = disk.apfs("ls", &["-R"]);
    assert_eq!(replayed.code, 0);
    assert!(replayed.stderr.contains("replay of its journal: 1 transactions"), "{}", replayed.stderr);
    assert!(replayed.text().contains("/new\n") && replayed.text().contains("/folder/renamed\n"));
    let stored = disk.apfs("ls", &["-R", "--no-journal"]);
    assert_eq!(stored.code, 0);
    assert!(stored.stderr.contains("as stored, without its journal"), "{}", stored.stderr);
    assert!(!stored.text().contains("/new\n") && stored.text().contains("/folder/pieces\n"));
    let run = disk.apfs("info", &["--json"]);
    let info: Value = serde_json::from_str(run.text()).unwrap();
    let journal = &info["partitions"][0]["hfs"]["journal"];
    assert_eq!((&journal["state"], &journal["replayed"]), (&json!("dirty"), &json!(true)));
    assert_eq!(journal["transactions"], 1);
}

/// Damage of the catalog costs what it touches: the rest is listed, and the exit status is 1.
#[test]
fn damage() {
    let volume = HfsBuilder::new("Damaged").dir("/many").max_records_per_node(6);
    let volume = (0..200).fold(volume, |volume, n| volume.file(&format!("/many/file {n}"), b"x"));
    let mut image = volume.build();
    let file = image.cnid("/many/file 100");
    let leaf = image.trees[&HfsRole::Catalog].leaves_of(file).next().map_or(0, |leaf| leaf.number);
    // Its kind: that of a node of the index.
    image.edit_node(HfsRole::Catalog, leaf, |node| node[8] = 0);
    let disk = Disk::of_bytes(&image.bytes);
    let run = disk.apfs("ls", &["-R"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("node"), "{}", run.stderr);
    assert!(run.text().contains("/many/file 0\n") && run.text().lines().count() > 100);
}

/// Content below hard links to folders is shown at each of them in text, and once in JSON.
#[test]
fn links_to_folders() {
    let volume = HfsBuilder::new("Links")
        .dir("/a")
        .dir("/a/shared")
        .dir("/a/shared/deeper")
        .file("/a/shared/deeper/file", b"x")
        .dir("/b")
        .dir_link("/a/shared", "/b/shared");
    let disk = Disk::of_bytes(&volume.build().bytes);
    let shown = disk.apfs("ls", &["-R"]).clean();
    for path in ["/a/shared/deeper/file\n", "/b/shared/deeper/file\n"] {
        assert_eq!(shown.matches(path).count(), 1, "{shown}");
    }
    assert!(!shown.contains("Private"), "{shown}");
    let tree = disk.apfs("tree", &[]).clean();
    assert_eq!(tree.matches("file").count(), 3, "two files and the sum: {tree}");
    assert_eq!(disk.apfs("cat", &["/b/shared/deeper/file"]).clean(), "x");
    let rows = disk.apfs("ls", &["-R", "--json"]).rows();
    assert_eq!(paths(&rows).iter().filter(|path| path.ends_with("/file")).count(), 1);
    let link = row(&rows, "/b/shared");
    assert_eq!((&link["type"], &link["nlink"]), (&json!("dir"), &json!(1)));
    assert!(link["link_id"].is_u64() && link["link_id"] != link["ino"], "{link}");
    let below = disk.apfs("find", &["--json", "/b"]).rows();
    assert_eq!(paths(&below).len(), 4, "JSON of a part has what is below its links");
}

/// A date that was never set is none, rather than one of 1970 or 1904.
#[test]
fn no_dates() {
    let volume = HfsBuilder::new("Undated").file("/old", b"x").item("/old", |item| item.dates = [0; 5]);
    let disk = Disk::of_bytes(&volume.build().bytes);
    let line = disk.apfs("ls", &["-l"]).clean();
    assert_eq!(line.split_whitespace().skip(4).collect::<Vec<_>>(), ["1", "-", "old"], "{line}");
    let rows = disk.apfs("ls", &["--json"]).rows();
    assert_eq!(row(&rows, "/old").get("mtime_ns"), None);
}

/// A name that is not Unicode has its bytes beside it.
#[test]
fn names() {
    let volume = HfsBuilder::new("N").file("/x", b"").rename("/x", &[0x61, 0xD800, 0x62]);
    let rows = Disk::of_bytes(&volume.build().bytes).apfs("ls", &["-R", "--json"]).rows();
    let odd = row(&rows, "/a\u{FFFD}b");
    assert_eq!(odd["path_raw"], "2f61eda08062");
}

/// An APFS volume has no rows of HFS+.
#[test]
fn apfs_rows() {
    let disk = Disk::of(&ImageBuilder::new().volume(VolumeBuilder::new("V").file("/a", b"one")).build());
    let rows = disk.apfs("ls", &["-R", "--json", "--hash"]).rows();
    for key in ["link_id", "rsrc_size", "rsrc_sha256", "backup"] {
        assert_eq!(row(&rows, "/a").get(key), None, "{key}");
    }
    for key in ["internal_flags", "private_id", "extents"] {
        assert!(row(&rows, "/a").get(key).is_some(), "{key}");
    }
}
