//! What a check of a seal finds, and where.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use crate::base::damage::Corrupt;
use crate::base::error::{Error, Result};
use crate::base::ids::{FileId, Oid, Paddr};
use crate::text::escape::Escaped;

/// One step from the root towards a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SealStep {
    /// The node that is left.
    pub oid: Oid,
    /// Its block.
    pub block: Paddr,
    /// The entry by which it is left.
    pub entry: usize,
    /// Number of the file that the key of the entry is about.
    pub id: u64,
}

/// A node of the tree that is not what the seal says, or can't be read.
#[derive(Debug)]
#[non_exhaustive]
pub struct SealedNode {
    /// Its object id.
    pub oid: Oid,
    /// Its block, if the object map leads to one.
    pub block: Option<Paddr>,
    /// Its level by the node above: 0 for a leaf.
    pub level: u16,
    /// The way to it; empty for the root.
    pub path: Vec<SealStep>,
    /// Numbers of the files and streams whose records can be below it: nothing of theirs can be relied on.
    pub ids: Range<u64>,
    /// [`Damage::Hash`](crate::Damage::Hash) where the hash differs, or why it can't be compared.
    pub error: Error,
}

impl fmt::Display for SealedNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {} of level {}", self.oid, self.level)?;
        match self.ids.end {
            u64::MAX => write!(f, " (files from {} on)", self.ids.start)?,
            end => write!(f, " (files {} to {})", self.ids.start, end.saturating_sub(1))?,
        }
        write!(f, ": {}", self.error)
    }
}

/// A file whose data is not what the seal says, or can't be read.
#[derive(Debug)]
#[non_exhaustive]
pub struct SealedFile {
    /// The file.
    pub id: FileId,
    /// Its path by its primary link, empty if it can't be found.
    pub path: Vec<u8>,
    /// Number of the stream under which the hashes are kept.
    pub stream: u64,
    /// Where the piece begins in what a program reads.
    pub offset: u64,
    /// [`Damage::Hash`](crate::Damage::Hash) where the hash differs, or why it can't be compared.
    pub error: Error,
}

impl fmt::Display for SealedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "file {}", self.id)?;
        if !self.path.is_empty() {
            write!(f, " ({})", Escaped(&self.path))?;
        }
        write!(f, " at byte {}: {}", self.offset, self.error)
    }
}

/// What a check says while it works.
#[derive(Debug)]
#[non_exhaustive]
pub enum SealEvent {
    /// So many more bytes were hashed.
    Hashed(u64),
    /// The record of the seal contradicts itself.
    Recorded(Box<Corrupt>),
    /// A node is not what the seal says.
    Node(Box<SealedNode>),
    /// Data of a file is not what the seal says.
    File(Box<SealedFile>),
}

/// Receives events; an error stops the check.
pub type SealSink<'s> = dyn FnMut(SealEvent) -> Result<()> + 's;
