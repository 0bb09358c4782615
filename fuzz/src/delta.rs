//! Comparisons of states of damaged volumes: they end, need little memory, and both ways to find differences agree.

use std::sync::Arc;

use apfs_core::apfs::delta::{Change, History, Method};
use apfs_core::apfs::{Container, View, Volume};
use apfs_core::tree::node::SearchTree;
use apfs_core::{Disk, Error, Fs, OpenOptions, ReadAt};

use crate::patch::Input;
use crate::target::options;

/// States of a volume that are compared.
const STATES: usize = 5;

/// An APFS image, made of a seed and changes to it (see [`patch`](crate::patch)).
pub fn delta(bytes: &[u8]) {
    let mut options = options();
    options.limits.differences = 10_000;
    let device: Arc<dyn ReadAt> = Arc::new(Input::decode(bytes).image());
    let Ok(disk) = Disk::open(device, &options) else { return };
    for part in disk.apfs_partitions() {
        let Ok(container) = disk.container(part, options.clone()) else { continue };
        for (slot, volume) in container.volumes() {
            let Ok(volume) = volume else { continue };
            let views = views(&disk, part, &container, slot, &volume, &options);
            compare_all(&views);
            histories(&views);
        }
    }
}

/// The live state, snapshots and older checkpoints, some of them.
fn views(
    disk: &Disk,
    part: usize,
    newest: &Container,
    slot: usize,
    volume: &Volume,
    options: &OpenOptions,
) -> Vec<View> {
    let mut views: Vec<View> = volume.view().into_iter().collect();
    for snapshot in volume.snapshots().unwrap_or_default().iter().take(2) {
        views.extend(volume.view_at(snapshot));
    }
    for superblock in newest.checkpoints().iter().skip(1).take(2) {
        let options = OpenOptions { checkpoint: Some(superblock.xid()), ..options.clone() };
        let older = disk.container(part, options).and_then(|container| container.volume(slot)?.view());
        views.extend(older);
    }
    views.truncate(STATES);
    views
}

fn compare_all(views: &[View]) {
    let is_ordered = views.iter().all(|view| map_is_ordered(view).unwrap_or(false));
    for (number, a) in views.iter().enumerate() {
        for (other, b) in views.iter().enumerate() {
            let found = [Method::Map, Method::Trees].map(|method| changes(a, b, method));
            if let [Some(map), Some(trees)] = found {
                assert!(!is_ordered || map == trees, "promise: both ways find the same");
                assert!(number != other || map.is_empty(), "promise: a state differs not from itself");
            }
        }
    }
}

/// True if no node of the object map is older than one below it: one that is hides changes from the map alone, which is
/// for the check of the volume to tell.
fn map_is_ordered(view: &View) -> apfs_core::Result<bool> {
    let omap = view.volume().omap()?;
    let tree = omap.tree();
    let mut pending = vec![tree.root().clone()];
    while let Some(node) = pending.pop() {
        for index in 0..if node.level() > 0 { node.count() } else { 0 } {
            let child = tree.child(&node, index)?;
            if child.header().xid > node.header().xid {
                return Ok(false);
            }
            pending.push(child);
        }
    }
    Ok(true)
}

/// All changes, if nothing is damaged.
fn changes(a: &View, b: &View, method: Method) -> Option<Vec<Change>> {
    let delta = match a.changes(b) {
        Ok(delta) => delta.method(method),
        Err(Error::Corrupt(_) | Error::Unsupported(_) | Error::Limit(_)) => return None,
        Err(error) => panic!("promise: only damage keeps states of one volume from being compared: {error}"),
    };
    let (mut found, mut is_sound) = (Vec::new(), true);
    for change in delta {
        match change {
            Ok(change) => {
                assert!(change.path.starts_with(b"/"), "promise: a path is whole");
                let mut at = 0;
                for (offset, len) in &change.ranges {
                    assert!(*offset >= at && *len > 0, "promise: ranges are in order and apart");
                    at = offset.checked_add(*len).expect("promise: ranges end");
                }
                found.push(change);
            }
            Err(_) => is_sound = false,
        }
    }
    is_sound.then_some(found)
}

/// The root, and the first entries in it.
fn histories(views: &[View]) {
    let Some(newest) = views.first() else { return };
    let (mut entries, mut pos) = (Vec::new(), apfs_core::DirPos::default());
    let _ = newest.read_dir(newest.root(), &mut pos, &mut entries, 3);
    let ids = entries.iter().map(|entry| entry.id).chain([newest.root()]);
    for id in ids {
        let mut history = History::new(id);
        for (number, view) in views.iter().enumerate().rev() {
            let _ = history.add(number, view);
        }
        let told: usize = history.versions().iter().map(|version| version.states.len()).sum();
        assert!(told <= views.len(), "promise: a state has one version");
    }
}
