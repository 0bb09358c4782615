//! The way of a finding from a rule to whoever listens: counted, and not told more often than wanted.

use alloc::string::String;
use core::fmt;

use super::finding::{Finding, Findings};
use super::options::CheckOptions;
use super::rule::Rule;
use super::summary::{Summary, Unchecked, add};
use crate::base::damage::Corrupt;

/// Everything one check has to say.
pub struct Report<'a> {
    findings: &'a mut Findings<'a>,
    per_rule: u64,
    volume: Option<usize>,
    summary: Summary,
}

impl fmt::Debug for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Report").field("volume", &self.volume).field("summary", &self.summary).finish()
    }
}

impl<'a> Report<'a> {
    /// Nothing said yet.
    #[must_use]
    pub fn new(options: &CheckOptions, findings: &'a mut Findings<'a>) -> Report<'a> {
        Report { findings, per_rule: options.findings_per_rule, volume: None, summary: Summary::default() }
    }

    /// Findings from here on are about a volume of the container, or about the container itself.
    pub fn about(&mut self, volume: Option<usize>) {
        self.volume = volume;
    }

    /// A rule is broken.
    pub fn broken(&mut self, rule: &'static Rule, corrupt: Corrupt) {
        self.remark(rule, corrupt, String::new());
    }

    /// A rule is broken, and there is more to say.
    pub fn remark(&mut self, rule: &'static Rule, corrupt: Corrupt, remark: String) {
        self.summary.tally.add(rule.severity);
        add(&mut self.summary.by_code, rule.code, 1);
        let count = self.summary.by_code.get(rule.code).copied().unwrap_or(0);
        if count <= self.per_rule {
            (self.findings)(Finding { rule, corrupt, volume: self.volume, remark });
        }
    }

    /// So many of something were checked.
    pub fn checked(&mut self, what: &'static str, count: u64) {
        add(&mut self.summary.checked, what, count);
    }

    /// Something could not be checked.
    pub fn unchecked(&mut self, what: impl fmt::Display, why: impl fmt::Display) {
        let (what, why) = (alloc::format!("{what}"), alloc::format!("{why}"));
        self.summary.unchecked.push(Unchecked { what, why });
    }

    /// Findings so far.
    #[must_use]
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// The end.
    #[must_use]
    pub fn finish(self) -> Summary {
        self.summary
    }
}

#[cfg(test)]
mod tests {
    use super::super::rule::{Group, Severity};
    use super::*;
    use crate::base::damage::{Damage, Place};

    static GROUP: Group = Group { code: "A07", name: "object maps" };
    static RULE: Rule = Rule::new(&GROUP, "A0703", Severity::Warning, "leaked", "Every mapping is used.");

    /// All findings count, some are told.
    #[test]
    fn counts_all_and_tells_some() {
        let mut told = alloc::vec::Vec::new();
        let mut sink = |finding: Finding| told.push(finding.volume);
        let options = CheckOptions { findings_per_rule: 2, ..CheckOptions::default() };
        let mut report = Report::new(&options, &mut sink);
        report.about(Some(1));
        for _ in 0..5 {
            report.broken(&RULE, Corrupt::new(Damage::Missing, Place::new("omap_val_t", "ov_paddr")));
        }
        report.checked("mappings", 7);
        let summary = report.finish();
        assert_eq!((summary.tally.warnings, summary.by_code.get("A0703")), (5, Some(&5)));
        assert_eq!(told, [Some(1), Some(1)]);
    }
}
