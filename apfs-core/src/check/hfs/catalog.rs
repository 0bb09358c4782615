//! The catalog: every record by itself, folders against their entries, and sums for what is said elsewhere too.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::forks::{Forks, More};
use super::links::{self, Inode};
use super::place::At;
use super::rules;
use super::sums::Sums;
use crate::base::bytes::{be16_at, len64};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::check::report::Report;
use crate::check::rule::Rule;
use crate::fs::scan::mark;
use crate::fs::types::Kind;
use crate::hfsplus::Volume;
use crate::hfsplus::fork::ForkType;
use crate::hfsplus::raw::catalog::{
    CatalogFlags, FIRST_USER_CATALOG_NODE_ID, HFSPlusCatalogCommon, HFSPlusCatalogFile, ROOT_FOLDER_ID,
    ROOT_PARENT_ID,
};
use crate::hfsplus::record::catalog::{CatalogRecord, LinkTo, Thread, flags};
use crate::hfsplus::tree_kind::catalog_parts;
use crate::text::hfs_name::{push_text, to_stored};

/// Folders whose way from the root is remembered.
const MOST_FOLDERS: usize = 1 << 20;
/// Wrong counts that are kept until all nodes were read.
const MOST_LATER: usize = 1 << 12;
const UF_COMPRESSED: u8 = 0x20;
/// Longest target of a symbolic link.
const LONGEST_TARGET: u64 = 1024;
const FORMAT_BITS: u16 = 0o170_000;
const S_IFDIR: u16 = 0o040_000;
/// Formats of modes: pipe, character device, folder, block device, file, link, socket, whiteout.
const FORMATS: [u16; 8] = [1, 2, 4, 6, 8, 10, 12, 14];
const SYMLINK_TYPE: &[u8] = b"slnkrhap";

/// Mark of "this file or folder is in that folder by that name".
pub(super) fn thread_mark(cnid: u32, is_folder: bool, parent: u32, name: &[u8]) -> u64 {
    mark(u64::from(cnid) << 32 | u64::from(parent), is_folder, name)
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) files: u64,
    /// Without the root.
    pub(super) folders: u64,
    pub(super) highest: u32,
    /// Encodings of records, as bits.
    pub(super) encodings: u64,
    pub(super) root: bool,
    /// Creation date of the root.
    pub(super) root_created: u32,
}

/// Entries of one folder, which follow one another.
#[derive(Clone, Copy, Debug, Default)]
struct Group {
    parent: u32,
    thread: Option<bool>,
    children: u32,
    folders: u32,
}

/// The catalog while its records pass by.
#[derive(Debug)]
pub(super) struct Catalog<'v, 's> {
    volume: &'v Volume,
    pub(super) forks: &'s mut Forks<'v>,
    pub(super) sums: &'s mut Sums,
    pub(super) counts: Counts,
    group: Group,
    /// Folders that are reached from the root.
    reached: BTreeSet<u32>,
    /// What counts only if no node was lost.
    later: Vec<(&'static Rule, Corrupt)>,
    /// Creation dates that links may have.
    link_dates: Vec<u32>,
    text: Vec<u8>,
}

impl<'v, 's> Catalog<'v, 's> {
    pub(super) fn new(volume: &'v Volume, forks: &'s mut Forks<'v>, sums: &'s mut Sums) -> Catalog<'v, 's> {
        let folders = [Some(ROOT_FOLDER_ID), volume.file_inodes(), volume.dir_inodes()];
        let created = |cnid: u32| {
            let record = volume.record(cnid).ok()?;
            Some(CatalogRecord::parse(record.value()).ok()?.common()?.createDate.get())
        };
        let link_dates = folders.into_iter().flatten().filter_map(created).collect();
        let (counts, group, reached, later, text) = Default::default();
        Catalog { volume, forks, sums, counts, group, reached, later, link_dates, text }
    }

