//! What is not as it should be where volumes are joined.

use alloc::string::String;
use core::fmt;

use crate::fs::types::{Kind, Name};

/// Something about a firmlink or a mount point, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// Path on the System volume; `/usr/share/firmlinks` for the list itself.
    pub path: Name,
    /// What about it.
    pub problem: Problem,
}

impl Finding {
    pub(super) fn new(path: &[u8], problem: Problem) -> Finding {
        Finding { path: Name::from(path), problem }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.problem)
    }
}

/// What is not as it should be. A firmlink with a problem is not followed unless its text says so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The list names it, and System has no such directory. Usual for a few.
    #[error("listed as a firmlink, and not on the System volume")]
    NotOnSystem,
    /// The list names something that is no directory.
    #[error("listed as a firmlink, and no directory but a {}", .0.word())]
    NotADirectory(Kind),
    /// The target is not on the Data volume.
    #[error("firmlink to {0}, which is not on the Data volume")]
    NoTarget(Name),
    /// The target is no directory.
    #[error("firmlink to {0}, which is no directory but a {kind}", kind = .1.word())]
    TargetKind(Name, Kind),
    /// The target has `..` in it, or is too long.
    #[error("firmlink to {0}, which is no path in the Data volume")]
    BadTarget(Name),
    /// It is flagged as a firmlink, and nothing says where it leads.
    #[error("flagged as a firmlink, and nothing says where to")]
    NoAttribute,
    /// It has the attribute of a firmlink without the flag of one; the attribute does not count.
    #[error("has the attribute of a firmlink without the flag; the attribute is passed over")]
    NoFlag,
    /// Attribute and list differ; the attribute is followed.
    #[error("firmlink to {attribute} by its attribute, which is followed, and to {listed} by the list")]
    Disagrees {
        /// Target in the attribute.
        attribute: Name,
        /// Target in the list.
        listed: Name,
    },
    /// The list is there and does not name it; it is followed.
    #[error("a firmlink that is not listed; it is followed")]
    NotListed,
    /// The list names it again with another target; the first one counts.
    #[error("listed again as a firmlink to {0}; the first line counts")]
    ListedAgain(Name),
    /// It would lead back to itself: it is above, at or below the place of the Data volume.
    #[error("a firmlink that would lead back to itself")]
    Loop,
    /// It lies behind another firmlink, where nobody comes by.
    #[error("a firmlink behind the firmlink {0}")]
    Behind(Name),
    /// Its target is that of another firmlink, or lies in it.
    #[error("firmlink to what the firmlink {0} shows already")]
    ShownBy(Name),
    /// Files of System can't be reached, since the directory stands for another one.
    #[error("what the System volume has in it is hidden")]
    Hides,
    /// A line of the list can't be understood.
    #[error("line {0} is no firmlink")]
    BadLine(usize),
    /// There are more than are looked at.
    #[error("more than {0} are not looked at")]
    TooMany(usize),
    /// It could not be read.
    #[error("{0}")]
    Unreadable(String),
    /// System has no directory for a volume: one is shown that is not stored.
    #[error("not on the System volume; shown all the same")]
    NoMountPoint,
    /// A volume is not shown.
    #[error("volume {0} is left out: {1}")]
    LeftOut(Name, String),
}

impl Problem {
    /// Word for programs.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Problem::NotOnSystem => "not-on-system",
            Problem::NotADirectory(_) => "not-a-directory",
            Problem::NoTarget(_) => "no-target",
            Problem::TargetKind(..) => "target-kind",
            Problem::BadTarget(_) => "bad-target",
            Problem::NoAttribute => "no-attribute",
            Problem::NoFlag => "no-flag",
            Problem::Disagrees { .. } => "disagrees",
            Problem::NotListed => "not-listed",
            Problem::ListedAgain(_) => "listed-again",
            Problem::Loop => "loop",
            Problem::Behind(_) => "behind",
            Problem::ShownBy(_) => "shown-by",
            Problem::Hides => "hides",
            Problem::BadLine(_) => "bad-line",
            Problem::TooMany(_) => "too-many",
            Problem::Unreadable(_) => "unreadable",
            Problem::NoMountPoint => "no-mount-point",
            Problem::LeftOut(..) => "left-out",
        }
    }

    /// True for what is met on sound Macs too, and costs nothing.
    #[must_use]
    pub fn is_usual(&self) -> bool {
        matches!(self, Problem::NotOnSystem | Problem::NoMountPoint)
    }
}
