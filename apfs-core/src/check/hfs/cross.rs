//! Where sums do not come out: every record of the catalog and every owner of attributes, looked up from the other side.

use super::attributes::{DECMPFS, SECURITY};
use super::links::{Finder, name_of};
use super::place::At;
use super::rules;
use super::sums::Sums;
use crate::base::damage::{Corrupt, Damage};
use crate::base::error::{Error, Result};
use crate::base::report::Cancel;
use crate::check::report::Report;
use crate::hfsplus::Volume;
use crate::hfsplus::btree::{Cursor, Record, Tree};
use crate::hfsplus::raw::catalog::{CatalogFlags, HFSPlusCatalogCommon};
use crate::hfsplus::record::catalog::{CatalogRecord, Thread, flags};
use crate::hfsplus::record::key;
use crate::hfsplus::tree_kind::{attribute_parts, catalog_parts};
use crate::text::hfs_name::to_stored_plain;

const UF_COMPRESSED: u8 = 0x20;

/// What is compared one by one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) threads: bool,
    /// Flags for attributes, for access control lists, for compression.
    pub(super) attributes: bool,
    pub(super) links: bool,
}

impl Wanted {
    pub(super) fn by(sums: &Sums) -> Wanted {
        Wanted {
            threads: sums.threads != 0,
            attributes: [sums.attributes, sums.security, sums.compressed] != [0; 3],
            links: sums.links_differ(),
        }
    }
}

/// Goes through the catalog and the attributes file once more.
pub(super) fn check(
    volume: &Volume,
    wanted: Wanted,
    cancel: Option<Cancel<'_>>,
    report: &mut Report<'_>,
) -> Result<()> {
    let mut links = Finder::default();
    if wanted.threads || wanted.attributes || wanted.links {
        let tree = volume.catalog();
        each_record(tree, &[0; 6], cancel, &mut |record| {
            let at = At { tree, node: &record.node, index: record.index };
            let Ok(parsed) = CatalogRecord::parse(at.value()) else { return Ok(()) };
            if wanted.threads {
                threads(volume, at, &parsed, report)?;
            }
            if let Some(common) = parsed.common().filter(|_| wanted.attributes) {
                owner(volume, at, common, matches!(parsed, CatalogRecord::Folder(_)), report)?;
            }
            if wanted.links {
                links.record(volume, at, &parsed, report)?;
            }
            Ok(())
        })?;
    }
    links.finish(report);
    match volume.attributes() {
        Ok(Some(tree)) if wanted.attributes => owners(volume, tree, cancel, report),
        _ => Ok(()),
    }
}

/// Gives every record that can be read.
fn each_record(
    tree: &Tree,
    first: &[u8],
    cancel: Option<Cancel<'_>>,
    each: &mut dyn FnMut(&Record) -> Result<()>,
) -> Result<()> {
    let mut cursor = Cursor::new();
    let mut moved = cursor.seek(tree, first);
    loop {
        if cancel.is_some_and(|cancel| cancel()) {
            return Err(Error::Cancelled);
        }
        if moved.is_err() && cursor.key_behind().is_none() {
            return Ok(());
        }
        match cursor.record() {
            Some(record) => each(&record)?,
            None if moved.is_ok() => return Ok(()),
            None => {}
        }
        moved = cursor.advance(tree);
    }
}

/// `None` for what can't be read: that is told of elsewhere.
fn found<T>(result: Result<T>) -> Result<Option<Option<T>>> {
    match result {
        Ok(found) => Ok(Some(Some(found))),
        Err(Error::NotFound(_)) => Ok(Some(None)),
        Err(Error::Corrupt(_) | Error::Io(_)) => Ok(None),
        Err(other) => Err(other),
    }
}

/// A record against its thread, or the other way round.
fn threads(volume: &Volume, at: At<'_>, parsed: &CatalogRecord<'_>, report: &mut Report<'_>) -> Result<()> {
    let (parent, stored) = catalog_parts(at.key());
    let Some(common) = parsed.common() else {
        return match volume.record(parent) {
            Ok(_) => Ok(()),
            // Its file or folder is not where it says, or is another one.
            Err(Error::NotFound(_) | Error::Corrupt(_)) => {
                let corrupt =
                    Corrupt::new(Damage::Missing, at.place("HFSPlusCatalogThread", "nodeName", parent));
                report.broken(&rules::THREAD_ALONE, corrupt);
                Ok(())
            }
            Err(Error::Io(_)) => Ok(()),
            Err(other) => Err(other),
        };
    };
    let own = common.cnid.get();
    let is_folder = matches!(parsed, CatalogRecord::Folder(_));
    let has_none = !is_folder && !flags(common).contains(CatalogFlags::THREAD_EXISTS);
    let agrees =
        |thread: Thread<'_>| (thread.is_folder, thread.parent, thread.name) == (is_folder, parent, stored);
    match found(volume.thread(own, agrees))? {
        None | Some(Some(Some(true))) => {}
        Some(None | Some(None)) if has_none => {}
        Some(None | Some(None)) => {
            let place = at.place("HFSPlusCatalogThread", "", own);
            report.broken(
                &rules::THREAD_MISSING,
                Corrupt::new(Damage::Missing, place).expected(name_of(stored)),
            );
        }
        Some(Some(Some(false))) => {
            let is_anothers = volume.record(own).is_ok_and(|other| other.key() != at.key());
            let (rule, structure, field) = match is_anothers {
                true if is_folder => (&rules::CNID_TWICE, "HFSPlusCatalogFolder", "folderID"),
                true => (&rules::CNID_TWICE, "HFSPlusCatalogFile", "fileID"),
                false => (&rules::THREAD_DIFFERS, "HFSPlusCatalogThread", "nodeName"),
            };
            let place = at.place(structure, field, own);
            report.broken(rule, Corrupt::new(Damage::Contradiction, place).expected(name_of(stored)));
        }
    }
    Ok(())
}

