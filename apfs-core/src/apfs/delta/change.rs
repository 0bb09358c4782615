//! One change, as callers see it.

use alloc::vec::Vec;
use core::fmt;

use crate::base::ids::FileId;
use crate::fs::types::{Kind, Name, Stat};

/// What happened to a name, or to the file behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Op {
    /// The name is in the second state only. Of a file with several names it may be one more of them.
    Created,
    /// The name is in the first state only. A file with several names may have kept others.
    Deleted,
    /// The file has another name or is in another directory. What is in a renamed directory is not listed for that.
    Renamed,
    /// Name and directory are the same; metadata, data or attributes are not.
    Modified,
}

impl Op {
    /// `created`, `deleted`, `renamed` or `modified`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Op::Created => "created",
            Op::Deleted => "deleted",
            Op::Renamed => "renamed",
            Op::Modified => "modified",
        }
    }
}

bitflags::bitflags! {
    /// Metadata of a file that differs.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Fields: u32 {
        /// Type or permissions.
        const MODE = 1;
        /// Owner.
        const UID = 2;
        /// Group.
        const GID = 4;
        /// Number of names.
        const NLINK = 8;
        /// Number of entries of a directory.
        const NCHILDREN = 0x10;
        /// Size as a program reads it.
        const SIZE = 0x20;
        /// Bytes allocated.
        const ALLOCATED = 0x40;
        /// Bytes of holes.
        const SPARSE = 0x80;
        /// Last change of the content.
        const MTIME = 0x100;
        /// Last change of the metadata.
        const CTIME = 0x200;
        /// Creation.
        const BTIME = 0x400;
        /// Last access.
        const ATIME = 0x800;
        /// BSD flags.
        const BSD_FLAGS = 0x1000;
        /// Flags that the file system keeps for itself.
        const INTERNAL_FLAGS = 0x2000;
        /// Id of the data stream, as when a clone gets data of its own.
        const STREAM = 0x4000;
        /// Device number.
        const RDEV = 0x8000;
        /// Document id.
        const DOCUMENT_ID = 0x1_0000;
        /// Way of compression.
        const COMPRESSION = 0x2_0000;
        /// Protection class.
        const PROTECTION_CLASS = 0x4_0000;
        /// Counter of data changes.
        const WRITE_GENERATION = 0x8_0000;
        /// Something in the inode that has no name here, where nothing else of it differs.
        const OTHER = 0x10_0000;
    }
}

impl Fields {
    /// What differs between two files.
    pub(super) fn between(a: &Stat, b: &Stat) -> Fields {
        let table = [
            (Fields::MODE, a.mode != b.mode),
            (Fields::UID, a.uid != b.uid),
            (Fields::GID, a.gid != b.gid),
            (Fields::NLINK, a.nlink != b.nlink),
            (Fields::NCHILDREN, a.nchildren != b.nchildren),
            (Fields::SIZE, a.size != b.size),
            (Fields::ALLOCATED, a.allocated != b.allocated),
            (Fields::SPARSE, a.sparse_bytes != b.sparse_bytes),
            (Fields::MTIME, a.modified != b.modified),
            (Fields::CTIME, a.changed != b.changed),
            (Fields::BTIME, a.created != b.created),
            (Fields::ATIME, a.accessed != b.accessed),
            (Fields::BSD_FLAGS, a.bsd_flags != b.bsd_flags),
            (Fields::INTERNAL_FLAGS, a.internal_flags != b.internal_flags),
            (Fields::STREAM, a.private_id != b.private_id),
            (Fields::RDEV, a.rdev != b.rdev),
            (Fields::DOCUMENT_ID, a.document_id != b.document_id),
            (Fields::COMPRESSION, a.compression != b.compression),
            (Fields::PROTECTION_CLASS, a.protection_class != b.protection_class),
            (Fields::WRITE_GENERATION, a.write_generation != b.write_generation),
        ];
        table.into_iter().filter(|(_, differs)| *differs).map(|(field, _)| field).collect()
    }

    /// Names of the fields, in small letters: `mode`, `uid`, `mtime`, `bsd_flags`, ...
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        NAMES.iter().filter(move |(field, _)| self.contains(*field)).map(|(_, name)| *name)
    }
}

const NAMES: [(Fields, &str); 21] = [
    (Fields::MODE, "mode"),
    (Fields::UID, "uid"),
    (Fields::GID, "gid"),
    (Fields::NLINK, "nlink"),
    (Fields::NCHILDREN, "nchildren"),
    (Fields::SIZE, "size"),
    (Fields::ALLOCATED, "allocated"),
    (Fields::SPARSE, "sparse"),
    (Fields::MTIME, "mtime"),
    (Fields::CTIME, "ctime"),
    (Fields::BTIME, "btime"),
    (Fields::ATIME, "atime"),
    (Fields::BSD_FLAGS, "bsd_flags"),
    (Fields::INTERNAL_FLAGS, "internal_flags"),
    (Fields::STREAM, "stream"),
    (Fields::RDEV, "rdev"),
    (Fields::DOCUMENT_ID, "document_id"),
    (Fields::COMPRESSION, "compression"),
    (Fields::PROTECTION_CLASS, "protection_class"),
    (Fields::WRITE_GENERATION, "write_generation"),
    (Fields::OTHER, "other"),
];

impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.names().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            f.write_str(name)?;
        }
        Ok(())
    }
}

/// What happened to an extended attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum XattrOp {
    /// It is in the second state only.
    Created,
    /// It is in the first state only.
    Deleted,
    /// Its value, or how that is stored, differs.
    Changed,
}

impl XattrOp {
    /// `created`, `deleted` or `changed`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            XattrOp::Created => "created",
            XattrOp::Deleted => "deleted",
            XattrOp::Changed => "changed",
        }
    }
}

/// An extended attribute that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct XattrChange {
    /// Its name.
    pub name: Name,
    /// What happened to it.
    pub op: XattrOp,
}

/// What differs between two states of a volume, for one name or one file.
///
/// A file has one change with its `fields`, `ranges` and `xattrs`: the first `Renamed` if it was renamed, else
/// `Modified`. Further names that came or went are changes of their own with the same `ino`. A file that is in one
/// state only has no `fields`, `ranges` and `xattrs`: all of it came or went.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// What happened.
    pub op: Op,
    /// Path in the second state; of what was deleted, in the first.
    pub path: Vec<u8>,
    /// Path in the first state, where the file is in both and that differs: it was renamed, or a directory above it.
    pub old_path: Option<Vec<u8>>,
    /// Number of the file.
    pub ino: FileId,
    /// Type; of what was deleted, in the first state.
    pub kind: Kind,
    /// Metadata that differs.
    pub fields: Fields,
    /// Offset and length of data that differs, in order. A block that was written again counts, even with the bytes
    /// that it had, as after defragmenting. Of a compressed file all of it.
    pub ranges: Vec<(u64, u64)>,
    /// Extended attributes that differ, in the order of their names.
    pub xattrs: Vec<XattrChange>,
    /// Metadata in the first state.
    pub before: Option<Stat>,
    /// Metadata in the second state.
    pub after: Option<Stat>,
}

impl Change {
    /// True if metadata, data or attributes differ.
    #[must_use]
    pub fn has_content(&self) -> bool {
        !self.fields.is_empty() || !self.ranges.is_empty() || !self.xattrs.is_empty()
    }
}
