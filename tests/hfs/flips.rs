//! Single flipped bits. HFS+ has no checksums: a flip may change what its record says, and nothing else without a
//! report.
//!
//! `APFS_FLIPS=exhaustive` flips every bit of all metadata, `APFS_FLIPS=<seed>` repeats a run.

use std::collections::BTreeMap;

use apfs_tests::build::hfs::bytes::{u16_at, u32_at};
use apfs_tests::build::hfs::{HfsImage, HfsRole};
use apfs_tests::hfs_volumes::small;

use crate::answer::{Answer, Key, ask};

const FLIPS: usize = 1500;

/// A generator of numbers that can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

#[derive(Clone)]
struct Bench {
    image: HfsImage,
    sound: Answer,
    names: Vec<Key>,
    /// Flips that were reported, and that changed what their record says.
    reported: usize,
    changed: usize,
    metadata: Vec<usize>,
    records: BTreeMap<usize, (HfsRole, u32, usize)>,
}

impl Bench {
    fn new() -> Self {
        let image = small("V").build();
        let names: Vec<Key> = ask(&image.bytes, []).listed.into_keys().collect();
        let sound = ask(&image.bytes, &names);
        assert!(sound.is_silent(), "{:?} {:?}", sound.reports, sound.scan_reports);
        assert_eq!(sound.looked_up.len(), names.len());
        let (metadata, records) = (metadata(&image), records(&image));
        Bench { image, sound, names, reported: 0, changed: 0, metadata, records }
    }

    /// Flips one bit, asks, and flips it back. Gives what changed in silence.
    fn flip(&mut self, byte: usize, bit: u8) -> Option<String> {
        let old = self.owner_said(byte);
        self.image.bytes[byte] ^= 1 << bit;
        let answer = ask(&self.image.bytes, &self.names);
        let new = self.owner_said(byte);
        self.image.bytes[byte] ^= 1 << bit;
        self.reported += usize::from(!answer.is_silent());
        self.changed += usize::from(answer.is_silent() && answer != self.sound);
        let may_differ = [old, new].concat();
        let differences = answer.silent_differences(&self.sound, &may_differ);
        let role = self.image.place_at(byte).map(|place| place.role);
        differences.first().map(|difference| {
            format!(
                "byte {byte} bit {bit} ({role:?}, of {may_differ:?}), {} differ: {difference}",
                differences.len()
            )
        })
    }

    /// The CNID that the builder's record is about, and those that its bytes name now.
    fn owner_said(&self, byte: usize) -> Vec<u64> {
        let Some(&(role, owner, start)) = self.records.get(&byte) else { return vec![] };
        let bytes = &self.image.bytes[start..];
        let said = match role {
            // A thread's key, or else what the record itself says.
            HfsRole::Catalog if u16_at(bytes, 6) == 0 => u32_at(bytes, 2),
            HfsRole::Catalog => u32_at(bytes, 2 + usize::from(u16_at(bytes, 0)).min(520) + 8),
            _ => u32_at(bytes, 4),
        };
        vec![owner.into(), said.into()]
    }
}

/// Bytes of all metadata.
fn metadata(image: &HfsImage) -> Vec<usize> {
    let is_metadata = |role| {
        use HfsRole::{AlternateHeader, Attributes, Bitmap, Catalog, Extents, Header};
        matches!(role, Header | AlternateHeader | Bitmap | Extents | Catalog | Attributes)
    };
    let places = image.places.iter().filter(|place| is_metadata(place.role));
    places.flat_map(|place| place.range.clone()).collect()
}

/// Tree, CNID and first byte of the leaf record that each byte lies in.
fn records(image: &HfsImage) -> BTreeMap<usize, (HfsRole, u32, usize)> {
    let mut records = BTreeMap::new();
    for (role, tree) in &image.trees {
        for node in tree.nodes.iter().filter(|node| node.height == 1) {
            let (at, _) = image.node_place(*role, node.number);
            for (range, owner) in &node.records {
                records.extend(range.clone().map(|byte| (at + byte, (*role, *owner, at + range.start))));
            }
        }
    }
    records
}

/// Some flips anywhere in the metadata, or all of them.
#[test]
fn a_flipped_bit_changes_nothing_else_in_silence() {
    let wish = std::env::var("APFS_FLIPS").unwrap_or_default();
    let bench = Bench::new();
    let bytes = &bench.metadata;
    let flips: Vec<(usize, u8)> = if wish == "exhaustive" {
        bytes.iter().flat_map(|byte| (0..8).map(|bit| (*byte, bit))).collect()
    } else {
        let time = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let seed = wish.parse().unwrap_or(time.as_nanos() as u64 | 1);
        println!("repeat with APFS_FLIPS={seed}");
        let mut random = Random(seed);
        // Every other one in a record.
        let records: Vec<usize> = bench.records.keys().copied().collect();
        let from = |n: usize| if n.is_multiple_of(2) { &records } else { bytes };
        (0..FLIPS).map(|n| (from(n)[random.below(from(n).len())], random.below(8) as u8)).collect()
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let found: Vec<String> = std::thread::scope(|scope| {
        let parts = flips.chunks(flips.len().div_ceil(threads));
        let running: Vec<_> = parts
            .map(|part| {
                let mut bench = bench.clone();
                scope.spawn(move || {
                    let found = part.iter().filter_map(|(byte, bit)| bench.flip(*byte, *bit)).collect();
                    println!(
                        "{} reported, {} in one record, of {}",
                        bench.reported,
                        bench.changed,
                        part.len()
                    );
                    found
                })
            })
            .collect();
        running
            .into_iter()
            .flat_map(|thread| thread.join().unwrap_or_else(|_| vec!["a panic".into()]))
            .collect()
    });
    assert!(
        found.is_empty(),
        "{} of {} flips:\n{}",
        found.len(),
        flips.len(),
        found[..found.len().min(40)].join("\n")
    );
}
