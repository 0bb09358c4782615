//! `apfs backups` and `--backup`: Time Machine on HFS+ and on APFS.
#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

use apfs_tests::build::hfs::HfsBuilder;
use apfs_tests::build::{ImageBuilder, VolumeBuilder};
use serde_json::{Value, json};

use crate::support::Disk;

/// Role of a volume for backups.
const BACKUP_ROLE: u16 = 0x180;
/// Made by Python's `plistlib` of
/// `[date, {"startDate": date, "xid": 77, "stats": {"changed": {"count": 3, "logicalSize": 4096, "physicalSize": 8192},
/// "propagated": {"count": 1, "logicalSize": 10, "physicalSize": 4096}}, "volumeStoreInfo": {UUID: {"name": "Data",
/// "role": 64}}, "future": [1, "x"]}, date, {"xid": 5}]`. The first date, 1,700,000,003 seconds after 1970, is that of
/// the second snapshot.
const MANIFEST: &str = "\
    62706c6973743030a4010220213341c5821441800000d50304050607080b0c181f566675747572655973746172744461\
    74655573746174735f100f766f6c756d6553746f7265496e666f53786964a2090a100151783341c31f57b2000000d20d\
    0e0f16576368616e6765645a70726f70616761746564d310111213141555636f756e745b6c6f676963616c53697a655c\
    706879736963616c53697a651003111000112000d3101112091714100ad1191a5f102430413142324333442d30303030\
    2d343030302d383030302d303030303030303030303030d21b1c1d1e546e616d6554726f6c6554446174611040104d33\
    41c1de0c40000000d107221005080d16212832384a4e5153555e636b767d838f9c9ea1a4abadb0d7dce1e6ebedeff8fb\
    00000000000001010000000000000023000000000000000000000000000000fd";

fn hfs() -> Disk {
    Disk::of_bytes(&HfsBuilder::new("Backup").time_machine("My Mac").build().bytes)
}

fn bytes(hex: &str) -> Vec<u8> {
    let byte = |pair: &[u8]| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap();
    hex.as_bytes().chunks(2).map(byte).collect()
}

