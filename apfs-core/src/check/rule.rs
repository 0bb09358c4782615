//! What is checked: rules with stable codes, in the groups of sheet apfs-10, section 5.

use core::fmt;

/// How bad it is when a rule is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// Worth knowing, nothing is wrong.
    Note,
    /// Unusual, or wrong where no file can suffer from it.
    Warning,
    /// Wrong: something is lost, or will be when the volume is written to.
    Error,
}

impl Severity {
    /// One word in small letters.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What part of a file system a rule is about: the letters and the first digits of its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Group {
    /// `A` for APFS or `H` for HFS+, and two digits.
    pub code: &'static str,
    /// Name, for example `object maps`.
    pub name: &'static str,
}

/// One rule. Its code never changes its meaning: scripts rely on it.
#[derive(Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Rule {
    /// Group code and two digits: `A0703`.
    pub code: &'static str,
    /// Short name of words and hyphens: `omap-leaked-mapping`.
    pub name: &'static str,
    /// Group.
    pub group: &'static Group,
    /// How bad it is.
    pub severity: Severity,
    /// What must hold, in one sentence.
    pub text: &'static str,
}

impl Rule {
    /// A rule, for a table of rules.
    #[must_use]
    pub const fn new(
        group: &'static Group,
        code: &'static str,
        severity: Severity,
        name: &'static str,
        text: &'static str,
    ) -> Rule {
        Rule { code, name, group, severity, text }
    }
}
