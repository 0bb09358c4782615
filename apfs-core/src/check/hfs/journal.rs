//! The journal: its state, and where its files say it is (sheet hfsplus, section 8).

use super::place::volume_place;
use super::rules;
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::check::report::Report;
use crate::hfsplus::raw::catalog::{HFSPlusCatalogFile, ROOT_FOLDER_ID};
use crate::hfsplus::raw::volume::VolumeAttributes;
use crate::hfsplus::record::catalog::CatalogRecord;
use crate::hfsplus::record::key;
use crate::hfsplus::{JournalState, Volume};
use crate::text::hfs_name::to_stored_plain;

/// Checks the journal of a volume that has one.
pub(super) fn check(volume: &Volume, report: &mut Report<'_>) -> Result<()> {
    let (header, raw) = (volume.header(), volume.header().raw());
    let Some(journal) = volume.journal() else {
        let is_stray = raw.journalInfoBlock.get() != 0;
        if is_stray && !header.attributes().contains(VolumeAttributes::JOURNALED) {
            let corrupt = Corrupt::new(Damage::Contradiction, volume_place("journalInfoBlock"));
            report.broken(&rules::JOURNAL_BLOCK, corrupt.expected(0).found(raw.journalInfoBlock.get()));
        }
        return Ok(());
    };
    report.checked("journal transactions", journal.transactions);
    match &journal.state {
        JournalState::Clean => {}
        JournalState::NeedsInit | JournalState::OnOtherDevice => {
            let corrupt = Corrupt::new(Damage::Missing, Place::new("JournalInfoBlock", "flags"));
            report.broken(&rules::JOURNAL_ELSEWHERE, corrupt);
        }
        JournalState::Dirty => {
            let corrupt = Corrupt::new(Damage::Contradiction, Place::new("journal_header", "start"));
            report.broken(
                &rules::JOURNAL_DIRTY,
                corrupt.found(alloc::format!("{} transactions", journal.transactions)),
            );
        }
        JournalState::Unusable(why) => report.broken(&rules::JOURNAL_DAMAGED, why.clone()),
    }
    for finding in &journal.findings {
        report.broken(&rules::JOURNAL_DAMAGED, finding.clone());
    }
    let Some(info) = &journal.info else { return Ok(()) };
    if let Some(file) = file(volume, ".journal_info_block")? {
        compare(raw.journalInfoBlock.get().into(), &file, volume_place("journalInfoBlock"), report);
    }
    if let (JournalState::Clean | JournalState::Dirty, Some(file)) =
        (&journal.state, file(volume, ".journal")?)
    {
        let size = u64::from(header.block_size());
        let block = info.offset.checked_div(size).unwrap_or(0);
        compare(block, &file, Place::new("JournalInfoBlock", "offset"), report);
        if file.dataFork.logicalSize.get() != info.size {
            let corrupt = Corrupt::new(Damage::Contradiction, Place::new("JournalInfoBlock", "size"));
            report.broken(
                &rules::JOURNAL_FILES,
                corrupt.expected(file.dataFork.logicalSize.get()).found(info.size),
            );
        }
    }
    Ok(())
}

/// A file of the journal must begin at a block, in one run.
fn compare(block: u64, file: &HFSPlusCatalogFile, place: Place, report: &mut Report<'_>) {
    let [first, ..] = &file.dataFork.extents;
    let start = u64::from(first.startBlock.get());
    if start != block || first.blockCount.get() != file.dataFork.totalBlocks.get() {
        let corrupt = Corrupt::new(Damage::Contradiction, place.cnid(file.common.cnid.get()));
        report.broken(&rules::JOURNAL_FILES, corrupt.expected(start).found(block));
    }
}

/// A file in the root by its name.
fn file(volume: &Volume, name: &str) -> Result<Option<HFSPlusCatalogFile>> {
    let Some(stored) = to_stored_plain(name.as_bytes()) else { return Ok(None) };
    let record = match volume.catalog().get(&key::catalog(ROOT_FOLDER_ID, &stored)) {
        Ok(record) => record,
        Err(Error::Corrupt(_) | Error::Io(_)) => None,
        Err(other) => return Err(other),
    };
    Ok(record.and_then(|record| match CatalogRecord::parse(record.value()) {
        Ok(CatalogRecord::File(file)) => Some(*file),
        _ => None,
    }))
}
