//! What takes longer than a change may wait for.

use crate::lab;
use crate::run::{Failed, cargo, command, run, target};

/// How long fresh mutated images are tried.
const HUNT_MINUTES: &str = "10";

/// Large images against the kernel's own listing and other readers, and every bit of the metadata flipped.
pub(crate) fn full() -> Result<(), Failed> {
    run(cargo(&["build", "--release", "-p", "apfs-cli"]))?;
    let program = target().join("release/apfs");
    let conform = lab::shared().join("tools/conform.py");
    if conform.exists() {
        for selection in ["apfs-all", "lab-apfs"] {
            let corpus = lab::shared().join("corpus");
            let mut compare = command("python3", &[]);
            compare.arg(&conform).arg(selection).arg(corpus).env("APFS_BIN", &program);
            run(compare)?;
        }
    }
    let images = lab::make_images()?;
    let mut large =
        cargo(&["test", "--release", "-p", "apfs-tests", "--test", "corpus", "large", "--", "--nocapture"]);
    large.env("APFS_LAB_IMAGES", &images);
    run(large)?;
    let mut flips =
        cargo(&["test", "--release", "-p", "apfs-tests", "--test", "damage", "flips", "--", "--nocapture"]);
    flips.env("APFS_FLIPS", "exhaustive");
    run(flips)?;
    let mut hunt =
        cargo(&["run", "--release", "--no-default-features", "--manifest-path", "fuzz/Cargo.toml"]);
    let findings = target().join("fuzz/findings");
    hunt.args(["--example", "hunt", "--", HUNT_MINUTES, "1"]).arg(findings);
    hunt.env("CARGO_TARGET_DIR", target().join("fuzz"));
    run(hunt)?;
    let mut peers = cargo(&["bench", "-p", "apfs-benches", "--bench", "peers"]);
    peers.env("APFS_LAB_IMAGES", &images).env("APFS_BIN", &program);
    run(peers)?;
    println!("== full: all done");
    Ok(())
}
