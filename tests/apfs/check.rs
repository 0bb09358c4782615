//! The check of sound containers says nothing; of locked ones it says what it left out; it stops when it is told to.

use std::process::Command;
use std::sync::Arc;

use apfs_core::apfs::Container;
use apfs_core::check::{self, CheckOptions, Finding, Severity, Summary};
use apfs_core::{Error, OpenOptions, ReadAt, Secret};
use apfs_tests::build::{ImageBuilder, VolumeBuilder};
use apfs_tests::macs;
use apfs_tests::sample;

fn checked(device: Arc<dyn ReadAt>, open: OpenOptions) -> (Vec<Finding>, Summary) {
    let container = Container::open(device, open).unwrap();
    let mut options = CheckOptions::default();
    (options.snapshots, options.findings_per_rule) = (true, u64::MAX);
    let mut findings = Vec::new();
    let summary = check::apfs::check(&container, &options, None, &mut |finding| findings.push(finding));
    findings.retain(|finding| finding.severity() != Severity::Note);
    (findings, summary.unwrap())
}

fn texts(findings: &[Finding]) -> String {
    findings.iter().map(|finding| format!("\n    {finding}")).collect()
}

fn full(name: &str) -> VolumeBuilder {
    let volume = VolumeBuilder::new(name)
        .dir("/d")
        .file("/d/one", [1; 90_000])
        .fragmented("/pieces", [2; 70_000], 1)
        .sparse("/sparse", 1 << 20, &[(1 << 17, b"an island")])
        .symlink("/link", "d/one")
        .hardlink("/d/one", "/again")
        .clone_file("/pieces", "/clone")
        .stream_xattr("/d/one", "stream", [3; 9000])
        .snapshot("s")
        .overwrite("/clone", 65_536, [4; 5])
        .orphan("/pieces");
    (0..200).fold(volume, |volume, number| volume.file(&format!("/d/File {number}"), [5; 700]))
}

/// Block sizes, scattered areas, tall trees, several checkpoints and volumes, volumes of either case, and a seal.
#[test]
fn sound_containers_are_clean() {
    let of_a_mac = [macs::booted(), macs::data()].into_iter().fold(ImageBuilder::new(), ImageBuilder::volume);
    let builders = [
        ("64 KiB blocks", ImageBuilder::new().block_size(65_536).volume(full("V"))),
        ("16 KiB blocks", ImageBuilder::new().block_size(16_384).checkpoints(3).volume(full("V"))),
        ("scattered areas", ImageBuilder::new().fragmented_areas(true).checkpoints(2).volume(full("V"))),
        ("tall trees", ImageBuilder::new().max_records_per_node(3).volume(full("V"))),
        ("rings that wrap", ImageBuilder::new().checkpoints(3).ring_start(6, 50).volume(full("V"))),
        ("old block 0", ImageBuilder::new().checkpoints(3).block_zero_lags(1).volume(full("V"))),
        ("several volumes", ImageBuilder::new().volume(full("V")).volume(full("W"))),
        ("no volume", ImageBuilder::new()),
        ("many chunks", ImageBuilder::new().min_blocks(200_000).volume(full("V"))),
        ("sealed", ImageBuilder::new().volume(VolumeBuilder::new("V").file("/a", [1; 9000]).sealed())),
        ("sealed states", of_a_mac),
    ];
    for (name, builder) in builders {
        let (findings, summary) = checked(Arc::new(builder.build().bytes), OpenOptions::default());
        assert!(findings.is_empty(), "{name}:{}", texts(&findings));
        assert!(summary.unchecked.is_empty(), "{name}: {:?}", summary.unchecked);
    }
}

/// With the password an encrypted volume is checked as any other; without it what needs no key is, and the rest is told.
#[test]
fn encrypted_volumes() {
    let image = sample::encrypted();
    let mut open = OpenOptions::default();
    open.secrets.push(Secret::password(sample::PASSWORD));
    let (findings, summary) = checked(Arc::new(image.bytes.clone()), open);
    assert!(findings.is_empty(), "{}", texts(&findings));
    assert!(summary.unchecked.is_empty(), "{:?}", summary.unchecked);
    let open = summary.checked["file-system records"];
    let (findings, summary) = checked(Arc::new(image.bytes), OpenOptions::default());
    assert!(findings.is_empty(), "{}", texts(&findings));
    assert!(!summary.unchecked.is_empty(), "what is locked is told");
    assert!(summary.checked.get("file-system records").is_none_or(|records| *records < open));
}

/// A check ends when the caller says so.
#[test]
fn cancelled() {
    let image = ImageBuilder::new().volume(full("V")).build();
    let container = Container::open(Arc::new(image.bytes), OpenOptions::default()).unwrap();
    let stopped = check::apfs::check(&container, &CheckOptions::default(), Some(&|| true), &mut |_| {});
    assert!(matches!(stopped, Err(Error::Cancelled)), "{stopped:?}");
}

/// What `mkapfs` makes is clean: `$MKAPFS`, or the one in the path; passed over where there is none.
#[test]
fn made_by_mkapfs() {
    let program = std::env::var_os("MKAPFS").unwrap_or_else(|| "mkapfs".into());
    for (size, flag) in [(4u64 << 20, "-s"), (64 << 20, "-z"), (600 << 20, "-s"), (3 << 30, "-s")] {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(size).unwrap();
        let Ok(output) = Command::new(&program).arg(flag).arg(file.path()).output() else {
            println!("skipped: there is no mkapfs");
            return;
        };
        if !output.status.success() {
            println!("skipped: {}", String::from_utf8_lossy(&output.stderr));
            continue;
        }
        let device = apfs_core::io::file::FileDevice::open(file.path()).unwrap();
        let (findings, _) = checked(Arc::new(device), OpenOptions::default());
        assert!(findings.is_empty(), "{size} bytes {flag}:{}", texts(&findings));
    }
}
