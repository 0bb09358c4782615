//! `--merged`: System and Data as one tree, in every command that shows files.

use apfs_tests::build::{Encryption, Unlock, VolumeBuilder};
use apfs_tests::macs::{GROUP, container, data, locked, mac, system};
use serde_json::{Value, json};

use crate::support::Disk;

/// Every file once, at the path that a Mac shows.
#[test]
fn listings() {
    let disk = Disk::of(&mac());
    let mut lines: Vec<String> =
        disk.apfs("ls", &["-R", "--merged"]).clean().lines().map(String::from).collect();
    lines.sort();
    let mut found: Vec<String> = disk.apfs("find", &["--merged"]).clean().lines().map(String::from).collect();
    found.sort();
    let count = |path: &str| lines.iter().filter(|line| line.trim_end_matches('/') == path).count();
    assert_eq!(count("/Users/ada/notes"), 1, "{lines:?}");
    assert_eq!((count("/System/Volumes/Data/Users"), count("/System/Volumes/Data/left/over")), (0, 1));
    assert_eq!((count("/bin/sh"), count("/bin/too new"), lines.len()), (1, 0, 36));
    assert_eq!(found, lines);
    let drawn = disk.apfs("tree", &["--merged"]).clean();
    assert!(drawn.ends_with("21 directories, 14 files\n"), "{drawn}");
    let names = disk.apfs("ls", &["--merged", "/System/Volumes/Data"]).clean();
    assert_eq!(names.lines().collect::<Vec<_>>(), ["System", "left", "usr"]);
    assert_eq!(disk.apfs("ls", &["-a", "--merged", "/System/Volumes/Data"]).clean().lines().count(), 6);
    assert_eq!(disk.apfs("ls", &["-R", "--merged", "/private"]).clean().lines().count(), 3);
}

/// Paths lead where they do on a Mac; contents are those of the volume behind them.
#[test]
fn contents() {
    let disk = Disk::of(&mac());
    assert_eq!(disk.apfs("cat", &["--merged", "/etc/hosts"]).clean(), "localhost");
    assert_eq!(disk.apfs("cat", &["--merged", "/Users/ada/shell"]).clean(), "shell");
    assert_eq!(
        disk.apfs("cat", &["--merged", "/System/Volumes/Data/usr/local/../../bin/sh"]).clean(),
        "shell"
    );
    let sums = disk.apfs("hash", &["--merged", "/usr/local"]).clean();
    assert!(sums.ends_with("  /usr/local/tool\n"), "{sums}");
    assert_eq!(disk.apfs("find", &["--merged", "--ino", "31"]).clean(), "/private/etc/hosts\n");
    let xattrs = disk.apfs("xattr", &["--json", "--merged", "/Users/ada"]).json();
    assert_eq!(
        (&xattrs["files"][0]["volume"], &xattrs["files"][0]["ino"]),
        (&json!("Mac - Data"), &json!(22))
    );
}

/// What is behind each path, in both forms.
#[test]
fn stat() {
    let disk = Disk::of(&mac());
    let text = disk.apfs("stat", &["--merged", "/Users/ada/notes"]).clean();
    let line = "Backed by:        Mac - Data (volume 1, data), file 23, by firmlink /Users\n";
    assert!(text.contains(line), "{text}");
    assert!(text.contains("Volume:           Mac and Mac - Data (partition 0)\n"), "{text}");
    assert!(text.contains("/System/Volumes/Data/left/notes too"), "{text}");
    let files = disk
        .apfs("stat", &["--json", "--merged", "/Users", "/bin/sh", "/System/Volumes/VM/swapfile0"])
        .json();
    let of = |index: usize| files["files"][index]["backing"].clone();
    assert_eq!(
        of(0),
        json!({
            "volume": "Mac - Data", "volume_index": 1, "role": "data", "snapshot": null, "ino": 21,
            "by": "firmlink", "at": "/Users", "target": "/Users", "source": "attribute",
        })
    );
    assert_eq!(
        of(1),
        json!({
            "volume": "Mac", "volume_index": 0, "role": "system",
            "snapshot": apfs_tests::macs::BOOTED, "ino": 0x0FFF_FFFF_0000_001A_u64, "by": "system",
        })
    );
    assert_eq!((&of(2)["by"], &of(2)["at"]), (&json!("mount"), &json!("/System/Volumes/VM")));
    assert_eq!(files["files"][0]["ino"], 21);
}

/// Rows of listings say which volume is behind them.
#[test]
fn rows() {
    let disk = Disk::of(&mac());
    let rows = disk.apfs("ls", &["-R", "--json", "--merged"]).rows();
    let of = |path: &str| rows.iter().find(|row| row["path"] == path).unwrap_or(&Value::Null).clone();
    let notes = of("/Users/ada/notes");
    assert_eq!(
        (&notes["volume"], &notes["volume_index"], &notes["ino"]),
        (&json!("Mac - Data"), &json!(1), &json!(23))
    );
    assert_eq!(of("/bin/sh")["snapshot"], apfs_tests::macs::BOOTED);
    assert_eq!(of("/System/Volumes/VM/swapfile0")["volume_index"], 3);
}

