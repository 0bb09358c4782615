//! The attributes file: its records, their forks, and what they say of their owners (sheet hfsplus, section 6).

use super::forks::{Forks, More};
use super::links::{first_link_mark, is_first_link};
use super::place::{At, of_error};
use super::rules;
use super::sums::Sums;
use super::walk::{Walked, walk};
use crate::base::bytes::{be16_at, get};
use crate::base::damage::{Corrupt, Damage};
use crate::base::error::{Error, Result};
use crate::base::ids::FileId;
use crate::base::report::Cancel;
use crate::check::report::Report;
use crate::fs::scan::mark;
use crate::hfsplus::Volume;
use crate::hfsplus::btree::Tree;
use crate::hfsplus::record::attribute::AttributeRecord;
use crate::hfsplus::tree_kind::attribute_parts;
use crate::text::hfs_name::to_stored_plain;

/// Attribute of compressed files.
pub(super) const DECMPFS: &str = "com.apple.decmpfs";
/// Attribute that is an access control list.
pub(super) const SECURITY: &str = "com.apple.system.Security";
/// Bytes of an inline record before its value.
const INLINE_HEAD: usize = 16;

/// What the attributes file holds.
#[derive(Debug)]
pub(super) struct Attributes {
    pub(super) walked: Walked,
    /// Records of more extents.
    pub(super) extent_records: u64,
}

/// Goes through the tree.
pub(super) fn check(
    volume: &Volume,
    tree: &Tree,
    forks: &mut Forks<'_>,
    sums: &mut Sums,
    cancel: Option<Cancel<'_>>,
    report: &mut Report<'_>,
) -> Result<Attributes> {
    let stored = |name: &str| to_stored_plain(name.as_bytes()).unwrap_or_default();
    let (decmpfs, security) = (stored(DECMPFS), stored(SECURITY));
    let (mut owner, mut extent_records) = (0u32, 0u64);
    let walked = walk(tree, report, cancel, &mut |at: At<'_>, report| {
        let (cnid, name, start) = attribute_parts(at.key());
        let broken = |rule, damage, structure, field, report: &mut Report<'_>| {
            report.broken(rule, Corrupt::new(damage, at.place(structure, field, cnid)));
        };
        if be16_at(at.key(), 0) != Some(0) {
            broken(&rules::ATTRIBUTE_KEY, Damage::Range, "HFSPlusAttrKey", "pad", report);
        }
        if name.is_empty() {
            broken(&rules::ATTRIBUTE_KEY, Damage::Name, "HFSPlusAttrKey", "attrName", report);
        }
        if cnid != owner {
            owner = cnid;
            Sums::take(&mut sums.attributes, mark(cnid.into(), false, b""), 1);
        }
        let record = match AttributeRecord::parse(at.value()) {
            Ok(record) => record,
            Err(flaw) => {
                broken(&rules::ATTRIBUTE_RECORD, flaw.damage, flaw.structure, flaw.field, report);
                return Ok(());
            }
        };
        let is_extents = matches!(record, AttributeRecord::Extents(_));
        if is_extents != (start > 0) {
            broken(&rules::ATTRIBUTE_EXTENTS, Damage::Contradiction, "HFSPlusAttrKey", "startBlock", report);
        }
        let reserved = match record {
            AttributeRecord::Inline(value) => {
                let end = INLINE_HEAD.saturating_add(value.len()).next_multiple_of(2);
                if at.value().len() != end {
                    broken(&rules::ATTRIBUTE_RECORD, Damage::Bounds, "HFSPlusAttrData", "attrSize", report);
                }
                8
            }
            AttributeRecord::Fork(raw) => {
                let place = at.place("HFSPlusForkData", "", cnid);
                forks.add(cnid, raw, More::Attribute(name), place, report)?;
                4
            }
            AttributeRecord::Extents(_) => {
                extent_records = extent_records.saturating_add(1);
                4
            }
        };
        if get(at.value(), 4, reserved).is_some_and(|bytes| bytes.iter().any(|byte| *byte != 0)) {
            broken(&rules::ATTRIBUTE_KEY, Damage::Range, "HFSPlusAttrRecord", "reserved", report);
        }
        if is_extents {
            return Ok(());
        }
        if name == security.as_slice() {
            Sums::take(&mut sums.security, mark(cnid.into(), false, b""), 1);
        }
        if name == decmpfs.as_slice() {
            Sums::take(&mut sums.compressed, mark(cnid.into(), false, b""), 1);
            compressed(volume, at, cnid, report)?;
        }
        if let (true, AttributeRecord::Inline(value)) = (is_first_link(name), record) {
            Sums::take(&mut sums.chains, first_link_mark(cnid, value), 1);
        }
        Ok(())
    })?;
    report.checked("attribute records", walked.records);
    Ok(Attributes { walked, extent_records })
}

/// Header and table of a compressed file.
fn compressed(volume: &Volume, at: At<'_>, cnid: u32, report: &mut Report<'_>) -> Result<()> {
    match volume.check_compressed(FileId(u64::from(cnid))) {
        // Of an owner that is not there the flags tell.
        Ok(()) | Err(Error::NotFound(_)) => {}
        Err(error @ (Error::Cancelled | Error::Limit(_))) => return Err(error),
        Err(error @ (Error::Locked(..) | Error::Unsupported(_))) => {
            report.unchecked(alloc::format!("content of file {cnid}"), error);
        }
        Err(error) => {
            let corrupt = of_error(error, at.place("decmpfs_disk_header", "", cnid));
            let place = crate::base::damage::Place { cnid: Some(cnid), oid: None, ..corrupt.place };
            report.broken(&rules::COMPRESSED_HEADER, Corrupt { place, ..corrupt });
        }
    }
    report.checked("compressed files", 1);
    Ok(())
}
