//! What needs no fuzzer: every old finding again, the sound seeds, and a short pseudo-random run. Stable compiler.
//!
//! `cargo test --no-default-features`; `APFS_FUZZ_SEED` and `APFS_FUZZ_RUNS` choose another or longer run.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use apfs_fuzz::codec;
use apfs_fuzz::hfs;
use apfs_fuzz::journal;
use apfs_fuzz::meter::{Meter, peak_of};
use apfs_fuzz::mutate::{fresh, fresh_of};
use apfs_fuzz::patch::Input;
use apfs_fuzz::rng::Rng;
use apfs_fuzz::seed::{RegionKind, seeds};
use apfs_fuzz::target::{self, TARGETS};
use apfs_fuzz::wrapped;
use apfs_tests::build::Role;

#[global_allocator]
static METER: Meter = Meter;

/// No single input may take longer; generous, because tests run beside each other on slow machines.
const SLOW: Duration = Duration::from_secs(5);
/// No single input may need more memory; all tests of this file together count.
const MEMORY: usize = 256 << 20;

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// The unchanged seeds are read without any complaint, so a complaint later is the mutation's.
#[test]
fn seeds_are_sound() {
    for seed in seeds() {
        let outcome = target::check_disk(seed.bytes.clone());
        // The second partition of the partitioned seed holds nothing on purpose.
        assert_eq!(outcome.findings, usize::from(seed.gpt_sector.is_some()), "{}", seed.name);
        assert_ne!(outcome.digest, 0, "{}", seed.name);
    }
}

/// The unchanged volumes of HFS+ are read without any complaint.
#[test]
fn hfs_seeds_are_sound() {
    for seed in hfs::seeds() {
        let outcome = hfs::check(seed.bytes.clone());
        assert_eq!(outcome.findings, 0, "{}", seed.name);
        assert_ne!(outcome.digest, 0, "{}", seed.name);
    }
}

/// Inputs that once broke a promise: `regressions/TARGET/NAME`.
#[test]
fn old_findings_stay_fixed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions");
    let mut failed = Vec::new();
    let mut count = 0;
    for (name, check) in TARGETS {
        for file in std::fs::read_dir(folder.join(name)).into_iter().flatten() {
            let path = file.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            count += 1;
            if catch_unwind(AssertUnwindSafe(|| check(&bytes))).is_err() {
                failed.push(path.file_name().unwrap().to_owned());
            }
        }
    }
    assert!(count > 0, "there are old findings");
    assert!(failed.is_empty(), "{failed:?} of {count}");
}

/// Thousands of mutated images: no panic, no broken promise, no hang, little memory.
#[test]
fn smoke() {
    let (seed, runs) = (number("APFS_FUZZ_SEED", 0xA9F5), number("APFS_FUZZ_RUNS", 4000));
    println!("APFS_FUZZ_SEED={seed} APFS_FUZZ_RUNS={runs}");
    let mut rng = Rng(seed);
    for run in 0..runs {
        let input = fresh(&mut rng);
        check(&input.encode(), target::image, &format!("image, run {run} of seed {seed}: {input:?}"));
    }
}

