//! The whole volume in catalog order: the fastest way to list everything with full paths.
//!
//! The catalog says everything twice: where a file is stands in its record's key and in its thread. Sums over both tell
//! in the end whether something is missing or contradicts, without keeping anything in memory; only if they do, each
//! record is looked up.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;

use super::btree::{Cursor, Record};
use super::fs::{check_name, number};
use super::links::shown;
use super::node::Node;
use super::places::Places;
use super::raw::catalog::{CatalogFlags, ROOT_FOLDER_ID, ROOT_PARENT_ID};
use super::record::catalog::{CatalogRecord, date_added, flags};
use super::record::key;
use super::tree_kind::catalog_parts;
use super::volume::Volume;
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::ids::FileId;
use crate::base::report::Cancel;
use crate::fs::scan::{Scan, ScanEntry, ScanLedger, ScanSink, each_record, mark, ranges};
use crate::fs::types::{DirEntry, Stat};
use crate::fs::walk::WalkError;
use crate::text::hfs_name::push_text;
use crate::tree::node::TreeNode;

/// Key of the sum in which threads and records must cancel out. Those of folders' numbers are for their entries.
const THREADS: u64 = 0;
/// Key of the number of records.
const RECORDS: u64 = u64::MAX;

impl Scan for Volume {
    fn nodes(&self) -> u64 {
        let header = self.catalog().header();
        u64::from(header.totalNodes.get().saturating_sub(header.freeNodes.get()))
    }

    fn scan_parts(&self, parts: usize) -> Vec<Range<u64>> {
        let borders = self.catalog().border_ids(parts.saturating_mul(4));
        ranges(borders.into_iter().map(u64::from).collect(), parts)
    }

    fn scan_range(
        &self,
        part: Range<u64>,
        cancel: Option<Cancel<'_>>,
        sink: &mut ScanSink<'_>,
    ) -> Result<ScanLedger> {
        let mut pass = Pass::new(self);
        let start = u32::try_from(part.start).unwrap_or(u32::MAX);
        each_record(self.catalog(), &key::catalog(start, &[]), cancel, sink, |node, index, sink| {
            let at = At { node, index };
            let is_inside = u64::from(catalog_parts(at.key()).0) < part.end;
            if is_inside {
                pass.record(at, sink)?;
            }
            Ok(is_inside)
        })?;
        Ok(pass.finish())
    }

    fn reconcile(&self, ledger: &ScanLedger, sink: &mut ScanSink<'_>) -> Result<u64> {
        let mut tell = |id: u32, error| {
            sink(Err(WalkError { path: Vec::new(), id: FileId(u64::from(id)), entry: None, error }))
        };
        let wrong =
            |structure, field, damage, id| Corrupt::new(damage, Place::new(structure, field).cnid(id));
        let header = self.catalog().header();
        let (stored, seen) = (u64::from(header.leafRecords.get()), ledger.sum(RECORDS));
        if stored != seen {
            let place = Place::new("BTHeaderRec", "leafRecords").node(0).cnid(self.catalog().kind().cnid);
            let finding = Corrupt::new(Damage::Contradiction, place).expected(stored).found(seen);
            tell(0, finding.into())?;
        }
        let folders = ledger.marked().filter(|key| ![THREADS, RECORDS].contains(key));
        for folder in folders.filter_map(|key| u32::try_from(*key).ok()) {
            let finding = wrong("HFSPlusCatalogFolder", "valence", Damage::Contradiction, folder);
            tell(folder, finding.found("another number of entries").into())?;
        }
        if ledger.sum(THREADS) != 0 {
            self.compare_threads(&mut tell)?;
        }
        if !matches!(self.record(ROOT_FOLDER_ID), Ok(record) if number(&record) == ROOT_FOLDER_ID) {
            let finding = wrong("HFSPlusCatalogFolder", "folderID", Damage::Missing, ROOT_FOLDER_ID);
            tell(ROOT_FOLDER_ID, finding.into())?;
        }
        Ok(0)
    }
}

impl Volume {
    /// Tells which records have no thread that agrees, and which threads no record.
    fn compare_threads(&self, tell: &mut dyn FnMut(u32, Error) -> Result<()>) -> Result<()> {
        let mut cursor = Cursor::new();
        let mut moved = cursor.seek(self.catalog(), &[0; 6]);
        loop {
            // What can't be read was told before.
            if moved.is_err() && cursor.key_behind().is_none() {
                return Ok(());
            }
            if let Some(record) = cursor.record() {
                if let Some((id, finding)) = self.contradiction(&record) {
                    tell(id, finding.into())?;
                }
            } else if moved.is_ok() {
                return Ok(());
            }
            moved = cursor.advance(self.catalog());
        }
    }

