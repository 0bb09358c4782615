//! Whole Fusion pairs of the builder and of mkapfs: every file, the space of both devices, and checks.

use std::process::Command;
use std::sync::Arc;

use apfs_core::apfs::Container;
use apfs_core::apfs::space::{ContainerPart, Device, Owner};
use apfs_core::check::{self, CheckOptions};
use apfs_core::io::file::FileDevice;
use apfs_core::{OpenOptions, ReadAt};
use apfs_tests::build::fusion::CopyKind;
use apfs_tests::build::{Encryption, Fusion, Image, ImageBuilder, Unlock, VolumeBuilder};
use apfs_tests::fusion::{files, pair, pattern, volume};
use apfs_tests::listing::read;

fn open(image: &Image) -> Container {
    let (main, tier2) = (Arc::new(image.bytes.clone()), Arc::new(image.tier2.clone()));
    let options =
        OpenOptions { secrets: vec![crate::encrypted::password("sesame")], ..OpenOptions::default() };
    Container::open_fusion(main, tier2, options).unwrap()
}

/// Codes of all findings of a check.
fn codes(container: &Container) -> Vec<&'static str> {
    let mut codes = Vec::new();
    let summary = check::apfs::check(container, &CheckOptions::default(), None, &mut |finding| {
        println!("{finding}");
        codes.push(finding.rule.code);
    });
    println!("{:?}", summary.unwrap().unchecked);
    codes.sort_unstable();
    codes.dedup();
    codes
}

/// Every block of both devices has its owner, and both counts agree.
fn accounted(container: &Container) -> apfs_core::apfs::space::Space {
    let mut findings = Vec::new();
    let space = container.space(&|| false, &mut |finding| {
        findings.push(format!("{finding:?}"));
        Ok(())
    });
    let space = space.unwrap();
    assert!(space.is_sound(), "{findings:?}");
    assert_eq!(space.devices.iter().map(|device| device.device).collect::<Vec<_>>(), Device::ALL);
    space
}

/// Files on either device, on both and with copies of every kind are what was written, encrypted or not, live and at a
/// snapshot; without tier 2 what is on the main device alone.
#[test]
fn every_file() {
    let sesame = Encryption::native([Unlock::disk("sesame")]);
    let encrypted = ImageBuilder::new().fusion(Fusion::default()).volume(volume().encrypted(sesame)).build();
    for image in [pair(), encrypted] {
        let container = open(&image);
        let volume = container.volume(0).unwrap();
        let view = volume.view().unwrap();
        for (path, content) in files() {
            assert!(read(&view, path).unwrap() == content, "{path}");
        }
        let kept = volume.view_at(&volume.snapshot("before").unwrap()).unwrap();
        assert!(read(&kept, "/both").unwrap() == pattern(0, 4 * 65_536), "what the snapshot keeps");
        let fusion = container.fusion().unwrap();
        assert!(fusion.findings.is_empty(), "{:?}", fusion.findings);
        assert!(fusion.middle_tree.dirty_blocks > 0 && fusion.middle_tree.clean_blocks > 0);
        assert!(fusion.write_back.blocks > 0);
    }
    let alone = Container::open(Arc::new(pair().bytes), OpenOptions::default()).unwrap();
    let view = alone.volume(0).unwrap().view().unwrap();
    for (path, content) in files() {
        match path {
            "/main" | "/tenant" | "/layers" => assert!(read(&view, path).unwrap() == content, "{path}"),
            path => assert!(read(&view, path).is_err(), "{path}"),
        }
    }
}

/// Larger blocks, whose addresses have the flag elsewhere.
#[test]
fn large_blocks() {
    for size in [8192, 16_384, 65_536] {
        let content = pattern(1, 10 * size + 5);
        let volume = VolumeBuilder::new("V").file("/main", &content).on_tier2(true).file("/slow", &content);
        let volume = volume
            .copy_on_main("/slow", CopyKind::Dirty, 1, 4)
            .copy_on_main("/slow", CopyKind::Tenant, 5, 2)
            .copy_on_main("/slow", CopyKind::Cached, 3, 3);
        let image = ImageBuilder::new().block_size(size).fusion(Fusion::default()).volume(volume).build();
        let container = open(&image);
        let view = container.volume(0).unwrap().view().unwrap();
        for path in ["/main", "/slow"] {
            assert!(read(&view, path).unwrap() == content, "{path}, blocks of {size}");
        }
        assert!(codes(&container).is_empty(), "blocks of {size}");
        accounted(&container);
    }
}

