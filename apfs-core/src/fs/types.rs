//! What any Apple file system says about its files.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::Result;
use crate::base::ids::{FileId, Oid};
use crate::base::time::Timestamp;
use crate::text::escape::Escaped;

/// A name as stored: bytes, nearly always UTF-8, without the final NUL.
///
/// `Display` is lossless and safe on a terminal (see [`Escaped`]).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Name(Box<[u8]>);

impl Name {
    /// The stored bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The name as text, or `None` if it is not UTF-8.
    #[must_use]
    pub fn to_str(&self) -> Option<&str> {
        core::str::from_utf8(&self.0).ok()
    }
}

impl From<&[u8]> for Name {
    fn from(bytes: &[u8]) -> Name {
        Name(bytes.into())
    }
}

impl From<Vec<u8>> for Name {
    fn from(bytes: Vec<u8>) -> Name {
        Name(bytes.into_boxed_slice())
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Name {
        Name(text.as_bytes().into())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Escaped(&self.0), f)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// Type of a file, from the type bits of its mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Named pipe.
    Fifo,
    /// Character device.
    CharDevice,
    /// Directory.
    Dir,
    /// Block device.
    BlockDevice,
    /// Regular file.
    File,
    /// Symbolic link.
    Symlink,
    /// Socket.
    Socket,
    /// Whiteout of a union mount.
    Whiteout,
    /// None of these; the four type bits.
    Unknown(u8),
}

impl Kind {
    /// Kind by the four type bits: `mode >> 12`, or the low bits of a directory record's flags.
    #[must_use]
    pub fn from_type_bits(bits: u8) -> Kind {
        match bits & 0xF {
            1 => Kind::Fifo,
            2 => Kind::CharDevice,
            4 => Kind::Dir,
            6 => Kind::BlockDevice,
            8 => Kind::File,
            10 => Kind::Symlink,
            12 => Kind::Socket,
            14 => Kind::Whiteout,
            other => Kind::Unknown(other),
        }
    }

    /// Kind by a POSIX mode.
    #[must_use]
    pub fn from_mode(mode: u16) -> Kind {
        Kind::from_type_bits(u8::try_from(mode >> 12).unwrap_or(0))
    }

    /// Word for listings: `file`, `dir`, `symlink`, `char`, `block`, `fifo`, `socket`, `whiteout`, `unknown`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Kind::Fifo => "fifo",
            Kind::CharDevice => "char",
            Kind::Dir => "dir",
            Kind::BlockDevice => "block",
            Kind::File => "file",
            Kind::Symlink => "symlink",
            Kind::Socket => "socket",
            Kind::Whiteout => "whiteout",
            Kind::Unknown(_) => "unknown",
        }
    }
}

/// How a transparently compressed file is stored (`com.apple.decmpfs`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Compression {
    /// `compression_type` of the decmpfs header, for example 4 (zlib in the resource fork) or 8 (LZVN).
    pub kind: u32,
}

/// Metadata of one file or directory.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stat {
    /// Number of the file in its volume.
    pub id: FileId,
    /// Directory of the primary link.
    pub parent: FileId,
    /// Type, from the mode.
    pub kind: Kind,
    /// POSIX mode, all 16 bits as stored.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Number of hard links; 1 for directories without links of their own.
    pub nlink: u32,
    /// Directories only: number of entries as recorded. Do not size anything by it: converted volumes lie.
    pub nchildren: Option<u32>,
    /// Bytes that a program reads: decompressed size of a compressed file, length of a link's target.
    pub size: u64,
    /// Bytes allocated for the data stream, holes included.
    pub allocated: u64,
    /// Bytes of holes, where the volume keeps count (`INO_EXT_TYPE_SPARSE_BYTES`).
    pub sparse_bytes: Option<u64>,
    /// Last change of the content.
    pub modified: Option<Timestamp>,
    /// Last change of the metadata.
    pub changed: Option<Timestamp>,
    /// Creation.
    pub created: Option<Timestamp>,
    /// Last access.
    pub accessed: Option<Timestamp>,
    /// BSD flags (`UF_*`, `SF_*`).
    pub bsd_flags: u32,
    /// File-system flags (`INODE_*`), 0 where there are none.
    pub internal_flags: u64,
    /// APFS: id of the data stream (`private_id`).
    pub private_id: u64,
    /// Device number as stored, devices only. Darwin: major in the top 8 bits.
    pub rdev: Option<u32>,
    /// Document id, if the file has one.
    pub document_id: Option<u32>,
    /// Bytes of the resource fork, where that is no attribute: HFS+.
    pub resource_size: Option<u64>,
    /// Compressed files only.
    pub compression: Option<Compression>,
    /// Default protection class as stored, 0 where there are none.
    pub protection_class: u32,
    /// Counter of data changes, 0 where there is none.
    pub write_generation: u32,
    /// Where the data begins, where the metadata says that: HFS+.
    pub(crate) first_extents: Option<FirstExtents>,
}