    /// What is wrong with a record and its thread, from whichever side it is looked at.
    fn contradiction(&self, record: &Record) -> Option<(u32, Corrupt)> {
        let (parent, stored) = catalog_parts(record.key());
        let parsed = CatalogRecord::parse(record.value()).ok()?;
        match parsed.common() {
            None => {
                let lost = self.record(parent).err()?;
                let place = record.place("HFSPlusCatalogThread", "nodeName").cnid(parent);
                let finding = Corrupt::new(Damage::Missing, place);
                Some((parent, finding.expected("a record of what it names").found(lost)))
            }
            Some(common) => {
                let id = common.cnid.get();
                let is_folder = matches!(parsed, CatalogRecord::Folder(_));
                let agrees = self.thread(id, |thread| {
                    (thread.is_folder, thread.parent, thread.name) == (is_folder, parent, stored)
                });
                // Very old systems did not give files threads.
                let needs_none = !flags(common).contains(CatalogFlags::THREAD_EXISTS) && !is_folder;
                match agrees {
                    Ok(Some(true)) => None,
                    Ok(None) if needs_none => None,
                    Ok(None) => {
                        let place = record.place("HFSPlusCatalogThread", "").cnid(id);
                        Some((id, Corrupt::new(Damage::Missing, place)))
                    }
                    Ok(Some(false)) => {
                        let place = record.place("HFSPlusCatalogThread", "nodeName").cnid(id);
                        let finding = Corrupt::new(Damage::Contradiction, place);
                        Some((id, finding.expected(shown(stored))))
                    }
                    Err(_) => None,
                }
            }
        }
    }
}

/// A record in its leaf.
#[derive(Clone, Copy)]
struct At<'n> {
    node: &'n Arc<Node>,
    index: usize,
}

impl<'n> At<'n> {
    fn key(&self) -> &'n [u8] {
        self.node.key(self.index)
    }

    fn value(&self) -> &'n [u8] {
        self.node.value(self.index)
    }

    fn record(&self) -> Record {
        Record { node: self.node.clone(), index: self.index }
    }

    fn place(&self, structure: &'static str, field: &'static str) -> Place {
        Place { structure, field, ..self.node.place("") }
    }
}

struct Pass<'v> {
    volume: &'v Volume,
    places: Places<'v>,
    ledger: ScanLedger,
    /// Sum over threads and records, kept out of the map.
    threads: u64,
    records: u64,
    /// Folder whose entries are under way, and how many were seen.
    folder: (u32, u32),
    /// The folder's way from the root is known.
    resolved: bool,
}

