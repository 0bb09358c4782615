//! A cursor in a tree does what an index into a sorted list does.

use std::sync::OnceLock;

use apfs_core::apfs::View;
use apfs_core::apfs::btree::Cursor;
use apfs_tests::build::{ImageBuilder, VolumeBuilder};
use apfs_tests::listing::view;
use proptest::prelude::*;

/// A volume of a few hundred records in nodes of so many.
fn tree(records: usize) -> &'static (View, Vec<Vec<u8>>) {
    static TREES: [OnceLock<(View, Vec<Vec<u8>>)>; 4] = [const { OnceLock::new() }; 4];
    let slot = match records {
        2 => 0,
        3 => 1,
        7 => 2,
        _ => 3,
    };
    TREES[slot].get_or_init(|| {
        let volume = (0..60).fold(VolumeBuilder::new("V"), |volume, number| {
            volume.file(&format!("/file {number}"), "x").xattr(&format!("/file {number}"), "key", "value")
        });
        let view = view(ImageBuilder::new().max_records_per_node(records).volume(volume).build().bytes);
        let (mut cursor, mut keys) = (Cursor::new(), Vec::new());
        cursor.seek(view.tree(), &[]).unwrap();
        while let Some(record) = cursor.record() {
            keys.push(record.key().to_vec());
            cursor.advance(view.tree()).unwrap();
        }
        assert_eq!(keys.len() as u64, view.tree().info().unwrap().bt_key_count.get());
        (view, keys)
    })
}

/// Position of a key in the order of the tree: object id, then type, then the rest.
fn position(keys: &[Vec<u8>], key: &[u8]) -> usize {
    keys.partition_point(|other| sortable(other) < sortable(key))
}

fn sortable(key: &[u8]) -> (u64, u64, Vec<u8>) {
    let head = u64::from_le_bytes(key[..8].try_into().unwrap());
    let (id, kind) = (head & ((1 << 60) - 1), head >> 60);
    let rest = match kind {
        // Directory record: hash without the length bits, then name.
        9 => {
            let hash = u32::from_le_bytes(key[8..12].try_into().unwrap()) & 0xffff_fc00;
            [&hash.to_be_bytes()[..], &key[12..]].concat()
        }
        4 => key[10..].to_vec(),
        // A number.
        _ => key[8..].iter().rev().copied().collect(),
    };
    (id, kind, rest)
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Seek(usize, bool),
    Floor(usize, bool),
    Get(usize, bool),
    Advance,
    Back,
}

fn step() -> impl Strategy<Value = Step> {
    let target = (0..1000_usize, any::<bool>());
    prop_oneof![
        target.clone().prop_map(|(index, exact)| Step::Seek(index, exact)),
        target.clone().prop_map(|(index, exact)| Step::Floor(index, exact)),
        target.prop_map(|(index, exact)| Step::Get(index, exact)),
        Just(Step::Advance),
        Just(Step::Advance),
        Just(Step::Back),
        Just(Step::Back),
    ]
}

/// A key of the list, or one that lies just behind it.
fn target(keys: &[Vec<u8>], index: usize, exact: bool) -> Vec<u8> {
    let key = keys[index % keys.len()].clone();
    let head = u64::from_le_bytes(key[..8].try_into().unwrap());
    if exact {
        return key;
    }
    // A sibling link of the same object: a type that these volumes do not have.
    let kind = if head >> 60 >= 5 { 15 } else { 5 };
    let head = head & ((1 << 60) - 1) | kind << 60;
    [head.to_le_bytes(), [0; 8]].concat()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any sequence of moves ends at the record where an index into the sorted list ends.
    #[test]
    fn a_cursor_is_an_index(
        records in prop_oneof![Just(2_usize), Just(3), Just(7), Just(1000)],
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let (view, keys) = tree(records);
        let tree = view.tree();
        let mut cursor = Cursor::new();
        cursor.seek(tree, &[]).unwrap();
        let mut at = Some(0);
        for step in steps {
            match step {
                Step::Seek(index, exact) => {
                    let key = target(keys, index, exact);
                    cursor.seek(tree, &key).unwrap();
                    at = Some(position(keys, &key)).filter(|at| *at < keys.len());
                }
                Step::Floor(index, exact) => {
                    let key = target(keys, index, exact);
                    cursor.seek_floor(tree, &key).unwrap();
                    let above = keys.partition_point(|other| sortable(other) <= sortable(&key));
                    at = Some(above.saturating_sub(1));
                    let floor = tree.floor(&key).unwrap();
                    prop_assert_eq!(floor.as_ref().map(|record| record.key()), above.checked_sub(1).map(|at| &keys[at][..]));
                }
                Step::Get(index, exact) => {
                    let key = target(keys, index, exact);
                    let found = tree.get(&key).unwrap();
                    prop_assert_eq!(found.as_ref().map(|record| record.key()), exact.then_some(&key[..]));
                }
                Step::Advance => {
                    cursor.advance(tree).unwrap();
                    // Past the end it stays there.
                    at = at.map(|at| at + 1).filter(|at| *at < keys.len());
                }
                Step::Back => {
                    cursor.back(tree).unwrap();
                    // From nowhere, back leads to the last record.
                    at = match at {
                        Some(at) => at.checked_sub(1),
                        None => Some(keys.len() - 1),
                    };
                }
            }
            prop_assert_eq!(cursor.record().map(|record| record.key().to_vec()), at.map(|at| keys[at].clone()));
        }
    }
}