    /// One record, in order.
    pub(super) fn record(&mut self, at: At<'_>, report: &mut Report<'_>) -> Result<()> {
        let (parent, stored) = catalog_parts(at.key());
        if parent != self.group.parent {
            self.finish_group(report)?;
            self.group = Group { parent, ..Group::default() };
        }
        let parsed = match CatalogRecord::parse(at.value()) {
            Ok(parsed) => parsed,
            Err(flaw) => {
                let place = at.place(flaw.structure, flaw.field, parent);
                report.broken(&rules::RECORD, Corrupt::new(flaw.damage, place));
                self.group.children = self.group.children.saturating_add(u32::from(!stored.is_empty()));
                return Ok(());
            }
        };
        let common = match &parsed {
            CatalogRecord::Thread(thread) => {
                self.thread(at, *thread, stored, report);
                return Ok(());
            }
            CatalogRecord::Folder(common) => *common,
            CatalogRecord::File(file) => &file.common,
        };
        let is_folder = matches!(parsed, CatalogRecord::Folder(_));
        let own = common.cnid.get();
        let broken = |rule, damage, field, report: &mut Report<'_>| {
            report.broken(rule, Corrupt::new(damage, at.place(structure(is_folder), field, own)));
        };
        if stored.is_empty() {
            let place = at.place("HFSPlusCatalogKey", "nodeName", own);
            report.broken(&rules::RECORD_KEY, Corrupt::new(Damage::Name, place));
        }
        let expected =
            if is_folder { size_of::<HFSPlusCatalogCommon>() } else { size_of::<HFSPlusCatalogFile>() };
        if at.value().len() != expected {
            broken(&rules::RECORD, Damage::Bounds, "recordType", report);
        }
        Sums::take(&mut self.sums.threads, thread_mark(own, is_folder, parent, stored), 1);
        self.number(at, (parent, own, is_folder), common, report);
        self.group.children = self.group.children.saturating_add(1);
        let is_dir_link = matches!(parsed.link(), Some(LinkTo::Folder(_)));
        self.group.folders = self.group.folders.saturating_add(u32::from(is_folder || is_dir_link));
        self.flags(at, common, is_folder, report);
        self.name(at, stored, own, report);
        let inode = links::inode(self.volume, parent, stored);
        links::count(&parsed, inode, self.sums);
        self.inode(at, inode, common, report);
        if let CatalogRecord::File(file) = &parsed {
            self.file(at, file, &parsed, report)?;
        }
        Ok(())
    }

    /// All records were seen.
    pub(super) fn finish(&mut self, report: &mut Report<'_>) -> Result<()> {
        self.finish_group(report)?;
        if !self.counts.root {
            let place = Place::new("HFSPlusCatalogFolder", "folderID").cnid(ROOT_FOLDER_ID);
            report.broken(&rules::ROOT, Corrupt::new(Damage::Missing, place));
        }
        Ok(())
    }

    /// Folders whose entries were counted wrongly, to be told if no node was lost.
    pub(super) fn tell_later(&mut self, report: &mut Report<'_>) {
        for (rule, corrupt) in core::mem::take(&mut self.later) {
            report.broken(rule, corrupt);
        }
    }

    fn later(&mut self, rule: &'static Rule, corrupt: Corrupt) {
        if self.later.len() < MOST_LATER {
            self.later.push((rule, corrupt));
        }
    }

    fn thread(&mut self, at: At<'_>, thread: Thread<'_>, stored: &[u8], report: &mut Report<'_>) {
        let cnid = self.group.parent;
        if stored.is_empty() {
            self.group.thread = Some(thread.is_folder);
        } else {
            let place = at.place("HFSPlusCatalogKey", "nodeName", cnid);
            report.broken(&rules::RECORD_KEY, Corrupt::new(Damage::Contradiction, place).expected("no name"));
        }
        if be16_at(at.value(), 2) != Some(0) {
            let place = at.place("HFSPlusCatalogThread", "reserved", cnid);
            report.broken(&rules::RESERVED, Corrupt::new(Damage::Range, place));
        }
        Sums::add(&mut self.sums.threads, thread_mark(cnid, thread.is_folder, thread.parent, thread.name), 1);
    }

