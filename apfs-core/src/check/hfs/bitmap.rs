//! The allocation bitmap against what claims blocks (sheet hfsplus, sections 2 and 12).

use super::claims::Claim;
use super::place::{of_error, volume_place};
use super::rules;
use crate::base::bytes::{len64, zeroed};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::ids::Paddr;
use crate::base::report::Cancel;
use crate::check::report::Report;
use crate::fs::space::BlockRun;
use crate::hfsplus::raw::catalog::ALLOCATION_FILE_ID;
use crate::hfsplus::{SpecialFile, Volume};

/// Bytes behind the bits that are looked at in one piece.
const CHUNK: u64 = 64 << 10;

/// Compares bits with claims, if those are known, and counts free blocks. `leaks` says whether every fork was followed.
pub(super) fn check(
    volume: &Volume,
    claims: Option<&[Claim]>,
    leaks: bool,
    cancel: Option<Cancel<'_>>,
    report: &mut Report<'_>,
) -> Result<()> {
    let mut free = 0u64;
    let mut compare = Compare { claims, leaks, next: 0, at: 0 };
    let done = volume.each_block_run(|run| {
        if cancel.is_some_and(|cancel| cancel()) {
            return Err(Error::Cancelled);
        }
        if !run.used {
            free = free.saturating_add(run.count);
        }
        compare.run(run, report);
        Ok(())
    });
    match done {
        Ok(()) => {}
        Err(error @ (Error::Cancelled | Error::Limit(_))) => return Err(error),
        Err(error) => {
            let place = volume_place("allocationFile").cnid(ALLOCATION_FILE_ID);
            report.broken(&rules::BITMAP_UNREADABLE, of_error(error, place));
            return Ok(());
        }
    }
    report.checked("blocks", u64::from(volume.header().total_blocks()));
    let stored = u64::from(volume.header().raw().freeBlocks.get());
    if stored != free {
        let corrupt = Corrupt::new(Damage::Contradiction, volume_place("freeBlocks"));
        report.broken(&rules::FREE_BLOCKS, corrupt.expected(free).found(stored));
    }
    trailing(volume, report)
}

/// Bits behind the last block.
fn trailing(volume: &Volume, report: &mut Report<'_>) -> Result<()> {
    let blocks = u64::from(volume.header().total_blocks());
    let len = volume.special_len(SpecialFile::Allocation).unwrap_or(0);
    let mut at = blocks >> 3;
    let mut skip = blocks & 7;
    while at < len {
        let mut bytes = zeroed(crate::base::bytes::to_usize(CHUNK.min(len.saturating_sub(at)))?)?;
        let Ok(read @ 1..) = volume.read_special(SpecialFile::Allocation, at, &mut bytes) else {
            return Ok(());
        };
        if let Some(first) = bytes.first_mut() {
            *first &= 0xFF_u8.checked_shr(u32::try_from(skip).unwrap_or(0)).unwrap_or(0);
        }
        let set = bytes.iter().take(read).position(|byte| *byte != 0);
        if let Some(set) = set {
            let place = Place::new("HFSPlusVolumeHeader", "allocationFile").cnid(ALLOCATION_FILE_ID);
            let corrupt = Corrupt::new(Damage::Range, place.offset(at.saturating_add(len64(set))));
            report.broken(&rules::BITMAP_TRAILING, corrupt);
            return Ok(());
        }
        skip = 0;
        at = at.saturating_add(len64(read));
    }
    Ok(())
}

/// Goes along claims and runs of bits at the same time.
struct Compare<'c> {
    claims: Option<&'c [Claim]>,
    leaks: bool,
    /// Claim under way.
    next: usize,
    /// Blocks before this one are compared.
    at: u64,
}

impl Compare<'_> {
    fn run(&mut self, run: BlockRun, report: &mut Report<'_>) {
        let Some(claims) = self.claims else { return };
        let end = run.start.saturating_add(run.count);
        self.at = run.start;
        while self.at < end {
            let claim = claims.get(self.next).copied();
            let (start, claim_end) = claim.map_or((end, end), |claim| {
                (u64::from(claim.start), u64::from(claim.start).saturating_add(u64::from(claim.count)))
            });
            if claim_end <= self.at && claim.is_some() {
                self.next = self.next.saturating_add(1);
                continue;
            }
            let (owner, until) = if start > self.at {
                (None, start.min(end))
            } else {
                (claim.map(|claim| claim.owner), claim_end.min(end))
            };
            self.tell(owner, run.used, until, report);
            self.at = until.max(self.at.saturating_add(1));
        }
    }

    /// What is wrong with the blocks from `at` to `until`, which all have one owner or none.
    fn tell(&self, owner: Option<u32>, used: bool, until: u64, report: &mut Report<'_>) {
        let place = Place::new("HFSPlusVolumeHeader", "allocationFile").block(Paddr(self.at));
        let found = alloc::format!("{} blocks", until.saturating_sub(self.at));
        match owner {
            Some(owner) if !used => {
                let corrupt = Corrupt::new(Damage::Contradiction, place.cnid(owner)).found(found);
                report.broken(&rules::BITMAP_FREE, corrupt);
            }
            None if used && self.leaks => {
                report.broken(&rules::BITMAP_LEAK, Corrupt::new(Damage::Missing, place).found(found));
            }
            _ => {}
        }
    }
}
