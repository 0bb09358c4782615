//! EWF images, with the feature `ewf`.

use std::fs;
use std::sync::Arc;

use apfs_core::image::ewf::EwfImage;
use apfs_core::image::format::Format;
use apfs_core::image::path::open_path;
use apfs_core::{Class, Limits, ReadAt, Result};
use apfs_tests::build::ewf::ewf;

use super::shared::{check, pattern, read};

fn disk() -> Vec<u8> {
    let counted = (0..10 * 4096).map(|n| (n / 5) as u8).collect();
    [pattern(10 * 4096, 1), counted, vec![0; 8192], pattern(1024, 2)].concat()
}

fn open(segments: &[Vec<u8>]) -> Result<EwfImage> {
    let device = |segment: &Vec<u8>| -> Arc<dyn ReadAt> { Arc::new(segment.clone()) };
    EwfImage::open(segments.iter().map(device).collect(), &Limits::default())
}

/// Chunks compressed and not, in one segment and in several, found by the name of any of them.
#[test]
fn segments() {
    let disk = disk();
    for per_segment in [100, 7, 1] {
        let segments = ewf(&disk, 8, per_segment);
        check(&open(&segments).unwrap(), &disk);
        let folder = tempfile::tempdir().unwrap();
        let path = |number: usize| folder.path().join(format!("disk.E{:02}", number + 1));
        for (number, segment) in segments.iter().enumerate() {
            fs::write(path(number), segment).unwrap();
        }
        for number in [0, segments.len() - 1] {
            let opened = open_path(path(number), None, &[], &Limits::default()).unwrap();
            assert_eq!(opened.unwrapped.layers[0].format, Format::Ewf);
            check(&*opened.unwrapped.device, &disk);
        }
    }
}

/// What is missing can't be read, and the rest can.
#[test]
fn missing_segment() {
    let disk = disk();
    let mut segments = ewf(&disk, 8, 7);
    segments.pop();
    let image = open(&segments).unwrap();
    assert_eq!(image.len(), disk.len() as u64);
    assert_eq!(read(&image, 0, 14 * 4096).unwrap(), disk[..14 * 4096]);
    assert!(read(&image, 21 * 4096, 1).is_err());
    segments.remove(0);
    assert_eq!(open(&segments).unwrap_err().class(), Class::Corrupt);
}

/// A disk or chunks too large for the limits are refused.
#[test]
fn ceilings() {
    let mut segment = ewf(&disk(), 8, 100).remove(0);
    let volume = 13 + 76;
    segment[volume + 8..][..4].copy_from_slice(&8192u32.to_le_bytes());
    assert_eq!(open(&[segment.clone()]).unwrap_err().class(), Class::Limit, "chunks of 4 MiB");
    segment[volume + 8..][..4].copy_from_slice(&8u32.to_le_bytes());
    segment[volume + 16..][..8].fill(0xFF);
    assert_eq!(open(&[segment]).unwrap_err().class(), Class::Limit);
}

/// Thousands of damaged images: no panic, and no read that does not end.
#[test]
fn damaged() {
    let segment = ewf(&[pattern(16 * 512, 1), vec![0; 8192]].concat(), 2, 100).remove(0);
    let numbers: Vec<u8> = pattern(40_000, 9);
    for (n, seed) in numbers.chunks_exact(10).enumerate() {
        let mut file = segment.clone();
        for change in seed.chunks_exact(5) {
            let at = u32::from_le_bytes(change[..4].try_into().unwrap()) as usize % file.len();
            // Numbers that hurt, at any byte.
            let value = [0, 0xFF, 0x7F, 0x80, change[4]][n % 5];
            let end = file.len().min(at + [1, 4, 8][n % 3]);
            file[at..end].fill(value);
        }
        file.truncate(if n % 7 == 0 { file.len() - n % 3000 } else { file.len() });
        if let Ok(image) = open(&[file]) {
            for at in [0, 5000, image.len().saturating_sub(600)] {
                let _ = read(&image, at, 600);
            }
        }
    }
}
