//! Any single flipped bit of a sealed volume: in its tree it is found and located; in its data it is found there, or
//! nothing that a program reads has changed (behind the end of files, unused parts of resource forks).
//!
//! `APFS_FLIPS=exhaustive` flips every bit instead of some.

use std::sync::OnceLock;

use apfs_core::apfs::SealVerdict;
use apfs_tests::build::{Image, ImageBuilder, Role, VolumeBuilder};
use apfs_tests::compress::sample;
use apfs_tests::listing::{list_sound, view};
use apfs_tests::sealed::verdict;
use proptest::prelude::*;

/// A run of bytes of the image: its first byte, its length, and the object or stream it belongs to.
type Run = (usize, usize, u64);

struct Sealed {
    image: Image,
    nodes: Vec<Run>,
    data: Vec<Run>,
    listing: String,
}

fn sealed() -> &'static Sealed {
    static SEALED: OnceLock<Sealed> = OnceLock::new();
    SEALED.get_or_init(|| {
        let volume = VolumeBuilder::new("System").sealed().dir("/bin");
        let volume = volume
            .file("/bin/plain", sample::noise(9_000, 1))
            .sparse("/bin/sparse", 20_000, &[(8192, &[6; 10])])
            .compressed("/bin/inline", 3, sample::text(600, 2))
            .compressed("/bin/fork", 8, sample::text(9_000, 3));
        let image = ImageBuilder::new().max_records_per_node(5).volume(volume).build();
        let run = |place: &apfs_tests::build::Place| {
            let size = image.block_size;
            (place.block as usize * size, place.count as usize * size, place.oid)
        };
        let nodes = image.fs_nodes(0).into_iter().map(run).collect();
        let data = image.live(Role::Data).into_iter().map(run).collect();
        let listing = format!("{:?}", list_sound(&view(image.bytes.clone())));
        Sealed { image, nodes, data, listing }
    })
}

fn flipped(byte: usize, bit: u8) -> Vec<u8> {
    let mut bytes = sealed().image.bytes.clone();
    bytes[byte] ^= 1 << bit;
    bytes
}

/// A bit of a node: the node is named, or without the root nothing is opened.
fn in_a_node((start, len, oid): Run, at: usize, bit: u8) {
    let Sealed { image, .. } = sealed();
    let byte = start + at % len;
    let block = (start / image.block_size) as u64;
    match verdict(flipped(byte, bit)) {
        Err(_) => assert_eq!(block, image.fs_root(0), "byte {byte} bit {bit}"),
        Ok(SealVerdict::Mismatch(found)) => {
            // A hash in an index node is of a child, which is named as well.
            let named = found.nodes.iter().any(|node| node.block.is_some_and(|found| found.0 == block));
            assert!(named, "object {oid}, byte {byte} bit {bit}: {found:?}");
        }
        Ok(other) => panic!("object {oid}, byte {byte} bit {bit}: {other}"),
    }
}

/// A bit of data: a file with the stream is named, and no node.
fn in_data((start, len, stream): Run, at: usize, bit: u8) {
    let byte = start + at % len;
    match verdict(flipped(byte, bit)).unwrap() {
        SealVerdict::Mismatch(found) => {
            let right = |file: &apfs_core::apfs::seal::SealedFile| file.stream == stream;
            assert!(
                found.nodes.is_empty() && found.files.iter().all(right),
                "byte {byte} bit {bit}: {found:?}"
            );
        }
        SealVerdict::Intact => {
            let listing = format!("{:?}", list_sound(&view(flipped(byte, bit))));
            // The resource fork of a compressed file is seen beside its data, and has no hash of its own.
            let is_fork = !sealed().image.volumes[0].private_ids.values().any(|id| *id == stream);
            assert!(is_fork || listing == sealed().listing, "byte {byte} bit {bit} of stream {stream}");
        }
        other => panic!("byte {byte} bit {bit}: {other}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    /// Bits of all nodes alike.
    #[test]
    fn nodes(node in any::<prop::sample::Index>(), at in 0_usize..4096, bit in 0_u8..8) {
        in_a_node(*node.get(&sealed().nodes), at, bit);
    }

    /// Bits of all files alike.
    #[test]
    fn data(run in any::<prop::sample::Index>(), at in 0_usize..1 << 20, bit in 0_u8..8) {
        in_data(*run.get(&sealed().data), at, bit);
    }
}

/// Every bit, if that is asked for.
#[test]
fn flips_of_every_bit() {
    if std::env::var("APFS_FLIPS").as_deref() != Ok("exhaustive") {
        return;
    }
    let bits = |run: &Run| (0..run.1).flat_map(|at| (0..8).map(move |bit| (at, bit)));
    for run in &sealed().nodes {
        bits(run).for_each(|(at, bit)| in_a_node(*run, at, bit));
    }
    for run in &sealed().data {
        bits(run).for_each(|(at, bit)| in_data(*run, at, bit));
    }
}