impl<'v> Pass<'v> {
    fn new(volume: &'v Volume) -> Pass<'v> {
        let (places, ledger) = (Places::new(volume), ScanLedger::default());
        Pass { volume, places, ledger, threads: 0, records: 0, folder: (0, 0), resolved: false }
    }

    /// The sums of a folder are complete.
    fn finish_folder(&mut self) {
        let (folder, entries) = self.folder;
        if entries > 0 {
            self.ledger.add(u64::from(folder), u64::from(entries).wrapping_neg());
        }
    }

    /// All records of the part were seen.
    fn finish(mut self) -> ScanLedger {
        self.finish_folder();
        self.ledger.add(THREADS, self.threads);
        self.ledger.add(RECORDS, self.records);
        self.ledger
    }

    fn record(&mut self, at: At<'_>, sink: &mut ScanSink<'_>) -> Result<()> {
        let (parent, stored) = catalog_parts(at.key());
        self.records = self.records.saturating_add(1);
        if self.folder.0 != parent {
            self.finish_folder();
            self.folder = (parent, 0);
            // Files have threads too, and nothing that needs a path.
            self.resolved = parent == ROOT_FOLDER_ID;
        }
        let parsed = match CatalogRecord::parse(at.value()) {
            Ok(parsed) => parsed,
            Err(flaw) => return self.fail(parent, flaw.at_cnid(at.place("", ""), parent), sink),
        };
        let Some(common) = parsed.common() else {
            if let CatalogRecord::Thread(thread) = parsed {
                if !stored.is_empty() {
                    let place = at.place("HFSPlusCatalogRecord", "recordType").cnid(parent);
                    return self.fail(parent, Error::damage(Damage::ObjectType, place), sink);
                }
                self.threads = self.threads.wrapping_add(thread_mark(
                    parent,
                    thread.is_folder,
                    thread.parent,
                    thread.name,
                ));
            }
            return Ok(());
        };
        let is_folder = matches!(parsed, CatalogRecord::Folder(_));
        let own = common.cnid.get();
        self.threads = self.threads.wrapping_sub(thread_mark(own, is_folder, parent, stored));
        if is_folder {
            self.ledger.add(u64::from(own), u64::from(common.valence.get()));
        }
        if parent == ROOT_PARENT_ID {
            return self.root(&at.record(), sink);
        }
        self.folder.1 = self.folder.1.saturating_add(1);
        if !self.resolved {
            match self.places.resolve(parent) {
                Ok(Some(())) => self.resolved = true,
                Ok(None) => return Ok(()),
                Err(error) => return self.fail(parent, error, sink),
            }
        }
        self.give(at, &parsed, (parent, stored), sink)
    }

    fn fail(&mut self, id: u32, error: Error, sink: &mut ScanSink<'_>) -> Result<()> {
        sink(Err(WalkError { path: Vec::new(), id: FileId(u64::from(id)), entry: None, error }))
    }

    /// The record of the root itself; anything else in its place has no path.
    fn root(&mut self, record: &Record, sink: &mut ScanSink<'_>) -> Result<()> {
        if number(record) != ROOT_FOLDER_ID {
            let place = record.place("HFSPlusCatalogFolder", "folderID").cnid(number(record));
            return self.fail(number(record), Error::damage(Damage::Contradiction, place), sink);
        }
        match self.volume.stat_of(record) {
            Ok(stat) => {
                self.ledger.count(1);
                sink(Ok(ScanEntry { path: b"/", stat: &stat, link_id: None, private: false }))
            }
            Err(error) => self.fail(ROOT_FOLDER_ID, error, sink),
        }
    }

    /// Gives an entry of a folder whose path is known, with the metadata of what it leads to.
    fn give(
        &mut self,
        at: At<'_>,
        parsed: &CatalogRecord<'_>,
        (parent, stored): (u32, &[u8]),
        sink: &mut ScanSink<'_>,
    ) -> Result<()> {
        let volume = self.volume;
        if let Err(error) = check_name(stored, || at.place("HFSPlusCatalogKey", "nodeName").cnid(parent)) {
            return self.refuse(parsed, (parent, stored), error, sink);
        }
        if parsed.link().is_some() {
            let target = volume.follow(at.record()).and_then(|record| {
                volume.check_number(&record)?;
                volume.stat_of(&record)
            });
            let link = parsed.common().map(|common| common.cnid.get());
            return match target {
                Ok(stat) => self.hand_over(&stat, (parent, stored), link, sink),
                Err(error) => self.refuse(parsed, (parent, stored), error, sink),
            };
        }
        let Some(mut stat) = volume.stat_by(parsed, parent) else {
            let place = at.place("HFSPlusCatalogRecord", "recordType").cnid(parent);
            return self.refuse(parsed, (parent, stored), Error::damage(Damage::ObjectType, place), sink);
        };
        match volume.complete(&mut stat) {
            Ok(()) => self.hand_over(&stat, (parent, stored), None, sink),
            Err(error) => self.refuse(parsed, (parent, stored), error, sink),
        }
    }

    fn hand_over(
        &mut self,
        stat: &Stat,
        (parent, stored): (u32, &[u8]),
        link: Option<u32>,
        sink: &mut ScanSink<'_>,
    ) -> Result<()> {
        let private = self.places.is_private(parent);
        let path = self.places.path(parent, |path| push_text(stored, path));
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
        let private = private || (parent == ROOT_FOLDER_ID && Volume::is_private_name(name));
        self.ledger.count(1);
        sink(Ok(ScanEntry { path, stat, link_id: link.map(u64::from), private }))
    }

    fn refuse(
        &mut self,
        parsed: &CatalogRecord<'_>,
        (parent, stored): (u32, &[u8]),
        error: Error,
        sink: &mut ScanSink<'_>,
    ) -> Result<()> {
        let id = parsed.common().map_or(0, |common| u64::from(common.cnid.get()));
        let link_id = parsed.link().map(|_| id);
        let entry = DirEntry {
            name: shown(stored),
            id: FileId(id),
            kind: parsed.kind(),
            added: parsed.common().and_then(date_added),
            link_id,
        };
        let path = self.places.path(parent, |path| push_text(stored, path)).to_vec();
        sink(Err(WalkError { path, id: FileId(id), entry: Some(entry), error }))
    }
}

/// A number for "this file is in that folder by that name".
fn thread_mark(id: u32, is_folder: bool, parent: u32, stored: &[u8]) -> u64 {
    mark(u64::from(id) << 32 | u64::from(parent), is_folder, stored)
}
