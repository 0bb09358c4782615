//! `apfs extract`, by what it leaves on the host.
#![cfg(unix)]
#![allow(
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a panic is a failed test"
)]

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use apfs_tests::build::hfs::{Content as HfsContent, HfsBuilder};
use apfs_tests::build::records::{APFS_TYPE_DIR_REC, APFS_TYPE_FILE_EXTENT, Key, dir_rec, file_extent};
use apfs_tests::build::{ImageBuilder, Keys, VolumeBuilder};
use apfs_tests::compress::{decmpfs, sample};

const ROOT: u64 = 2;
/// 2001-09-09 01:46:40.123456789 UTC.
const MTIME: u64 = 1_000_000_000_123_456_789;

/// A folder for one test, with an image in it.
struct Lab {
    dir: tempfile::TempDir,
}

impl Lab {
    fn new(volumes: impl IntoIterator<Item = VolumeBuilder>) -> Lab {
        let image = volumes.into_iter().fold(ImageBuilder::new(), ImageBuilder::volume).build();
        Lab::of_bytes(&image.bytes)
    }

    fn of_bytes(bytes: &[u8]) -> Lab {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("disk.img"), bytes).unwrap();
        Lab { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs `apfs extract disk.img` with these arguments, in the folder.
    fn extract(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_apfs"));
        command.args(["extract", "disk.img"]).args(args).current_dir(self.dir.path());
        command.stdin(Stdio::null()).output().unwrap()
    }

    /// Makes an archive, lets the system's tar extract it and gives the folder.
    fn through_tar(&self, args: &[&str]) -> PathBuf {
        let output = self.extract(&[&["--to", "tar"], args].concat());
        assert!(output.status.code().unwrap() < 2, "{}", text(&output.stderr));
        let out = self.path("untar");
        fs::create_dir(&out).unwrap();
        let mut tar = Command::new("tar")
            .args(["-xpf", "-", "--warning=no-unknown-keyword", "-C"])
            .arg(&out)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        tar.stdin.take().unwrap().write_all(&output.stdout).unwrap();
        assert!(tar.wait().unwrap().success());
        out
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn rich() -> VolumeBuilder {
    VolumeBuilder::new("Rich")
        .dir("/d")
        .dir("/d/closed")
        .file("/d/closed/inside", b"inside")
        .file("/d/a", b"hello")
        .hardlink("/d/a", "/z-link")
        .file("/empty", b"")
        .fragmented("/pieces", vec![7; 50_000], 2)
        .sparse("/sparse", 40_000_000, &[(8_388_608, &[5; 70_000])])
        .symlink("/link", "d/a")
        .symlink("/dangling", "/nowhere/at/all")
        .xattr("/d/a", "com.example.note", b"value")
        .inode("/d/a", |inode| {
            inode.mode = 0o100_640;
            inode.mod_time = MTIME;
            inode.access_time = MTIME + 1;
        })
        .inode("/link", |inode| inode.mod_time = MTIME)
        .inode("/d/closed", |inode| {
            inode.mode = 0o040_000;
            inode.mod_time = MTIME;
        })
        .inode("/d", |inode| {
            inode.mode = 0o040_710;
            inode.mod_time = MTIME - 1;
        })
}

fn mtime_ns(meta: &fs::Metadata) -> i64 {
    meta.mtime() * 1_000_000_000 + meta.mtime_nsec()
}

/// Checks all of [`rich`] but attributes.
fn check_rich(out: &Path) {
    let file = fs::symlink_metadata(out.join("d/a")).unwrap();
    assert_eq!(fs::read(out.join("d/a")).unwrap(), b"hello");
    assert_eq!(file.permissions().mode() & 0o7777, 0o640);
    assert_eq!(mtime_ns(&file), MTIME as i64);
    let link = fs::metadata(out.join("z-link")).unwrap();
    assert_eq!((link.ino(), link.nlink()), (file.ino(), 2));
    assert_eq!(fs::read(out.join("empty")).unwrap(), b"");
    assert_eq!(fs::read(out.join("pieces")).unwrap(), vec![7; 50_000]);
    let sparse = fs::read(out.join("sparse")).unwrap();
    assert_eq!(sparse.len(), 40_000_000);
    assert_eq!(sparse[8_388_608..8_458_608], [5; 70_000]);
    assert_eq!(sparse.iter().filter(|byte| **byte != 0).count(), 70_000);
    let blocks = fs::metadata(out.join("sparse")).unwrap().blocks();
    assert!(blocks * 512 < 1 << 20, "{blocks} blocks of 512 bytes are no holes");
    assert_eq!(fs::read_link(out.join("link")).unwrap(), Path::new("d/a"));
    assert_eq!(mtime_ns(&fs::symlink_metadata(out.join("link")).unwrap()), MTIME as i64);
    assert_eq!(fs::read_link(out.join("dangling")).unwrap(), Path::new("/nowhere/at/all"));
    let dir = fs::metadata(out.join("d")).unwrap();
    assert_eq!((dir.permissions().mode() & 0o7777, mtime_ns(&dir)), (0o710, MTIME as i64 - 1));
    let closed = fs::metadata(out.join("d/closed")).unwrap();
    assert_eq!((closed.permissions().mode() & 0o7777, mtime_ns(&closed)), (0, MTIME as i64));
    fs::set_permissions(out.join("d/closed"), fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(fs::read(out.join("d/closed/inside")).unwrap(), b"inside");
}

/// Content, holes, modes, times, links: all of it arrives, in closed directories too.
#[test]
fn everything_is_kept() {
    let lab = Lab::new([rich()]);
    let output = lab.extract(&["-o", "out", "--json"]);
    assert_eq!((code(&output), text(&output.stderr)), (0, String::new()));
    let accessed = fs::metadata(lab.path("out/d/a")).unwrap().atime_nsec();
    assert_eq!(accessed, 123_456_790);
    check_rich(&lab.path("out"));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["schema"], "apfs.extract/1");
    let counts = ["files", "dirs", "symlinks", "hardlinks", "left_out"].map(|key| json[key].as_u64());
    assert_eq!(counts, [5, 3, 2, 1, 0].map(Some));
}

/// What the system's tar makes of an archive is the same.
#[test]
fn tar_keeps_everything() {
    let lab = Lab::new([rich()]);
    check_rich(&lab.through_tar(&[]));
}

/// Attributes are there as `user.NAME`, or beside the file where the target has none.
#[test]
fn attributes_arrive() {
    let lab = Lab::new([rich()]);
    assert_eq!(code(&lab.extract(&["-o", "out"])), 0);
    let mut value = [0; 16];
    match rustix::fs::getxattr(lab.path("out/d/a"), "user.com.example.note", &mut value) {
        Ok(len) => assert_eq!(&value[..len], b"value"),
        Err(_) => {
            let beside = fs::read(lab.path("out/d/._a")).unwrap();
            assert!(beside.windows(5).any(|bytes| bytes == b"value"));
        }
    }
    let archive = lab.extract(&["--to", "tar"]).stdout;
    let record = b"SCHILY.xattr.com.example.note=value\n";
    assert!(archive.windows(record.len()).any(|bytes| bytes == record));
}

/// What no attribute of the host can hold goes into an AppleDouble file, and that is said.
#[test]
fn large_attributes_go_beside_the_file() {
    let fork: Vec<u8> = (0..100_000u32).map(|n| n as u8).collect();
    let volume = VolumeBuilder::new("V").file("/f", b"x").stream_xattr("/f", "com.apple.ResourceFork", &fork);
    let lab = Lab::new([volume]);
    let output = lab.extract(&["-o", "out"]);
    assert!(text(&output.stderr).contains("kept in ._f: com.apple.ResourceFork"), "{}", text(&output.stderr));
    let beside = fs::read(lab.path("out/._f")).unwrap();
    assert_eq!(beside[..4], [0, 5, 0x16, 7]);
    assert!(beside.ends_with(&fork));
    assert_eq!(fs::read(lab.through_tar(&[]).join("._f")).unwrap(), beside);
}

/// A volume whose root lists `d` twice: a link that leads out, and behind it a directory with a file.
fn two_faced(outside: &str) -> VolumeBuilder {
    VolumeBuilder::new("Evil").symlink("/d", outside).dir("/e").file("/e/passwd", b"evil").change(
        |content, _| {
            let id = content.inode_at("/e").id;
            let key = |name: &str| Key::dir_rec(ROOT, name, Keys::CaseInsensitive, &Default::default());
            content.left_out.insert(key("e"));
            let (mut rest, wrong_hash) = (key("d").bytes[8..].to_vec(), 0xFFFF_FC02_u32);
            rest[..4].copy_from_slice(&wrong_hash.to_le_bytes());
            let twice = Key::new(ROOT, APFS_TYPE_DIR_REC, u64::from(wrong_hash & !0x3FF), b"d", &rest);
            content.extra_records.insert(twice, dir_rec(id, 0, 4, None));
        },
    )
}

/// An entry below a name that is a link as well does not reach what the link points to.
#[test]
fn links_lead_nowhere() {
    let outside = tempfile::tempdir().unwrap();
    let lab = Lab::new([two_faced(outside.path().to_str().unwrap())]);
    let output = lab.extract(&["-o", "out"]);
    assert_eq!(code(&output), 1);
    assert!(names(outside.path()).is_empty());
    assert_eq!(names(&lab.path("out")), ["d", "d (2)"]);
    assert_eq!(fs::read(lab.path("out/d (2)/passwd")).unwrap(), b"evil");

    let tar = lab.through_tar(&[]);
    assert!(names(outside.path()).is_empty());
    assert_eq!(names(&tar), ["d", "d (2)"]);
}

/// Links that the target had before are replaced with --overwrite, not followed; without it nothing is touched.
#[test]
fn existing_entries_are_never_followed() {
    let outside = tempfile::tempdir().unwrap();
    let volume = VolumeBuilder::new("V").dir("/d").file("/d/f", b"new").file("/g", b"new");
    let lab = Lab::new([volume]);
    fs::create_dir(lab.path("out")).unwrap();
    fs::write(outside.path().join("precious"), b"old").unwrap();
    symlink(outside.path(), lab.path("out/d")).unwrap();
    symlink(outside.path().join("precious"), lab.path("out/g")).unwrap();

    let output = lab.extract(&["-o", "out"]);
    assert_eq!(code(&output), 2);
    assert!(text(&output.stderr).contains("--overwrite"));
    assert!(fs::symlink_metadata(lab.path("out/g")).unwrap().is_symlink());

    for _ in 0..2 {
        let output = lab.extract(&["-o", "out", "--overwrite"]);
        assert_eq!((code(&output), text(&output.stderr)), (0, String::new()));
        assert_eq!(names(outside.path()), ["precious"]);
        assert_eq!(fs::read(outside.path().join("precious")).unwrap(), b"old");
        assert_eq!(fs::read(lab.path("out/g")).unwrap(), b"new");
        assert_eq!(fs::read(lab.path("out/d/f")).unwrap(), b"new");
        assert_eq!(names(&lab.path("out")), ["d", "g"]);
    }
}

/// Volume names are no paths, and equal ones get different folders.
#[test]
fn volumes_get_folders() {
    let volume = |name: &str, data: &str| VolumeBuilder::new(name).file("/f", data);
    let lab =
        Lab::new([volume("../../up", "0"), volume("Same", "1"), volume("same", "2"), volume("..", "3")]);
    assert_eq!(code(&lab.extract(&["-o", "out"])), 0);
    assert_eq!(names(&lab.path("out")), [".._.._up", "._", "Same", "same (2)"]);
    assert_eq!(fs::read(lab.path("out/same (2)/f")).unwrap(), b"2");
    assert_eq!(code(&lab.extract(&["-o", "one", "--volume", "Same"])), 0);
    assert_eq!(names(&lab.path("one")), ["f"]);
    assert_eq!(names(&lab.through_tar(&[])), [".._.._up", "._", "Same", "same (2)"]);
}

/// Set-user-id bits and devices come only when asked for; what is left out is said.
#[test]
fn special_needs_asking() {
    let volume = VolumeBuilder::new("V")
        .file("/tool", b"#!")
        .inode("/tool", |inode| inode.mode = 0o106_755)
        .char_device("/null", 3, 2)
        .fifo("/pipe");
    let lab = Lab::new([volume]);
    let output = lab.extract(&["-o", "out"]);
    assert_eq!(code(&output), 1);
    assert!(text(&output.stderr).contains("/null: left out: char"));
    assert_eq!(names(&lab.path("out")), ["tool"]);
    assert_eq!(fs::metadata(lab.path("out/tool")).unwrap().permissions().mode() & 0o7777, 0o755);
    let kept = lab.extract(&["/tool", "-o", "kept", "--preserve-special"]);
    assert!(code(&kept) < 2);
    assert_eq!(fs::metadata(lab.path("kept/tool")).unwrap().permissions().mode() & 0o7777, 0o6755);
    let tar = lab.extract(&["--to", "tar", "--preserve-special"]);
    let listing =
        Command::new("tar").args(["-tvf", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut listing = listing.unwrap();
    listing.stdin.take().unwrap().write_all(&tar.stdout).unwrap();
    let listing = text(&listing.wait_with_output().unwrap().stdout);
    assert!(listing.contains("crw------- ") && listing.contains("3,2"), "{listing}");
    assert!(listing.contains("-rwsr-sr-x"), "{listing}");
}

/// A damaged file is left out whole, or kept as far as it could be read; its neighbours are not touched.
#[test]
fn damage_costs_one_file() {
    let volume = VolumeBuilder::new("V")
        .fragmented("/bad", vec![9; 40_000], 2)
        .file("/good", b"good")
        .change(|content, _| {
            // The last extent, 32 KiB into the file, is far behind the end of the image.
            let key = Key::numbered(content.inode_at("/bad").private_id, APFS_TYPE_FILE_EXTENT, 32_768);
            content.extra_records.insert(key, file_extent(8192, 0, 1 << 40, 0));
        });
    let lab = Lab::new([volume]);
    let output = lab.extract(&["-o", "out"]);
    assert_eq!(code(&output), 1);
    assert!(text(&output.stderr).contains("/bad: left out: "), "{}", text(&output.stderr));
    assert_eq!(names(&lab.path("out")), ["good"]);

    let output = lab.extract(&["-o", "kept", "--keep-damaged"]);
    assert_eq!(code(&output), 1);
    assert_eq!(names(&lab.path("kept")), ["bad.partial", "good"]);
    let kept = fs::read(lab.path("kept/bad.partial")).unwrap();
    assert_eq!(kept, vec![9; 32_768]);
    let tar = lab.through_tar(&["--keep-damaged"]);
    assert_eq!(fs::read(tar.join("bad.partial")).unwrap(), kept);
}

/// A compressed file becomes a plain one, without the attributes that hold its compressed data.
#[test]
fn compressed_files_become_plain() {
    let content = sample::text(150_000, 4);
    let (zlib, fork) = decmpfs::packed(4, &content);
    let volume = VolumeBuilder::new("V")
        .compressed_fork("/fork", zlib, fork.unwrap())
        .compressed_inline("/inline", decmpfs::packed(7, b"a few words").0)
        .xattr("/fork", "com.example.note", b"value")
        .file("/plain", b"plain");
    let lab = Lab::new([volume]);
    let output = lab.extract(&["-o", "out"]);
    assert_eq!((code(&output), text(&output.stderr)), (0, String::new()));
    for out in [lab.path("out"), lab.through_tar(&[])] {
        assert_eq!(names(&out), ["fork", "inline", "plain"]);
        assert!(fs::read(out.join("fork")).unwrap() == content);
        assert_eq!(fs::read(out.join("inline")).unwrap(), b"a few words");
    }
    let archive = lab.extract(&["--to", "tar"]).stdout;
    let holds = |words: &[u8]| archive.windows(words.len()).any(|window| window == words);
    assert!(holds(b"com.example.note") && !holds(b"com.apple.decmpfs") && !holds(b"com.apple.ResourceFork"));
}

/// Compression that cannot be read is a reason to leave the file out, never to give the stored bytes.
#[test]
fn unknown_compression_is_left_out() {
    let mut decmpfs = b"fpmc".to_vec();
    decmpfs.extend(99u32.to_le_bytes());
    decmpfs.extend(1000u64.to_le_bytes());
    let lab = Lab::new([VolumeBuilder::new("V").compressed_inline("/c", &decmpfs).file("/f", b"f")]);
    let output = lab.extract(&["-o", "out"]);
    assert_eq!(code(&output), 1);
    assert!(text(&output.stderr).contains("/c: left out: "));
    assert_eq!(names(&lab.path("out")), ["f"]);
    assert_eq!(names(&lab.through_tar(&[])), ["f"]);
}

/// A part of a snapshot: the content of the directory as it was, a file under its name.
#[test]
fn parts_of_snapshots() {
    let volume = VolumeBuilder::new("V")
        .dir("/d")
        .file("/d/f", b"old")
        .snapshot("before")
        .overwrite("/d/f", 0, b"new");
    let lab = Lab::new([volume]);
    assert_eq!(code(&lab.extract(&["/d", "-o", "out", "--snapshot", "before"])), 0);
    assert_eq!(fs::read(lab.path("out/f")).unwrap(), b"old");
    assert_eq!(code(&lab.extract(&["/d/f", "--to", "file"])), 0);
    assert_eq!(fs::read(lab.path("file/f")).unwrap(), b"new");
    assert_eq!(code(&lab.extract(&["/nothing", "-o", "none"])), 2);
    assert!(!lab.path("none").exists());
}

/// A directory that contains itself ends, with a word about it.
#[test]
fn loops_end() {
    let volume = VolumeBuilder::new("V").dir("/d").change(|content, _| {
        let id = content.inode_at("/d").id;
        let key = Key::dir_rec(id, "again", Keys::CaseInsensitive, &Default::default());
        content.extra_records.insert(key, dir_rec(id, 0, 4, None));
    });
    let lab = Lab::new([volume]);
    let output = lab.extract(&["-o", "out"]);
    assert_eq!(code(&output), 1);
    assert!(text(&output.stderr).contains("/d/again: left out: "));
    assert!(names(&lab.path("out/d")).is_empty());
    assert_eq!(names(&lab.through_tar(&[])), ["d"]);
}

fn hfs() -> HfsBuilder {
    HfsBuilder::new("Plus")
        .private_folders()
        .dir("/d")
        .file("/d/text", b"some text")
        .hardlink("/d/text", "/again")
        .resource("/d/text", HfsContent::new(b"resources"))
        .file("/large", b"")
        .resource("/large", HfsContent::new(vec![7; 100_000]))
        .xattr("/d/text", "note", b"value")
        .item("/d/text", |item| item.set_type(b"TEXT", b"ttxt"))
        .symlink("/link", "d/text")
        .file("/a:b", b"slash on a Mac")
        .dir("/d/shared")
        .dir("/d/shared/deeper")
        .file("/d/shared/deeper/file", b"shared")
        .dir("/e")
        .dir_link("/d/shared", "/e/shared")
        .char_device("/tty", 4, 2)
}

/// What of an HFS+ volume a copy keeps: forks, Finder info, hard links to files, and what hard links to folders lead to
/// at each of them; nothing that the file system keeps for itself.
#[test]
fn hfs_to_a_folder() {
    let lab = Lab::of_bytes(&hfs().build().bytes);
    let output = lab.extract(&["-o", "out"]);
    let (said, out) = (text(&output.stderr), lab.path("out"));
    assert_eq!(code(&output), 1, "a device was left out: {said}");
    assert!(said.contains("/tty: left out: char"), "{said}");
    assert!(!said.contains("/link"), "type and creator of links are none of theirs: {said}");
    let there: Vec<String> = names(&out).into_iter().filter(|name| !name.starts_with("._")).collect();
    assert_eq!(there, ["a:b", "again", "d", "e", "large", "link"]);
    let (one, again) = (out.join("d/text"), out.join("again"));
    assert_eq!(fs::read(&one).unwrap(), b"some text");
    assert_eq!(fs::metadata(&one).unwrap().ino(), fs::metadata(&again).unwrap().ino());
    for shared in ["d/shared/deeper/file", "e/shared/deeper/file"] {
        assert_eq!(fs::read(out.join(shared)).unwrap(), b"shared");
    }
    assert_eq!(fs::read_link(out.join("link")).unwrap(), Path::new("d/text"));
    // Too long for an attribute of Linux: AppleDouble, whose entry 2 is the resource fork.
    let double = fs::read(out.join("._large")).unwrap();
    assert_eq!(double[..4], [0, 5, 0x16, 7]);
    assert!(double.ends_with(&vec![7; 100_000]) && double.len() < 101_000);
}

/// The same in an archive: forks and Finder info are records.
#[test]
fn hfs_to_an_archive() {
    let lab = Lab::of_bytes(&hfs().build().bytes);
    let output = lab.extract(&["--to", "tar"]);
    let archive = text(&output.stdout);
    for record in [
        "SCHILY.xattr.com.apple.ResourceFork=resources\n",
        "SCHILY.xattr.com.apple.FinderInfo=TEXTttxt",
        "SCHILY.xattr.note=value\n",
    ] {
        assert!(archive.contains(record), "{record}");
    }
    let out = lab.through_tar(&[]);
    assert_eq!(fs::metadata(out.join("again")).unwrap().nlink(), 2);
    for shared in ["d/shared/deeper/file", "e/shared/deeper/file"] {
        assert_eq!(fs::read(out.join(shared)).unwrap(), b"shared");
    }
    assert!(names(&out).iter().all(|name| !name.contains("Private")));
}

/// Private folders are extracted on request, under names that a host can have, in both forms.
#[test]
fn hfs_private_folders() {
    let lab = Lab::of_bytes(&hfs().build().bytes);
    let output = lab.extract(&["-a", "-o", "out"]);
    assert_eq!(code(&output), 1);
    assert!(text(&output.stderr).contains("no target takes a name with a NUL"));
    let folder = "\u{2400}\u{2400}\u{2400}\u{2400}HFS+ Private Data";
    let inodes = names(&lab.path("out").join(folder));
    assert!(inodes.iter().any(|name| name.starts_with("iNode")), "{inodes:?}");
    let out = lab.through_tar(&["-a"]);
    let again: Vec<String> =
        names(&out.join(folder)).into_iter().filter(|name| inodes.contains(name)).collect();
    assert_eq!(again, inodes, "the same in an archive");
    for out in [&out, &lab.path("out")] {
        let inode = inodes.iter().find(|name| name.starts_with("iNode")).unwrap();
        assert_eq!(fs::read(out.join(folder).join(inode)).unwrap(), b"some text");
        let shared =
            fs::read_dir(out.join(".HFS+ Private Directory Data\r")).unwrap().next().unwrap().unwrap();
        assert_eq!(fs::read(shared.path().join("deeper/file")).unwrap(), b"shared");
    }
}

/// A folder that hard links put into itself ends: the content is there once, and the circle is said.
#[test]
fn hfs_circle() {
    let volume = HfsBuilder::new("Circle")
        .dir("/a")
        .dir("/a/b")
        .file("/a/b/file", b"x")
        .dir("/other")
        .dir_link("/a/b", "/other/b")
        .dir_link("/a/b", "/a/b/itself");
    let lab = Lab::of_bytes(&volume.build().bytes);
    for args in [&["-o", "out"][..], &["--to", "tar", "-o", "out.tar"]] {
        let output = lab.extract(args);
        assert_eq!(code(&output), 1);
        let said = text(&output.stderr);
        assert!(said.contains("itself: left out"), "{said}");
    }
    assert_eq!(fs::read(lab.path("out/other/b/file")).unwrap(), b"x");
    assert_eq!(fs::read(lab.path("out/a/b/file")).unwrap(), b"x");
}
