//! Exit status, what is said on standard error, help and man pages.

use std::io::Read;
use std::process::{Command, Stdio};

use apfs_tests::build::{ImageBuilder, Role, VolumeBuilder};

use crate::support::{Disk, Run};

fn apfs() -> Command {
    Command::new(env!("CARGO_BIN_EXE_apfs"))
}

fn disk() -> Disk {
    Disk::of(&ImageBuilder::new().volume(VolumeBuilder::new("V").file("/a", b"one")).build())
}

/// 2 for what could not be done at all: no file, no file system, no such path, volume, partition or option.
#[test]
fn could_not() {
    let (disk, nothing) = (disk(), Disk::of_bytes(&[0; 9000]));
    assert_eq!(nothing.apfs("info", &[]).code, 2);
    assert_eq!(nothing.apfs("ls", &[]).code, 2);
    assert_eq!(Run::of(apfs().args(["ls", "no such file"])).code, 2);
    for args in
        [["--volume", "W"], ["--partition", "3"], ["--checkpoint", "99"], ["--snapshot", "s"], ["--no", "x"]]
    {
        let run = disk.apfs("ls", &args);
        assert_eq!((run.code, run.stdout.len()), (2, 0), "{args:?}");
        assert!(!run.stderr.is_empty(), "{args:?}");
    }
    for command in ["ls", "tree", "stat", "cat", "xattr", "hash", "find"] {
        let run = disk.apfs(command, &["/nope"]);
        assert_eq!((run.code, run.stderr.as_str()), (2, "apfs: V: /nope: not found: nope\n"), "{command}");
    }
    assert_eq!(disk.apfs("cat", &["--json", "/a"]).code, 2);
}

/// One of two paths is enough to go on, and the other one is said.
#[test]
fn one_path_of_two() {
    for command in ["stat", "cat", "hash", "find"] {
        let run = disk().apfs(command, &["/nope", "/a"]);
        assert_eq!(run.code, 1, "{command}");
        assert!(run.stderr.contains("/nope") && !run.stdout.is_empty(), "{command}");
    }
}

/// A locked volume is named, the others are read, and the exit status is 1.
#[test]
fn locked_volume() {
    let secret = VolumeBuilder::new("Secret").file("/s", b"x").encrypted_flag();
    let disk = Disk::of(
        &ImageBuilder::new().volume(secret).volume(VolumeBuilder::new("V").file("/a", b"one")).build(),
    );
    for (command, args) in
        [("ls", vec![]), ("cat", vec!["/a"]), ("hash", vec![]), ("find", vec![]), ("tree", vec![])]
    {
        let run = disk.apfs(command, &args);
        assert_eq!(run.code, 1, "{command}");
        assert!(run.stderr.contains("locked: volume Secret"), "{command}: {}", run.stderr);
        assert!(run.text().contains(if command == "cat" { "one" } else { "a" }), "{command}");
    }
    assert_eq!(disk.apfs("ls", &["--volume", "Secret"]).code, 2);
    assert_eq!(disk.apfs("ls", &["--volume", "V"]).code, 0);
}

/// A damaged volume costs itself alone.
#[test]
fn damaged_volume() {
    let volumes = ["One", "Two"].map(|name| VolumeBuilder::new(name).file("/a", b"x"));
    let [one, two] = volumes;
    let mut image = ImageBuilder::new().volume(one).volume(two).build();
    let block = image.live(Role::VolumeSuperblock)[0].block;
    image.corrupt(block);
    let disk = Disk::of(&image);
    for command in ["ls", "hash", "info", "snapshots"] {
        let run = disk.apfs(command, &[]);
        assert_eq!(run.code, 1, "{command}");
        assert!(run.stderr.contains("volume 0: damaged: apfs_superblock_t"), "{command}: {}", run.stderr);
        assert!(!run.stdout.is_empty(), "{command}");
    }
}

/// A checksum that does not match stops the work, is said, or is not looked at.
#[test]
fn checksum_policies() {
    let mut image = ImageBuilder::new().volume(VolumeBuilder::new("V").file("/a", b"one")).build();
    image.corrupt(image.fs_root(0));
    let disk = Disk::of(&image);
    for (policy, code, said) in [("require", 2, true), ("report", 1, true), ("ignore", 0, false)] {
        let run = disk.apfs("cat", &["--checksums", policy, "/a"]);
        assert_eq!((run.code, run.stderr.contains("checksum does not match")), (code, said), "{policy}");
        assert_eq!(run.text(), if code == 2 { "" } else { "one" }, "{policy}");
    }
}

/// Who reads only the beginning ends the program without a word: `apfs cat ... | head`.
#[test]
fn broken_pipe() {
    let volume = VolumeBuilder::new("V").file("/big", vec![b'x'; 8 << 20]);
    let disk = Disk::of(&ImageBuilder::new().volume(volume).build());
    let mut command = apfs();
    command.arg("cat").arg(disk.path()).arg("/big").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdout.take().unwrap().read_exact(&mut [0; 10]).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), b"".as_slice()));
}

/// The image is left as it is.
#[test]
fn nothing_is_written() {
    let disk = disk();
    let before = std::fs::read(disk.path()).unwrap();
    for command in ["info", "ls", "tree", "hash", "find", "snapshots"] {
        assert_eq!(disk.apfs(command, &[]).code, 0);
    }
    assert!(std::fs::read(disk.path()).unwrap() == before);
}

/// Every command explains itself with examples, and has its page.
#[test]
fn help_pages() {
    let pages = tempfile::tempdir().unwrap();
    Run::of(apfs().arg("man").arg(pages.path())).clean();
    for command in [
        "info",
        "ls",
        "tree",
        "stat",
        "cat",
        "xattr",
        "hash",
        "find",
        "snapshots",
        "space",
        "backups",
        "convert",
        "verify",
    ] {
        let help = Run::of(apfs().args([command, "--help"])).clean();
        assert!(help.contains(&format!("Examples:\n  apfs {command} ")), "{help}");
        assert!(pages.path().join(format!("apfs-{command}.1")).exists(), "{command}");
    }
    assert!(Run::of(apfs().arg("man")).clean().contains(".TH apfs 1"));
}

/// Standard error that takes nothing changes neither the work nor the exit status.
#[test]
#[cfg(target_os = "linux")]
fn nobody_reads_the_problems() {
    let disk = Disk::of(&ImageBuilder::new().volume(VolumeBuilder::new("V").file("/x", b"x")).build());
    for (path, code) in [("/none", 2), ("/x", 0)] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let status = apfs().arg("ls").arg(disk.path()).arg(path).stderr(full).status().unwrap();
        assert_eq!(status.code(), Some(code), "{path}");
    }
}
