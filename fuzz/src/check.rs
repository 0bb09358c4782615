//! Checks of damaged file systems: they end, need little memory, and count what they tell.

use std::sync::Arc;

use apfs_core::apfs::Container;
use apfs_core::check::{self, CheckOptions, Finding, Summary};
use apfs_core::{AnyVolume, Disk, Error, Result};

use crate::hfs;
use crate::patch::Input;
use crate::target::options;

/// An HFS+ volume, made of a seed and changes to it (see [`patch`](crate::patch)).
pub fn of_hfs(bytes: &[u8]) {
    let input = Input::decode(bytes);
    check(input.image_of(hfs::seed_of(&input)));
}

/// An APFS image, made of a seed and changes to it.
pub fn of_apfs(bytes: &[u8]) {
    check(Input::decode(bytes).image());
}

/// Either of them, by the last bit of the first byte.
pub fn of_any(bytes: &[u8]) {
    match bytes.split_first() {
        Some((first, rest)) if first & 1 == 0 => of_hfs(rest),
        Some((_, rest)) => of_apfs(rest),
        None => {}
    }
}

/// Checks a container, snapshots too.
pub(crate) fn container(container: &Container) {
    run(|wanted, sink| check::apfs::check(container, wanted, None, sink));
}

/// Checks whatever is on a disk, snapshots too.
fn check(bytes: Vec<u8>) {
    let Ok(disk) = Disk::open(Arc::new(bytes), &options()) else { return };
    for part in disk.apfs_partitions() {
        if let Ok(found) = disk.container(part, options()) {
            container(&found);
        }
    }
    for part in disk.hfs_partitions() {
        let volumes = disk.volumes_in(part, &options()).and_then(Result::ok).unwrap_or_default();
        for volume in volumes.into_iter().flatten() {
            if let AnyVolume::Hfs(volume) = volume {
                run(|wanted, sink| check::hfs::check(&volume, wanted, None, sink));
            }
        }
    }
}

fn run(check: impl FnOnce(&CheckOptions, &mut dyn FnMut(Finding)) -> Result<Summary>) {
    let mut options = CheckOptions::default();
    options.snapshots = true;
    let mut told = 0u64;
    let mut sink = |finding: Finding| {
        assert!(!finding.to_string().is_empty(), "promise: a finding says something");
        told += 1;
    };
    match check(&options, &mut sink) {
        Ok(summary) => {
            let tally = summary.tally;
            let all: u64 = summary.by_code.values().sum();
            assert_eq!(all, tally.errors + tally.warnings + tally.notes, "promise: counts agree");
            let most = options.findings_per_rule;
            let shown: u64 = summary.by_code.values().map(|count| *count.min(&most)).sum();
            assert_eq!(told, shown, "promise: what is counted is told, up to the limit");
        }
        Err(Error::Limit(_)) => {}
        Err(error) => panic!("promise: damage does not end a check: {error}"),
    }
}
