//! Seals of a sealed volume, whatever was changed in it.
//!
//! Checksums are repaired as everywhere; hashes are not, since a node whose hash differs is read on all the same.

use std::sync::Arc;

use apfs_core::Error;
use apfs_core::apfs::seal::SealTally;
use apfs_core::apfs::{Container, SealCheck, SealSummary, View};

use crate::mutate;
use crate::patch::{Input, Patch, region_of};
use crate::rng::Rng;
use crate::seed::{RegionKind, seeds};
use crate::target::options;

/// The seed that is sealed.
const SEED: &str = "sealed";

/// A fresh input of the sealed seed.
pub fn fresh(rng: &mut Rng) -> Input {
    loop {
        let input = mutate::fresh(rng);
        if input.seed().name == SEED {
            return input;
        }
    }
}

/// A sealed volume and changes to it, as for `image`.
pub fn seal(bytes: &[u8]) {
    let mut input = Input::decode(bytes);
    let sealed = seeds().iter().position(|seed| seed.name == SEED);
    input.seed = sealed.unwrap_or(0) as u8;
    let (seed, image) = (input.seed(), input.image());
    let is_node = |patch: &Patch| match patch {
        Patch::Set { region, .. } | Patch::Stale { region, .. } => {
            region_of(seed, *region).kind == RegionKind::Headerless
        }
        _ => false,
    };
    let only_nodes = input.patches.iter().all(is_node) && image != seed.bytes;
    let container = Container::open(Arc::new(image), options());
    let Ok(view) = container.and_then(|container| container.volume(0)?.view()) else { return };
    if let Some(is_intact) = check(&view) {
        assert!(!(is_intact && only_nodes), "promise: a changed node is never intact");
    }
}

/// Checks a seal as a whole and in parts. Gives whether it is intact.
fn check(view: &View) -> Option<bool> {
    let whole = match view.verify_seal(None) {
        Ok(verdict) => verdict?,
        Err(Error::Limit(_) | Error::Corrupt(_) | Error::Locked(_)) => return None,
        Err(error) => panic!("promise: damage is told as damage: {error}"),
    };
    let is_intact = whole.is_intact();
    let Ok(check) = SealCheck::new(view) else {
        assert_eq!(whole.word(), "unknown", "promise: what is compared as a whole is compared in parts");
        return Some(is_intact);
    };
    let (mut summary, mut tally) = (SealSummary::new(check.seal()), SealTally::default());
    let mut sink = |event| {
        summary.add(event);
        Ok(())
    };
    let mut compared = check.root(&mut sink);
    for part in check.parts(5).into_iter().rev() {
        let Ok(sum) = compared else { return None };
        tally.merge(&sum);
        compared = check.part(part, None, &mut sink);
    }
    let parts = summary.verdict();
    assert_eq!(parts.word(), whole.word(), "promise: parts say what the whole says");
    Some(is_intact)
}