    /// The number of a file or folder, and what is counted by it.
    fn number(
        &mut self,
        at: At<'_>,
        (parent, own, is_folder): (u32, u32, bool),
        common: &HFSPlusCatalogCommon,
        report: &mut Report<'_>,
    ) {
        let field = if is_folder { "folderID" } else { "fileID" };
        let is_root = own == ROOT_FOLDER_ID && is_folder;
        if is_root && parent == ROOT_PARENT_ID {
            self.counts.root = true;
            self.counts.root_created = common.createDate.get();
        } else if is_root || parent == ROOT_PARENT_ID {
            let place = at.place(structure(is_folder), field, own);
            report.broken(&rules::ROOT, Corrupt::new(Damage::Contradiction, place));
        } else if own < FIRST_USER_CATALOG_NODE_ID {
            let place = at.place(structure(is_folder), field, own);
            report.broken(&rules::CNID, Corrupt::new(Damage::Range, place).found(own));
        }
        if is_folder {
            self.counts.folders = self.counts.folders.saturating_add(u64::from(!is_root));
        } else {
            self.counts.files = self.counts.files.saturating_add(1);
        }
        self.counts.highest = self.counts.highest.max(own);
        self.counts.encodings |= match common.textEncoding.get() {
            140 => 1 << 49,
            152 => 1 << 48,
            bit @ 0..48 => 1 << bit,
            _ => 0,
        };
    }

