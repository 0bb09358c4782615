//! The order of a check: header, journal, extents, attributes, catalog, and then what only all of them tell.

use super::catalog::Catalog;
use super::cross::{self, Wanted};
use super::forks::Forks;
use super::place::of_error;
use super::sums::Sums;
use super::walk::{Walked, walk};
use super::{attributes, bitmap, extents, header, journal, map, rules};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::report::Cancel;
use crate::check::finding::{Finding, Findings};
use crate::check::options::CheckOptions;
use crate::check::report::Report;
use crate::check::rule::Rule;
use crate::check::summary::Summary;
use crate::hfsplus::Volume;
use crate::hfsplus::btree::Tree;
use crate::hfsplus::raw::catalog::{ATTRIBUTES_FILE_ID, EXTENTS_FILE_ID};
use crate::hfsplus::raw::volume::VolumeAttributes;

/// Checks a volume: every structure is read, and what is said twice is compared (the rules are
/// [`RULES`](super::RULES)). Findings come as they are made; damage never ends the check.
///
/// A volume whose journal is to be replayed is checked as it is after that.
///
/// # Errors
/// `Cancelled`; `Limit` if the volume needs more memory than its [`Limits`](crate::Limits) allow.
pub fn check(
    volume: &Volume,
    options: &CheckOptions,
    cancel: Option<Cancel<'_>>,
    findings: &mut Findings<'_>,
) -> Result<Summary> {
    let mut report = Report::new(options, findings);
    for finding in volume.findings() {
        let is_journals = volume.journal().is_some_and(|journal| journal.findings.contains(finding));
        if !is_journals {
            report.broken(rule_of(finding), finding.clone());
        }
    }
    let mut check = Check { volume, cancel, report, sums: Sums::default(), complete: true };
    check.run()?;
    Ok(check.report.finish())
}

/// What opening a volume failed with, as a finding; `None` if that was no damage.
#[must_use]
pub fn unreadable(error: &Error) -> Option<Finding> {
    let corrupt = error.corrupt()?;
    Some(Finding::new(&rules::HEADER_DAMAGED, corrupt.clone()))
}

struct Check<'v, 'r> {
    volume: &'v Volume,
    cancel: Option<Cancel<'r>>,
    report: Report<'r>,
    sums: Sums,
    /// Every node of every tree was read.
    complete: bool,
}

