//! Criterion benchmarks of the core: checksum, listing, lookup and reading on an image made in memory.
//! Each asserts the right answer.
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    reason = "a benchmark that can't run must stop"
)]

use core::hint::black_box;
use std::sync::Arc;

use apfs_core::apfs::{Container, View};
use apfs_core::sum::fletcher64::fletcher64;
use apfs_core::{Fs, FsExt, OpenOptions, Scan};
use apfs_tests::build::{ImageBuilder, VolumeBuilder};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const FILES: usize = 2000;

fn view() -> View {
    let mut volume = VolumeBuilder::new("Bench").dir("/many");
    for number in 0..FILES {
        volume = volume.file(&format!("/many/file-{number:05}.txt"), format!("content {number}").as_bytes());
    }
    let image = ImageBuilder::new().volume(volume).build();
    let container = Container::open(Arc::new(image.bytes), OpenOptions::default()).unwrap();
    container.volume(0).unwrap().view().unwrap()
}

fn checksum(c: &mut Criterion) {
    let block: Vec<u8> = (0..4088u32).map(|n| u8::try_from(n % 251).unwrap()).collect();
    let expected = fletcher64(&block);
    let mut group = c.benchmark_group("fletcher64");
    group.throughput(Throughput::Bytes(4096));
    group.bench_function("4 KiB", |b| b.iter(|| assert_eq!(fletcher64(black_box(&block)), expected)));
    group.finish();
}

fn listing(c: &mut Criterion) {
    let view = view();
    let mut group = c.benchmark_group("list 2,000 files");
    group.throughput(Throughput::Elements(u64::try_from(FILES).unwrap()));
    group.bench_function("scan", |b| {
        b.iter(|| {
            let ledger =
                view.scan(None, &mut |entry| entry.map(|_| ()).map_err(|error| error.error)).unwrap();
            assert_eq!(ledger.entries(), u64::try_from(FILES + 2).unwrap());
        });
    });
    group.bench_function("walk", |b| {
        b.iter(|| assert_eq!(view.walk(view.root()).filter(Result::is_ok).count(), FILES + 2));
    });
    group.finish();
}

fn reading(c: &mut Criterion) {
    let view = view();
    c.bench_function("look up a path", |b| b.iter(|| view.find(black_box("/many/file-01234.txt")).unwrap()));
    c.bench_function("open and read a small file", |b| {
        let mut buffer = [0; 64];
        b.iter(|| {
            let file = view.open("/many/file-01234.txt").unwrap();
            let read = file.read_at(0, &mut buffer).unwrap();
            assert_eq!(buffer.get(..read), Some(&b"content 1234"[..]));
        });
    });
}

criterion_group!(benches, checksum, listing, reading);
criterion_main!(benches);
