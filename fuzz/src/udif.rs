//! The promises about a UDIF image, and the images that inputs are changes of.

use std::sync::{Arc, OnceLock};

use apfs_core::image::udif::Udif;
use apfs_core::{Limits, ReadAt};
use apfs_tests::build::udif::{Lists, Store, Udif as Builder};
use apfs_tests::compress::sample;

/// Bytes of a disk that are looked at.
const MOST: u64 = 1 << 20;

/// Sound images: tables in a fork, where every byte of them can be changed as it is, in a list, and in both with
/// something in front.
pub fn seeds() -> &'static [Vec<u8>] {
    static SEEDS: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    SEEDS.get_or_init(|| {
        let image = |lists, prefix: usize| {
            let mut image = Builder::new().table("first", 0).comment(*b"+beg");
            for (seed, store) in (1u64..).zip(Store::DATA) {
                image =
                    image.chunk(store, &sample::text(512 * 3, seed)).gap(1).chunk(Store::Zero, &[0; 1024]);
            }
            image = image.table("second", 100).chunk(Store::Ignore, &[0; 512]);
            image = image.chunk(Store::Zlib, &sample::records(512 * 5, 1));
            image.lists = lists;
            image.prefix = vec![0; prefix];
            image.build()
        };
        vec![image(Lists::Fork, 0), image(Lists::Xml, 0), image(Lists::Both, 128)]
    })
}

/// An image made of an input: the number of a seed, then changes of three bytes each, place and value; or any bytes.
pub fn image(input: &[u8]) -> Vec<u8> {
    let Some((number, changes)) = input.split_first() else { return Vec::new() };
    let Some(seed) = seeds().get(usize::from(*number)) else { return changes.to_vec() };
    let mut image = seed.clone();
    for change in changes.chunks_exact(3) {
        // Places count from the end, where most that matters is.
        let at = usize::from(u16::from_le_bytes([change[0], change[1]])) % image.len();
        let at = image.len() - 1 - at;
        image[at] = change[2];
    }
    image
}

/// Opens an image and reads it in several ways, which must agree.
pub fn check(bytes: Vec<u8>, limits: &Limits) {
    let Ok(image) = Udif::open(Arc::new(bytes), limits) else { return };
    let len = image.len();
    assert!(len <= limits.image_bytes, "promise: a disk is not larger than allowed");
    let (mut at, mut seen) = (0, 0u64);
    while let Some(run) = image.run_at(at) {
        assert!(run.len > 0 && run.len <= len - at, "promise: runs go on and stay inside");
        let here = run.len.min(64 << 10);
        let mut whole = vec![0xEE; here as usize];
        let read = image.read_exact_at(at, &mut whole);
        if run.zeros {
            assert!(read.is_ok() && whole.iter().all(|byte| *byte == 0), "promise: zeros are zeros");
        }
        let middle = at + here / 2;
        let mut part = vec![0xDD; (here - here / 2).min(700) as usize];
        let read_part = image.read_exact_at(middle, &mut part);
        if read.is_ok() {
            assert!(read_part.is_ok(), "promise: what can be read can be read in parts");
            assert!(whole[(here / 2) as usize..].starts_with(&part), "promise: parts are parts of the whole");
        }
        seen += 1;
        at += run.len;
        if seen > 1000 || at > MOST {
            break;
        }
    }
    for index in 0..image.tables().len().min(4) {
        let mut left = MOST;
        let _ = image.verify_table(index, &mut |bytes| {
            left = left.saturating_sub(bytes);
            if left == 0 { Err(apfs_core::Error::Cancelled) } else { Ok(()) }
        });
    }
    let _ = (image.verify_data_fork(0, &mut |_| Ok(())), image.verify_master(), image.is_signed());
    let expanded = image.expanded();
    assert!(expanded.chunks <= expanded.of && expanded.chunks <= expanded.times);
    let counts = image.chunk_counts();
    let compressed: usize =
        counts.iter().filter(|(kind, _)| kind.is_compressed()).map(|(_, count)| count).sum();
    assert_eq!(compressed, expanded.of);
}
