//! Rules about what is around file systems, and the table of all rules.

use alloc::vec::Vec;

use super::finding::{Finding, Findings};
use super::options::CheckOptions;
use super::report::Report;
use super::rule::{Group, Rule, Severity};
use super::summary::Summary;
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Class, Error};
use crate::open::Disk;

static DISK: Group = Group { code: "D01", name: "disk" };

static TABLE: Rule = Rule::new(
    &DISK,
    "D0101",
    Severity::Warning,
    "partition-table",
    "The partition table is sound, and so is its copy.",
);
static LAYER: Rule =
    Rule::new(&DISK, "D0102", Severity::Warning, "disk-image", "The disk image around the disk is sound.");
static UNREADABLE: Rule =
    Rule::new(&DISK, "D0103", Severity::Error, "not-opened", "What a partition holds can be opened.");

/// A finding about a partition table.
#[must_use]
pub fn of_table(corrupt: &Corrupt) -> Finding {
    Finding::new(&TABLE, corrupt.clone())
}

/// A finding about a disk image around the disk.
#[must_use]
pub fn of_layer(corrupt: &Corrupt) -> Finding {
    Finding::new(&LAYER, corrupt.clone())
}

/// What a container, volume or group could not be opened for; `None` if that is no damage.
#[must_use]
pub fn unreadable(error: &Error) -> Option<Finding> {
    error.corrupt().map(|corrupt| Finding::new(&UNREADABLE, corrupt.clone()))
}

/// Checks what is around file systems: disk images and the partition table.
pub fn around(disk: &Disk, options: &CheckOptions, findings: &mut Findings<'_>) -> Summary {
    let mut report = Report::new(options, findings);
    for finding in disk.layers().iter().flat_map(|layer| layer.image.findings()) {
        report.broken(&LAYER, finding.clone());
    }
    for finding in disk.findings() {
        report.broken(&TABLE, finding.clone());
    }
    if disk.table_from_backup() {
        let corrupt = Corrupt::new(Damage::Contradiction, Place::new("partition table", ""));
        report.broken(&TABLE, corrupt.found("damaged, its copy is used"));
    }
    report.finish()
}

/// Tells that something could not be opened: damage is a finding, anything else was not checked.
pub fn not_opened(what: &str, error: &Error, options: &CheckOptions, findings: &mut Findings<'_>) -> Summary {
    let mut report = Report::new(options, findings);
    match error.corrupt() {
        Some(corrupt) => report.broken(&UNREADABLE, corrupt.clone()),
        None if error.class() == Class::Locked => report.unchecked(what, "locked"),
        None => report.unchecked(what, error),
    }
    report.finish()
}

/// All rules, in the order of their codes within disk, APFS and HFS+.
#[must_use]
pub fn rules() -> Vec<&'static Rule> {
    [&[&TABLE, &LAYER, &UNREADABLE][..], super::apfs::rules(), super::hfs::RULES].concat()
}
