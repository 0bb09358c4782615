//! Checking the seal of a volume against what `openssl speed` says of SHA-256 alone, in one run.
//!
//! The volume is made in memory and found intact, or the figures do not count. As in `openssl speed`, time is that of the
//! processor, so that other work does not matter; where it can't be told it is that of the clock. Without openssl the
//! speed alone is shown.
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::std_instead_of_core,
    reason = "a benchmark that can't run must stop"
)]

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use apfs_benches::output;
use apfs_core::OpenOptions;
use apfs_core::apfs::seal::SealTally;
use apfs_core::apfs::{Container, SealCheck, SealSummary, View};
use apfs_tests::sealed;

/// Bytes of the volume's files.
const LEN: usize = 512 << 20;
/// Parts that the work is cut into.
const PARTS: usize = 64;

fn main() {
    let openssl = openssl();
    match openssl {
        Some(speed) => println!("openssl speed -evp sha256 -bytes 65536: {speed:.0} MB/s"),
        None => println!("openssl is not installed"),
    }
    let image = sealed::large(LEN);
    let container = Container::open(Arc::new(image.bytes), OpenOptions::default()).unwrap();
    let view = container.volume(0).unwrap().view().unwrap();
    let all = thread::available_parallelism().map_or(1, NonZero::get);
    for threads in [1, all] {
        for _ in 0..3 {
            let (core, clock, tally) = check(&view, threads);
            let ratio = openssl.map_or(String::new(), |hash| format!(", {:.2} of openssl", core / hash));
            let mebibytes = tally.bytes >> 20;
            println!(
                "{threads} threads, {mebibytes} MiB in {} pieces of {} files and {} nodes: \
                 {core:.0} MB/s a core{ratio}; {clock:.0} MB/s by the clock",
                tally.pieces, tally.files, tally.nodes
            );
        }
    }
}

/// Megabytes a second: on each core, and of all together by the clock.
fn check(view: &View, threads: usize) -> (f64, f64, SealTally) {
    let start = Instant::now();
    let check = SealCheck::new(view).unwrap();
    let gathered = Mutex::new((SealSummary::new(check.seal()), SealTally::default()));
    let (parts, next) = (check.parts(PARTS), AtomicUsize::new(0));
    let sink = |event| {
        gathered.lock().unwrap().0.add(event);
        Ok(())
    };
    let work = || {
        let start = processor_time();
        while let Some(part) = parts.get(next.fetch_add(1, Ordering::Relaxed)) {
            let tally = check.part(part.clone(), None, &mut { sink }).unwrap();
            gathered.lock().unwrap().1.merge(&tally);
        }
        Some(processor_time()? - start?)
    };
    check.root(&mut { sink }).unwrap();
    let used: Option<f64> = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    let clock = start.elapsed().as_secs_f64();
    let (summary, tally) = gathered.into_inner().unwrap();
    assert!(summary.verdict().is_intact() && tally.bytes >= LEN as u64);
    let speed = |seconds: f64| tally.bytes as f64 / seconds / 1e6;
    (speed(used.unwrap_or(clock * threads as f64)), speed(clock), tally)
}

/// Seconds that this thread has run, where the system tells.
fn processor_time() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(text.split(' ').next()?.parse::<f64>().ok()? / 1e9)
}

/// Megabytes a second of SHA-256 on one core.
fn openssl() -> Option<f64> {
    let line = output("openssl speed -evp sha256 -bytes 65536 -seconds 3 2>/dev/null | tail -1");
    let kilobytes: f64 = line.split_whitespace().last()?.strip_suffix('k')?.parse().ok()?;
    Some(kilobytes / 1000.0)
}
