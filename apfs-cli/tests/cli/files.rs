//! `apfs stat`, `cat`, `xattr` and `hash`.

use apfs_tests::build::{ImageBuilder, VolumeBuilder};
use apfs_tests::compress::decmpfs;
use sha2::{Digest, Sha256};

use crate::support::Disk;

/// Longer than one chunk of reading, and no two blocks alike.
fn big() -> Vec<u8> {
    (0..2_500_000_u32).map(|n| (n / 7 % 251).to_le_bytes()[0]).collect()
}

fn disk() -> Disk {
    let volume = VolumeBuilder::new("V")
        .dir("/dir")
        .file("/dir/big", big())
        .file("/dir/empty", b"")
        .hardlink("/dir/big", "/link")
        .symlink("/soft", "dir/big")
        .xattr("/dir/empty", "user.note", b"\x00hello\n")
        .stream_xattr("/dir/empty", "com.apple.ResourceFork", vec![7; 9000])
        .sparse("/sparse", 300_000, &[(131_072, &[5; 70_000])])
        .inode("/sparse", |inode| {
            inode.bsd_flags = 0x8002;
            inode.mod_time = 1_511_870_401_000_000_007;
        });
    Disk::of(&ImageBuilder::new().volume(volume).build())
}

/// SHA-256 in hexadecimal.
fn sum(bytes: impl AsRef<[u8]>) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Times in both forms, flags by name, extents with their kinds.
#[test]
fn stat() {
    let disk = disk();
    let run = disk.apfs("stat", &["/sparse", "/dir/big", "--json", "--extents"]);
    assert!(run.text().starts_with(r#"{"schema":"apfs.stat/1","#));
    let listing = run.json();
    let [sparse, big] = &listing["files"].as_array().unwrap()[..] else { panic!("two files") };
    assert_eq!(sparse["mtime_ns"], 1_511_870_401_000_000_007_i64);
    assert_eq!(sparse["modified"], "2017-11-28T12:00:01.000000007Z");
    assert_eq!(sparse["bsd_flag_names"], serde_json::json!(["UF_IMMUTABLE", "UF_HIDDEN"]));
    let kinds: Vec<_> = sparse["extent_list"].as_array().unwrap().iter().map(|run| &run["type"]).collect();
    assert_eq!(kinds, ["hole", "data", "hole"]);
    assert_eq!(big["links"], serde_json::json!(["/dir/big", "/link"]));
    let text = disk.apfs("stat", &["/sparse"]).clean();
    for part in
        ["2017-11-28T12:00:01.000000007Z (1511870401000000007 ns)", "UF_HIDDEN", "-rw-r--r-- (100644)"]
    {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    assert!(!text.contains("Extents"));
}

/// A link is itself unless it is to be followed.
#[test]
fn stat_of_a_link() {
    let disk = disk();
    assert!(disk.apfs("stat", &["/soft"]).clean().contains("Target:           dir/big\n"));
    assert_eq!(disk.apfs("stat", &["-L", "--json", "/soft"]).json()["files"][0]["type"], "file");
}

/// Content comes whole: one file, several in their order, through a link, a hole as zeros.
#[test]
fn cat() {
    let disk = disk();
    assert!(disk.apfs("cat", &["/dir/big"]).stdout == big());
    assert!(disk.apfs("cat", &["/soft"]).stdout == big());
    let sparse = [vec![0; 131_072], vec![5; 70_000], vec![0; 300_000 - 201_072]].concat();
    assert!(disk.apfs("cat", &["/sparse", "/dir/empty", "/link"]).stdout == [sparse, big()].concat());
}

/// `-R` gives every file, each link of it, of a volume and of a directory.
#[test]
fn cat_recursive() {
    let disk = disk();
    let run = disk.apfs("cat", &["-R", "/"]);
    assert_eq!((run.code, run.stdout.len()), (0, 2 * big().len() + 300_000));
    assert!(disk.apfs("cat", &["-R", "/dir"]).stdout == big());
}

/// Other streams than the data; a file without one is passed over by `-R` and an error by itself.
#[test]
fn cat_streams() {
    let disk = disk();
    assert_eq!(disk.apfs("cat", &["--stream", "rsrc", "/dir/empty"]).stdout, [7; 9000]);
    assert_eq!(disk.apfs("cat", &["--stream", "xattr:user.note", "-R", "/"]).clean(), "\0hello\n");
    let run = disk.apfs("cat", &["--stream", "rsrc", "/dir/big"]);
    assert_eq!((run.code, run.stdout.len()), (1, 0));
    assert_eq!(disk.apfs("cat", &["--stream", "tape", "/dir/big"]).code, 2);
}

/// A compressed file comes decompressed; one that can't be read is said by its type or damage, the others come all the
/// same.
#[test]
fn compressed_files() {
    let (good, fork) = decmpfs::packed(12, &big());
    let unknown = decmpfs::attribute(99, 5, b"");
    let volume = VolumeBuilder::new("V")
        .file("/a", b"before")
        .compressed_fork("/good", good, fork.unwrap())
        .compressed_inline("/damaged", decmpfs::attribute(8, 5, b""))
        .compressed_inline("/unknown", unknown)
        .file("/z", b"after");
    let disk = Disk::of(&ImageBuilder::new().volume(volume).build());
    assert_eq!(disk.apfs("cat", &["/good"]).stdout, big());
    assert_eq!(disk.apfs("hash", &["/good"]).clean(), format!("{}  /good\n", sum(big())));
    let stat = disk.apfs("stat", &["/good"]).clean();
    assert!(stat.contains("type 12 (LZFSE in the resource fork)"), "{stat}");
    let json = disk.apfs("stat", &["--json", "/good"]).json();
    assert_eq!(json["files"][0]["compression"], "type 12 (LZFSE in the resource fork)");
    for (path, words) in [("/damaged", "expected a resource fork"), ("/unknown", "type 99 (unknown)")] {
        let run = disk.apfs("cat", &["/a", path, "/z"]);
        assert_eq!((run.code, run.text()), (1, "beforeafter"));
        assert!(
            run.stderr.starts_with(&format!("apfs: {path}: ")) && run.stderr.contains(words),
            "{}",
            run.stderr
        );
        let run = disk.apfs("cat", &[path]);
        assert_eq!((run.code, run.text()), (1, ""));
    }
}

/// Names and sizes; one value as it is, as a dump, and all of them as JSON.
#[test]
fn xattr() {
    let disk = disk();
    let list = disk.apfs("xattr", &["/dir/empty"]).clean();
    assert!(list.contains("  9000  com.apple.ResourceFork  (stream)\n"), "{list}");
    assert!(list.contains("     7  user.note  (embedded)\n"), "{list}");
    assert_eq!(disk.apfs("xattr", &["/dir/empty", "user.note"]).stdout, b"\0hello\n");
    let dump = "00000000  00 68 65 6c 6c 6f 0a                             |.hello.|\n";
    assert_eq!(disk.apfs("xattr", &["--hex", "/dir/empty", "user.note"]).clean(), dump);
    let json = disk.apfs("xattr", &["--json", "/dir/empty"]).json();
    assert_eq!(json["schema"], "apfs.xattr/1");
    let [_, note] = &json["files"][0]["xattrs"].as_array().unwrap()[..] else { panic!("two attributes") };
    assert_eq!((&note["name"], &note["value_hex"]), (&"user.note".into(), &"0068656c6c6f0a".into()));
    assert_eq!(disk.apfs("xattr", &["/dir/empty", "user.other"]).code, 2);
}

/// Lines that sha256sum can check; JSON lines with the same sums.
#[test]
fn hash() {
    let disk = disk();
    let mut lines: Vec<String> = disk.apfs("hash", &["/dir"]).clean().lines().map(str::to_owned).collect();
    lines.sort();
    let mut want = [format!("{}  /dir/big", sum(big())), format!("{}  /dir/empty", sum(b""))];
    want.sort();
    assert_eq!(lines, want);
    let rows = disk.apfs("hash", &["--json"]).rows();
    let links: Vec<_> =
        rows.iter().filter(|row| row["sha256"] == sum(big())).map(|row| &row["path"]).collect();
    assert_eq!((rows.len(), links.len()), (4, 2));
}
