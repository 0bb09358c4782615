//! Forks: their extents, all of them, as claims on blocks (sheet hfsplus, sections 1.4 and 5).

use super::claims::{Claim, Claims};
use super::rules;
use crate::base::bytes::pod;
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::ids::Paddr;
use crate::check::report::Report;
use crate::check::rule::Rule;
use crate::fs::types::FirstExtents;
use crate::hfsplus::Volume;
use crate::hfsplus::fork::{ForkType, extents};
use crate::hfsplus::raw::volume::{HFSPlusExtentRecord, HFSPlusForkData};
use crate::hfsplus::record::attribute::AttributeRecord;
use crate::hfsplus::record::key;

/// Where the extents are that a fork has no room for.
#[derive(Clone, Copy, Debug)]
pub(super) enum More<'n> {
    /// In the extents overflow file.
    Overflow(ForkType),
    /// Beside the attribute of this stored name.
    Attribute(&'n [u8]),
    /// Nowhere.
    None,
}

/// Collects the blocks of forks.
#[derive(Debug)]
pub(super) struct Forks<'v> {
    volume: &'v Volume,
    pub(super) claims: Claims,
    /// Records of the extents overflow file that forks needed.
    pub(super) overflow_records: u64,
    /// Records of more extents in the attributes file that forks needed.
    pub(super) attribute_records: u64,
    /// Some fork's extents could not be followed.
    pub(super) complete: bool,
}

impl<'v> Forks<'v> {
    pub(super) fn new(volume: &'v Volume) -> Forks<'v> {
        let claims = Claims::new(volume.limits().check_runs);
        Forks { volume, claims, overflow_records: 0, attribute_records: 0, complete: true }
    }

    /// Takes the blocks of a fork. `place` is where it stands.
    pub(super) fn add(
        &mut self,
        cnid: u32,
        raw: &HFSPlusForkData,
        more: More<'_>,
        place: Place,
        report: &mut Report<'_>,
    ) -> Result<()> {
        let place = |field| Place { structure: "HFSPlusForkData", field, ..place.clone() }.cnid(cnid);
        let wanted = raw.totalBlocks.get();
        let mut covered = self.extents(cnid, extents(&raw.extents), &place("extents"), report);
        let mut is_whole = covered.1;
        while is_whole && covered.0 < wanted {
            let Some(record) = self.more(cnid, more, covered.0)? else {
                let (rule, expected): (&'static Rule, _) = match more {
                    More::Attribute(_) => {
                        (&rules::ATTRIBUTE_EXTENTS, alloc::format!("more for block {}", covered.0))
                    }
                    More::None => (&rules::FORK_BLOCKS, alloc::format!("{}", covered.0)),
                    More::Overflow(_) => {
                        (&rules::EXTENT_MISSING, alloc::format!("more for block {}", covered.0))
                    }
                };
                let field = if matches!(more, More::None) { "totalBlocks" } else { "extents" };
                let corrupt = Corrupt::new(Damage::Missing, place(field)).expected(expected).found(wanted);
                report.broken(rule, corrupt);
                self.complete = false;
                is_whole = false;
                break;
            };
            let (count, sound) = self.extents(cnid, record, &place("extents"), report);
            is_whole = sound && count > 0;
            covered.0 = covered.0.saturating_add(count);
        }
        self.complete &= is_whole;
        if is_whole && covered.0 != wanted {
            let corrupt = Corrupt::new(Damage::Contradiction, place("totalBlocks"));
            report.broken(&rules::FORK_BLOCKS, corrupt.expected(covered.0).found(wanted));
        }
        let room = u64::from(wanted).saturating_mul(u64::from(self.volume.header().block_size()));
        if raw.logicalSize.get() > room {
            let corrupt = Corrupt::new(Damage::Contradiction, place("logicalSize"));
            report.broken(
                &rules::FORK_SIZE,
                corrupt.expected(alloc::format!("at most {room}")).found(raw.logicalSize.get()),
            );
        }
        Ok(())
    }

    /// Takes the blocks of one record of extents: how many, and whether it is sound.
    pub(super) fn extents(
        &mut self,
        cnid: u32,
        extents: FirstExtents,
        place: &Place,
        report: &mut Report<'_>,
    ) -> (u32, bool) {
        let blocks = self.volume.header().total_blocks();
        let (mut covered, mut ended, mut sound) = (0u32, false, true);
        for (start, count) in extents {
            if count == 0 {
                if start != 0 {
                    let corrupt = Corrupt::new(Damage::Contradiction, place.clone()).found(start);
                    report.broken(&rules::EXTENT_LIST, corrupt);
                }
                ended = true;
                continue;
            }
            if ended {
                report.broken(&rules::EXTENT_LIST, Corrupt::new(Damage::Contradiction, place.clone()));
                sound = false;
                break;
            }
            if start.checked_add(count).is_none_or(|end| end > blocks) {
                let corrupt = Corrupt::new(Damage::PastEnd, place.clone().block(Paddr(u64::from(start))));
                report
                    .broken(&rules::EXTENT_RANGE, corrupt.found(alloc::format!("{count} blocks at {start}")));
                sound = false;
                break;
            }
            covered = covered.saturating_add(count);
            self.claims.add(Claim { start, count, owner: cnid }, report);
        }
        (covered, sound)
    }

    /// The record that continues a fork at one of its blocks.
    fn more(&mut self, cnid: u32, more: More<'_>, block: u32) -> Result<Option<FirstExtents>> {
        let (tree, key) = match more {
            More::None => return Ok(None),
            More::Overflow(fork) => (self.volume.extents_overflow(), key::extent(cnid, fork, block)),
            More::Attribute(name) => (self.volume.attributes(), key::attribute(cnid, name, block)),
        };
        let record = match tree.map(|tree| tree.map(|tree| tree.get(&key))) {
            Ok(Some(Ok(record))) => record,
            // A tree or node that can't be read is told of where the tree is gone through.
            Ok(None)
            | Err(Error::Corrupt(_) | Error::Io(_))
            | Ok(Some(Err(Error::Corrupt(_) | Error::Io(_)))) => None,
            Ok(Some(Err(other))) | Err(other) => return Err(other),
        };
        let Some(record) = record else { return Ok(None) };
        let raw = match more {
            More::Attribute(_) => match AttributeRecord::parse(record.value()) {
                Ok(AttributeRecord::Extents(raw)) => Some(*raw),
                _ => None,
            },
            _ => pod::<HFSPlusExtentRecord>(record.value()).copied(),
        };
        let Some(raw) = raw else { return Ok(None) };
        match more {
            More::Attribute(_) => self.attribute_records = self.attribute_records.saturating_add(1),
            _ => self.overflow_records = self.overflow_records.saturating_add(1),
        }
        Ok(Some(extents(&raw)))
    }
}
