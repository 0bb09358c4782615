//! The program `apfs` against other readers on large images made with a real kernel driver.
//!
//! `APFS_LAB_IMAGES` names the folder with many100k.img, many1m.img and bulk.img, and hfs100k.img and hfsbulk.img of HFS+
//! (`cargo xtask full` makes them); without it there is nothing to do. Peers that are not installed are left out. Programs run in turn, each
//! answer is checked first, and the ratio of the pairs counts: seconds differ from machine to machine.
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing,
    reason = "a benchmark that can't run must stop"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use apfs_benches::{Counting, Job, in_turn, output};
use apfs_core::io::file::FileDevice;
use apfs_core::{AnyFs, Disk, Fs, FsExt, OpenOptions, ReadAt, Scan, StreamId};

/// Pairs of runs that count.
const ROUNDS: usize = 5;
/// Reads that finding and reading a small file may take on HFS+.
const HFS_LOOKUP_READS: u64 = 29;

fn main() {
    let Some(folder) = std::env::var_os("APFS_LAB_IMAGES").map(PathBuf::from) else {
        println!("peers: skipped, APFS_LAB_IMAGES is not set");
        return;
    };
    let apfs = std::env::var("APFS_BIN").unwrap_or_else(|_| "target/release/apfs".to_owned());
    println!("{:<44} {:>9} {:>9} {:>8}", "job, against", "ours s", "theirs s", "ratio");
    for (name, entries) in [("many100k", 104_356), ("many1m", 1_043_839), ("hfs100k", 104_356)] {
        let image = folder.join(format!("{name}.img"));
        if image.exists() {
            listing(&apfs, &image, name, entries);
            lookup(&apfs, &image);
            checking(&apfs, &image);
        }
    }
    let present = |names: [&str; 2]| {
        let images = names.map(|name| folder.join(format!("{name}.img")));
        images.into_iter().filter(|image| image.exists())
    };
    for image in present(["many100k", "hfs100k"]) {
        small_files(&apfs, &image);
    }
    for image in present(["bulk", "hfsbulk"]) {
        large_files(&apfs, &image);
    }
}

fn report(ours: &Job, theirs: &Job, rounds: usize) {
    let paired = in_turn(ours, theirs, rounds);
    let title = format!("{}, {}", ours.name, theirs.name);
    println!("{title:<44} {:>9.3} {:>9.3} {:>7.1}x", paired.ours, paired.theirs, paired.ratio);
}

fn installed(program: &str) -> bool {
    !output(&format!("command -v {program}")).is_empty()
}

/// The only volume of an image, and the device that it is read from.
fn volume(image: &Path) -> (AnyFs, Arc<Counting>) {
    let device = Arc::new(Counting::new(Arc::new(FileDevice::open(image).expect("image"))));
    let options = OpenOptions::default();
    let volumes = Disk::open(device.clone(), &options).and_then(|disk| disk.volumes(&options));
    let volume = volumes.expect("volumes").into_iter().next().expect("a volume");
    (volume.and_then(|volume| volume.view()).expect("view"), device)
}

/// Other programs that list everything on an image.
fn listers(image: &Path) -> Vec<Job> {
    let image_text = image.display();
    let mut jobs = vec![("7zz", Job::new("7zz l", format!("7zz l {image_text}")))];
    if volume(image).0.as_apfs().is_some() {
        let block = output(&format!("pstat {image_text} | sed -n 's/.*APSB Block Number: //p' | head -1"));
        let line = format!("fls -r -m / -P apfs -B {block} {image_text}");
        jobs.push(("fls", Job::new("fls -r -m /", line)));
    } else {
        jobs.push(("fls", Job::new("fls -r -m /", format!("fls -r -m / {image_text}"))));
        jobs.push(("fshfsinfo", Job::new("fshfsinfo -H", format!("fshfsinfo -H {image_text}"))));
    }
    jobs.into_iter().filter(|(program, _)| installed(program)).map(|(_, job)| job).collect()
}

/// Everything with all metadata and paths.
fn listing(apfs: &str, image: &Path, name: &str, entries: u64) {
    let image_text = image.display();
    let lines = output(&format!("{apfs} ls -lR {image_text} | wc -l"));
    assert_eq!(lines, (entries + 1).to_string(), "entries and the root");
    let rounds = if entries > 500_000 { 3 } else { ROUNDS };
    let ours = Job::new(&format!("list {name}"), format!("{apfs} ls -lR {image_text}"));
    for theirs in listers(image) {
        report(&ours, &theirs, rounds);
    }
    if installed("/usr/bin/time") {
        let memory = output(&format!("/usr/bin/time -f %M {apfs} ls -lR {image_text} 2>&1 >/dev/null"));
        println!("    peak memory {memory} KiB");
    }
    tree_cost(image);
}

/// Every structure read and compared, against apfsck (`APFSCK`), which both find nothing in.
fn checking(apfs: &str, image: &Path) {
    let apfsck = std::env::var("APFSCK").unwrap_or_else(|_| "apfsck".to_owned());
    if volume(image).0.as_apfs().is_none() || !installed(&apfsck) {
        return;
    }
    let image = image.display();
    let ours = Job::new("check", format!("{apfs} check --strict {image}"));
    report(&ours, &Job::new("apfsck", format!("{apfsck} {image}")), 3);
    let space = output(&format!("/usr/bin/time -f '%e s, %M KiB' {apfs} space {image} 2>&1 >/dev/null"));
    println!("    space: {space}");
}

