//! What a check amounts to: numbers of findings, what was looked at and what was not.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::finding::Tally;

/// Something that could not be checked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unchecked {
    /// What, for example `volume 2`.
    pub what: String,
    /// Why not, for example `locked`.
    pub why: String,
}

/// The end of a check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Findings by severity, those that were not told included.
    pub tally: Tally,
    /// Findings by code of their rule, those that were not told included.
    pub by_code: BTreeMap<&'static str, u64>,
    /// How many of what were checked, for example `catalog records`.
    pub checked: BTreeMap<&'static str, u64>,
    /// What was left out, and why.
    pub unchecked: Vec<Unchecked>,
}

impl Summary {
    /// Adds another check's end to this one.
    pub fn add(&mut self, other: Summary) {
        self.tally.errors = self.tally.errors.saturating_add(other.tally.errors);
        self.tally.warnings = self.tally.warnings.saturating_add(other.tally.warnings);
        self.tally.notes = self.tally.notes.saturating_add(other.tally.notes);
        for (code, count) in other.by_code {
            add(&mut self.by_code, code, count);
        }
        for (what, count) in other.checked {
            add(&mut self.checked, what, count);
        }
        self.unchecked.extend(other.unchecked);
    }

    /// Something is not checked.
    pub fn leave_out(&mut self, what: String, why: String) {
        self.unchecked.push(Unchecked { what, why });
    }
}

/// Counts more of something.
pub(super) fn add(counts: &mut BTreeMap<&'static str, u64>, what: &'static str, count: u64) {
    let sum = counts.entry(what).or_default();
    *sum = sum.saturating_add(count);
}
