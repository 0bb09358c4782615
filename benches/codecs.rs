//! LZVN and LZFSE against `lzfse_rust` in one process: chunks as in compressed files, and as in disk images.
//!
//! Every answer is checked first. The two run in turn, and the ratio of the pairs counts: above 1 ours is faster.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    reason = "a benchmark that can't run must stop"
)]

use core::hint::black_box;
use std::path::Path;
use std::time::Instant;

use apfs_benches::median;
use apfs_core::codec::{Fault, lzbitmap, lzfse, lzvn, zlib};
use apfs_tests::compress::{self, sample};
use lzfse_rust::LzfseDecoder;

/// Bytes that are expanded for one timing, at least.
const BATCH: usize = 16 << 20;
/// Pairs of timings that count.
const ROUNDS: usize = 15;

type Decode = fn(&[u8], &mut [u8]) -> Result<(), Fault>;

/// One chunk: what it expands to, and its forms.
struct Chunk {
    data: Vec<u8>,
    stream: Vec<u8>,
    /// What `lzfse_rust` reads, where it reads the codec at all.
    theirs: Option<Vec<u8>>,
}

fn main() {
    println!(
        "{:<10} {:<8} {:>8} {:>7} {:>10} {:>10} {:>7}",
        "codec", "bytes", "chunk", "packed", "ours MB/s", "theirs", "ratio"
    );
    for (kind, data) in
        [("sources", sources()), ("text", sample::text(4 << 20, 1)), ("records", sample::records(4 << 20, 1))]
    {
        for size in [64 << 10, 1 << 20] {
            let chunks =
                |encode: fn(&[u8]) -> Chunk| -> Vec<Chunk> { data.chunks(size).map(encode).collect() };
            report(
                "LZFSE",
                kind,
                size,
                lzfse::decode,
                &chunks(|data| {
                    let stream = compress::lzfse(data);
                    Chunk { data: data.to_vec(), theirs: Some(stream.clone()), stream }
                }),
            );
            report(
                "LZVN",
                kind,
                size,
                lzvn::decode,
                &chunks(|data| {
                    let stream = compress::lzvn(data);
                    Chunk {
                        data: data.to_vec(),
                        theirs: Some(compress::lzvn_block(&stream, data.len())),
                        stream,
                    }
                }),
            );
        }
        let chunks = |encode: fn(&[u8]) -> Vec<u8>| -> Vec<Chunk> {
            let chunk = |data: &[u8]| Chunk { data: data.to_vec(), stream: encode(data), theirs: None };
            data.chunks(64 << 10).map(chunk).collect()
        };
        report("zlib", kind, 64 << 10, zlib::decode, &chunks(compress::zlib));
        report("LZBITMAP", kind, 64 << 10, lzbitmap::decode, &chunks(compress::lzbitmap));
    }
}

/// The sources of this project, as real text.
fn sources() -> Vec<u8> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("../apfs-core/src")];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        let mut paths: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            if path.is_dir() { folders.push(path) } else { sources.extend(std::fs::read(path).unwrap()) }
        }
    }
    sources
}

fn report(codec: &str, kind: &str, size: usize, decode: Decode, chunks: &[Chunk]) {
    let mut dst = vec![0; size];
    let mut ours = |chunk: &Chunk| {
        let dst = dst.get_mut(..chunk.data.len()).unwrap();
        decode(black_box(&chunk.stream), dst).unwrap();
        black_box(dst) == chunk.data
    };
    let (mut decoder, mut out) = (LzfseDecoder::default(), Vec::with_capacity(2 * size));
    let mut theirs = |chunk: &Chunk| {
        let Some(stream) = &chunk.theirs else { return true };
        out.clear();
        decoder.decode_bytes(black_box(stream), &mut out).unwrap();
        *black_box(&out) == chunk.data
    };
    let data: usize = chunks.iter().map(|chunk| chunk.data.len()).sum();
    let packed: usize = chunks.iter().map(|chunk| chunk.stream.len()).sum();
    let repeats = BATCH.div_ceil(data);
    let (mut rates, mut their_rates, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let [mine, other] = [&mut ours as &mut dyn FnMut(&Chunk) -> bool, &mut theirs].map(|run| {
            let start = Instant::now();
            for _ in 0..repeats {
                assert!(chunks.iter().all(&mut *run), "{codec}: wrong bytes");
            }
            (repeats * data) as f64 / 1e6 / start.elapsed().as_secs_f64()
        });
        rates.push(mine);
        their_rates.push(other);
        ratios.push(mine / other);
    }
    let share = packed as f64 / data as f64;
    let rate = median(rates.into_iter());
    print!("{codec:<10} {kind:<8} {:>7}K {share:>7.2} {rate:>10.0}", size >> 10);
    match chunks.iter().any(|chunk| chunk.theirs.is_some()) {
        true => println!(" {:>10.0} {:>6.2}x", median(their_rates.into_iter()), median(ratios.into_iter())),
        false => println!(),
    }
}
