//! `apfs find`.

use apfs_tests::build::{ImageBuilder, VolumeBuilder};

use crate::support::Disk;

fn disk() -> Disk {
    let volume = VolumeBuilder::new("V")
        .case_sensitive()
        .dir("/docs")
        .dir("/docs/old")
        .file("/docs/a.txt", [1; 100])
        .file("/docs/B.TXT", [1; 5000])
        .file("/docs/old/c.md", b"")
        .symlink("/docs/l.txt", "a.txt")
        .fifo("/pipe")
        .xattr("/docs/a.txt", "user.tag", b"x")
        .inode("/docs/B.TXT", |inode| inode.mod_time = 1_000_000_000_000_000_000);
    Disk::of(&ImageBuilder::new().volume(volume).build())
}

/// Each condition alone and two together choose what they say, no more and no less.
#[test]
fn conditions() {
    let disk = disk();
    let find = |args: &[&str]| {
        let mut paths: Vec<String> = disk.apfs("find", args).clean().lines().map(str::to_owned).collect();
        paths.sort();
        paths
    };
    assert_eq!(find(&[]).len(), 8);
    assert_eq!(find(&["/docs/old"]), ["/docs/old", "/docs/old/c.md"]);
    assert_eq!(find(&["--name", "*.txt"]), ["/docs/a.txt", "/docs/l.txt"]);
    assert_eq!(find(&["--iname", "*.txt", "--type", "f"]), ["/docs/B.TXT", "/docs/a.txt"]);
    assert_eq!(find(&["--type", "l,p"]), ["/docs/l.txt", "/pipe"]);
    assert_eq!(find(&["--size", "+4k"]), ["/docs/B.TXT"]);
    assert_eq!(find(&["--size", "-100"]), ["/docs/old/c.md"]);
    assert_eq!(find(&["--size", "100"]), ["/docs/a.txt"]);
    assert_eq!(find(&["--older", "2001-09-10"]), ["/docs/B.TXT"]);
    assert_eq!(find(&["--newer", "2001-09-10", "--type", "f"]), ["/docs/a.txt", "/docs/old/c.md"]);
    assert_eq!(find(&["--mtime", "+8000"]), ["/docs/B.TXT"]);
    assert_eq!(find(&["--xattr", "user.tag"]), ["/docs/a.txt"]);
    assert_eq!(find(&["--ino", "2"]), ["/"]);
    assert_eq!(find(&["--name", "none"]), [""; 0]);
}

/// The rows are those of `ls`.
#[test]
fn json() {
    let disk = disk();
    let found = disk.apfs("find", &["--json", "--name", "a.txt"]).rows();
    let listed = disk.apfs("ls", &["--json", "/docs/a.txt"]).rows();
    assert_eq!(found.len(), 1);
    assert_eq!(found, listed);
}

/// A pattern or a number that makes no sense is a usage error.
#[test]
fn wrong_conditions() {
    for wrong in [["--name", "[a"], ["--size", "much"], ["--newer", "soon"], ["--type", "x"]] {
        assert_eq!(disk().apfs("find", &wrong).code, 2, "{wrong:?}");
    }
}
