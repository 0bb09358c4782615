//! Runs the built program on images made by the image builder.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test support: a panic is a failed test")]

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use apfs_tests::build::Image;
use serde_json::Value;
use tempfile::TempDir;

/// An image in a folder of its own.
pub(crate) struct Disk {
    folder: TempDir,
}

/// What one run of the program did.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Disk {
    pub(crate) fn of(image: &Image) -> Disk {
        Disk::of_bytes(&image.bytes)
    }

    pub(crate) fn of_bytes(bytes: &[u8]) -> Disk {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("disk.img"), bytes).unwrap();
        Disk { folder }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("disk.img")
    }

    /// Runs a command on the image: `apfs COMMAND IMAGE ARGS...`.
    pub(crate) fn apfs(&self, command: &str, args: &[&str]) -> Run {
        Run::of(Command::new(env!("CARGO_BIN_EXE_apfs")).arg(command).arg(self.path()).args(args))
    }
}

impl Run {
    pub(crate) fn of(command: &mut Command) -> Run {
        let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().unwrap();
        let code = status.code().expect("ended by itself");
        Run { code, stdout, stderr: String::from_utf8(stderr).unwrap() }
    }

    /// Standard output of a run without problems.
    pub(crate) fn clean(self) -> String {
        assert_eq!((self.code, self.stderr.as_str()), (0, ""));
        String::from_utf8(self.stdout).unwrap()
    }

    /// The JSON of a run that may have found something.
    pub(crate) fn any_json(&self) -> Value {
        serde_json::from_str(self.text()).unwrap()
    }

    pub(crate) fn text(&self) -> &str {
        core::str::from_utf8(&self.stdout).unwrap()
    }

    /// Standard output as one JSON object.
    pub(crate) fn json(self) -> Value {
        serde_json::from_str(&self.clean()).unwrap()
    }

    /// Standard output as JSON lines.
    pub(crate) fn rows(self) -> Vec<Value> {
        self.clean().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}
