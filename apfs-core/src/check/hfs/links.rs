//! Hard links: who leads to what, how often, and who comes next (sheet hfsplus, section 7).

use alloc::collections::BTreeMap;

use super::place::At;
use super::rules;
use super::sums::Sums;
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::check::report::Report;
use crate::fs::scan::mark;
use crate::hfsplus::Volume;
use crate::hfsplus::links::shown;
use crate::hfsplus::raw::catalog::{CatalogFlags, HFSPlusCatalogCommon};
use crate::hfsplus::record::catalog::{CatalogRecord, LinkTo, flags};
use crate::hfsplus::tree_kind::catalog_parts;
use crate::text::hfs_name::to_stored_plain;

/// Attribute of a folder with hard links: the first of them.
const FIRST_LINK: &str = "com.apple.system.hfs.firstlink";
/// What is led to, at most, when links are looked at one by one.
const MOST_TARGETS: usize = 4_000_000;

/// True for the stored name of the attribute that names a folder's first link.
pub(super) fn is_first_link(name: &[u8]) -> bool {
    // Cheap for all others.
    name.len() == FIRST_LINK.len().saturating_mul(2)
        && to_stored_plain(FIRST_LINK.as_bytes()).is_some_and(|stored| stored == name)
}

/// The first link that a value names.
fn first_link(value: &[u8]) -> Option<u32> {
    core::str::from_utf8(value).ok()?.trim_end_matches('\0').parse().ok()
}

/// Mark of a folder that names its first link.
pub(super) fn first_link_mark(folder: u32, value: &[u8]) -> u64 {
    chain_mark(LinkTo::Folder(folder), 0, first_link(value).unwrap_or(0))
}

/// A number for "after this link comes that one"; 0 stands for what they lead to.
fn chain_mark(to: LinkTo, link: u32, next: u32) -> u64 {
    target_mark(to).rotate_left(17) ^ mark(u64::from(link) << 32 | u64::from(next), false, b"chain")
}

fn target_mark(to: LinkTo) -> u64 {
    let (number, is_folder) = match to {
        LinkTo::File(number) => (number, false),
        LinkTo::Folder(number) => (number, true),
    };
    mark(u64::from(number), is_folder, b"link")
}

fn has_chain(common: &HFSPlusCatalogCommon) -> bool {
    flags(common).contains(CatalogFlags::HAS_LINK_CHAIN)
}

/// What lies in a private folder: the number that its name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inode {
    To(LinkTo),
    /// Waits to be deleted.
    Temporary,
    Other,
}

/// What a record in a private folder is; `None` for those elsewhere.
pub(super) fn inode(volume: &Volume, parent: u32, stored: &[u8]) -> Option<Inode> {
    let (is_files, is_folders) = (Some(parent) == volume.file_inodes(), Some(parent) == volume.dir_inodes());
    if !is_files && !is_folders {
        return None;
    }
    let name = shown(stored);
    let digits = |prefix: &str| name.to_str().and_then(|name| name.strip_prefix(prefix)?.parse::<u32>().ok());
    let found = match (digits("iNode"), digits("dir_"), digits("temp")) {
        (Some(number), ..) if is_files => Inode::To(LinkTo::File(number)),
        (_, Some(number), _) if is_folders => Inode::To(LinkTo::Folder(number)),
        (.., Some(_)) => Inode::Temporary,
        _ => Inode::Other,
    };
    Some(found)
}

/// Adds what a link or what it leads to says to the sums.
pub(super) fn count(parsed: &CatalogRecord<'_>, inode: Option<Inode>, sums: &mut Sums) {
    let Some(common) = parsed.common() else { return };
    let own = common.cnid.get();
    if let Some(to) = parsed.link() {
        Sums::add(&mut sums.link_counts, target_mark(to), 1);
        if has_chain(common) {
            let (previous, next) = (common.bsdInfo.ownerID.get(), common.bsdInfo.groupID.get());
            if next != 0 {
                Sums::add(&mut sums.chains, chain_mark(to, own, next), 1);
            }
            // What names the first link has the number 0.
            match previous {
                0 => Sums::add(&mut sums.chains, chain_mark(to, 0, own), 1),
                previous => Sums::take(&mut sums.chains, chain_mark(to, previous, own), 1),
            }
        }
    } else if let Some(Inode::To(to)) = inode {
        Sums::take(&mut sums.link_counts, target_mark(to), common.bsdInfo.special.get());
        // The first link of a folder stands in an attribute.
        if matches!(to, LinkTo::File(_)) && has_chain(common) {
            Sums::take(&mut sums.chains, chain_mark(to, 0, common.valence.get()), 1);
        }
    }
}

/// What is known of something that links lead to.
#[derive(Clone, Debug, Default)]
struct Target {
    links: u64,
    stored: Option<(u64, Place)>,
}

/// Looks at links one by one.
#[derive(Debug, Default)]
pub(super) struct Finder {
    targets: BTreeMap<(bool, u32), Target>,
}

