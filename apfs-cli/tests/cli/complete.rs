//! Completion: what a shell gets when it asks while somebody types.
#![allow(clippy::arithmetic_side_effects, reason = "a panic is a failed test")]

use core::time::Duration;
use std::process::Command;
use std::time::Instant;

use apfs_tests::build::hfs::HfsBuilder;
use apfs_tests::build::{ImageBuilder, VolumeBuilder};

use crate::support::{Disk, Run};

/// Asks as bash does, with the cursor in the last word.
fn ask(words: &[&str]) -> Vec<String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_apfs"));
    let index = (words.len() - 1).to_string();
    command.env("_APFS_COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", index);
    command.env("_CLAP_COMPLETE_COMP_TYPE", "9").arg("--").args(words);
    Run::of(&mut command).clean().lines().map(str::to_owned).collect()
}

fn disk() -> Disk {
    let volume = HfsBuilder::new("Disk")
        .private_folders()
        .dir("/My Folder")
        .file("/My Folder/one", b"")
        .file("/My Folder/other", b"")
        .file("/My Folder/bad\u{1b}name", b"")
        .dir("/Mine");
    Disk::of_bytes(&volume.build().bytes)
}

/// Paths inside the image, folders with a slash, quoted as bash needs it.
#[test]
fn paths() {
    let disk = disk();
    let image = disk.path();
    let image = image.to_str().unwrap();
    assert_eq!(ask(&["apfs", "ls", image, "/M"]), ["/Mine/", "/My\\ Folder/"]);
    assert_eq!(ask(&["apfs", "cat", image, "/My\\ Folder/o"]), ["/My\\ Folder/one", "/My\\ Folder/other"]);
    assert_eq!(ask(&["apfs", "stat", "-L", image, "\"/My Folder/one"]), ["\"/My Folder/one"]);
    assert_eq!(ask(&["apfs", "ls", image, "Mi"]), ["Mine/"]);
    assert_eq!(ask(&["apfs", "ls", image, "/My\\ Folder/b"]), [""; 0], "what can't be typed is left out");
}

/// What listings hide is hidden here too, and shown with `-a`.
#[test]
fn private_things() {
    let disk = disk();
    let image = disk.path();
    let image = image.to_str().unwrap();
    assert_eq!(ask(&["apfs", "ls", image, "/"]), ["/Mine/", "/My\\ Folder/"]);
    let all = ask(&["apfs", "ls", "-a", image, "/"]);
    assert!(all.iter().any(|path| path.contains("\u{2400}HFS+\\ Private\\ Data/")), "{all:?}");
    assert!(all.len() > 2);
}

/// The chosen snapshot counts; commands and options are completed as ever.
#[test]
fn the_rest_of_the_line() {
    let volume = VolumeBuilder::new("V").file("/gone", b"").snapshot("before").remove("/gone");
    let disk = Disk::of(&ImageBuilder::new().volume(volume).build());
    let image = disk.path();
    let image = image.to_str().unwrap();
    assert_eq!(ask(&["apfs", "cat", image, "/g"]), [""; 0]);
    assert_eq!(ask(&["apfs", "cat", "--snapshot", "before", image, "/g"]), ["/gone"]);
    assert_eq!(ask(&["apfs", "snap"]), ["snapshots"]);
    assert_eq!(ask(&["apfs", "ls", "--no-j"]), ["--no-journal"]);
}

/// Nothing is asked, printed or waited for: no image, no file system, a locked volume, a pipe that nobody fills.
#[test]
fn trouble_is_silent() {
    let began = Instant::now();
    let (nothing, locked) = (Disk::of_bytes(&[0; 9000]), Disk::of(&apfs_tests::sample::encrypted()));
    let (nothing, locked) = (nothing.path(), locked.path());
    for image in ["/no such image", nothing.to_str().unwrap()] {
        assert_eq!(ask(&["apfs", "ls", image, "/"]), [""; 0], "{image}");
    }
    // What is open on it is offered.
    assert_eq!(ask(&["apfs", "ls", locked.to_str().unwrap(), "/"]), ["/x"]);
    assert_eq!(ask(&["apfs", "ls", "--password-fd", "0", locked.to_str().unwrap(), "/"]), [""; 0]);
    let pipe = nothing.with_file_name("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    assert_eq!(ask(&["apfs", "ls", pipe.to_str().unwrap(), "/"]), [""; 0]);
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

/// Every shell gets a script that asks this program.
#[test]
fn scripts() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = Run::of(Command::new(env!("CARGO_BIN_EXE_apfs")).args(["completions", shell])).clean();
        assert!(script.contains("_APFS_COMPLETE"), "{shell}");
    }
}