/// A built pair is clean, and every block of it accounted for.
#[test]
fn built_pairs_are_sound() {
    let container = open(&pair());
    assert_eq!(codes(&container), [""; 0]);
    let space = accounted(&container);
    let fusion = container.fusion().unwrap();
    let copies = fusion.middle_tree.dirty_blocks + fusion.middle_tree.clean_blocks;
    assert_eq!(space.owners[&Owner::Container(ContainerPart::FusionCopy)], copies);
    assert_eq!(space.owners[&Owner::Container(ContainerPart::BlockZero)], 2);
    let spaceman = container.spaceman().unwrap();
    let mut starts = Vec::new();
    let mut each = |run: apfs_core::Result<apfs_core::fs::space::BlockRun>| {
        starts.push(run?.start);
        Ok(())
    };
    spaceman.allocated(Device::Tier2, &|| false, &mut each).unwrap();
    assert_eq!(starts[0], 0, "the copy of the superblock");
    assert_eq!(spaceman.address(Device::Tier2, 7).0, 7 | 1 << 50);
}

/// What is wrong with a pair is told by its own rule.
#[test]
fn checks() {
    let built = |change: &dyn Fn(&mut Fusion)| {
        let mut fusion = Fusion::default();
        change(&mut fusion);
        ImageBuilder::new().fusion(fusion).volume(volume()).build()
    };
    let slow = |block: u64| block | 1 << 50;
    let cases: [(&str, Image); 7] = [
        ("A2906", built(&|fusion| fusion.middle_records.push((9, 3, 1, 1)))),
        ("A2906", built(&|fusion| fusion.middle_records.push((slow(200), 300, 1, 3)))),
        (
            "A2907",
            built(&|fusion| fusion.middle_records.extend([(slow(200), 0, 4, 2), (slow(202), 4, 1, 2)])),
        ),
        ("A2908", built(&|fusion| fusion.cache_entries.push((slow(1), slow(201), 1)))),
        ("A2909", built(&|fusion| fusion.stable = Some((7, 1_000_000)))),
        ("A2910", built(&|fusion| fusion.has_cache = false)),
        ("A2904", built(&|fusion| (fusion.uuid, fusion.tier2_uuid) = (ids(0x80), Some(ids(0))))),
    ];
    for (code, image) in cases {
        let codes = codes(&open(&image));
        assert!(codes.contains(&code), "{code}: {codes:?}");
    }
    let image = pair();
    let alone = Container::open(Arc::new(image.bytes.clone()), OpenOptions::default()).unwrap();
    assert_eq!(codes(&alone), ["A2903"]);
    let mut cut = image;
    cut.tier2.truncate(cut.tier2.len() - 4096);
    assert_eq!(codes(&open(&cut)), ["A2905"]);
}

/// A Fusion id that the highest bit tells apart.
fn ids(first: u8) -> [u8; 16] {
    let mut id = [1; 16];
    id[0] = first;
    id
}

/// Pairs of mkapfs, of several sizes, are clean and accounted for (`$MKAPFS`, or the one in the path; passed over where
/// there is none).
#[test]
fn made_by_mkapfs() {
    let program = std::env::var_os("MKAPFS").unwrap_or_else(|| "mkapfs".into());
    for (main_len, tier2_len) in [(64u64 << 20, 200u64 << 20), (600 << 20, 3 << 30), (1 << 30, 2 << 40)] {
        let files = [main_len, tier2_len].map(|len| {
            let file = tempfile::NamedTempFile::new().unwrap();
            file.as_file().set_len(len).unwrap();
            file
        });
        let [main, tier2] = files.each_ref().map(|file| file.path());
        let Ok(output) = Command::new(&program).arg("-F").args([tier2, main]).output() else {
            println!("skipped: there is no mkapfs");
            return;
        };
        if !output.status.success() {
            println!("skipped: {}", String::from_utf8_lossy(&output.stderr));
            continue;
        }
        let device = |path| -> Arc<dyn ReadAt> { Arc::new(FileDevice::open(path).unwrap()) };
        let container = Container::open_fusion(device(tier2), device(main), OpenOptions::default()).unwrap();
        assert_eq!(codes(&container), [""; 0], "{main_len} and {tier2_len} bytes");
        accounted(&container);
    }
}