/// The first extents of a data stream: block and number of blocks. Those behind the last one are empty.
pub(crate) type FirstExtents = [(u32, u32); 8];

impl Stat {
    /// True if the data is not on this disk (`SF_DATALESS`).
    #[must_use]
    pub fn is_dataless(&self) -> bool {
        self.bsd_flags & bsd_flags::SF_DATALESS != 0
    }
}

/// BSD flags that readers act on.
pub mod bsd_flags {
    /// The data is compressed.
    pub const UF_COMPRESSED: u32 = 0x20;
    /// A directory that stands for one on the Data volume.
    pub const SF_FIRMLINK: u32 = 0x80_0000;
    /// The data is not on this disk.
    pub const SF_DATALESS: u32 = 0x4000_0000;
}

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DirEntry {
    /// Name as stored.
    pub name: Name,
    /// File that the entry leads to.
    pub id: FileId,
    /// Type as the directory says; [`Stat::kind`] is what the file itself says.
    pub kind: Kind,
    /// When the entry was made, where the volume keeps it.
    pub added: Option<Timestamp>,
    /// Which of several hard links this is, where the volume numbers them. A directory that has one can be met by
    /// several paths.
    pub link_id: Option<u64>,
}

impl DirEntry {
    /// An entry and its file must agree on whether it is a directory, or its content would be lost in silence.
    pub(crate) fn agrees_with(&self, stat: &Stat) -> Result<()> {
        if (self.kind == Kind::Dir) == (stat.kind == Kind::Dir) {
            return Ok(());
        }
        let place = Place::new("j_drec_val_t", "flags").oid(Oid(self.id.0));
        let finding = Corrupt::new(Damage::Contradiction, place);
        Err(finding.expected(stat.kind.word()).found(self.kind.word()).into())
    }
}

/// Place in a directory listing, to go on from later. It borrows nothing.
#[derive(Clone, Debug, Default)]
pub struct DirPos(pub(crate) DirState, pub(crate) Listed);

impl DirPos {
    /// True if there is nothing more to list.
    #[must_use]
    pub fn is_end(&self) -> bool {
        matches!(self.0, DirState::End)
    }
}

/// How many entries were listed, where the directory says how many it has.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Listed {
    pub(crate) entries: u32,
    /// Some could not be read.
    pub(crate) incomplete: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) enum DirState {
    #[default]
    Start,
    /// Go on after the entry with this key.
    After(Box<[u8]>),
    /// Go on with the first entry whose key is not below this one.
    At(Box<[u8]>),
    End,
}

/// Which bytes of a file are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StreamId {
    /// The content as a program reads it; of a link, nothing.
    Data,
    /// The data stream as stored, compressed or not.
    Raw,
    /// The resource fork.
    ResourceFork,
    /// The value of an extended attribute.
    Xattr(Name),
}

/// What one run of a stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExtentKind {
    /// Bytes on the device, from this byte offset of the container on.
    Data(u64),
    /// Nothing is stored: zeros.
    Hole,
    /// Space is reserved and never written: zeros.
    Unwritten,
}

/// One run of a stream: one extent record, or a gap between two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExtentRun {
    /// Byte offset in the stream.
    pub logical: u64,
    /// Length in bytes; the last run may pass the end of the stream.
    pub len: u64,
    /// Where the bytes are.
    pub kind: ExtentKind,
    /// Key or tweak as stored, 0 where there is none.
    pub crypto_id: u64,
}

/// An extended attribute, without its value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct XattrInfo {
    /// Name as stored.
    pub name: Name,
    /// Length of the value in bytes.
    pub size: u64,
    /// Flags as stored (APFS: 1 stream, 2 embedded, 4 owned by the file system).
    pub flags: u16,
}