/// Machines, backups in order, what became of them, what they hold and what is said of them.
#[test]
fn hfs_listing() {
    let json = hfs().apfs("backups", &["--json"]).json();
    let store = &json["stores"][0];
    assert_eq!((&store["store"], &store["machine"]), (&json!("database"), &json!("My Mac")));
    assert_eq!(store["attributes"]["com.apple.backupd.ModelID"], "MacBookPro8,1");
    let backups = store["backups"].as_array().unwrap();
    let states: Vec<_> =
        backups.iter().map(|backup| (backup["name"].as_str().unwrap(), &backup["state"])).collect();
    let complete = json!("complete");
    assert_eq!(
        states[..3],
        [
            ("2020-01-16-145806", &complete),
            ("2020-01-17-150210", &complete),
            ("2020-01-18-090000", &complete),
        ]
    );
    assert_eq!(states[3], ("2020-01-19-090000.inProgress", &json!("in_progress")));
    assert_eq!(backups.iter().filter(|backup| backup["latest"] == true).count(), 1);
    let first = &backups[0];
    assert_eq!(backups[2]["latest"], true);
    // 1,579,186,686 seconds after 1970: `date -u -d @1579186686`.
    assert_eq!(first["started"]["time"], "2020-01-16T14:58:06.000000000Z");
    assert_eq!(first["completed"]["time"], "2020-01-16T14:59:06.000000000Z");
    assert_eq!(first["bytes_copied"], 123_456);
    assert_eq!(first["attributes"]["com.apple.backup.SnapshotNumber"], "7");
    assert_eq!(first["volumes"][0]["name"], "Macintosh HD");
    assert_eq!(first["volumes"][0]["attributes"]["com.apple.backupd.fstypename"], "hfs");
    assert_eq!(backups[3]["volumes"][0]["name"], "Macintosh HD", "below the folder of the attempt");
    let text = hfs().apfs("backups", &[]).clean();
    for part in
        ["My Mac: 4 backups", "complete, latest", "in progress", "2020-01-16 14:59:06", "Macintosh HD"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let one = hfs().apfs("backups", &["2020-01-17-150210"]).clean();
    assert!(one.contains("com.apple.backupd.SnapshotState = 4") && !one.contains("2020-01-16"), "{one}");
}

/// A backup is opened as a tree by its name, the word for the newest one, with and without its machine; what it has
/// by hard links to folders is there.
#[test]
fn hfs_tree() {
    let disk = hfs();
    let core = "/Macintosh HD/System/Library/core";
    for name in ["2020-01-16-145806", "2020-01-17-150210", "latest", "My Mac/latest"] {
        let size = disk.apfs("ls", &["-l", "--backup", name, core]).clean();
        assert!(size.contains(" 5000 "), "{name}: {size}");
    }
    let changed = |name: &str| disk.apfs("cat", &["--backup", name, "/Macintosh HD/Users/changed"]).stdout;
    assert_eq!(changed("2020-01-16-145806"), [0; 700]);
    assert_eq!(changed("latest"), [2; 700]);
    assert_eq!(disk.apfs("ls", &["--backup", "latest"]).clean(), ".Backup.log\nMacintosh HD\n");
    let listed = disk.apfs("ls", &["-R", "--backup", "latest"]).clean();
    assert!(listed.contains(&format!("{core}\n")), "{listed}");
    let rows = disk.apfs("find", &["--json", "--backup", "latest", "--name", "core"]).rows();
    assert_eq!((&rows[0]["path"], &rows[0]["backup"]), (&json!(core), &json!("My Mac/2020-01-18-090000")));
    let log = disk.apfs("cat", &["--backup", "latest", "/Macintosh HD/System/link"]).stdout;
    assert_eq!(log.len(), 5000, "a link inside a folder with several links");
    for (command, name) in [("ls", "2019-01-01-000000"), ("ls", "Your Mac/latest"), ("backups", "yesterday")]
    {
        let args = if command == "ls" { vec!["--backup", name] } else { vec![name] };
        let run = disk.apfs(command, &args);
        assert_eq!(run.code, 2, "{name}");
        assert!(run.stderr.contains("no backup") && run.stderr.contains("apfs backups"), "{}", run.stderr);
    }
    assert_eq!(disk.apfs("ls", &["--backup", "latest", "--snapshot", "x"]).code, 2);
}

/// Snapshots of a volume for backups: what is complete, what is left of others, and what the manifest says.
#[test]
fn apfs_listing() {
    let name = |stamp: &str| format!("com.apple.TimeMachine.{stamp}.backup");
    let tree = |volume: VolumeBuilder, stamp: &str, content: &[u8]| {
        let root = format!("/{stamp}.backup");
        volume.dir(&root).dir(&format!("{root}/Data")).file(&format!("{root}/Data/file"), content)
    };
    let volume = VolumeBuilder::new("Backups of Mac").role(BACKUP_ROLE);
    let volume = tree(volume, "2021-05-01-100000", b"first").snapshot(&name("2021-05-01-100000"));
    let volume = volume
        .remove("/2021-05-01-100000.backup/Data/file")
        .remove("/2021-05-01-100000.backup/Data")
        .remove("/2021-05-01-100000.backup");
    let volume = tree(volume, "2021-05-02-100000", b"second").snapshot(&name("2021-05-02-100000"));
    // A snapshot without its tree.
    let volume = volume.snapshot(&name("2021-05-03-100000"));
    let volume = volume
        .dir("/2021-05-02-100000.previous")
        .dir("/2021-05-02-100000.previous/Data")
        .dir("/2021-05-04-100000.inprogress")
        .dir("/2021-05-05-100000.interrupted")
        .dir("/2021-04-01-100000.previous")
        .dir("/unrelated")
        .file("/backup_manifest.plist", bytes(MANIFEST));
    let local =
        VolumeBuilder::new("Data").file("/x", b"x").snapshot("com.apple.TimeMachine.2021-06-01-120000.local");
    let disk = Disk::of(&ImageBuilder::new().volume(volume).volume(local.snapshot("mine")).build());
    let json = disk.apfs("backups", &["--json"]).json();
    let stores = json["stores"].as_array().unwrap();
    assert_eq!(stores.len(), 2);
    let (store, local) = (&stores[0], &stores[1]);
    assert_eq!((&store["store"], &local["store"]), (&json!("snapshots"), &json!("local")));
    let found: Vec<(&str, &str)> = store["backups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|backup| (backup["stamp"].as_str().unwrap(), backup["state"].as_str().unwrap()))
        .collect();
    assert_eq!(
        found,
        [
            ("2021-04-01-100000", "previous"),
            ("2021-05-01-100000", "complete"),
            ("2021-05-02-100000", "working_copy"),
            ("2021-05-02-100000", "complete"),
            ("2021-05-03-100000", "incomplete"),
            ("2021-05-04-100000", "in_progress"),
            ("2021-05-05-100000", "interrupted"),
        ]
    );
    assert_eq!(local["backups"].as_array().unwrap().len(), 1, "a snapshot of somebody's own is no backup");
    let with_facts: Vec<&Value> = store["backups"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|backup| backup.get("manifest").is_some())
        .collect();
    let manifest = &with_facts[0]["manifest"];
    assert_eq!((with_facts.len(), &manifest["source_xid"]), (1, &json!(77)));
    assert_eq!(manifest["changed"], json!({"count": 3, "logical_size": 4096, "physical_size": 8192}));
    assert_eq!(
        manifest["volumes"]["0A1B2C3D-0000-4000-8000-000000000000"],
        json!({"name": "Data", "role": "64"})
    );
    assert_eq!(manifest["others"], json!({"future": "[1, x]"}), "what nobody knows is kept");
    assert_eq!(store["gone"][0]["source_xid"], 5);
    let read = |name: &str| disk.apfs("cat", &["--backup", name, "/Data/file"]).clean();
    assert_eq!(read("2021-05-01-100000"), "first");
    assert_eq!(read("com.apple.TimeMachine.2021-05-02-100000.backup"), "second");
    assert_eq!(disk.apfs("ls", &["--backup", "2021-06-01-120000"]).clean(), "x\n");
    assert_eq!(disk.apfs("ls", &["--backup", "2021-05-03-100000"]).code, 2, "its tree is not there");
}

/// Most disks have no backups, and that is an answer; info and others say where the option belongs.
#[test]
fn none() {
    let disk = Disk::of(&ImageBuilder::new().volume(VolumeBuilder::new("V").file("/a", b"one")).build());
    assert!(disk.apfs("backups", &[]).clean().ends_with(": no backups\n"));
    assert_eq!(disk.apfs("backups", &["--json"]).json()["stores"], json!([]));
    for command in ["info", "snapshots", "unlock"] {
        assert_eq!(disk.apfs(command, &["--backup", "latest"]).code, 2, "{command}");
    }
}

/// Backups on a locked volume are known by their snapshots; a password opens them.
#[test]
fn locked() {
    let volume = VolumeBuilder::new("Locked")
        .role(BACKUP_ROLE)
        .dir("/2021-05-01-100000.backup")
        .file("/2021-05-01-100000.backup/file", b"text")
        .snapshot("com.apple.TimeMachine.2021-05-01-100000.backup")
        .encrypted(apfs_tests::sample::protection());
    let disk = Disk::of(&ImageBuilder::new().volume(volume).build());
    let run = disk.apfs("backups", &[]);
    assert_eq!(run.code, 1);
    assert!(
        run.stderr.contains("locked") && run.text().contains("2021-05-01-100000  not known"),
        "{}",
        run.text()
    );
    let open = ["--password", apfs_tests::sample::PASSWORD];
    assert!(disk.apfs("backups", &open).clean().contains("complete, latest"));
    let args = ["--password", apfs_tests::sample::PASSWORD, "--backup", "latest", "/file"];
    assert_eq!(disk.apfs("cat", &args).clean(), "text");
}

/// A manifest that can't be read, or stands for an endless one, costs what it says and nothing else.
#[test]
fn broken_manifests() {
    // An array that holds itself, and one whose lists double thirty times.
    let list = |objects: &[Vec<u8>]| {
        let (mut bytes, mut offsets) = (b"bplist00".to_vec(), Vec::new());
        for object in objects {
            offsets.push(u8::try_from(bytes.len()).unwrap());
            bytes.extend_from_slice(object);
        }
        let table = u8::try_from(bytes.len()).unwrap();
        bytes.extend_from_slice(&offsets);
        bytes.extend_from_slice(&[0, 0, 0, 0, 0, 0, 1, 1]);
        for number in [u8::try_from(objects.len()).unwrap(), 0, table] {
            bytes.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, number]);
        }
        bytes
    };
    let mut doubling: Vec<Vec<u8>> = vec![vec![0xA1, 1], vec![0xD1, 2, 3], b"\x51k".to_vec()];
    doubling.extend((4..34).map(|next| vec![0xA2, next, next]));
    doubling.push(vec![9]);
    for (what, manifest, code) in [
        ("no list", b"<plist/>".to_vec(), 1),
        ("cut", bytes(MANIFEST)[..100].to_vec(), 1),
        ("in itself", list(&[vec![0xA1, 0]]), 0),
        ("doubling", list(&doubling), 0),
    ] {
        let volume = VolumeBuilder::new("B")
            .role(BACKUP_ROLE)
            .dir("/2021-05-01-100000.backup")
            .snapshot("com.apple.TimeMachine.2021-05-01-100000.backup")
            .file("/backup_manifest.plist", manifest);
        let run = Disk::of(&ImageBuilder::new().volume(volume).build()).apfs("backups", &["--json"]);
        assert_eq!(run.code, code, "{what}: {}", run.stderr);
        assert_eq!(code == 1, run.stderr.contains("backup_manifest.plist"), "{what}: {}", run.stderr);
        assert!(run.text().contains("\"state\":\"complete\""), "{what}");
    }
}