/// Whether a file or folder has an attribute; `None` if that can't be read.
pub(super) fn has_attribute(volume: &Volume, cnid: u32, name: &str) -> Result<Option<bool>> {
    let Ok(Some(tree)) = volume.attributes() else { return Ok(Some(false)) };
    let Some(stored) = to_stored_plain(name.as_bytes()) else { return Ok(Some(false)) };
    let record = found(tree.get(&key::attribute(cnid, &stored, 0)))?;
    Ok(record.map(|record| matches!(record, Some(Some(_)))))
}

/// Whether a file or folder has any attribute.
fn has_attributes(volume: &Volume, cnid: u32) -> Result<Option<bool>> {
    let Ok(Some(tree)) = volume.attributes() else { return Ok(Some(false)) };
    let mut cursor = Cursor::new();
    let sought = found(cursor.seek(tree, &key::attribute(cnid, &[], 0)))?;
    Ok(sought.map(|_| cursor.record().is_some_and(|record| attribute_parts(record.key()).0 == cnid)))
}

/// Flags that promise attributes which are not there. (Those that do not promise what is there are found by the owners.)
fn owner(
    volume: &Volume,
    at: At<'_>,
    common: &HFSPlusCatalogCommon,
    is_folder: bool,
    report: &mut Report<'_>,
) -> Result<()> {
    let (own, flags) = (common.cnid.get(), flags(common));
    let structure = if is_folder { "HFSPlusCatalogFolder" } else { "HFSPlusCatalogFile" };
    let mut missing = |rule, structure, field, has: Option<bool>| {
        if has == Some(false) {
            report.broken(rule, Corrupt::new(Damage::Missing, at.place(structure, field, own)));
        }
    };
    if flags.contains(CatalogFlags::HAS_ATTRIBUTES) {
        missing(&rules::ATTRIBUTE_FLAG, structure, "flags", has_attributes(volume, own)?);
    }
    if flags.contains(CatalogFlags::HAS_SECURITY) {
        missing(&rules::SECURITY_FLAG, structure, "flags", has_attribute(volume, own, SECURITY)?);
    }
    if !is_folder && common.bsdInfo.ownerFlags & UF_COMPRESSED != 0 {
        let has = has_attribute(volume, own, DECMPFS)?;
        missing(&rules::COMPRESSED_FLAG, "HFSPlusBSDInfo", "ownerFlags", has);
    }
    Ok(())
}

/// Owners of attributes that are not there, or do not say that they have some.
fn owners(volume: &Volume, tree: &Tree, cancel: Option<Cancel<'_>>, report: &mut Report<'_>) -> Result<()> {
    let stored = |name: &str| to_stored_plain(name.as_bytes()).unwrap_or_default();
    let (decmpfs, security) = (stored(DECMPFS), stored(SECURITY));
    let mut before = None;
    each_record(tree, &[0; 12], cancel, &mut |record| {
        let (cnid, name, start) = attribute_parts(record.key());
        let is_new = before.replace(cnid) != Some(cnid);
        let (is_security, is_decmpfs) = (name == security.as_slice(), name == decmpfs.as_slice());
        if start > 0 || !(is_new || is_security || is_decmpfs) {
            return Ok(());
        }
        let at = At { tree, node: &record.node, index: record.index };
        let place = |field| at.place("HFSPlusAttrKey", field, cnid);
        let Some(owner) = found(volume.record(cnid))? else { return Ok(()) };
        let parsed = owner.as_ref().and_then(|owner| CatalogRecord::parse(owner.value()).ok());
        let Some(common) = parsed.and_then(|parsed| parsed.common()) else {
            if is_new {
                report.broken(&rules::ATTRIBUTE_OWNER, Corrupt::new(Damage::Missing, place("fileID")));
            }
            return Ok(());
        };
        let mut lacks = |rule, flag: bool, structure, field| {
            if !flag {
                let place = crate::base::damage::Place { structure, field, ..place("") };
                report.broken(rule, Corrupt::new(Damage::Contradiction, place));
            }
        };
        let (flags, is_folder) = (flags(common), matches!(parsed, Some(CatalogRecord::Folder(_))));
        let structure = if is_folder { "HFSPlusCatalogFolder" } else { "HFSPlusCatalogFile" };
        if is_new {
            lacks(&rules::ATTRIBUTE_FLAG, flags.contains(CatalogFlags::HAS_ATTRIBUTES), structure, "flags");
        }
        if is_security {
            lacks(&rules::SECURITY_FLAG, flags.contains(CatalogFlags::HAS_SECURITY), structure, "flags");
        }
        if is_decmpfs {
            let is_flagged = is_folder || common.bsdInfo.ownerFlags & UF_COMPRESSED != 0;
            lacks(&rules::COMPRESSED_FLAG, is_flagged, "HFSPlusBSDInfo", "ownerFlags");
        }
        Ok(())
    })
}
