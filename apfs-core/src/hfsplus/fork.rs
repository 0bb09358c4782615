//! Forks as the metadata gives them: a size, a number of blocks, the first extents (sheet hfsplus, section 1.4).

use super::raw::volume::{HFSPlusExtentDescriptor, HFSPlusExtentRecord, HFSPlusForkData};
use crate::base::damage::Damage;
use crate::base::flaw::Flaw;
use crate::fs::types::FirstExtents;

/// Which fork of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ForkType {
    Data,
    Resource,
}

impl ForkType {
    /// As keys of the extents overflow tree have it.
    pub(crate) fn code(self) -> u8 {
        match self {
            ForkType::Data => 0,
            ForkType::Resource => 0xFF,
        }
    }
}

/// A fork, not yet checked.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fork {
    /// Bytes.
    pub(super) size: u64,
    /// Blocks of all extents.
    pub(super) blocks: u32,
    pub(super) first: FirstExtents,
}

impl Fork {
    /// True if nothing says that there is a fork.
    pub(super) fn is_empty(&self) -> bool {
        self.size == 0 && self.blocks == 0 && self.first == FirstExtents::default()
    }
}

impl From<&HFSPlusForkData> for Fork {
    fn from(raw: &HFSPlusForkData) -> Fork {
        Fork { size: raw.logicalSize.get(), blocks: raw.totalBlocks.get(), first: extents(&raw.extents) }
    }
}

/// The extents of a record as numbers: block and number of blocks.
pub(crate) fn extents(raw: &HFSPlusExtentRecord) -> FirstExtents {
    raw.map(|HFSPlusExtentDescriptor { startBlock, blockCount }| (startBlock.get(), blockCount.get()))
}

/// Checks a record of extents of a volume with so many blocks; gives the number of blocks that it covers.
pub(super) fn check(extents: &FirstExtents, volume_blocks: u32) -> Result<u32, Flaw> {
    let flaw = |damage, field| Flaw::new(damage, "HFSPlusExtentDescriptor", field);
    let (mut covered, mut ended) = (0u32, false);
    for (start, count) in extents {
        if *count == 0 {
            ended = true;
            if *start != 0 {
                return Err(flaw(Damage::Contradiction, "startBlock"));
            }
            continue;
        }
        if ended {
            return Err(flaw(Damage::Contradiction, "blockCount"));
        }
        if start.checked_add(*count).is_none_or(|end| end > volume_blocks) {
            return Err(flaw(Damage::PastEnd, "startBlock"));
        }
        covered = covered.checked_add(*count).ok_or_else(|| flaw(Damage::Range, "blockCount"))?;
    }
    Ok(covered)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(extents: &[(u32, u32)]) -> Result<u32, Damage> {
        let mut record = FirstExtents::default();
        record[..extents.len()].copy_from_slice(extents);
        check(&record, 100).map_err(|flaw| flaw.damage)
    }

    /// Extents end with the first empty one and lie inside the volume.
    #[test]
    fn records_of_extents() {
        assert_eq!(checked(&[]), Ok(0));
        assert_eq!(checked(&[(10, 5), (90, 10)]), Ok(15));
        assert_eq!(checked(&[(90, 11)]), Err(Damage::PastEnd));
        assert_eq!(checked(&[(u32::MAX, 2)]), Err(Damage::PastEnd));
        assert_eq!(checked(&[(0, 0), (1, 1)]), Err(Damage::Contradiction));
        assert_eq!(checked(&[(5, 0)]), Err(Damage::Contradiction));
    }
}