/// The small targets on random bytes, and on names and records that are nearly right.
#[test]
fn smoke_of_small_targets() {
    let seed = number("APFS_FUZZ_SEED", 0xA9F5);
    println!("APFS_FUZZ_SEED={seed}");
    let mut rng = Rng(seed);
    let keybags = keybags();
    for run in 0..20_000 {
        let mut bytes: Vec<u8> = (0..rng.below(200)).map(|_| rng.next() as u8).collect();
        if rng.one_in(2) {
            let from = &seeds()[rng.below(seeds().len())].bytes;
            let at = rng.below(from.len() - 300);
            bytes.extend(&from[at..at + rng.below(300)]);
        }
        check(&bytes, target::records, &format!("records, run {run} of seed {seed}: {bytes:02x?}"));
        let text: String =
            (0..rng.below(12)).filter_map(|_| char::from_u32(rng.next() as u32 % 0x3_0000)).collect();
        let folded = [text.as_bytes(), &[0], text.to_lowercase().as_bytes()].concat();
        for bytes in [&bytes, &folded] {
            check(bytes, target::names, &format!("names, run {run} of seed {seed}: {bytes:02x?}"));
        }
        if run % 4 == 0 {
            let mut bytes = keybags[rng.below(keybags.len())].clone();
            for _ in 0..1 + rng.below(4) {
                let at = rng.below(bytes.len().min(1000));
                bytes[at] = rng.next() as u8;
            }
            check(&bytes, target::keybag, &format!("keybag, run {run} of seed {seed}: {bytes:02x?}"));
        }
        if run % 40 == 0 {
            let input = Input { seed: 0, patches: fresh(&mut rng).patches };
            check(&input.encode(), target::gpt, &format!("gpt, run {run} of seed {seed}: {input:?}"));
            check(&bytes, target::node, &format!("node, run {run} of seed {seed}: {bytes:02x?}"));
            let tables = table_like(&mut rng);
            for (name, target) in
                [("apm", target::apm as fn(&[u8])), ("mbr", target::mbr), ("probe", target::probe)]
            {
                check(&tables, target, &format!("{name}, run {run} of seed {seed}: {tables:02x?}"));
            }
        }
    }
}

/// Disk images with none or a few changed fields: no panic, no broken promise, no hang, little memory.
#[test]
fn smoke_of_disk_images() {
    let seed = number("APFS_FUZZ_SEED", 0xA9F5);
    println!("APFS_FUZZ_SEED={seed}");
    let mut rng = Rng(seed);
    let byte = |rng: &mut Rng| [0, 1, 2, 4, 0x40, 0x7F, 0x80, 0xC0, 0xFF, rng.next() as u8][rng.below(10)];
    for run in 0..10_000 {
        let mut bytes = vec![rng.next() as u8];
        for _ in 0..rng.below(4) {
            let len = [1, 2, 4, 8][rng.below(4)];
            // Most fields stand at multiples of four.
            let offset = (rng.next() as u16) & if rng.one_in(3) { 0xFFFF } else { 0xFFFC };
            bytes.push(rng.next() as u8);
            bytes.extend(offset.to_le_bytes());
            bytes.push(len);
            bytes.extend((0..len).map(|_| byte(&mut rng)).collect::<Vec<_>>());
        }
        for (name, target) in [
            ("encrypted", wrapped::encrypted as fn(&[u8])),
            ("sparse", wrapped::sparse),
            ("asif", wrapped::asif),
            ("corestorage", wrapped::core_storage),
        ] {
            check(&bytes, target, &format!("{name}, run {run} of seed {seed}: {bytes:02x?}"));
        }
    }
}

/// Changed volumes of HFS+, nodes of any content, and records that are nearly right.
#[test]
fn smoke_of_hfs() {
    let (seed, runs) = (number("APFS_FUZZ_SEED", 0xA9F5), number("APFS_FUZZ_RUNS", 4000));
    println!("APFS_FUZZ_SEED={seed} APFS_FUZZ_RUNS={runs}");
    let mut rng = Rng(seed);
    for run in 0..runs {
        let input = hfs::fresh(&mut rng);
        check(&input.encode(), hfs::volume, &format!("hfs_volume, run {run} of seed {seed}: {input:?}"));
        let from = &hfs::seeds()[rng.below(hfs::seeds().len())].bytes;
        let at = rng.below(from.len() - 600);
        let mut bytes = from[at..at + rng.below(600)].to_vec();
        for _ in 0..rng.below(3).min(bytes.len()) {
            let at = rng.below(bytes.len());
            bytes[at] = rng.next() as u8;
        }
        check(&bytes, hfs::record, &format!("hfs_record, run {run} of seed {seed}: {bytes:02x?}"));
        if run % 8 == 0 {
            check(&bytes, hfs::node, &format!("hfs_node, run {run} of seed {seed}: {bytes:02x?}"));
        }
    }
}