    fn flags(&mut self, at: At<'_>, common: &HFSPlusCatalogCommon, is_folder: bool, report: &mut Report<'_>) {
        let (flags, own) = (flags(common), common.cnid.get());
        let mut broken = |rule: &'static Rule, field, found: u64| {
            let place = at.place(structure(is_folder), field, own);
            report.broken(rule, Corrupt::new(Damage::Range, place).found(found));
        };
        let own_mark = mark(own.into(), false, b"");
        for (flag, sum) in [
            (CatalogFlags::HAS_ATTRIBUTES, &mut self.sums.attributes),
            (CatalogFlags::HAS_SECURITY, &mut self.sums.security),
        ] {
            if flags.contains(flag) {
                Sums::add(sum, own_mark, 1);
            }
        }
        let wrong = match is_folder {
            true => CatalogFlags::FILE_LOCKED | CatalogFlags::THREAD_EXISTS,
            false => CatalogFlags::HAS_FOLDER_COUNT | CatalogFlags::HAS_CHILD_LINK,
        };
        if flags.intersects(wrong) || flags.bits() & !CatalogFlags::all().bits() != 0 {
            broken(&rules::FLAGS, "flags", flags.bits().into());
        }
        if !is_folder && !flags.contains(CatalogFlags::THREAD_EXISTS) {
            broken(&rules::THREAD_FLAG, "flags", flags.bits().into());
        }
        // Without format bits nothing of the mode was ever set.
        let mode = common.bsdInfo.fileMode.get();
        let format = mode & FORMAT_BITS;
        if format != 0 && ((format == S_IFDIR) != is_folder || !FORMATS.contains(&(format >> 12))) {
            broken(&rules::MODE, "fileMode", mode.into());
        }
        if is_folder {
            return;
        }
        if common.valence.get() != 0 && !flags.contains(CatalogFlags::HAS_LINK_CHAIN) {
            broken(&rules::RESERVED, "reserved1", common.valence.get().into());
        }
        if common.folderCount.get() != 0 {
            broken(&rules::RESERVED, "reserved2", common.folderCount.get().into());
        }
        if common.bsdInfo.ownerFlags & UF_COMPRESSED != 0 {
            Sums::add(&mut self.sums.compressed, own_mark, 1);
        }
    }

    /// A name must be found again by what it reads.
    fn name(&mut self, at: At<'_>, stored: &[u8], own: u32, report: &mut Report<'_>) {
        let is_plain = |unit: &[u8]| matches!(unit, [0, 0x20..=0x2E | 0x30..=0x39 | 0x3B..=0x7E]);
        let is_dots = matches!(stored, b"\0." | b"\0.\0.");
        if stored.chunks(2).all(is_plain) && !is_dots {
            return;
        }
        self.text.clear();
        push_text(stored, &mut self.text);
        if is_dots || to_stored(&self.text).is_none_or(|again| again != stored) {
            let place = at.place("HFSPlusCatalogKey", "nodeName", own);
            let found = links::name_of(stored);
            report.broken(&rules::NAME, Corrupt::new(Damage::Name, place).found(found));
        }
    }

    /// What lies in a private folder has a name after its number, if a current system made it.
    fn inode(
        &self,
        at: At<'_>,
        inode: Option<Inode>,
        common: &HFSPlusCatalogCommon,
        report: &mut Report<'_>,
    ) {
        let own = common.cnid.get();
        let has_chain = flags(common).contains(CatalogFlags::HAS_LINK_CHAIN);
        let fits = match inode {
            None | Some(Inode::Temporary) => true,
            Some(Inode::To(LinkTo::File(number))) => !has_chain || number == own,
            Some(Inode::To(LinkTo::Folder(number))) => number == own,
            Some(Inode::Other) => false,
        };
        if !fits {
            let place = at.place("HFSPlusCatalogKey", "nodeName", own);
            report.broken(&rules::LINK_NAME, Corrupt::new(Damage::Name, place));
        }
    }

    fn file(
        &mut self,
        at: At<'_>,
        file: &HFSPlusCatalogFile,
        parsed: &CatalogRecord<'_>,
        report: &mut Report<'_>,
    ) -> Result<()> {
        let (common, own) = (&file.common, file.common.cnid.get());
        for (raw, which, field) in [
            (&file.dataFork, ForkType::Data, "dataFork"),
            (&file.resourceFork, ForkType::Resource, "resourceFork"),
        ] {
            self.forks.add(
                own,
                raw,
                More::Overflow(which),
                at.place("HFSPlusForkData", field, own),
                report,
            )?;
        }
        let has_data = file.dataFork.logicalSize.get() != 0 || file.dataFork.totalBlocks.get() != 0;
        let has_resource = file.resourceFork.totalBlocks.get() != 0;
        let broken = |rule, structure, field, found: u64, report: &mut Report<'_>| {
            let place = at.place(structure, field, own);
            report.broken(rule, Corrupt::new(Damage::Contradiction, place).found(found));
        };
        let size = file.dataFork.logicalSize.get();
        if let Some(to) = parsed.link() {
            if has_data || (has_resource && matches!(to, LinkTo::File(_))) {
                broken(&rules::LINK_CONTENT, "HFSPlusForkData", "totalBlocks", size, report);
            }
            if !self.link_dates.contains(&common.createDate.get()) {
                let found = common.createDate.get().into();
                broken(&rules::LINK_DATE, "HFSPlusCatalogFile", "createDate", found, report);
            }
            return Ok(());
        }
        match parsed.kind() {
            Kind::Symlink => {
                if size == 0 {
                    broken(&rules::SYMLINK_EMPTY, "HFSPlusForkData", "logicalSize", size, report);
                }
                if size > LONGEST_TARGET {
                    broken(&rules::SYMLINK_LONG, "HFSPlusForkData", "logicalSize", size, report);
                }
                if common.userInfo.get(..8) != Some(SYMLINK_TYPE) {
                    broken(&rules::SYMLINK_TYPE, "FndrFileInfo", "fdType", 0, report);
                }
            }
            Kind::Fifo | Kind::Socket | Kind::CharDevice | Kind::BlockDevice if has_data || has_resource => {
                broken(&rules::SPECIAL_DATA, "HFSPlusForkData", "logicalSize", size, report);
            }
            _ => {}
        }
        if common.bsdInfo.ownerFlags & UF_COMPRESSED != 0 && has_data {
            // Without the attribute it is a plain file, and that is told.
            let is_compressed = super::cross::has_attribute(self.volume, own, super::attributes::DECMPFS)?;
            if is_compressed == Some(true) {
                broken(&rules::COMPRESSED_DATA, "HFSPlusForkData", "logicalSize", size, report);
            }
        }
        Ok(())
    }

    /// All entries of a folder were seen: compares them with what its record says.
    fn finish_group(&mut self, report: &mut Report<'_>) -> Result<()> {
        let Group { parent, thread, children, folders } = self.group;
        if parent <= ROOT_PARENT_ID || (thread != Some(true) && children == 0) {
            return Ok(());
        }
        let record = match self.volume.record(parent) {
            Ok(record) => Some(record),
            Err(Error::NotFound(_) | Error::Corrupt(_) | Error::Io(_)) => None,
            Err(other) => return Err(other),
        };
        let place = |field| Place::new("HFSPlusCatalogFolder", field).cnid(parent);
        let parsed = record.as_ref().and_then(|record| CatalogRecord::parse(record.value()).ok());
        let Some(CatalogRecord::Folder(common)) = parsed else {
            // A thread that is alone is told of as such.
            if children > 0 {
                let corrupt = Corrupt::new(Damage::Missing, place("folderID"));
                report.broken(&rules::PARENT, corrupt.found(alloc::format!("{children} entries")));
            }
            return Ok(());
        };
        let node = record.as_ref().and_then(|record| record.place("", "").node);
        let place = |field| {
            let block = node.and_then(|node| self.volume.catalog().block_of(node));
            Place { node, block, ..place(field) }
        };
        if common.valence.get() != children {
            let corrupt = Corrupt::new(Damage::Contradiction, place("valence"));
            self.later(&rules::VALENCE, corrupt.expected(children).found(common.valence.get()));
        }
        let keeps_count = flags(common).contains(CatalogFlags::HAS_FOLDER_COUNT);
        if keeps_count && common.folderCount.get() != folders {
            let corrupt = Corrupt::new(Damage::Contradiction, place("folderCount"));
            self.later(&rules::SUBFOLDERS, corrupt.expected(folders).found(common.folderCount.get()));
        }
        self.climb(parent, report)
    }

    /// Goes up from a folder until the way to the root is known.
    fn climb(&mut self, folder: u32, report: &mut Report<'_>) -> Result<()> {
        let mut passed = BTreeSet::new();
        let mut here = folder;
        while here != ROOT_FOLDER_ID && !self.reached.contains(&here) {
            let too_deep = passed.len() > self.volume.limits().directory_depth;
            if too_deep || !passed.insert(here) {
                let place = Place::new("HFSPlusCatalogThread", "parentID").cnid(here);
                let corrupt = Corrupt::new(Damage::Loop, place);
                report.broken(&rules::LOOP, corrupt.found(alloc::format!("{} folders", len64(passed.len()))));
                break;
            }
            match self.volume.thread(here, |thread| thread.parent) {
                Ok(Some(parent)) => here = parent,
                // What is missing is told of where its entries are.
                Ok(None) | Err(Error::Corrupt(_) | Error::Io(_)) => return Ok(()),
                Err(other) => return Err(other),
            }
        }
        if self.reached.len() > MOST_FOLDERS {
            self.reached.clear();
        }
        self.reached.append(&mut passed);
        Ok(())
    }
}

fn structure(is_folder: bool) -> &'static str {
    if is_folder { "HFSPlusCatalogFolder" } else { "HFSPlusCatalogFile" }
}
