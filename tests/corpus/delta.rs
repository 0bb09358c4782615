//! Every two states of every volume that macOS and Linux wrote, compared, against full listings of both: snapshots, the
//! live state and whatever older checkpoints are still whole.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use apfs_core::apfs::{Container, View};
use apfs_core::{Disk, OpenOptions, ReadAt, Result, Secret};
use apfs_tests::corpus;
use apfs_tests::delta::{Listing, examine, listing};
use toml::Value;

/// States of which all pairs are compared; of more, some.
const ALL_PAIRS: usize = 24;

#[derive(Debug, Default)]
struct Found {
    volumes: usize,
    states: usize,
    /// Older checkpoints that were partly written over since.
    lost: usize,
    pairs: usize,
    changes: usize,
    failures: Vec<String>,
}

impl Found {
    fn add(&mut self, other: Found) {
        self.volumes += other.volumes;
        self.states += other.states;
        self.lost += other.lost;
        self.pairs += other.pairs;
        self.changes += other.changes;
        self.failures.extend(other.failures);
    }
}

/// A container at every checkpoint that it still has, newest first.
fn containers(open: &dyn Fn(OpenOptions) -> Result<Container>, options: &OpenOptions) -> Vec<Container> {
    let Ok(newest) = open(options.clone()) else { return Vec::new() };
    let xids: Vec<_> = newest.checkpoints().iter().map(|superblock| superblock.xid()).collect();
    let older = xids.into_iter().filter(|xid| *xid < newest.xid());
    let older = older.filter_map(|xid| open(OpenOptions { checkpoint: Some(xid), ..options.clone() }).ok());
    let older: Vec<_> = older.collect();
    [vec![newest], older].concat()
}

/// Every state of the volume of a slot that can be listed: what is left of an older checkpoint often can't.
fn states(containers: &[Container], slot: usize, found: &mut Found) -> Vec<(View, Listing)> {
    let mut views: Vec<(bool, Result<View>)> = Vec::new();
    let newest = containers[0].volume(slot).unwrap();
    for (age, container) in containers.iter().enumerate() {
        let Ok(volume) = container.volume(slot) else { continue };
        if volume.uuid() == newest.uuid() {
            views.push((age > 0, volume.view()));
        }
    }
    for snapshot in newest.snapshots().unwrap() {
        views.push((false, newest.view_at(&snapshot)));
    }
    let mut states = Vec::new();
    for (is_old, view) in views {
        match view.and_then(|view| listing(&view).map(|listing| (view, listing))) {
            Ok(state) => states.push(state),
            Err(_) if is_old => found.lost += 1,
            Err(error) => found.failures.push(error.to_string()),
        }
    }
    states.sort_by_key(|(view, _)| (view.xid(), view.snapshot().is_none()));
    states
}

/// All ordered pairs of few states; of many, neighbours and a few far apart.
fn pairs(count: usize) -> Vec<(usize, usize)> {
    let spread = |some: usize| (0..some).map(move |step| step * (count - 1) / (some - 1));
    if count <= ALL_PAIRS {
        return (0..count).flat_map(|a| (0..count).map(move |b| (a, b))).collect();
    }
    let far = spread(7).flat_map(|a| spread(7).map(move |b| (a, b)));
    let near = spread(16).filter(|a| a + 1 < count).flat_map(|a| [(a, a + 1), (a + 1, a)]);
    far.chain(near).collect()
}

fn compare(open: &dyn Fn(OpenOptions) -> Result<Container>, options: &OpenOptions, name: &str) -> Found {
    let mut found = Found::default();
    let containers = containers(open, options);
    let Some(newest) = containers.first() else { return found };
    for (slot, _) in newest.volumes() {
        let states = states(&containers, slot, &mut found);
        found.volumes += 1;
        found.states += states.len();
        for (a, b) in pairs(states.len()) {
            let ((a, before), (b, after)) = (&states[a], &states[b]);
            let (wrong, count) = examine(a, b, before, after);
            found.pairs += 1;
            found.changes += count;
            let place = format!("{name}, volume {slot}, {} to {}", a.xid(), b.xid());
            found.failures.extend(wrong.into_iter().take(3).map(|text| format!("{place}: {text}")));
        }
    }
    found
}

/// The disks of the manifest that hold APFS, with their passwords.
fn disks(folder: &Path) -> Vec<(String, PathBuf, Vec<Secret>)> {
    let manifest = std::fs::read_to_string(folder.join("manifest.toml")).unwrap();
    let manifest: Value = manifest.parse::<toml::Table>().unwrap().into();
    let mut disks = Vec::new();
    for image in manifest["image"].as_array().unwrap() {
        let partitions = image.get("partition").and_then(Value::as_array);
        let is_apfs = |partition: &Value| partition.get("fs").and_then(Value::as_str) == Some("apfs");
        let path = folder.join(image["file"].as_str().unwrap());
        if !partitions.is_some_and(|partitions| partitions.iter().any(is_apfs)) || !path.exists() {
            continue;
        }
        let password = |key: &str| image.get(key).and_then(Value::as_str).map(Secret::password);
        let secrets = ["dmg_password", "volume_password"].into_iter().filter_map(password).collect();
        disks.push((image["name"].as_str().unwrap().to_owned(), path, secrets));
    }
    disks
}

/// Every pair of states of every image of the manifest: changes, and the nodes read for them.
#[test]
fn every_pair_of_states_differs_as_two_listings_do() {
    let Some(folder) = corpus::folder() else { return };
    let unpacked = tempfile::tempdir().unwrap();
    let mut total = Found::default();
    for (name, path, secrets) in disks(&folder) {
        let disk = crate::disks::open(&path, &secrets, &unpacked).unwrap();
        let options = OpenOptions { secrets, ..OpenOptions::default() };
        let disk = Disk::open(disk.device, &options).unwrap();
        let mut found = Found::default();
        for part in disk.apfs_partitions() {
            found.add(compare(&|options| disk.container(part, options), &options, &name));
        }
        let Found { volumes, states, lost, pairs, changes, .. } = &found;
        println!("{name}: {volumes} volumes, {states} states, {lost} lost, {pairs} pairs, {changes} changes");
        // There leaves changed under an untouched root.
        let telling = ["goapfs-basic", "sparkle", "case_sensitive_beta"];
        if telling.iter().any(|part| name.contains(part)) && (*states < 2 || *changes == 0) {
            total.failures.push(format!("{name}: no two states that differ"));
        }
        total.add(found);
    }
    println!("{} states, {} pairs, {} changes", total.states, total.pairs, total.changes);
    assert!(total.pairs > 0);
    assert!(total.failures.is_empty(), "{:#?}", total.failures);
}

/// The same on images that the Linux driver wrote.
#[test]
fn images_of_linux() {
    let Some(folder) = corpus::folder() else { return };
    let mut total = Found::default();
    for path in corpus::lab_images(&folder) {
        let device: Arc<dyn ReadAt> = corpus::device(&path);
        let open = |options| Container::open(device.clone(), options);
        let found = compare(&open, &OpenOptions::default(), &path.to_string_lossy());
        let Found { states, lost, pairs, changes, .. } = &found;
        println!("{}: {states} states, {lost} lost, {pairs} pairs, {changes} changes", path.display());
        total.add(found);
    }
    assert!(total.pairs > 0);
    assert!(total.failures.is_empty(), "{:#?}", total.failures);
}
