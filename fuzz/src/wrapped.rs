//! Targets of disk images, encrypted, sparse and ASIF, and of volume groups. An input is the number of a sound image and
//! changes to what its reader depends on first.
//!
//! ```text
//! seed u8, then for each change: region u8, offset u16, length u8, that many bytes
//! ```

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use apfs_core::corestorage::Group;
use apfs_core::image::asif::AsifImage;
use apfs_core::image::encrypted::{EncryptedImage, inspect};
use apfs_core::image::sparse::SparseImage;
use apfs_core::{Limits, OpenOptions, ReadAt, Result, Secret};
use apfs_tests::build;
use apfs_tests::build::asif::CHUNK;
use apfs_tests::build::corestorage::{BLOCK, Built, CoreStorage, METADATA_BLOCK, fix_checksum};

/// A sound image.
#[derive(Debug)]
pub struct Seed {
    bytes: Vec<u8>,
    /// Where headers and tables lie.
    regions: Vec<Range<usize>>,
}

impl Seed {
    /// The image with the changes of an input.
    fn changed(&self, mut input: &[u8]) -> Vec<u8> {
        let mut image = self.bytes.clone();
        while let Some(([region, low, high, len], rest)) = input.split_first_chunk::<4>() {
            let region = self.regions[usize::from(*region) % self.regions.len()].clone();
            let at = usize::from(u16::from_le_bytes([*low, *high])) % region.len();
            let bytes = &rest[..rest.len().min(usize::from(*len))];
            let count = bytes.len().min(region.len() - at);
            image[region.start + at..][..count].copy_from_slice(&bytes[..count]);
            input = &rest[bytes.len()..];
        }
        image
    }
}

fn limits() -> Limits {
    let mut limits = crate::target::limits();
    limits.kdf_rounds = 1000;
    limits.unlock_attempts = 16;
    limits.image_table_bytes = 1 << 20;
    limits.image_bytes = 1 << 44;
    limits
}

fn changed(seeds: &[Seed], input: &[u8]) -> Vec<u8> {
    let (seed, changes) = input.split_first().unwrap_or((&0, &[]));
    seeds[usize::from(*seed) % seeds.len()].changed(changes)
}

/// Encrypted images of both versions: their headers.
pub fn encrypted(input: &[u8]) {
    static SEEDS: OnceLock<Vec<Seed>> = OnceLock::new();
    let seeds = SEEDS.get_or_init(|| {
        let disk = pattern(5000);
        let v1 = build::EncryptedImage::new(1, 256).password("p").build(&disk);
        let v2 = build::EncryptedImage::new(2, 128).certificate().password("p").other(9).build(&disk);
        let end = v1.len();
        vec![
            Seed { bytes: v1, regions: vec![end - 1276..end - 892, end - 892..end] },
            Seed { bytes: v2, regions: vec![0..136, 136..300, 750..920] },
        ]
    });
    let image = changed(seeds, input);
    let secrets = [Secret::password("x"), Secret::key([7; 36]), Secret::key([7; 52]), Secret::password("p")];
    let info = inspect(&image, &limits());
    let opened = EncryptedImage::open(Arc::new(image), &secrets, &limits());
    assert!(info.is_ok() || opened.is_err(), "promise: what opens can be described");
    check(input, opened);
}

/// Sparse images: header and index nodes.
pub fn sparse(input: &[u8]) {
    static SEEDS: OnceLock<Vec<Seed>> = OnceLock::new();
    let seeds = SEEDS.get_or_init(|| {
        let image = (0..9)
            .fold(build::SparseImage::new(1, 40).slots(3), |image, n| image.band(n * 7 % 40, &pattern(512)));
        let (bytes, nodes) = image.build();
        let regions = nodes.iter().map(|at| *at..at + 80).collect();
        vec![Seed { bytes, regions }]
    });
    check(input, SparseImage::open(Arc::new(changed(seeds, input)), &limits()));
}

/// ASIF images: header, directories, a table and a bitmap.
pub fn asif(input: &[u8]) {
    static SEEDS: OnceLock<Vec<Seed>> = OnceLock::new();
    let seeds = SEEDS.get_or_init(|| {
        let some: Vec<bool> = (0..80).map(|sector| sector % 3 == 1).collect();
        let (whole, sectors) = (pattern(CHUNK), 9 * 80);
        let bytes = build::Asif::new(sectors).chunk(1, &whole).partial(2, &whole, &some).build();
        // Chunks of the file: header and directories, table, content, content, bitmap.
        let regions = vec![0..80, 2048..2072, 4096..4120, CHUNK..CHUNK + 32, CHUNK + 16384..CHUNK + 16392];
        let bitmap = 4 * CHUNK..4 * CHUNK + 64;
        vec![Seed { bytes, regions: [regions, vec![bitmap]].concat() }]
    });
    check(input, AsifImage::open(Arc::new(changed(seeds, input)), &limits()));
}

