//! Sparse disk images.

use std::sync::Arc;

use apfs_core::image::sparse;
use apfs_core::{Class, Damage, Limits, ReadAt, Result};
use apfs_tests::build::SparseImage;

use super::shared::{check, pattern, read};

const BAND: usize = 2048;

fn open(file: &[u8]) -> Result<sparse::SparseImage> {
    sparse::SparseImage::open(Arc::new(file.to_vec()), &Limits::default())
}

/// Bands 5, 0, 9 and 2 of a disk of ten bands whose last one ends early.
fn sample(slots: usize) -> (Vec<u8>, Vec<usize>, Vec<u8>) {
    let mut disk = vec![0; BAND * 9 + 512];
    let mut image = SparseImage::new(BAND / 512, disk.len() / 512).slots(slots);
    for number in [5, 0, 9, 2] {
        let band = pattern(BAND, number + 1);
        let at = number as usize * BAND;
        let len = BAND.min(disk.len() - at);
        disk[at..at + len].copy_from_slice(&band[..len]);
        image = image.band(number as u32, &band);
    }
    let (file, nodes) = image.build();
    (file, nodes, disk)
}

/// Bands in any order, holes, a disk that ends inside a band; in one node and in several.
#[test]
fn bands_and_holes() {
    for (slots, count) in [(1000, 1), (4, 1), (3, 2), (1, 4)] {
        let (file, nodes, disk) = sample(slots);
        assert_eq!(nodes.len(), count);
        check(&open(&file).unwrap(), &disk);
    }
    let (file, _) = SparseImage::new(8, 100).build();
    check(&open(&file).unwrap(), &vec![0; 51_200]);
}

/// More bands than a node has slots for.
#[test]
fn full_nodes() {
    let count = 1008 + 1010 + 7;
    let disk = pattern(count * 512, 3);
    let image = (0..count).rev().fold(SparseImage::new(1, count), |image, number| {
        image.band(number as u32, &disk[number * 512..][..512])
    });
    let (file, nodes) = image.build();
    assert_eq!(nodes.len(), 3);
    let image = open(&file).unwrap();
    assert!(read(&image, 0, disk.len()).unwrap() == disk);
}

/// The last band of the file may be cut: zeros follow. A band that is cut elsewhere, or is not there at all, is an error.
#[test]
fn cut_files() {
    let (file, _, mut disk) = sample(1000);
    // The last band of the file is band 2 of the disk.
    let at = file.len() - BAND;
    disk[2 * BAND + 700..3 * BAND].fill(0);
    check(&open(&file[..at + 700]).unwrap(), &disk);
    let image = open(&file[..at - 100]).unwrap();
    let damage = |number: usize| {
        let error = read(&image, (number * BAND) as u64, 512);
        error.err().and_then(|error| error.corrupt().map(|corrupt| corrupt.damage))
    };
    assert_eq!((damage(0), damage(5), damage(2)), (None, None, Some(Damage::PastEnd)));
    assert!(open(&file[..4095]).is_err());
}

/// A damaged table costs the bands that it does not tell of, and no others.
#[test]
fn damaged_tables() {
    let damaged = |change: &dyn Fn(&mut Vec<u8>, &[usize])| {
        let (mut file, nodes, disk) = sample(1);
        change(&mut file, &nodes);
        let image = open(&file).unwrap();
        let read = |number: usize| read(&image, (number * BAND) as u64, 512);
        let whole: Vec<_> = (0..10).filter(|number| read(*number).is_ok()).collect();
        for number in &whole {
            assert_eq!(read(*number).unwrap(), disk[number * BAND..][..512], "band {number}");
        }
        assert!(whole.iter().all(|number| !image.run_at((number * BAND) as u64).unwrap().zeros));
        (whole, image.damage().unwrap().damage)
    };
    let put = |file: &mut Vec<u8>, at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    // Nodes have one slot each and tell of bands 5, 0, 9, 2.
    assert_eq!(damaged(&|file, nodes| put(file, nodes[2], b"x")), (vec![0, 5], Damage::Magic));
    assert_eq!(damaged(&|file, nodes| put(file, nodes[1] + 12, &[0xFF; 8])), (vec![0, 5], Damage::Bounds));
    assert_eq!(damaged(&|file, nodes| file.truncate(nodes[1] + 100)), (vec![5], Damage::Bounds));
    assert_eq!(
        damaged(&|file, nodes| put(file, nodes[2] + 56, &[0, 0, 0, 11])),
        (vec![0, 2, 5], Damage::Range)
    );
    assert_eq!(
        damaged(&|file, nodes| put(file, nodes[2] + 56, &[0, 0, 0, 1])),
        (vec![2, 5], Damage::Contradiction)
    );
    let lead = |to: u64| {
        move |file: &mut Vec<u8>, nodes: &[usize]| {
            let to = if to == 0 { nodes[1] as u64 } else { to };
            file[nodes[2] + 12..nodes[2] + 20].copy_from_slice(&to.to_be_bytes());
        }
    };
    assert_eq!(damaged(&lead(0)), (vec![0, 5, 9], Damage::Loop));
    // A node inside of a band that looks like one.
    let inside = |file: &mut Vec<u8>, nodes: &[usize]| {
        lead(nodes[1] as u64 + 4096)(file, nodes);
        put(file, nodes[1] + 4096, b"sprs");
    };
    let (mut file, nodes, _) = sample(1);
    inside(&mut file, &nodes);
    assert_eq!(open(&file).unwrap().damage().unwrap().damage, Damage::Overlap);
}

/// Headers that make no sense are refused, whatever they ask for.
#[test]
fn damaged_headers() {
    let class = |at: usize, bytes: &[u8]| {
        let (mut file, _, _) = sample(1000);
        file[at..at + bytes.len()].copy_from_slice(bytes);
        open(&file).map(drop).map_err(|error| error.class())
    };
    assert_eq!(class(0, b"sprs"), Ok(()));
    assert_eq!(class(0, b"x"), Err(Class::Corrupt));
    assert_eq!(class(4, &[0, 0, 0, 9]), Err(Class::Unsupported));
    assert_eq!(class(8, &[0; 4]), Err(Class::Corrupt));
    assert_eq!(class(28, &[0xFF; 8]), Err(Class::Limit));
}

/// A table that would take too much memory is refused.
#[test]
fn ceiling_of_the_table() {
    let (file, _, _) = sample(1000);
    let mut limits = Limits::default();
    limits.image_table_bytes = 4095;
    let error = sparse::SparseImage::open(Arc::new(file), &limits).unwrap_err();
    assert_eq!(error.class(), Class::Limit);
}
