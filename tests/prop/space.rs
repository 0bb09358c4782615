//! Space after any sequence of edits: every block has its owner, and what deleting a snapshot frees is what brute force
//! says: the blocks that are in the set of its state and in no other.

use std::collections::BTreeSet;

use apfs_core::apfs::omap::Omap;
use apfs_core::apfs::{View, Volume};
use apfs_core::tree::cursor::Cursor;
use apfs_core::{ExtentKind, Fs, FsExt, Kind, StreamId, Xid};
use apfs_tests::build::ImageBuilder;
use apfs_tests::listing::open;
use proptest::prelude::*;

use crate::edits::{edit, run};

/// Blocks of all data that a state shows, found file by file.
fn data_of(view: &View) -> BTreeSet<u64> {
    let mut blocks = BTreeSet::new();
    for entry in view.walk(view.root()) {
        let stat = entry.unwrap().stat;
        let mut runs = Vec::new();
        if stat.kind == Kind::File {
            view.extents(stat.id, &StreamId::Data, 0, &mut runs, usize::MAX).unwrap();
        }
        for run in runs {
            if let ExtentKind::Data(offset) = run.kind {
                blocks.extend(offset / 4096..(offset + run.len) / 4096);
            }
        }
    }
    blocks
}

/// Blocks of all objects that a state sees, found object by object. What snapshots say of themselves is not for the live
/// state.
fn objects_of(volume: &Volume, omap: &Omap, state: Option<Xid>) -> BTreeSet<u64> {
    let own = volume.superblock().raw().apfs_snap_meta_ext_oid.get();
    let mut oids = BTreeSet::new();
    let mut cursor = Cursor::new();
    cursor.seek(omap.tree(), &[]).unwrap();
    while let Some(record) = cursor.record() {
        oids.insert(u64::from_le_bytes(record.key()[..8].try_into().unwrap()));
        cursor.advance(omap.tree()).unwrap();
    }
    let xid = state.unwrap_or(volume.container().xid());
    let seen = oids.into_iter().filter(|oid| state.is_some() || *oid != own);
    seen.filter_map(|oid| omap.lookup(apfs_core::Oid(oid), xid).unwrap())
        .map(|mapping| mapping.block.0)
        .collect()
}

/// For each set the number of its blocks that are in none of the others.
fn alone(states: &[BTreeSet<u64>], index: usize) -> u64 {
    let others: BTreeSet<u64> = states
        .iter()
        .enumerate()
        .filter(|(other, _)| *other != index)
        .flat_map(|(_, set)| set)
        .copied()
        .collect();
    states[index].difference(&others).count() as u64
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// No finding, both identities, and what snapshots free, all against sets of blocks.
    #[test]
    fn every_block_has_its_owner(
        edits in prop::collection::vec(edit(), 1..60),
        records in prop_oneof![Just(2_usize), Just(5), Just(1000)],
    ) {
        let (volume, ..) = run(&edits);
        let image = ImageBuilder::new().max_records_per_node(records).checkpoints(2).volume(volume).build();
        let container = open(image.bytes).unwrap();
        let mut findings = Vec::new();
        let space = container.space(&|| false, &mut |finding| {
            findings.push(format!("{finding:?}"));
            Ok(())
        }).unwrap();
        prop_assert!(findings.is_empty() && space.is_sound(), "{findings:?} {space:?}");

        let volume = container.volume(0).unwrap();
        let omap = volume.omap().unwrap();
        let snapshots = volume.snapshots().unwrap();
        let mut data: Vec<_> =
            snapshots.iter().map(|snapshot| data_of(&volume.view_at(snapshot).unwrap())).collect();
        let mut objects: Vec<_> =
            snapshots.iter().map(|snapshot| objects_of(&volume, &omap, Some(snapshot.xid))).collect();
        data.push(data_of(&volume.view().unwrap()));
        objects.push(objects_of(&volume, &omap, None));
        let live = data.last().unwrap();
        let all: BTreeSet<u64> = data.iter().flatten().copied().collect();
        let found = &space.volumes[0];
        prop_assert_eq!(found.data, all.len() as u64);
        prop_assert_eq!(found.data_use.kept, all.difference(live).count() as u64);
        prop_assert_eq!(found.data_use.unshared + found.data_use.shared, live.len() as u64);
        for (index, (snapshot, freed)) in found.snapshots.iter().enumerate() {
            prop_assert_eq!(snapshot.xid, snapshots[index].xid);
            prop_assert_eq!(freed.data, alone(&data, index));
            prop_assert_eq!(freed.metadata, alone(&objects, index));
        }
    }
}
