//! Volumes after any sequence of edits, against a plain model of what is in them.

use std::collections::BTreeMap;

use apfs_core::Fs;
use apfs_tests::build::{ImageBuilder, VolumeBuilder};
use apfs_tests::listing::{open, read, scanned, walked};
use proptest::prelude::*;

#[derive(Clone, Debug)]
pub(crate) enum Edit {
    Write(u8, u16),
    Overwrite(u8, u8, u16),
    Remove(u8),
    Rename(u8, u8),
    Clone(u8, u8),
    Snapshot,
}

pub(crate) fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        4 => (0..12_u8, 0..20_000_u16).prop_map(|(file, len)| Edit::Write(file, len)),
        4 => (0..12_u8, 0..4_u8, 1..9_000_u16).prop_map(|(file, block, len)| Edit::Overwrite(file, block, len)),
        1 => (0..12_u8).prop_map(Edit::Remove),
        2 => (0..12_u8, 0..12_u8).prop_map(|(from, to)| Edit::Rename(from, to)),
        1 => (0..12_u8, 0..12_u8).prop_map(|(from, to)| Edit::Clone(from, to)),
        1 => Just(Edit::Snapshot),
    ]
}

pub(crate) type Model = BTreeMap<String, Vec<u8>>;

/// Does what can be done of the edits to the volume and to the model; gives the states that snapshots froze.
pub(crate) fn run(edits: &[Edit]) -> (VolumeBuilder, Model, Vec<Model>) {
    let (mut volume, mut model, mut frozen) = (VolumeBuilder::new("V"), Model::new(), Vec::new());
    for (number, edit) in edits.iter().enumerate() {
        let name = |file: u8| format!("/file {file}");
        let bytes = |len: u16| vec![number as u8 + 1; usize::from(len)];
        match edit {
            Edit::Write(file, len) if !model.contains_key(&name(*file)) => {
                volume = volume.file(&name(*file), bytes(*len));
                model.insert(name(*file), bytes(*len));
            }
            Edit::Overwrite(file, block, len) => {
                let Some(content) = model.get_mut(&name(*file)) else { continue };
                let at = usize::from(*block) * 4096;
                // Writing behind the last block would leave a hole, which `overwrite` does not make.
                if at > content.len() {
                    continue;
                }
                volume = volume.overwrite(&name(*file), at as u64, bytes(*len));
                content.resize(content.len().max(at + usize::from(*len)), 0);
                content[at..at + usize::from(*len)].copy_from_slice(&bytes(*len));
            }
            Edit::Remove(file) if model.remove(&name(*file)).is_some() => {
                volume = volume.remove(&name(*file))
            }
            Edit::Rename(from, to) if !model.contains_key(&name(*to)) => {
                let Some(content) = model.remove(&name(*from)) else { continue };
                model.insert(name(*to), content);
                volume = volume.rename(&name(*from), &name(*to));
            }
            Edit::Clone(from, to) if !model.contains_key(&name(*to)) => {
                let Some(content) = model.get(&name(*from)).cloned() else { continue };
                model.insert(name(*to), content);
                volume = volume.clone_file(&name(*from), &name(*to));
            }
            Edit::Snapshot => {
                volume = volume.snapshot(&format!("snapshot {}", frozen.len()));
                frozen.push(model.clone());
            }
            _ => {}
        }
    }
    (volume, model, frozen)
}

fn check(view: &apfs_core::apfs::View, model: &Model) -> Result<(), TestCaseError> {
    let walked = walked(view);
    let paths: Vec<&[u8]> = walked.iter().skip(1).map(|(path, _)| &path[..]).collect();
    let expected: Vec<&[u8]> = model.keys().map(String::as_bytes).collect();
    prop_assert_eq!(paths, expected);
    prop_assert!(scanned(view) == walked);
    for (path, content) in model {
        prop_assert!(&read(view, path).unwrap() == content, "{path}");
    }
    prop_assert!(view.stat(view.root()).unwrap().nchildren == Some(model.len() as u32));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// The live state and every snapshot hold what the model held then.
    #[test]
    fn every_state_is_read_as_it_was(
        edits in prop::collection::vec(edit(), 1..60),
        records in prop_oneof![Just(2_usize), Just(5), Just(1000)],
    ) {
        let (volume, model, frozen) = run(&edits);
        let image = ImageBuilder::new().max_records_per_node(records).volume(volume).build();
        let volume = open(image.bytes).unwrap().volume(0).unwrap();
        check(&volume.view().unwrap(), &model)?;
        let snapshots = volume.snapshots().unwrap();
        prop_assert_eq!(snapshots.len(), frozen.len());
        for (snapshot, model) in snapshots.iter().zip(&frozen) {
            check(&volume.view_at(snapshot).unwrap(), model)?;
        }
    }
}
