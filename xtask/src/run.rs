//! Running programs from the project's root, saying what is run and how long it took.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// A task that failed: what it was.
#[derive(Debug)]
pub(crate) struct Failed(pub(crate) String);

/// Folder of the project.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// Where cargo builds, from the root.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// A program with its arguments, to be run from the root.
pub(crate) fn command(program: impl AsRef<std::ffi::OsStr>, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args).current_dir(root());
    command
}

/// The cargo that runs this task.
pub(crate) fn cargo(args: &[&str]) -> Command {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), args)
}

/// Runs a command to its end; a status other than 0 is a failure.
pub(crate) fn run(mut command: Command) -> Result<(), Failed> {
    let text = describe(&command);
    println!("== {text}");
    let start = Instant::now();
    let status = command.status().map_err(|error| Failed(format!("{text}: {error}")))?;
    println!("== {:.1} s", start.elapsed().as_secs_f64());
    if status.success() { Ok(()) } else { Err(Failed(format!("{text}: {status}"))) }
}

/// Runs a command and returns what it prints.
pub(crate) fn output(mut command: Command) -> Result<String, Failed> {
    let text = describe(&command);
    let output = command.output().map_err(|error| Failed(format!("{text}: {error}")))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(Failed(format!("{text}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr))))
    }
}

/// True if a program can be started.
pub(crate) fn exists(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

fn describe(command: &Command) -> String {
    let words = core::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}