/// What listing costs beside reading the nodes once, and checksumming those of APFS: the floor that the scan is
/// measured by.
fn tree_cost(image: &Path) {
    let (view, device) = volume(image);
    let (reads_before, bytes_before) = device.counts();
    let start = std::time::Instant::now();
    let ledger = view.scan(None, &mut |item| item.map(|_| ()).map_err(|error| error.error)).expect("scan");
    let scan = start.elapsed().as_secs_f64();
    let (reads, bytes) = device.counts();
    let (reads, bytes) = (reads - reads_before, bytes - bytes_before);
    let has_checksums = view.as_apfs().is_some();
    let start = std::time::Instant::now();
    let mut buffer = vec![0u8; 128 << 10];
    let (mut sum, mut offset) = (0u64, 0u64);
    while offset < bytes {
        device.read_exact_at(offset, &mut buffer).expect("read");
        for block in buffer.chunks_exact(4096).filter(|_| has_checksums) {
            sum = sum.wrapping_add(apfs_core::sum::fletcher64::fletcher64(block));
        }
        offset += 128 << 10;
    }
    let floor = start.elapsed().as_secs_f64();
    let what = if has_checksums { "reading and checksumming" } else { "reading" };
    println!(
        "    scan alone {scan:.3} s for {} entries, {reads} device reads, {:.1} MB; {what} as many bytes {floor:.3} s: \
         {:.1} times that (sum {sum:x})",
        ledger.entries(),
        bytes as f64 / 1e6,
        scan / floor
    );
}

/// One path of four or five parts, a cold process.
fn lookup(apfs: &str, image: &Path) {
    let listing = image.with_extension("tsv");
    let row = output(&format!("grep -P '^(/[^/\\t]+){{4,5}}\\tf' {} | sed -n 20p", listing.display()));
    let path = row.split('\t').next().unwrap_or_default().to_owned();
    let (view, device) = volume(image);
    assert!(!path.is_empty(), "{}: no file to look up", listing.display());
    let id = view.find(&path).expect("path");
    let mut buffer = vec![0; 1 << 16];
    view.read_at(id, &StreamId::Data, 0, &mut buffer).expect("read");
    let (reads, _) = device.counts();
    let bound = match view.as_apfs() {
        Some(view) => {
            let map_height = u64::from(view.volume().omap().expect("map").tree().levels());
            let parts = u64::try_from(path.matches('/').count()).expect("small");
            12 + parts * u64::from(view.tree().levels()) * (1 + map_height)
        }
        None => HFS_LOOKUP_READS,
    };
    assert!(reads <= bound, "{reads} device reads, at most {bound}");
    let ours = Job::new("cat one file by path", format!("{apfs} cat {} '{path}'", image.display()));
    report(&ours, &Job::new("true", "true".to_owned()), 20);
    println!("    {reads} device reads (at most {bound})");
}

fn small_files(apfs: &str, image_path: &Path) {
    let image = image_path.display();
    if !installed("7zz") {
        return;
    }
    let ours = Job::new("read 100k small files", format!("{apfs} cat -R {image} /"));
    let theirs = Job::new("7zz x -so", format!("7zz x -so {image}"));
    let [ours_bytes, theirs_bytes] = [&ours, &theirs].map(|job| {
        let count = output(&format!("{} 2>/dev/null | wc -c", job.line));
        count.parse::<u64>().expect("a count")
    });
    // 7zz prints the targets of links as well.
    assert!(ours_bytes > 0 && ours_bytes <= theirs_bytes, "{ours_bytes} bytes, theirs {theirs_bytes}");
    let listing = image_path.with_extension("tsv");
    // Linux shows the files of a journal.
    let shown = "$2 == \"f\" && $1 !~ /^\\/\\.journal/";
    let sum = output(&format!("awk -F'\\t' '{shown} {{ s += $3 }} END {{ print s }}' {}", listing.display()));
    assert_eq!(ours_bytes.to_string(), sum, "bytes of all files");
    report(&ours, &theirs, 3);
    let folder = "/dev/shm/apfs-bench";
    let clean = format!("rm -rf {folder}");
    let ours = Job {
        before: clean.clone(),
        ..Job::new("extract 100k files to memory", format!("{apfs} extract {image} -o {folder}"))
    };
    let theirs = Job { before: clean.clone(), ..Job::new("7zz x", format!("7zz x -y -o{folder} {image}")) };
    report(&ours, &theirs, 3);
    let _ = output(&clean);
}

fn large_files(apfs: &str, image: &Path) {
    let image = image.display();
    let ours = Job::new("read 4 GiB in large files", format!("{apfs} cat -R {image} /"));
    let bytes = output(&format!("{} | wc -c", ours.line));
    let mib = bytes.parse::<u64>().unwrap_or(0) >> 20;
    // The same amount of bytes of the same image; the data fills most of it from some way in.
    let theirs = Job::new("dd bs=1M", format!("dd bs=1M if={image} of=/dev/null skip=64 count={mib}"));
    report(&ours, &theirs, ROUNDS);
    if installed("7zz") {
        report(&ours, &Job::new("7zz x -so", format!("7zz x -so {image}")), 3);
    }
}