/// CoreStorage groups: headers, disk labels and blocks of metadata, whose checksums are made right. Region 0 is the header,
/// 1 the newest disk label, 2 what follows its first block, others are blocks of the metadata.
pub fn core_storage(input: &[u8]) {
    static SEEDS: OnceLock<Vec<Built>> = OnceLock::new();
    let seeds = SEEDS.get_or_init(|| {
        let mut content = pattern(20 * BLOCK);
        content.chunks_mut(1024).for_each(|chunk| chunk[512..600].fill(7));
        content[1024..1028].copy_from_slice(b"H+\0\x04");
        let encrypted = CoreStorage::new(&content).password("p", "hint").institution();
        let changing = encrypted.clone().spread(1, 5).status("Converting", &[1]);
        vec![
            CoreStorage::new(&content).spread(2, 3).build(),
            encrypted.clone().compressed(10_000).build(),
            changing.build(),
            encrypted.wiped().relative().build(),
        ]
    });
    let (seed, mut changes) = input.split_first().unwrap_or((&0, &[]));
    let mut group = seeds[usize::from(*seed) % seeds.len()].clone();
    let mut secrets = vec![Secret::password("x"), Secret::key([7; 16]), Secret::password("p")];
    secrets.push(Secret::key_file(group.key_file.clone()));
    while let Some(([region, low, high, len], rest)) = changes.split_first_chunk::<4>() {
        let bytes = &rest[..rest.len().min(usize::from(*len))];
        let offset = usize::from(u16::from_le_bytes([*low, *high]));
        let overwrite = |area: &mut [u8]| {
            // Every other change hits the start, where most fields are.
            let most = if offset < 0x8000 { area.len() } else { area.len().min(256) };
            let at = offset % most;
            let count = bytes.len().min(area.len() - at);
            area[at..at + count].copy_from_slice(&bytes[..count]);
        };
        let label = group.labels[0].start;
        match usize::from(*region) % (3 + group.metadata_blocks.len()) {
            0 => group.change_header(0, overwrite),
            1 => {
                let label = &mut group.pvs[0][label..][..METADATA_BLOCK];
                overwrite(label);
                fix_checksum(label);
            }
            2 => overwrite(&mut group.pvs[0][label + METADATA_BLOCK..][..600]),
            number => group.change_block(number - 3, overwrite),
        }
        changes = &rest[bytes.len()..];
    }
    let devices = group.pvs.into_iter().map(|pv| -> Arc<dyn ReadAt> { Arc::new(pv) }).collect();
    let options = OpenOptions { limits: limits(), secrets, ..OpenOptions::default() };
    let opened = Group::open(devices, &options);
    assert!(input.len() > 1 || opened.is_ok(), "promise: a sound group opens");
    let Ok(group) = opened else { return };
    assert!(input.len() > 1 || group.findings().is_empty(), "promise: nothing is wrong with a sound group");
    for volume in group.logical_volumes() {
        let shown = format!("{group} {group:?} {volume} {:?}", volume.conversion());
        assert!(!shown.is_empty() && volume.users().count() < 2000, "promise: what is told has an end");
        check(input, volume.device());
    }
}

/// What holds for every opened image: runs lead to the end, zeros are zeros, and bytes do not depend on how they are read.
fn check(input: &[u8], image: Result<impl ReadAt>) {
    assert!(input.len() > 1 || image.is_ok(), "promise: a sound image opens");
    let Ok(image) = image else { return };
    assert!(image.len() <= limits().image_bytes, "promise: the limit holds");
    let read = |at: u64, len: u64| {
        let mut bytes = vec![0xA5; len as usize];
        image.read_exact_at(at, &mut bytes).map(|()| bytes)
    };
    let mut at = 0;
    for _ in 0..300 {
        let Some(run) = image.run_at(at) else {
            assert_eq!(at, image.len(), "promise: runs lead to the end");
            break;
        };
        assert!(run.len > 0 && run.len <= image.len() - at, "promise: a run is inside");
        let len = run.len.min(3000);
        let whole = read(at, len);
        if run.zeros {
            let zeros = whole.as_ref().is_ok_and(|bytes| bytes.iter().all(|byte| *byte == 0));
            assert!(zeros, "promise: zeros are zeros");
        }
        if let Ok(whole) = whole {
            let half = len / 2;
            let parts = (read(at, half), read(at + half, len - half));
            let (Ok(first), Ok(second)) = parts else { panic!("promise: parts of what is read can be read") };
            assert_eq!([first, second].concat(), whole, "promise: bytes do not depend on how they are read");
        }
        at += run.len;
    }
    assert!(read(image.len(), 1).is_err() && read(u64::MAX, 1).is_err(), "promise: the end is the end");
}

/// Bytes of which no two sectors are alike.
fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n * 7 + n / 251) as u8).collect()
}
