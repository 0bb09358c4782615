//! What a check found: a broken rule, with the reader's words for damage and place.

use alloc::string::String;
use core::fmt;

use super::rule::{Rule, Severity};
use crate::base::damage::Corrupt;

/// A rule that is broken somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The rule.
    pub rule: &'static Rule,
    /// Kind of damage, place, expected and found value.
    pub corrupt: Corrupt,
    /// Number of the volume in its container; `None` for the container itself.
    pub volume: Option<usize>,
    /// What more can be said, for example a path; may be empty.
    pub remark: String,
}

impl Finding {
    /// A finding about the container or the only volume, without a remark.
    #[must_use]
    pub fn new(rule: &'static Rule, corrupt: Corrupt) -> Finding {
        Finding { rule, corrupt, volume: None, remark: String::new() }
    }

    /// How bad it is.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.rule.severity
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rule { code, name, .. } = self.rule;
        write!(f, "{} {code} {name}: {}", self.severity(), self.corrupt)?;
        if self.remark.is_empty() { Ok(()) } else { write!(f, " ({})", self.remark) }
    }
}

/// Receives findings, one at a time, as they are made.
pub type Findings<'a> = dyn FnMut(Finding) + 'a;

/// How many findings there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tally {
    /// Of severity [`Severity::Error`].
    pub errors: u64,
    /// Of severity [`Severity::Warning`].
    pub warnings: u64,
    /// Of severity [`Severity::Note`].
    pub notes: u64,
}

impl Tally {
    /// Counts one more.
    pub fn add(&mut self, severity: Severity) {
        let count = match severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
            Severity::Note => &mut self.notes,
        };
        *count = count.saturating_add(1);
    }

    /// True if nothing is wrong or unusual.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.errors == 0 && self.warnings == 0
    }
}

#[cfg(test)]
mod tests {
    use super::super::rule::Group;
    use super::*;
    use crate::base::damage::{Damage, Place};
    use crate::base::ids::Paddr;

    static GROUP: Group = Group { code: "A07", name: "object maps" };
    static RULE: Rule = Rule::new(&GROUP, "A0703", Severity::Warning, "leaked", "Every mapping is used.");

    /// A finding says severity, code, name, place and remark; a tally counts it by severity.
    #[test]
    fn says_and_counts() {
        let corrupt = Corrupt::new(Damage::Missing, Place::new("omap_val_t", "ov_paddr").block(Paddr(9)));
        let mut finding = Finding::new(&RULE, corrupt);
        finding.remark = "a remark".into();
        let expected = "warning A0703 leaked: omap_val_t.ov_paddr in block 9: record is missing (a remark)";
        assert_eq!(alloc::format!("{finding}"), expected);
        let mut tally = Tally::default();
        assert!(tally.is_clean());
        tally.add(finding.severity());
        assert_eq!(tally, Tally { errors: 0, warnings: 1, notes: 0 });
        assert!(!tally.is_clean());
    }
}
