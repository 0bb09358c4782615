//! What the benchmarks share: a device that counts, and timing of two programs in turn.
#![allow(clippy::std_instead_of_core, clippy::expect_used, reason = "a benchmark that can't run must stop")]

use std::fmt;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use apfs_core::{ReadAt, Result};

/// A device that counts its reads and the bytes read.
pub struct Counting {
    device: Arc<dyn ReadAt>,
    reads: AtomicU64,
    bytes: AtomicU64,
}

impl Counting {
    /// Counts the reads of a device.
    #[must_use]
    pub fn new(device: Arc<dyn ReadAt>) -> Counting {
        Counting { device, reads: AtomicU64::new(0), bytes: AtomicU64::new(0) }
    }

    /// Reads and bytes so far.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        (self.reads.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }
}

impl ReadAt for Counting {
    fn len(&self) -> u64 {
        self.device.len()
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(u64::try_from(buf.len()).unwrap_or(0), Ordering::Relaxed);
        self.device.read_exact_at(offset, buf)
    }
}

impl fmt::Debug for Counting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counting").field("counts", &self.counts()).finish_non_exhaustive()
    }
}

/// A program to be timed: a command line for `sh`, whose output goes nowhere.
#[derive(Clone, Debug)]
pub struct Job {
    /// Name in the table.
    pub name: String,
    /// The command line.
    pub line: String,
    /// Run before each timing, not timed; may be empty.
    pub before: String,
}

impl Job {
    /// A program with nothing to prepare.
    #[must_use]
    pub fn new(name: &str, line: String) -> Job {
        Job { name: name.to_owned(), line, before: String::new() }
    }

    fn seconds(&self) -> f64 {
        if !self.before.is_empty() {
            let _ = Command::new("sh").args(["-c", &self.before]).status();
        }
        let start = Instant::now();
        let status = Command::new("sh")
            .args(["-c", &format!("exec {}", self.line)])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        status.expect("sh starts");
        start.elapsed().as_secs_f64()
    }
}

/// Median seconds of two programs run in turn, and the median of the ratios of the pairs (second to first).
#[derive(Clone, Copy, Debug)]
pub struct Paired {
    /// Median seconds of the first.
    pub ours: f64,
    /// Median seconds of the second.
    pub theirs: f64,
    /// How many times faster the first is.
    pub ratio: f64,
}

/// Runs two programs in turn, `rounds` times each after one run that does not count.
#[must_use]
pub fn in_turn(ours: &Job, theirs: &Job, rounds: usize) -> Paired {
    let pair = || (ours.seconds(), theirs.seconds());
    let _warm_up = pair();
    let pairs: Vec<(f64, f64)> = (0..rounds).map(|_| pair()).collect();
    Paired {
        ours: median(pairs.iter().map(|pair| pair.0)),
        theirs: median(pairs.iter().map(|pair| pair.1)),
        ratio: median(pairs.iter().map(|pair| pair.1 / pair.0)),
    }
}

/// The middle of some numbers.
#[must_use]
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len().midpoint(0)).copied().unwrap_or(f64::NAN)
}

/// What a command line for `sh` prints.
#[must_use]
pub fn output(line: &str) -> String {
    let output = Command::new("sh").args(["-c", line]).output().expect("sh starts");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
