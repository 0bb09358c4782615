//! What takes longer than a change may wait for.

use std::path::Path;
use std::process::Command;

use crate::lab;
use crate::run::{Failed, cargo, command, run, target};

/// How long fresh mutated images are tried.
const HUNT_MINUTES: &str = "10";

/// Expanding disk images of 320 MiB against other programs. The images are made in memory where that can be.
fn expand_images(program: &Path) -> Result<(), Failed> {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { memory.join("apfs-udif") } else { target().join("udif") };
    let environment = target().join("udif-python");
    let python = environment.join("bin/python");
    run(command("mkdir", &["-p", &folder.to_string_lossy()]))?;
    run(command("python3", &["-m", "venv", &environment.to_string_lossy()]))?;
    run(command(&python, &["-m", "pip", "install", "--quiet", "pyliblzfse"]))?;
    run(command(&python, &["benches/make_udif.py", &folder.to_string_lossy()]))?;
    let mut bench = cargo(&["bench", "-p", "apfs-benches", "--bench", "udif"]);
    bench.env("APFS_UDIF_IMAGES", &folder).env("APFS_BIN", program);
    let measured = run(bench);
    run(command("rm", &["-rf", &folder.to_string_lossy()]))?;
    measured
}

/// Tells a command where the checker and the formatter of APFS are.
fn with_checkers(mut command: Command, folder: Option<&Path>) -> Command {
    if let Some(folder) = folder {
        command.env("APFSCK", folder.join("apfsck")).env("MKAPFS", folder.join("mkapfs"));
    }
    command
}

/// Large images against the kernel's own listing and other readers, and every bit of the metadata flipped.
pub(crate) fn full() -> Result<(), Failed> {
    run(cargo(&["build", "--release", "-p", "apfs-cli"]))?;
    let program = target().join("release/apfs");
    let conform = lab::shared().join("tools/conform.py");
    if conform.exists() {
        for selection in ["apfs-all", "lab-apfs", "hfs", "lab-hfs"] {
            let corpus = lab::shared().join("corpus");
            let mut compare = command("python3", &[]);
            compare.arg(&conform).arg(selection).arg(corpus).env("APFS_BIN", &program);
            run(compare)?;
        }
    }
    let checkers = lab::checkers()?;
    let mut judges = cargo(&["test", "--release", "-p", "apfs-tests", "--test", "apfs"]);
    judges.args(["--", "judges", "mkapfs", "fusion", "--nocapture"]);
    run(with_checkers(judges, checkers.as_deref()))?;
    let images = lab::make_images()?;
    lab::make_caught(&images)?;
    let mut large =
        cargo(&["test", "--release", "-p", "apfs-tests", "--test", "corpus", "large", "--", "--nocapture"]);
    large.env("APFS_LAB_IMAGES", &images);
    run(large)?;
    for tests in ["damage", "hfs", "prop"] {
        let mut flips =
            cargo(&["test", "--release", "-p", "apfs-tests", "--test", tests, "flips", "--", "--nocapture"]);
        flips.env("APFS_FLIPS", "exhaustive");
        run(flips)?;
    }
    let mut hunt =
        cargo(&["run", "--release", "--no-default-features", "--manifest-path", "fuzz/Cargo.toml"]);
    let findings = target().join("fuzz/findings");
    hunt.args(["--example", "hunt", "--", HUNT_MINUTES, "1"]).arg(findings);
    hunt.env("CARGO_TARGET_DIR", target().join("fuzz"));
    run(hunt)?;
    let mut peers = cargo(&["bench", "-p", "apfs-benches", "--bench", "peers"]);
    peers.env("APFS_LAB_IMAGES", &images).env("APFS_BIN", &program);
    run(with_checkers(peers, checkers.as_deref()))?;
    for bench in ["codecs", "crypt", "delta", "group", "seal"] {
        run(cargo(&["bench", "-p", "apfs-benches", "--bench", bench]))?;
    }
    expand_images(&program)?;
    println!("== full: all done");
    Ok(())
}