/// Checks of changed volumes and containers.
#[test]
fn smoke_of_checks() {
    let (seed, runs) = (number("APFS_FUZZ_SEED", 0xA9F5), number("APFS_FUZZ_RUNS", 2000));
    println!("APFS_FUZZ_SEED={seed} APFS_FUZZ_RUNS={runs}");
    let mut rng = Rng(seed);
    for run in 0..runs {
        let input = hfs::fresh(&mut rng);
        check(
            &input.encode(),
            apfs_fuzz::check::of_hfs,
            &format!("check, run {run} of seed {seed}: {input:?}"),
        );
        let input = fresh(&mut rng);
        check(
            &input.encode(),
            apfs_fuzz::check::of_apfs,
            &format!("check, run {run} of seed {seed}: {input:?}"),
        );
    }
}

/// Damaged Fusion pairs: no panic, no broken promise, no hang, little memory.
#[test]
fn smoke_of_fusion() {
    let (seed, runs) = (number("APFS_FUZZ_SEED", 0xA9F5), number("APFS_FUZZ_RUNS", 4000) / 8);
    println!("APFS_FUZZ_SEED={seed}");
    let mut rng = Rng(seed);
    for run in 0..runs {
        let input = Input { seed: rng.below(8) as u8, ..fresh_of(apfs_fuzz::fusion::pairs(), &mut rng) };
        let name = format!("fusion, run {run} of seed {seed}: {input:?}");
        check(&input.encode(), apfs_fuzz::fusion::fusion, &name);
    }
}

/// Comparisons of states of changed containers.
#[test]
fn smoke_of_deltas() {
    let (seed, runs) = (number("APFS_FUZZ_SEED", 0xA9F5), number("APFS_FUZZ_RUNS", 2000));
    println!("APFS_FUZZ_SEED={seed} APFS_FUZZ_RUNS={runs}");
    let mut rng = Rng(seed);
    for run in 0..runs {
        let input = fresh(&mut rng);
        check(
            &input.encode(),
            apfs_fuzz::delta::delta,
            &format!("delta, run {run} of seed {seed}: {input:?}"),
        );
    }
}

/// Seals of changed sealed volumes.
#[test]
fn smoke_of_seals() {
    let (seed, runs) = (number("APFS_FUZZ_SEED", 0xA9F5), number("APFS_FUZZ_RUNS", 2000));
    println!("APFS_FUZZ_SEED={seed} APFS_FUZZ_RUNS={runs}");
    let mut rng = Rng(seed);
    for run in 0..runs {
        let input = apfs_fuzz::seal::fresh(&mut rng);
        check(&input.encode(), apfs_fuzz::seal::seal, &format!("seal, run {run} of seed {seed}: {input:?}"));
    }
}

/// Journals of some lists, a few of them damaged, with bytes changed behind the checksums.
#[test]
fn smoke_of_journals() {
    let seed = number("APFS_FUZZ_SEED", 0xA9F5);
    println!("APFS_FUZZ_SEED={seed}");
    let mut rng = Rng(seed);
    for run in 0..5000 {
        let mut input = vec![rng.below(4) as u8, rng.next() as u8];
        input.extend((rng.below(514) as u16).to_le_bytes());
        input.extend(if rng.one_in(3) { rng.below(514) as u16 } else { 0 }.to_le_bytes());
        for _ in 0..rng.below(8) {
            let flags = if rng.one_in(8) { rng.below(16) as u8 } else { [1, 3, 3, 2][rng.below(4)] };
            let (step, count) = (if rng.one_in(8) { rng.below(16) } else { 2 }, rng.below(6));
            input.extend([flags, (step << 4 | count) as u8]);
            for _ in 0..count {
                let bnum = if rng.one_in(8) { 0xFFF0 | rng.below(16) } else { 520 + rng.below(40) } as u16;
                input.extend(bnum.to_le_bytes());
                input.push(if rng.one_in(20) { rng.next() as u8 } else { 1 + rng.below(8) as u8 });
            }
        }
        if rng.one_in(2) {
            input.push(0xFF);
            for _ in 0..rng.below(4) {
                let at = if rng.one_in(2) { rng.below(52) } else { 4096 + rng.below(256 << 10) } as u32;
                input.extend(&at.to_le_bytes()[..3]);
                input.push(rng.next() as u8);
            }
        }
        check(&input, journal::journal, &format!("journal, run {run} of seed {seed}: {input:02x?}"));
    }
}

