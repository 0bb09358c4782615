//! One chunk: a run of sectors and how it is stored.

use core::fmt;

use crate::codec::{Fault, adc, bzip2, lzfse, xz, zlib};

/// Bytes in a sector, whatever the disk in the image has.
pub(super) const SECTOR: u64 = 512;

/// How a chunk is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ChunkKind {
    /// Not at all: zeros, which checksums count.
    Zero,
    /// As it is.
    Raw,
    /// Not at all: sectors in no use, which read as zeros and which checksums leave out.
    Ignore,
    /// Compressed with ADC.
    Adc,
    /// Compressed with zlib.
    Zlib,
    /// Compressed with bzip2.
    Bzip2,
    /// Compressed with LZFSE.
    Lzfse,
    /// Compressed with LZMA, as an .xz stream.
    Lzma,
    /// In a way that this version does not know, by its number in the image.
    Unknown(u32),
}

impl ChunkKind {
    /// True if nothing is stored and the sectors read as zeros.
    #[must_use]
    pub fn is_zeros(self) -> bool {
        matches!(self, ChunkKind::Zero | ChunkKind::Ignore)
    }

    /// True if it must be expanded whole to be read.
    #[must_use]
    pub fn is_compressed(self) -> bool {
        !self.is_zeros() && self != ChunkKind::Raw
    }

    /// One word, for example `zlib`; unknown ones all have `unknown`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            ChunkKind::Zero => "zero",
            ChunkKind::Raw => "raw",
            ChunkKind::Ignore => "ignore",
            ChunkKind::Adc => "adc",
            ChunkKind::Zlib => "zlib",
            ChunkKind::Bzip2 => "bzip2",
            ChunkKind::Lzfse => "lzfse",
            ChunkKind::Lzma => "lzma",
            ChunkKind::Unknown(_) => "unknown",
        }
    }

    /// Fills `dst` from the compressed bytes; `None` if this version has no decoder for them.
    pub(super) fn expand(self, src: &[u8], dst: &mut [u8]) -> Option<Result<(), Fault>> {
        Some(match self {
            ChunkKind::Adc => adc::decode(src, dst),
            ChunkKind::Bzip2 if cfg!(feature = "std") => bzip2::decode(src, dst),
            ChunkKind::Zlib => zlib::decode(src, dst),
            ChunkKind::Lzfse => lzfse::decode(src, dst),
            ChunkKind::Lzma => xz::decode(src, dst),
            _ => return None,
        })
    }
}

/// The word, and the number of an unknown one.
impl fmt::Display for ChunkKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ChunkKind::Unknown(kind) => write!(f, "type {kind:#010x}"),
            kind => f.write_str(kind.word()),
        }
    }
}

/// A run of sectors of the disk and where it is stored.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunk {
    /// First sector.
    pub(super) start: u64,
    /// How many, at least one. The end is less than 2^64 bytes.
    pub(super) sectors: u64,
    pub(super) kind: ChunkKind,
    /// First stored byte in the data fork.
    pub(super) offset: u64,
    /// Stored bytes.
    pub(super) stored: u64,
}

impl Chunk {
    /// First sector behind it.
    pub(super) fn end(&self) -> u64 {
        self.start.saturating_add(self.sectors)
    }
}
