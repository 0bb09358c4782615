//! What must hold for the space of any container, however damaged.

use apfs_core::apfs::Container;
use apfs_core::apfs::space::{Space, SpaceFinding};
use apfs_core::{Error, Result};

use crate::view::Outcome;

/// Findings that are looked at before the walk is stopped: far more than any seed could give.
const MAX_FINDINGS: usize = 50_000;

/// Accounts for a container. What is told must add up, whatever the image says.
pub fn check(container: &Container, out: &mut Outcome) {
    let mut found = [0u64; 3];
    let mut findings = 0;
    let mut failed = Vec::new();
    let space: Result<Space> = container.space(&|| false, &mut |finding| {
        findings += 1;
        match finding {
            SpaceFinding::Leaked(run) => found[0] += run.count,
            SpaceFinding::NotAllocated { run, .. } => found[1] += run.count,
            SpaceFinding::ClaimedTwice { run, .. } => found[2] = found[2].max(run.count),
            SpaceFinding::Damaged(error) => failed.push(error),
            _ => {}
        }
        if findings > MAX_FINDINGS { Err(Error::Cancelled) } else { Ok(()) }
    });
    failed.iter().for_each(|error| out.error(error));
    let Some(space) = out.ok(space) else { return };
    assert_eq!((space.leaked, space.not_allocated), (found[0], found[1]), "promise: what is told adds up");
    assert!(space.claimed_twice >= found[2], "promise: blocks with two owners are counted");
    let (owned, unknown) =
        (space.used().counted, space.devices.iter().map(|device| device.unknown).sum::<u64>());
    let known = space.allocated() - space.leaked + space.not_allocated;
    assert!(
        (known..=known + unknown).contains(&owned),
        "promise: a block has an owner, or is leaked, or is free"
    );
    let blocks: u64 = space.devices.iter().map(|device| device.blocks).sum();
    assert!(space.allocated() + unknown <= blocks, "promise: no more blocks are in use than there are");
    if !space.is_sound() {
        out.findings += 1;
    }
    out.answer((space.leaked, space.claimed_twice, space.not_allocated, owned, space.allocated()));
    for volume in &space.volumes {
        let freed: Vec<u64> = volume.snapshots.iter().map(|(_, freed)| freed.total()).collect();
        out.answer((volume.slot, volume.metadata, volume.kept_metadata, volume.data, freed));
    }
}
