//! Reading encrypted file data against what `openssl speed` says of the cipher alone, in one run.
//!
//! The image is made in memory. What is read is compared with what was written; the ratio counts, seconds differ from
//! machine to machine. As in `openssl speed`, time is that of the processor, so that other work does not matter; where
//! it can't be told it is that of the clock. Without openssl the speed alone is shown.
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::std_instead_of_core,
    reason = "a benchmark that can't run must stop"
)]

use std::sync::Arc;
use std::thread;
use std::time::Instant;

use apfs_benches::output;
use apfs_core::apfs::{Container, View};
use apfs_core::{FileId, Fs, FsExt, OpenOptions, Secret, StreamId};
use apfs_tests::build::{Encryption, ImageBuilder, Unlock, VolumeBuilder};

/// Bytes of the file.
const LEN: usize = 64 << 20;
/// Times that the file is read for one figure: the system counts time in steps of milliseconds.
const ROUNDS: usize = 16;

fn main() {
    let content: Vec<u8> = (0..LEN).map(|n| (n * 7 + n / 251) as u8).collect();
    let openssl = openssl();
    match openssl {
        Some(speed) => println!("openssl speed -evp aes-256-xts -bytes 4096: {speed:.0} MB/s"),
        None => println!("openssl is not installed"),
    }
    for (name, encryption) in [
        ("plain", None),
        ("native", Some(Encryption::native([Unlock::disk("sesame")]))),
        ("converted", Some(Encryption::core_storage([Unlock::disk("sesame")]))),
    ] {
        let (view, id) = file(encryption, &content);
        check(&view, id, &content);
        for (threads, piece) in [(1, 4096), (1, 64 << 10), (1, 1 << 20), (2, 1 << 20)] {
            let (core, all) = read(&view, id, threads, piece);
            let ratio = openssl.map_or(String::new(), |cipher| format!(", {:.2} of openssl", core / cipher));
            let job = format!("{name}, {threads} thread, {} KiB a read", piece >> 10);
            println!("{job:<36} {core:>6.0} MB/s a core{ratio}; {all:>6.0} MB/s by the clock");
        }
    }
}

/// A volume with one file.
fn file(encryption: Option<Encryption>, content: &[u8]) -> (View, FileId) {
    let mut volume = VolumeBuilder::new("Bench").file("/large", content);
    if let Some(encryption) = encryption {
        volume = volume.encrypted(encryption);
    }
    let image = ImageBuilder::new().volume(volume).build();
    let secrets = vec![Secret::password("sesame")];
    let options = OpenOptions { secrets, ..OpenOptions::default() };
    let view = Container::open(Arc::new(image.bytes), options).unwrap().volume(0).unwrap().view().unwrap();
    let id = view.find("/large").unwrap();
    (view, id)
}

/// Megabytes a second of some threads that read their parts of one file, each into a buffer of its own: on each core,
/// and together by the clock.
fn read(view: &View, id: FileId, threads: usize, piece: usize) -> (f64, f64) {
    let start = Instant::now();
    let part = |number: usize| {
        let start = processor_time();
        let mut buffer = vec![0; piece];
        let part = number * (LEN / threads)..(number + 1) * (LEN / threads);
        for at in (0..ROUNDS).flat_map(|_| part.clone().step_by(piece)) {
            assert_eq!(view.read_at(id, &StreamId::Data, at as u64, &mut buffer).unwrap(), piece);
        }
        Some(processor_time()? - start?)
    };
    let used: Option<f64> = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|number| scope.spawn(move || part(number))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    let clock = start.elapsed().as_secs_f64();
    let speed = |seconds: f64| (LEN * ROUNDS) as f64 / seconds / 1e6;
    (speed(used.unwrap_or(clock * threads as f64)), speed(clock))
}

/// Seconds that this thread has run, where the system tells.
fn processor_time() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(text.split(' ').next()?.parse::<f64>().ok()? / 1e9)
}

/// What is read is what was written.
fn check(view: &View, id: FileId, content: &[u8]) {
    let mut buffer = vec![0; 1 << 20];
    for (at, expected) in (0..).step_by(buffer.len()).zip(content.chunks(buffer.len())) {
        let count = view.read_at(id, &StreamId::Data, at, &mut buffer).unwrap();
        assert!(buffer.get(..count) == Some(expected), "{at}");
    }
}

/// Megabytes a second of AES-256-XTS on one core.
fn openssl() -> Option<f64> {
    let line = output("openssl speed -decrypt -evp aes-256-xts -bytes 4096 -seconds 2 2>/dev/null | tail -1");
    let kilobytes: f64 = line.split_whitespace().last()?.strip_suffix('k')?.parse().ok()?;
    Some(kilobytes / 1000.0)
}
