//! [`Scan`] for a merged tree: the volumes are scanned one after another, and paths changed where firmlinks lead.

use alloc::vec::Vec;
use core::ops::Range;

use super::merged::{Member, MergedView};
use super::number::{NOWHERE, Tag, part_of, split};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::Result;
use crate::base::ids::FileId;
use crate::base::report::Cancel;
use crate::fs::scan::{Scan, ScanEntry, ScanLedger, ScanSink, ranges};
use crate::fs::view::Fs;
use crate::fs::walk::WalkError;

impl Scan for MergedView {
    fn nodes(&self) -> u64 {
        self.inner.members.iter().fold(0, |sum, member| sum.saturating_add(member.view.nodes()))
    }

    fn scan_parts(&self, parts: usize) -> Vec<Range<u64>> {
        let own = |member: &Member| {
            let tag = member.tag;
            let starts = member.view.scan_parts(parts).into_iter();
            starts
                .map(move |part| if part.start == 0 { tag.first() } else { tag.merged(FileId(part.start)).0 })
        };
        ranges(self.inner.members.iter().flat_map(own).collect(), parts)
    }

    fn scan_range(
        &self,
        part: Range<u64>,
        cancel: Option<Cancel<'_>>,
        sink: &mut ScanSink<'_>,
    ) -> Result<ScanLedger> {
        let mut ledger = ScanLedger::default();
        for member in &self.inner.members {
            let Some(part) = part_of(&part, member.tag) else { continue };
            let mut giving = Giving::new(self, member);
            let own = member.view.scan_range(part, cancel, &mut |item| giving.give(item, sink))?;
            ledger.merge(&own.renumbered(|key| Some(member.tag.merged(FileId(key)).0)));
            ledger.count(giving.given);
        }
        if part.contains(&Tag::MADE_UP.first()) {
            let given = self.give_others(sink)?;
            ledger.count(given);
        }
        Ok(ledger)
    }

    fn reconcile(&self, ledger: &ScanLedger, sink: &mut ScanSink<'_>) -> Result<u64> {
        let mut given = 0u64;
        for member in &self.inner.members {
            let own = ledger.renumbered(|key| {
                let (tag, id) = split(FileId(key));
                (tag == member.tag).then_some(id.0)
            });
            let mut giving = Giving::new(self, member);
            member.view.reconcile(&own, &mut |item| giving.give(item, sink))?;
            given = given.saturating_add(giving.given);
        }
        // Files that claim to be in a directory whose number no directory can have.
        if ledger.sum(NOWHERE.0) != 0 {
            let place = Place::new("j_inode_val_t", "parent_id");
            let error = Corrupt::new(Damage::Range, place).into();
            sink(Err(WalkError { path: Vec::new(), id: NOWHERE, entry: None, error }))?;
        }
        Ok(given)
    }
}

impl MergedView {
    /// What no scan of a volume gives: entries of Data that firmlinks show elsewhere, and directories that no volume has.
    fn give_others(&self, sink: &mut ScanSink<'_>) -> Result<u64> {
        let mut given = 0u64;
        let mut give = |id, path: &[u8], link_id: Option<u64>| match self.stat(id) {
            Ok(stat) => {
                given = given.saturating_add(1);
                sink(Ok(ScanEntry { path, stat: &stat, link_id, private: link_id.is_some() }))
            }
            Err(error) => sink(Err(WalkError { path: path.to_vec(), id, entry: None, error })),
        };
        for alias in self.inner.aliases.values() {
            give(alias.shown, &alias.path, Some(alias.link_id))?;
        }
        for made_up in &self.inner.made_up {
            give(made_up.id, &made_up.path, None)?;
        }
        Ok(given)
    }
}

/// Hands on what a scan of one volume gives.
struct Giving<'m> {
    merged: &'m MergedView,
    member: &'m Member,
    path: Vec<u8>,
    given: u64,
}

impl<'m> Giving<'m> {
    fn new(merged: &'m MergedView, member: &'m Member) -> Giving<'m> {
        Giving { merged, member, path: Vec::new(), given: 0 }
    }

    fn give(
        &mut self,
        item: core::result::Result<ScanEntry<'_>, WalkError>,
        sink: &mut ScanSink<'_>,
    ) -> Result<()> {
        let tag = self.member.tag;
        match item {
            Ok(ScanEntry { path, stat, link_id, private }) => {
                if !self.member.routes.write(path, &mut self.path) {
                    return Ok(());
                }
                let stat = self.merged.merged_stat(tag, stat.clone());
                let checked = match stat.id {
                    NOWHERE => Err(Corrupt::new(Damage::Range, self.merged.entry_place(NOWHERE)).into()),
                    _ => self.merged.check_flag(tag, &stat),
                };
                if let Err(error) = checked {
                    let path = self.path.clone();
                    return sink(Err(WalkError { path, id: stat.id, entry: None, error }));
                }
                self.given = self.given.saturating_add(1);
                sink(Ok(ScanEntry { path: &self.path, stat: &stat, link_id, private }))
            }
            Err(WalkError { path, id, mut entry, error }) => {
                // What is hidden and can't be read is told by its path on System.
                let is_shown = !path.is_empty() && self.member.routes.write(&path, &mut self.path);
                let path = if is_shown { self.path.clone() } else { path };
                if let Some(entry) = &mut entry {
                    entry.id = tag.merged(entry.id);
                }
                sink(Err(WalkError { path, id: tag.merged(id), entry, error }))
            }
        }
    }
}