impl Check<'_, '_> {
    fn run(&mut self) -> Result<()> {
        let (volume, cancel) = (self.volume, self.cancel);
        let mut forks = Forks::new(volume);
        header::check_fields(volume, &mut self.report);
        header::check_wrapper(volume, &mut self.report);
        header::claim(volume, &mut forks, &mut self.report)?;
        journal::check(volume, &mut self.report)?;

        let mut overflow = None;
        if let Some(tree) = self.tree(volume.extents_overflow(), EXTENTS_FILE_ID)? {
            let mut found = extents::check(tree, &mut forks, cancel, &mut self.report)?;
            self.nodes(tree, &mut found.walked)?;
            header::check_spared(volume, found.bad_blocks, &mut self.report);
            overflow = Some((tree, found));
        }
        let mut attribute_extents = 0;
        let attributes_read;
        if let Some(tree) = self.tree(volume.attributes(), ATTRIBUTES_FILE_ID)? {
            let mut found =
                attributes::check(volume, tree, &mut forks, &mut self.sums, cancel, &mut self.report)?;
            self.nodes(tree, &mut found.walked)?;
            attribute_extents = found.extent_records;
            attributes_read = found.walked.complete;
        } else {
            attributes_read = matches!(volume.attributes(), Ok(None));
        }
        let tree = volume.catalog();
        let mut catalog = Catalog::new(volume, &mut forks, &mut self.sums);
        let mut walked = walk(tree, &mut self.report, cancel, &mut |at, report| catalog.record(at, report))?;
        catalog.finish(&mut self.report)?;
        if walked.complete {
            catalog.tell_later(&mut self.report);
        }
        let counts = catalog.counts;
        self.nodes(tree, &mut walked)?;
        self.report.checked("catalog records", walked.records);
        self.report.checked("files", counts.files);
        self.report.checked("folders", counts.folders);

        let whole = "some nodes can't be read";
        if walked.complete {
            header::check_counts(volume, &counts, &mut self.report)?;
            let mut wanted = Wanted::by(&self.sums);
            if !attributes_read {
                self.report.unchecked("flags and owners of attributes", whole);
                wanted.attributes = false;
            }
            cross::check(volume, wanted, cancel, &mut self.report)?;
        } else {
            self.report.unchecked("threads, links, attributes' owners and counts", whole);
        }
        let followed = forks.complete && self.complete;
        let more = overflow.filter(|(_, found)| self.complete && found.records != forks.overflow_records);
        if let Some((tree, _)) = more {
            extents::find_alone(volume, tree, &mut self.report)?;
        }
        if followed && attribute_extents != forks.attribute_records {
            let place = Place::new("HFSPlusAttrExtents", "").cnid(ATTRIBUTES_FILE_ID);
            let corrupt = Corrupt::new(Damage::Contradiction, place).expected(forks.attribute_records);
            self.report.broken(&rules::ATTRIBUTE_EXTENTS, corrupt.found(attribute_extents));
        }
        let claims = forks.claims.finish(&mut self.report);
        if !followed {
            self.report.unchecked("blocks that belong to nothing", "some files' blocks are not known");
        }
        bitmap::check(volume, claims, followed, cancel, &mut self.report)
    }

    /// A tree that could be opened.
    fn tree<'t>(&mut self, opened: Result<Option<&'t Tree>>, cnid: u32) -> Result<Option<&'t Tree>> {
        match opened {
            Ok(tree) => Ok(tree),
            Err(error @ (Error::Cancelled | Error::Limit(_))) => Err(error),
            Err(error) => {
                self.complete = false;
                // The volume's own findings have it, with its place.
                self.report
                    .unchecked(alloc::format!("tree of file {cnid}"), of_error(error, Place::default()));
                Ok(None)
            }
        }
    }

    /// Header and map of a tree whose nodes were gone through.
    fn nodes(&mut self, tree: &Tree, walked: &mut Walked) -> Result<()> {
        self.complete &= walked.complete;
        let zeroed = self.volume.header().attributes().contains(VolumeAttributes::UNUSED_NODE_FIX);
        self.report.checked("nodes", u64::from(tree.layout().nodes));
        map::check(tree, walked, zeroed, self.cancel, &mut self.report)
    }
}

/// The rule that one of the volume's own findings is about.
fn rule_of(finding: &Corrupt) -> &'static Rule {
    let Place { structure, field, .. } = &finding.place;
    match (*structure, *field, finding.damage) {
        ("HFSPlusVolumeHeader", "totalBlocks", Damage::PastEnd) => &rules::HEADER_PAST_END,
        ("HFSPlusVolumeHeader", "attributes", _) => &rules::JOURNAL_BLOCK,
        ("HFSPlusVolumeHeader", "journalInfoBlock", _) => &rules::JOURNAL_DAMAGED,
        ("HFSPlusVolumeHeader", "", Damage::Missing) => &rules::HEADER_COPY,
        ("HFSPlusVolumeHeader", "", Damage::Contradiction) => &rules::HEADER_DIFFERS,
        ("HFSPlusVolumeHeader", ..) => match finding.place.offset {
            Some(crate::hfsplus::raw::volume::HEADER_OFFSET) => &rules::HEADER_DAMAGED,
            _ => &rules::HEADER_COPY,
        },
        ("JournalInfoBlock" | "journal_header" | "block_list_header" | "block_info", ..) => {
            &rules::JOURNAL_DAMAGED
        }
        _ => &rules::TREE_UNREADABLE,
    }
}