/// Disk images with some bytes changed, and lists and forks that are nearly right.
#[test]
fn smoke_of_udif() {
    let seed = number("APFS_FUZZ_SEED", 0xA9F5);
    println!("APFS_FUZZ_SEED={seed}");
    let mut rng = Rng(seed);
    for number in 0..apfs_fuzz::udif::seeds().len() as u8 {
        check(&[number], target::udif, "a sound image");
    }
    for run in 0..20_000 {
        let number = rng.below(apfs_fuzz::udif::seeds().len());
        let len = apfs_fuzz::udif::seeds()[number].len();
        let mut input = vec![number as u8];
        for _ in 0..1 + rng.below(6) {
            // One in two changes hits the trailer or what stands before it.
            let range = if rng.one_in(2) { 1200 } else { len };
            input.extend((rng.below(range) as u16).to_le_bytes());
            input.push(if rng.one_in(2) { rng.next() as u8 } else { [0, 1, 0x7F, 0x80, 0xFF][rng.below(5)] });
        }
        check(&input, target::udif, &format!("udif, run {run} of seed {seed}: {input:02x?}"));
        if run % 10 == 0 {
            let image = apfs_fuzz::udif::image(&input);
            let fork = [&[0], &image[rng.below(image.len())..]].concat();
            check(&fork, target::plist, &format!("plist, run {run} of seed {seed}"));
            check(&image, target::plist, &format!("plist, run {run} of seed {seed}"));
        }
    }
}

/// Changed streams of every codec and changed compressed files of every type; most changes are near the start.
#[test]
fn smoke_of_decompression() {
    let seed = number("APFS_FUZZ_SEED", 0xA9F5);
    println!("APFS_FUZZ_SEED={seed}");
    let mut rng = Rng(seed);
    for run in 0..3000 {
        let mut bytes: Vec<u8> = (0..4).map(|_| rng.next() as u8).collect();
        if !rng.one_in(4) {
            bytes[0] &= 0x7F;
        }
        for _ in 0..rng.below(6) {
            let at = if rng.one_in(2) { rng.below(120) } else { rng.below(20_000) } as u32;
            bytes.extend(&at.to_le_bytes()[..3]);
            bytes.push(rng.next() as u8);
        }
        for (name, target) in [("codec", codec::codec as fn(&[u8])), ("decmpfs", codec::decmpfs_file)] {
            check(&bytes, target, &format!("{name}, run {run} of seed {seed}: {bytes:02x?}"));
        }
    }
}

/// Small numbers, a few wild ones and types of extended partitions: enough to make sense as entries of a table.
fn table_like(rng: &mut Rng) -> Vec<u8> {
    let byte = |rng: &mut Rng| match rng.below(8) {
        0 => rng.next() as u8,
        1 => 0x05,
        2 => 0xAF,
        3 => rng.below(32) as u8,
        _ => 0,
    };
    (0..rng.below(2000)).map(|_| byte(rng)).collect()
}

/// Keybags of the seeds behind their object headers, and what their entries hold.
fn keybags() -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for seed in seeds() {
        let keybags = seed.regions.iter().filter(|region| region.kind == RegionKind::Object(Role::Keybag));
        for region in keybags {
            let bytes = seed.bytes[region.start + 0x20..region.start + region.len].to_vec();
            let entries = apfs_core::apfs::keybag::entries(&bytes).unwrap();
            found.extend(entries.into_iter().map(|entry| entry.data).filter(|data| data.len() > 20));
            found.push(bytes);
        }
    }
    assert!(found.len() > 6);
    found
}

fn check(bytes: &[u8], target: fn(&[u8]), what: &str) {
    let start = Instant::now();
    let (result, memory) = peak_of(|| catch_unwind(AssertUnwindSafe(|| target(bytes))));
    assert!(result.is_ok(), "{what}");
    assert!(start.elapsed() < SLOW, "{:?} for {what}", start.elapsed());
    assert!(memory < MEMORY, "{memory} bytes for {what}");
}
