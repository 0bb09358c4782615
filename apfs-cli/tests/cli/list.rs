//! `apfs ls` and `apfs tree`.

use apfs_tests::build::{ImageBuilder, VolumeBuilder};

use crate::support::Disk;

fn volume(name: &str) -> VolumeBuilder {
    VolumeBuilder::new(name)
        .dir("/a")
        .dir("/a/b")
        .file("/a/b/c", b"1")
        .file("/a/d", b"2")
        .symlink("/l", "a/d")
}

/// Lines lead to the entries they belong to, sorted by name; `-L` stops, `-d` leaves files out.
#[test]
fn tree() {
    let disk = Disk::of(&ImageBuilder::new().volume(volume("V")).build());
    let all = "/\n├── a\n│   ├── b\n│   │   └── c\n│   └── d\n└── l -> a/d\n\n2 directories, 3 files\n";
    assert_eq!(disk.apfs("tree", &[]).clean(), all);
    assert_eq!(disk.apfs("tree", &["-L", "1", "/a"]).clean(), "/a\n├── b\n└── d\n\n1 directories, 1 files\n");
    assert_eq!(disk.apfs("tree", &["-d"]).clean(), "/\n└── a\n    └── b\n\n2 directories, 0 files\n");
    let paths: Vec<_> = disk.apfs("tree", &["--json"]).rows().iter().map(|row| row["path"].clone()).collect();
    assert_eq!(paths, ["/", "/a", "/a/b", "/a/b/c", "/a/d", "/l"]);
}

/// What moves the cursor or turns text round is shown, in a name, in a link's target and in a volume's name.
#[test]
fn escapes() {
    let (name, shown) = ("x\u{1b}[2J\u{202e}gpj\n", "x\\u{1b}[2J\\u{202e}gpj\\n");
    let volume = VolumeBuilder::new("V\u{202e}").file(&format!("/{name}"), b"").symlink("/l", name);
    let disk = Disk::of(&ImageBuilder::new().volume(volume.form_of(name, name)).build());
    for (command, args) in [
        ("ls", vec!["-l"]),
        ("ls", vec!["-R"]),
        ("tree", vec![]),
        ("find", vec![]),
        ("hash", vec![]),
        ("stat", vec!["/l"]),
    ] {
        let text = disk.apfs(command, &args).clean();
        assert!(text.contains(shown), "{command}: {text}");
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{command}: {text}");
    }
    assert!(disk.apfs("info", &[]).clean().contains("V\\u{202e}"));
    let rows = disk.apfs("find", &["--json", "--type", "f"]).rows();
    assert_eq!(rows[0]["path"], format!("/{name}"), "JSON has the name itself");
}

/// Several volumes have headings; one can be chosen; a path on one of them alone is found there.
#[test]
fn two_volumes() {
    let disk =
        Disk::of(&ImageBuilder::new().volume(volume("One")).volume(volume("Two").file("/own", b"!")).build());
    assert_eq!(disk.apfs("ls", &[]).clean(), "One:\na\nl\nTwo:\na\nl\nown\n");
    assert_eq!(disk.apfs("ls", &["--volume", "1"]).clean(), "a\nl\nown\n");
    assert_eq!(disk.apfs("cat", &["/own"]).clean(), "!");
    assert_eq!(disk.apfs("hash", &["/a/d"]).clean().lines().filter(|line| line.starts_with('#')).count(), 2);
    let run = disk.apfs("cat", &["/a/d"]);
    assert_eq!(run.code, 2, "which of the two is meant?");
    assert!(run.stderr.contains("--volume"), "{}", run.stderr);
    assert_eq!(disk.apfs("cat", &["-R", "/"]).clean().len(), 5);
}

/// A snapshot is named in the heading and in the rows, and shows its own state.
#[test]
fn snapshot() {
    let volume = volume("V").snapshot("before").remove("/a/d");
    let disk = Disk::of(&ImageBuilder::new().volume(volume).build());
    assert_eq!(disk.apfs("ls", &["/a"]).clean(), "b\n");
    assert_eq!(disk.apfs("ls", &["--snapshot", "before", "/a"]).clean(), "b\nd\n");
    assert_eq!(disk.apfs("cat", &["--snapshot", "before", "/a/d"]).clean(), "2");
    assert_eq!(disk.apfs("ls", &["--snapshots", "/a"]).clean(), "V:\nb\nV at before:\nb\nd\n");
    assert_eq!(disk.apfs("find", &["--snapshot", "before", "--json"]).rows()[0]["snapshot"], "before");
}

/// A volume of many parts is listed once and in one order, whoever lists it and however the image is read.
#[test]
fn many_parts() {
    let mut volume = volume("V");
    for number in 0..1500 {
        volume = volume.file(&format!("/a/file-{number:04}"), b"x");
    }
    let disk = Disk::of(&ImageBuilder::new().max_records_per_node(3).volume(volume).build());
    let listed = disk.apfs("ls", &["-lR"]).clean();
    assert_eq!(disk.apfs("ls", &["-lR"]).clean(), listed);
    assert_eq!(disk.apfs("ls", &["-lR", "--mmap"]).clean(), listed);
    let mut paths: Vec<_> = disk.apfs("ls", &["-R"]).clean().lines().map(str::to_owned).collect();
    paths.sort();
    let mut expected: Vec<_> = (0..1500).map(|number| format!("/a/file-{number:04}")).collect();
    expected.extend(["/", "/a", "/a/b", "/a/b/c", "/a/d", "/l"].map(str::to_owned));
    expected.sort();
    assert_eq!(paths, expected);
}
