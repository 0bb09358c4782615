//! Two snapshots of a volume of 100,000 files with a hundred changes between them: the leaves that a comparison reads are
//! those that the snapshots do not share, counted by walks through both trees, and it takes a small part of the time and
//! the bytes of two full scans. Nothing is cached before a run.
#![allow(
    missing_docs,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "a benchmark that can't run must stop"
)]

use core::time::Duration;
use std::sync::Arc;
use std::time::Instant;

use apfs_benches::Counting;
use apfs_core::apfs::delta::Method;
use apfs_core::apfs::{Container, View};
use apfs_core::{OpenOptions, Scan};
use apfs_tests::build::{ImageBuilder, VolumeBuilder};
use apfs_tests::delta::{miscounts, nodes};

const DIRS: usize = 500;
const FILES_IN_DIR: usize = 200;
/// Changes of each of four kinds.
const CHANGES: usize = 25;
/// Runs of which the fastest counts.
const ROUNDS: usize = 5;

fn path(number: usize) -> String {
    format!("/dir {:03}/a file with a name of usual length {number:06}.txt", number / FILES_IN_DIR)
}

/// Files that change lie all over the volume.
fn chosen(number: usize) -> String {
    path(number * (DIRS * FILES_IN_DIR) / (4 * CHANGES) + number % 7)
}

fn image() -> Vec<u8> {
    let mut volume = VolumeBuilder::new("V");
    for dir in 0..DIRS {
        volume = volume.dir(&format!("/dir {dir:03}"));
    }
    for number in 0..DIRS * FILES_IN_DIR {
        // Some with data: what matters here are records.
        volume = volume.file(&path(number), if number % 8 == 0 { &b"data"[..] } else { b"" });
    }
    volume = volume.snapshot("one");
    for number in 0..CHANGES {
        volume = volume
            .overwrite(&chosen(4 * number), 0, b"other")
            .rename(&chosen(4 * number + 1), &format!("{} renamed", chosen(4 * number + 1)))
            .remove(&chosen(4 * number + 2))
            .file(&format!("{} new", chosen(4 * number + 3)), b"new");
    }
    ImageBuilder::new().volume(volume.snapshot("two")).build().bytes
}

/// Both snapshots, with nothing cached but what opening them reads.
fn open(device: &Arc<Counting>) -> [View; 2] {
    let container = Container::open(device.clone(), OpenOptions::default()).unwrap();
    let volume = container.volume(0).unwrap();
    ["one", "two"].map(|name| volume.view_at(&volume.snapshot(name).unwrap()).unwrap())
}

/// Shortest time, and bytes read, of some work on fresh views.
fn measure(device: &Arc<Counting>, work: &dyn Fn(&[View; 2])) -> (Duration, u64) {
    let runs = (0..ROUNDS).map(|_| {
        let views = open(device);
        let (start, before) = (Instant::now(), device.counts().1);
        work(&views);
        (start.elapsed(), device.counts().1 - before)
    });
    runs.min().unwrap()
}

fn main() {
    let device = Arc::new(Counting::new(Arc::new(image())));
    let views = open(&device);
    let trees = views.each_ref().map(|view| nodes(view.tree()));
    let (leaves, index) = (trees[0].0.len() + trees[1].0.len(), trees[0].1.len() + trees[1].1.len());
    println!("two trees: {leaves} leaves, {index} index nodes");

    let scan = measure(&device, &|views| {
        for view in views {
            let ledger =
                view.scan(None, &mut |entry| entry.map(|_| ()).map_err(|error| error.error)).unwrap();
            assert!(ledger.entries() > (DIRS * FILES_IN_DIR) as u64);
        }
    });
    println!("two full scans: {:?}, {} KiB", scan.0, scan.1 >> 10);

    for method in [Method::Map, Method::Trees] {
        let found = measure(&device, &|[one, two]| {
            let changes = one.changes(two).unwrap().method(method).map(Result::unwrap);
            let names = changes.filter(|change| change.kind == apfs_core::Kind::File).count();
            assert_eq!(names, 4 * CHANGES);
        });
        let [one, two] = &views;
        let mut delta = one.changes(two).unwrap().method(method);
        assert!(delta.by_ref().all(|change| change.is_ok()));
        let stats = delta.stats();
        assert_eq!(miscounts(one, two, stats), [""; 0], "leaves and nodes as two full walks count them");
        let read: u64 = stats.leaves.iter().sum();
        println!(
            "{method:?}: {:?} ({:.1} % of two scans), {} KiB ({:.1} %)",
            found.0,
            100.0 * found.0.as_secs_f64() / scan.0.as_secs_f64(),
            found.1 >> 10,
            100.0 * found.1 as f64 / scan.1 as f64
        );
        println!(
            "    {read} leaves ({:.2} % of all), {} index nodes, {} + {} nodes of the object map",
            100.0 * read as f64 / leaves as f64,
            stats.index_nodes.iter().sum::<u64>(),
            stats.omap_nodes,
            stats.older_omap_nodes
        );
        assert!(found.0 * 5 < scan.0, "a small change costs little");
    }
}
