//! What a check of a seal comes to.

use alloc::vec::Vec;
use core::cmp::Reverse;
use core::fmt;

use super::finding::{SealEvent, SealedFile, SealedNode};
use super::recorded::Seal;
use crate::base::damage::Corrupt;
use crate::base::ids::Xid;

/// Findings of each kind that a verdict lists; the others are counted.
const MOST_LISTED: usize = 1000;

/// What a check of a seal comes to.
#[derive(Debug)]
#[non_exhaustive]
pub enum SealVerdict {
    /// Everything is what the seal says.
    Intact,
    /// Everything is what the seal says, and the volume itself says that it was changed after it was sealed.
    BrokenFlag {
        /// Transaction that broke it, 0 if the volume does not say.
        xid: Xid,
    },
    /// Something is not what the seal says, or could not be compared with it.
    Mismatch(SealMismatch),
    /// The hash function is not known: nothing could be compared.
    Unknown {
        /// `im_hash_type`.
        hash_type: u32,
        /// The volume itself says that it was changed after it was sealed, by this transaction.
        broken: Option<Xid>,
    },
}

/// What is not as the seal says. Of each kind the first thousand are listed: nodes from the root down, files by number.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct SealMismatch {
    /// The volume itself says that it was changed after it was sealed, by this transaction.
    pub broken: Option<Xid>,
    /// Contradictions in the record of the seal.
    pub recorded: Vec<Corrupt>,
    /// Nodes. What is below cannot be relied on.
    pub nodes: Vec<SealedNode>,
    /// Pieces of files.
    pub files: Vec<SealedFile>,
    /// Findings that are not listed.
    pub more: u64,
}

/// Collects the events of a check, of all its parts.
#[derive(Debug)]
pub struct SealSummary {
    hash_type: Option<u32>,
    flag: Option<Xid>,
    found: SealMismatch,
}

impl SealSummary {
    /// Before anything was compared.
    #[must_use]
    pub fn new(seal: &Seal) -> SealSummary {
        let unknown = seal.algorithm().is_none();
        let flag = seal.is_broken().then_some(seal.broken_xid);
        SealSummary { hash_type: unknown.then_some(seal.hash_type), flag, found: SealMismatch::default() }
    }

    /// Takes an event.
    pub fn add(&mut self, event: SealEvent) {
        let found = &mut self.found;
        match event {
            SealEvent::Hashed(_) => {}
            SealEvent::Recorded(flaw) if found.recorded.len() < MOST_LISTED => found.recorded.push(*flaw),
            SealEvent::Recorded(_) => found.more = found.more.saturating_add(1),
            SealEvent::Node(node) => {
                let place = |node: &SealedNode| (Reverse(node.level), node.ids.start, node.oid);
                found.more = found.more.saturating_add(insert(&mut found.nodes, *node, place));
            }
            SealEvent::File(file) => {
                let place = |file: &SealedFile| (file.id, file.stream, file.offset);
                found.more = found.more.saturating_add(insert(&mut found.files, *file, place));
            }
        }
    }

    /// The verdict on everything that came.
    #[must_use]
    pub fn verdict(self) -> SealVerdict {
        let SealSummary { hash_type, flag, mut found } = self;
        found.broken = flag;
        match (hash_type, flag) {
            (Some(hash_type), broken) => SealVerdict::Unknown { hash_type, broken },
            _ if !found.is_empty() => SealVerdict::Mismatch(found),
            (None, Some(xid)) => SealVerdict::BrokenFlag { xid },
            (None, None) => SealVerdict::Intact,
        }
    }
}

/// Keeps the first of all findings in the order of their places, in whatever order threads send them. Returns how many
/// had to go.
fn insert<T, K: Ord>(list: &mut Vec<T>, finding: T, place: impl Fn(&T) -> K) -> u64 {
    let at = list.partition_point(|other| place(other) <= place(&finding));
    list.insert(at, finding);
    u64::from(list.len() > MOST_LISTED && list.pop().is_some())
}

impl SealMismatch {
    fn is_empty(&self) -> bool {
        self.recorded.is_empty() && self.nodes.is_empty() && self.files.is_empty()
    }
}

impl SealVerdict {
    /// One word for programs: `intact`, `broken`, `mismatch`, `unknown`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            SealVerdict::Intact => "intact",
            SealVerdict::BrokenFlag { .. } => "broken",
            SealVerdict::Mismatch(_) => "mismatch",
            SealVerdict::Unknown { .. } => "unknown",
        }
    }

    /// True if everything was compared, is what the seal says, and the seal is not broken.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        matches!(self, SealVerdict::Intact)
    }
}

impl fmt::Display for SealVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SealVerdict::Intact => f.write_str("intact"),
            SealVerdict::BrokenFlag { xid: Xid(0) } => f.write_str("broken, by no known transaction"),
            SealVerdict::BrokenFlag { xid } => write!(f, "broken by transaction {xid}"),
            SealVerdict::Mismatch(_) => f.write_str("mismatch"),
            SealVerdict::Unknown { hash_type, broken: None } => write!(f, "unknown: hash type {hash_type}"),
            SealVerdict::Unknown { hash_type, broken: Some(xid) } => {
                write!(f, "unknown: hash type {hash_type}; broken by transaction {xid}")
            }
        }
    }
}