/// Extraction makes each file once, hard links across firmlinks as links.
#[test]
fn extract() {
    let disk = Disk::of(&mac());
    let target = tempfile::tempdir().unwrap();
    let to = target.path().join("out");
    let run = disk.apfs("extract", &["--merged", "-o", to.to_str().unwrap()]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let mut found = Vec::new();
    let mut pending = vec![to.clone()];
    while let Some(dir) = pending.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                pending.push(entry.path());
            } else {
                found.push(entry.path().strip_prefix(&to).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    let of = |end: &str| found.iter().filter(|path| path.ends_with(end)).collect::<Vec<_>>();
    assert_eq!(
        (of("hosts").len(), of("notes").len(), of("notes too").len(), of("sh").len()),
        (1, 1, 1, 1),
        "{found:?}"
    );
    assert_eq!(found.len(), 14);
}

/// Groups, members, what System is shown at, and firmlinks.
#[test]
fn info() {
    let disk = Disk::of(&mac());
    let text = disk.apfs("info", &[]).clean();
    for line in [
        "Volume group 67726F75-7020-6F66-2061-206D61632E2E: Mac",
        "volume 1: Mac - Data (data)",
        "volume 3: VM, as VM",
        "the newest snapshot of a system update (com.apple.os.update-0123456789ABCDEF)",
        "5: 3 by attribute, 2 by list alone",
        "/AppleInternal: listed as a firmlink, and not on the System volume",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let info = disk.apfs("info", &["--json"]).json();
    let group = &info["partitions"][0]["container"]["groups"][0];
    assert_eq!(group["merged"]["boot"], "newest-update");
    assert_eq!(group["merged"]["firmlinks"].as_array().unwrap().len(), 5);
    assert_eq!(group["merged"]["findings"][0]["code"], "not-on-system");
    let two = Disk::of(&container([system(), data(), VolumeBuilder::new("Other").data(GROUP)]));
    assert!(two.apfs("info", &[]).clean().contains("2 Data volumes: Mac - Data, Other"));
}

/// What can't be merged says why; findings are said and make the exit status 1.
#[test]
fn refusals() {
    let two = Disk::of(&container([system(), data(), VolumeBuilder::new("Other").data(GROUP)]));
    let run = two.apfs("ls", &["--merged"]);
    assert_eq!((run.code, run.stdout.len()), (2, 0));
    assert!(run.stderr.contains("2 Data volumes: Mac - Data, Other"), "{}", run.stderr);
    assert_eq!(two.apfs("ls", &["--volume", "Other"]).clean(), "");
    let none = Disk::of(&container([VolumeBuilder::new("V")]));
    let run = none.apfs("ls", &["--merged"]);
    assert!(run.code == 2 && run.stderr.contains("no volume group"), "{}", run.stderr);
    let broken = Disk::of(&container([system().firmlink("/broken", "nowhere"), data()]));
    let run = broken.apfs("ls", &["--merged"]);
    assert_eq!(run.code, 1);
    assert!(
        run.stderr.contains("Mac, merged: /broken: firmlink to nowhere, which is not on"),
        "{}",
        run.stderr
    );
    assert!(run.text().contains("broken"));
    let run = broken.apfs("snapshots", &["--merged"]);
    assert!(
        run.code == 2 && run.stderr.contains("--merged is for commands that show files"),
        "{}",
        run.stderr
    );
}

/// Several groups are shown one after the other, or chosen by a member's name or the group's UUID.
#[test]
fn choice() {
    let second = *b"second group....";
    let two = VolumeBuilder::new("Two").system(second).firmlink("/Users", "Users");
    let two_data = VolumeBuilder::new("Two - Data").data(second).dir("/Users").file("/Users/eve", "eve");
    let disk = Disk::of(&container([system(), data(), two, two_data]));
    let all = disk.apfs("ls", &["--merged", "/Users"]).clean();
    assert_eq!(all, "Mac and Mac - Data:\nada\nTwo and Two - Data:\neve\n");
    for volume in ["Two", "Two - Data", "7365636F-6E64-2067-726F-75702E2E2E2E", "2"] {
        assert_eq!(disk.apfs("ls", &["--merged", "--volume", volume, "/Users"]).clean(), "eve\n", "{volume}");
    }
    let run = disk.apfs("ls", &["--merged", "--volume", "Three"]);
    assert!(run.code == 2 && run.stderr.contains("there are: Mac ("), "{}", run.stderr);
}

/// Locked Data: said, opened by a password, or left out on demand alone.
#[test]
fn locked_data() {
    let disk = Disk::of(&locked(Encryption::native([Unlock::disk("sesame")])));
    let run = disk.apfs("ls", &["--merged"]);
    assert_eq!((run.code, run.stdout.len()), (2, 0));
    assert!(
        run.stderr.contains("volume Mac - Data") && run.stderr.contains("--without-data"),
        "{}",
        run.stderr
    );
    let alone = disk.apfs("ls", &["--merged", "--without-data"]).clean();
    assert_eq!(
        alone.lines().collect::<Vec<_>>(),
        ["Applications", "System", "Users", "bin", "etc", "private", "usr"]
    );
    let file = disk.path().with_file_name("password");
    std::fs::write(&file, "sesame").unwrap();
    let args = ["--merged", "--password-file", file.to_str().unwrap(), "/Users/ada/notes"];
    assert_eq!(disk.apfs("cat", &args).clean(), "some notes");
}

/// A snapshot of either volume.
#[test]
fn snapshots() {
    let disk = Disk::of(&container([system(), data().snapshot("before").remove("/left/over")]));
    let listed =
        |args: &[&str]| disk.apfs("ls", &[&["--merged", "/System/Volumes/Data/left"][..], args].concat());
    assert_eq!(listed(&["--snapshot", "before"]).clean().lines().count(), 3);
    assert_eq!(listed(&[]).clean().lines().count(), 2);
    let run = listed(&["--snapshot", "never"]);
    assert!(run.code == 2 && run.stderr.contains("no snapshot never"), "{}", run.stderr);
}
