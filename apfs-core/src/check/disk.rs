//! Rules about what is around file systems, and the table of all rules.

use alloc::vec::Vec;

use super::finding::Finding;
use super::rule::{Group, Rule, Severity};
use crate::base::damage::Corrupt;
use crate::base::error::Error;

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

/// All rules, in the order of their codes within disk, APFS and HFS+.
#[must_use]
pub fn rules() -> Vec<&'static Rule> {
    [&[&TABLE, &LAYER, &UNREADABLE][..], super::apfs::rules(), super::hfs::RULES].concat()
}
