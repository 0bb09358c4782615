//! System and Data of one Mac, 50,000 files on each: listing them as one tree takes at most 1.3 times what the two take one
//! after the other. The answer is compared first: every file once, with the path that it has on a Mac.
#![allow(
    missing_docs,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    reason = "a benchmark that can't run must stop"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use apfs_core::apfs::Container;
use apfs_core::group::{Groups, MergeOptions};
use apfs_core::{OpenOptions, Scan};
use apfs_tests::macs;

const FILES: usize = 50_000;
/// Runs of which the fastest counts.
const ROUNDS: usize = 7;
/// Most that the merged tree may take of the sum of its volumes.
const MOST: f64 = 1.3;

fn entries(tree: &dyn Scan) -> usize {
    let mut files = 0;
    let each = &mut |entry: Result<apfs_core::ScanEntry<'_>, apfs_core::WalkError>| {
        let entry = entry.map_err(|error| error.error)?;
        files += usize::from(entry.path.windows(11).any(|part| part == b"file number") && !entry.private);
        Ok(())
    };
    tree.scan(None, each).unwrap();
    files
}

fn fastest(work: &dyn Fn()) -> Duration {
    let runs = (0..ROUNDS).map(|_| {
        let start = Instant::now();
        work();
        start.elapsed()
    });
    runs.min().unwrap()
}

fn main() {
    let image = Arc::new(macs::large(FILES).bytes);
    let open = || {
        let container = Container::open(image.clone(), OpenOptions::default()).unwrap();
        Groups::find(&container).groups.remove(0)
    };
    let merged = open().view(&MergeOptions::default()).unwrap();
    assert_eq!(entries(&merged), 2 * FILES, "every file once");
    let merged = fastest(&|| {
        entries(&open().view(&MergeOptions::default()).unwrap());
    });
    let alone = fastest(&|| {
        let view = open().view(&MergeOptions::default()).unwrap();
        entries(view.system());
        entries(view.data().unwrap());
    });
    let share = merged.as_secs_f64() / alone.as_secs_f64();
    println!("one tree {merged:?}, two volumes {alone:?}: {share:.2}x (at most {MOST}x)");
    assert!(share <= MOST, "the merged tree is too slow");
}
