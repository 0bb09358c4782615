//! Expanding disk images: `apfs convert` against 7zz and dmg2img, in turns.
//!
//! `APFS_UDIF_IMAGES` names the folder that `make_udif.py` filled; without it there is nothing to do. Peers that are not
//! installed are left out, and so is one whose output is wrong. Start of the program included, output to a file in the
//! same folder, which should be in memory.
#![allow(missing_docs, clippy::expect_used, clippy::panic, reason = "a benchmark that can't run must stop")]

use std::path::PathBuf;

use apfs_benches::{Job, in_turn, output};

/// Pairs of runs that count.
const ROUNDS: usize = 7;
/// KiB of memory that a conversion may take.
const MEMORY: u64 = 128 << 10;
/// The codecs, and how many times faster than the faster peer each should be.
const CODECS: [(&str, f64); 4] = [("zlib", 1.8), ("lzfse", 1.8), ("bzip2", 1.8), ("lzma", 1.2)];

fn main() {
    let Some(folder) = std::env::var_os("APFS_UDIF_IMAGES").map(PathBuf::from) else {
        println!("udif: skipped, APFS_UDIF_IMAGES is not set");
        return;
    };
    let apfs = std::env::var("APFS_BIN").unwrap_or_else(|_| "target/release/apfs".to_owned());
    let folder = folder.display();
    let out = format!("{folder}/out.img");
    println!("{:<22} {:>9} {:>9} {:>8} {:>7}", "image, against", "ours s", "theirs s", "ratio", "goal");
    for (codec, goal) in CODECS {
        let image = format!("{folder}/{codec}.dmg");
        let job = |name: &str, line: String| Job {
            before: format!("rm -f {out}"),
            ..Job::new(&format!("{codec}, {name}"), line)
        };
        let is_right = |job: &Job| {
            let line = format!(
                "{}; {} >/dev/null 2>&1; cmp {out} {folder}/disk.img && echo same",
                job.before, job.line
            );
            output(&line).ends_with("same")
        };
        let ours = job("apfs", format!("{apfs} convert {image} {out}"));
        assert!(is_right(&ours), "{codec}: apfs convert is wrong");
        let peers = [
            ("7zz", job("7zz", format!("sh -c '7zz x -so {image} > {out}'"))),
            ("dmg2img", job("dmg2img", format!("dmg2img -s {image} {out}"))),
        ];
        let mut least = f64::INFINITY;
        for (program, theirs) in peers {
            if output(&format!("command -v {program}")).is_empty() {
                println!("{:<22} not installed", theirs.name);
            } else if is_right(&theirs) {
                let paired = in_turn(&ours, &theirs, ROUNDS);
                least = least.min(paired.ratio);
                let (name, ratio) = (&theirs.name, paired.ratio);
                println!("{name:<22} {:>9.3} {:>9.3} {ratio:>7.2}x {goal:>6.1}x", paired.ours, paired.theirs);
            } else {
                println!("{:<22} gives something else", theirs.name);
            }
        }
        let line = format!("rm -f {out}; /usr/bin/time -f %M {} 2>&1 >/dev/null", ours.line);
        let memory: u64 = output(&line).parse().unwrap_or(0);
        let verdict = if least >= goal && memory < MEMORY { "reached" } else { "MISSED" };
        println!("    {verdict}: {least:.2} times, {memory} KiB");
    }
    let _ = output(&format!("rm -f {out}"));
}