impl Finder {
    /// One record of the catalog.
    pub(super) fn record(
        &mut self,
        volume: &Volume,
        at: At<'_>,
        parsed: &CatalogRecord<'_>,
        report: &mut Report<'_>,
    ) -> Result<()> {
        let Some(common) = parsed.common() else { return Ok(()) };
        let own = common.cnid.get();
        let (parent, stored) = catalog_parts(at.key());
        let key = |to| match to {
            LinkTo::File(number) => (false, number),
            LinkTo::Folder(number) => (true, number),
        };
        if self.targets.len() > MOST_TARGETS {
            let (limit, seen) = (MOST_TARGETS, self.targets.len());
            return Err(Error::limit(
                "files with hard links",
                crate::base::bytes::len64(limit),
                crate::base::bytes::len64(seen),
            ));
        }
        if let Some(to) = parsed.link() {
            let target = self.targets.entry(key(to)).or_default();
            target.links = target.links.saturating_add(1);
            return link(volume, at, (to, common, own), report);
        }
        if let Some(Inode::To(to)) = inode(volume, parent, stored) {
            let place = at.place("HFSPlusBSDInfo", "linkCount", own);
            let target = self.targets.entry(key(to)).or_default();
            target.stored = Some((common.bsdInfo.special.get().into(), place));
        }
        Ok(())
    }

    /// All records were seen.
    pub(super) fn finish(self, report: &mut Report<'_>) {
        for target in self.targets.into_values() {
            // Links that lead nowhere were told of.
            let Some((stored, place)) = target.stored else { continue };
            if target.links == 0 {
                report.broken(&rules::LINK_ORPHAN, Corrupt::new(Damage::Missing, place).found(stored));
            } else if target.links != stored {
                let corrupt = Corrupt::new(Damage::Contradiction, place);
                report.broken(&rules::LINK_COUNT, corrupt.expected(target.links).found(stored));
            }
        }
    }
}

/// Looks whether a link leads somewhere, and whether its neighbours name it.
fn link(
    volume: &Volume,
    at: At<'_>,
    (to, common, own): (LinkTo, &HFSPlusCatalogCommon, u32),
    report: &mut Report<'_>,
) -> Result<()> {
    let broken = |rule, damage, field, report: &mut Report<'_>| {
        report.broken(rule, Corrupt::new(damage, at.place("HFSPlusBSDInfo", field, own)));
    };
    let target = match volume.link_target(to) {
        Ok(target) => target,
        Err(Error::Corrupt(_) | Error::Io(_)) => return Ok(()),
        Err(other) => return Err(other),
    };
    let parsed = target.as_ref().and_then(|target| CatalogRecord::parse(target.value()).ok());
    let target = match (to, &parsed) {
        (LinkTo::File(_), Some(CatalogRecord::File(file))) => &file.common,
        (LinkTo::Folder(_), Some(CatalogRecord::Folder(common))) => *common,
        _ => {
            broken(&rules::LINK_TARGET, Damage::Missing, "iNodeNum", report);
            return Ok(());
        }
    };
    if has_chain(target) != has_chain(common) {
        let place = at.place("HFSPlusCatalogFile", "flags", own);
        report.broken(&rules::LINK_FLAG, Corrupt::new(Damage::Contradiction, place));
        return Ok(());
    }
    if !has_chain(common) {
        return Ok(());
    }
    let (previous, next) = (common.bsdInfo.ownerID.get(), common.bsdInfo.groupID.get());
    let neighbour = |cnid: u32| -> Option<(u32, u32)> {
        let record = volume.record(cnid).ok()?;
        let parsed = CatalogRecord::parse(record.value()).ok()?;
        let bsd = parsed.common().filter(|_| parsed.link() == Some(to))?.bsdInfo;
        Some((bsd.ownerID.get(), bsd.groupID.get()))
    };
    let names_it = match (previous, to) {
        (0, LinkTo::File(_)) => target.valence.get() == own,
        (0, LinkTo::Folder(folder)) => named_first(volume, folder) == Some(own),
        (previous, _) => neighbour(previous).is_some_and(|(_, next)| next == own),
    };
    if !names_it {
        broken(&rules::LINK_CHAIN, Damage::Contradiction, "prevLinkID", report);
    }
    if next != 0 && neighbour(next).is_none_or(|(previous, _)| previous != own) {
        broken(&rules::LINK_CHAIN, Damage::Contradiction, "nextLinkID", report);
    }
    Ok(())
}

/// The link that a folder names as its first.
fn named_first(volume: &Volume, folder: u32) -> Option<u32> {
    let stored = to_stored_plain(FIRST_LINK.as_bytes())?;
    let tree = volume.attributes().ok().flatten()?;
    let record = tree.get(&crate::hfsplus::record::key::attribute(folder, &stored, 0)).ok().flatten()?;
    match crate::hfsplus::record::attribute::AttributeRecord::parse(record.value()) {
        Ok(crate::hfsplus::record::attribute::AttributeRecord::Inline(value)) => first_link(value),
        _ => None,
    }
}

/// A stored name as text that is safe to print.
pub(super) fn name_of(stored: &[u8]) -> alloc::string::String {
    alloc::format!("{}", shown(stored))
}
