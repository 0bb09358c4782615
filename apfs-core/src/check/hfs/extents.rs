//! The extents overflow file: its records, and whose they are (sheet hfsplus, section 5).

use super::forks::Forks;
use super::place::At;
use super::rules;
use super::walk::{Walked, walk};
use crate::base::bytes::{be16_at, pod};
use crate::base::damage::{Corrupt, Damage};
use crate::base::error::{Error, Result};
use crate::base::report::Cancel;
use crate::check::report::Report;
use crate::hfsplus::Volume;
use crate::hfsplus::btree::Tree;
use crate::hfsplus::fork::{ForkType, extents};
use crate::hfsplus::raw::catalog::{
    ALLOCATION_FILE_ID, ATTRIBUTES_FILE_ID, BAD_BLOCK_FILE_ID, CATALOG_FILE_ID, STARTUP_FILE_ID,
};
use crate::hfsplus::raw::volume::{HFSPlusExtentRecord, HFSPlusForkData};
use crate::hfsplus::record::catalog::CatalogRecord;
use crate::hfsplus::tree_kind::extent_key;

/// What the extents overflow file holds.
#[derive(Debug)]
pub(super) struct Overflow {
    pub(super) walked: Walked,
    /// Records of forks.
    pub(super) records: u64,
    /// Some blocks are bad.
    pub(super) bad_blocks: bool,
}

/// Goes through the tree; bad blocks are claimed.
pub(super) fn check(
    tree: &Tree,
    forks: &mut Forks<'_>,
    cancel: Option<Cancel<'_>>,
    report: &mut Report<'_>,
) -> Result<Overflow> {
    let (mut records, mut bad_blocks) = (0u64, false);
    let walked = walk(tree, report, cancel, &mut |at: At<'_>, report| {
        let (cnid, fork, _) = extent_key(at.key());
        let place = |field| at.place("HFSPlusExtentKey", field, cnid);
        let wrong = |damage, field| Corrupt::new(damage, place(field));
        if ![ForkType::Data.code(), ForkType::Resource.code()].contains(&fork) {
            report.broken(&rules::EXTENT_RECORD, wrong(Damage::Range, "forkType").found(fork));
        }
        if be16_at(at.key(), 0).is_some_and(|word| word & 0xFF != 0) {
            report.broken(&rules::EXTENT_RECORD, wrong(Damage::Range, "pad"));
        }
        let Some(raw) = pod::<HFSPlusExtentRecord>(at.value()) else {
            let place = at.place("HFSPlusExtentRecord", "", cnid);
            report.broken(&rules::EXTENT_RECORD, Corrupt::new(Damage::Bounds, place));
            return Ok(());
        };
        if cnid == BAD_BLOCK_FILE_ID {
            bad_blocks = true;
            let place = at.place("HFSPlusExtentRecord", "", cnid);
            forks.extents(cnid, extents(raw), &place, report);
        } else {
            records = records.saturating_add(1);
        }
        Ok(())
    })?;
    report.checked("extents overflow records", walked.records);
    Ok(Overflow { walked, records, bad_blocks })
}

/// Tells which records belong to no fork: called where there are more than forks need.
pub(super) fn find_alone(volume: &Volume, tree: &Tree, report: &mut Report<'_>) -> Result<()> {
    let mut cursor = crate::hfsplus::btree::Cursor::new();
    let mut moved = cursor.seek(tree, &[0; 10]);
    loop {
        if moved.is_err() && cursor.key_behind().is_none() {
            return Ok(());
        }
        match cursor.record() {
            Some(record) => {
                let (cnid, fork, start) = extent_key(record.key());
                let needed = cnid == BAD_BLOCK_FILE_ID || is_needed(volume, cnid, fork, start)?;
                if !needed {
                    let place = record.place("HFSPlusExtentKey", "fileID").cnid(cnid);
                    let block = record.place("", "").node.and_then(|node| tree.block_of(node));
                    let corrupt =
                        Corrupt::new(Damage::Missing, crate::base::damage::Place { block, ..place });
                    let expected = alloc::format!("a fork that goes on at block {start}");
                    report.broken(&rules::EXTENT_ALONE, corrupt.expected(expected));
                }
            }
            None if moved.is_ok() => return Ok(()),
            None => {}
        }
        moved = cursor.advance(tree);
    }
}

/// True if a file has a fork with blocks behind those of its own extents from a block on.
fn is_needed(volume: &Volume, cnid: u32, fork: u8, start: u32) -> Result<bool> {
    let raw = volume.header().raw();
    let goes_on = |raw: &HFSPlusForkData| {
        let inline = extents(&raw.extents).iter().fold(0u32, |sum, (_, count)| sum.saturating_add(*count));
        start >= inline && start < raw.totalBlocks.get()
    };
    let special = match cnid {
        ALLOCATION_FILE_ID => Some(&raw.allocationFile),
        CATALOG_FILE_ID => Some(&raw.catalogFile),
        ATTRIBUTES_FILE_ID => Some(&raw.attributesFile),
        STARTUP_FILE_ID => Some(&raw.startupFile),
        _ => None,
    };
    if let Some(special) = special {
        return Ok(fork == ForkType::Data.code() && goes_on(special));
    }
    let record = match volume.record(cnid) {
        Ok(record) => record,
        Err(Error::NotFound(_) | Error::Corrupt(_) | Error::Io(_)) => return Ok(false),
        Err(other) => return Err(other),
    };
    let Ok(CatalogRecord::File(file)) = CatalogRecord::parse(record.value()) else { return Ok(false) };
    Ok(goes_on(if fork == ForkType::Data.code() { &file.dataFork } else { &file.resourceFork }))
}
