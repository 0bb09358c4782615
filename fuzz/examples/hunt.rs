//! Hunts on stable, for as long as told: fresh mutated inputs, one after the other, each finding made small and kept.
//!
//! `cargo run --release --no-default-features --example hunt -- MINUTES [SEED] [FOLDER]`
//!
//! A finding is a panic (of the library or a broken promise), more than two seconds, or more than 256 MiB. One input
//! per kind of finding is written to FOLDER (default `artifacts`). An input that does not end at all is written, and
//! ends the program.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use apfs_fuzz::check;
use apfs_fuzz::delta;
use apfs_fuzz::fusion;
use apfs_fuzz::hfs;
use apfs_fuzz::meter::{Meter, peak_of};
use apfs_fuzz::mutate::{fresh, fresh_of};
use apfs_fuzz::patch::{Input, Patch};
use apfs_fuzz::rng::Rng;
use apfs_fuzz::seal;
use apfs_fuzz::target;

#[global_allocator]
static METER: Meter = Meter;

const SLOW: Duration = Duration::from_secs(2);
const STUCK: Duration = Duration::from_secs(30);
const MEMORY: usize = 256 << 20;

/// The last panic, by place and message.
static PANIC: Mutex<String> = Mutex::new(String::new());

/// A target that is hunted in: its name, inputs for it, and what is done with their bytes.
type Target = (&'static str, fn(&mut Rng) -> Input, fn(&[u8]));

/// They take turns.
const HUNTED: [Target; 7] = [
    ("image", fresh, target::image),
    ("hfs_volume", hfs::fresh, hfs::volume),
    ("check of APFS", fresh, check::of_apfs),
    ("delta", fresh, delta::delta),
    ("check of HFS+", hfs::fresh, check::of_hfs),
    ("seal", seal::fresh, seal::seal),
    ("fusion", |rng| fresh_of(fusion::pairs(), rng), fusion::fusion),
];

type Running = Arc<Mutex<(Instant, Vec<u8>)>>;

fn main() {
    let mut args = std::env::args().skip(1);
    let mut number = |default: u64| args.next().and_then(|text| text.parse().ok()).unwrap_or(default);
    let (minutes, seed) = (number(1), number(1));
    let folder = args.next().unwrap_or_else(|| "artifacts".to_owned());
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(|at| format!("{}:{}", at.file(), at.line())).unwrap_or_default();
        *PANIC.lock().expect("no panic inside") = format!("{place}: {}", info.payload_as_str().unwrap_or(""));
    }));
    let running: Running = Arc::new(Mutex::new((Instant::now(), Vec::new())));
    watch(running.clone(), folder.clone());

    let mut rng = Rng(seed);
    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    let (start, mut runs, mut slowest, mut largest) = (Instant::now(), 0_u64, Duration::ZERO, 0);
    while start.elapsed() < Duration::from_secs(60 * minutes) {
        let (name, fresh, check) = HUNTED[runs as usize % HUNTED.len()];
        let input = fresh(&mut rng);
        let (finding, time, memory) = run(&input, check, &running);
        runs += 1;
        slowest = slowest.max(time);
        largest = largest.max(memory);
        let Some(kind) = finding else { continue };
        let count = kinds.entry(format!("{name}: {kind}")).or_insert(0);
        *count += 1;
        if *count == 1 {
            let small = minimize(input, check, &kind, &running);
            let path = Path::new(&folder).join(format!("finding-{name}-{seed}-{}", kinds.len()));
            std::fs::write(&path, small.encode()).expect("the finding can be written");
            println!(
                "{}: {kind}\n    {small:?}\n    {:?}",
                path.display(),
                PANIC.lock().expect("no panic inside")
            );
        }
    }
    println!(
        "seed {seed}: {runs} inputs in {:?}, slowest {slowest:?}, most memory {} KiB",
        start.elapsed(),
        largest >> 10
    );
    for (kind, count) in &kinds {
        println!("{count:>8} {kind}");
    }
    if !kinds.is_empty() {
        std::process::exit(1);
    }
}

/// Runs one input. Gives the kind of finding, the time and the memory.
fn run(input: &Input, check: fn(&[u8]), running: &Running) -> (Option<String>, Duration, usize) {
    let bytes = input.encode();
    let start = Instant::now();
    *running.lock().expect("no panic inside") = (start, bytes.clone());
    let (result, memory) = peak_of(|| catch_unwind(AssertUnwindSafe(|| check(&bytes))));
    let time = start.elapsed();
    let finding = match result {
        Err(_) => Some(kind_of(&PANIC.lock().expect("no panic inside"))),
        Ok(()) if time > SLOW => Some("slow".to_owned()),
        Ok(()) if memory > MEMORY => Some("memory".to_owned()),
        Ok(()) => None,
    };
    (finding, time, memory)
}

/// A panic without its numbers and names: everything up to the first bracket, brace or quoted text.
fn kind_of(panic: &str) -> String {
    panic.split(['(', '[', '{', '`', '"', ';']).next().unwrap_or("").chars().take(120).collect()
}

/// Takes changes and bytes away as long as the finding stays.
fn minimize(mut input: Input, check: fn(&[u8]), kind: &str, running: &Running) -> Input {
    let same = |input: &Input| run(input, check, running).0.as_deref() == Some(kind);
    let mut index = 0;
    while index < input.patches.len() {
        let mut less = input.clone();
        less.patches.remove(index);
        if same(&less) { input = less } else { index += 1 }
    }
    for index in 0..input.patches.len() {
        loop {
            let mut less = input.clone();
            match &mut less.patches[index] {
                Patch::Set { bytes, .. } | Patch::Stale { bytes, .. } if bytes.len() > 1 => drop(bytes.pop()),
                _ => break,
            }
            if !same(&less) {
                break;
            }
            input = less;
        }
    }
    run(&input, check, running);
    input
}

fn watch(running: Running, folder: String) {
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_secs(1));
            let (since, bytes) = running.lock().expect("no panic inside").clone();
            if since.elapsed() > STUCK {
                let path = Path::new(&folder).join("stuck");
                std::fs::write(&path, &bytes).expect("the finding can be written");
                println!("{}: does not end\n    {:?}", path.display(), Input::decode(&bytes));
                std::process::exit(1);
            }
        }
    });
}
