//! Compression types: which codec, and where its data is (sheet decmpfs, section 3).

use alloc::string::String;

use crate::base::error::{Error, Result};
use crate::base::ids::FileId;
use crate::codec::fault::Fault;
use crate::codec::{lzbitmap, lzfse, lzvn, zlib};

/// How the data of a file, or of one chunk of it, is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Codec {
    /// As it is.
    Stored,
    /// As it is, behind a marker.
    Marked,
    /// zlib.
    Zlib,
    /// Raw LZVN.
    Lzvn,
    /// LZFSE.
    Lzfse,
    /// LZBITMAP.
    Lzbitmap,
}

/// Codec and place of a file's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Method {
    /// Behind the header, in one piece.
    Attribute(Codec),
    /// In the resource fork, in chunks.
    Fork(Codec),
}

/// What a file's compression type is called, for example `type 8 (LZVN in the resource fork)`.
#[must_use]
pub fn kind_name(kind: u32) -> String {
    match kind {
        DATALESS_FILE | DATALESS_PACKAGE => alloc::format!("type {kind:#x} ({})", words(kind)),
        _ => alloc::format!("type {kind} ({})", words(kind)),
    }
}

const DATALESS_FILE: u32 = 0x8000_0001;
const DATALESS_PACKAGE: u32 = 0x8000_0002;

fn words(kind: u32) -> &'static str {
    match kind {
        1 => "stored in the attribute",
        3 => "zlib in the attribute",
        4 => "zlib in the resource fork",
        5 => "sparse, de-duplicated",
        7 => "LZVN in the attribute",
        8 => "LZVN in the resource fork",
        9 => "stored in the attribute, after a marker",
        10 => "stored in the resource fork",
        11 => "LZFSE in the attribute",
        12 => "LZFSE in the resource fork",
        13 => "LZBITMAP in the attribute",
        14 => "LZBITMAP in the resource fork",
        DATALESS_FILE => "dataless file",
        DATALESS_PACKAGE => "dataless package",
        _ => "unknown",
    }
}

impl Method {
    /// The method of a compression type.
    ///
    /// # Errors
    /// `Unsupported` for types whose data is elsewhere or not known; it says which and why.
    pub fn of(kind: u32, file: FileId) -> Result<Method> {
        let hint = match kind {
            1 => return Ok(Method::Attribute(Codec::Stored)),
            3 => return Ok(Method::Attribute(Codec::Zlib)),
            4 => return Ok(Method::Fork(Codec::Zlib)),
            7 => return Ok(Method::Attribute(Codec::Lzvn)),
            8 => return Ok(Method::Fork(Codec::Lzvn)),
            9 => return Ok(Method::Attribute(Codec::Marked)),
            10 => return Ok(Method::Fork(Codec::Marked)),
            11 => return Ok(Method::Attribute(Codec::Lzfse)),
            12 => return Ok(Method::Fork(Codec::Lzfse)),
            13 => return Ok(Method::Attribute(Codec::Lzbitmap)),
            14 => return Ok(Method::Fork(Codec::Lzbitmap)),
            5 => "its content is zeros, or kept elsewhere: the volume does not say which",
            DATALESS_FILE | DATALESS_PACKAGE => "its content is not on this disk",
            _ => "no reader knows this type",
        };
        Err(Error::unsupported(alloc::format!("content of file {file}, decmpfs {}", kind_name(kind)), hint))
    }
}

impl Codec {
    /// The bytes behind the marker of data that is stored as it is; `None` if it is packed.
    pub(super) fn stored(self, data: &[u8]) -> Option<&[u8]> {
        let (first, rest) = match (self, data.split_first()) {
            (Codec::Stored, _) => return Some(data),
            (_, Some(split)) => split,
            (_, None) => return None,
        };
        let marked = match self {
            Codec::Stored => false,
            Codec::Marked => *first == 0xCC,
            // An end mark, which no data begins with.
            Codec::Lzvn => *first == 0x06,
            Codec::Zlib | Codec::Lzfse | Codec::Lzbitmap => first & 0xF == 0xF,
        };
        marked.then_some(rest)
    }

    /// Fills `dst` from the data of a file or chunk, packed or behind a marker.
    ///
    /// # Errors
    /// Data that is damaged, or of another length than `dst`.
    pub fn expand(self, data: &[u8], dst: &mut [u8]) -> Result<(), Fault> {
        if let Some(stored) = self.stored(data) {
            if stored.len() != dst.len() {
                return Err(Fault::new("stored", "another length than promised"));
            }
            dst.copy_from_slice(stored);
            return Ok(());
        }
        match self {
            Codec::Stored | Codec::Marked => Err(Fault::new("stored", "the marker is missing")),
            Codec::Zlib => zlib::decode(data, dst),
            Codec::Lzvn => lzvn::decode(data, dst),
            Codec::Lzfse => lzfse::decode(data, dst),
            Codec::Lzbitmap => lzbitmap::decode(data, dst),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::error::Class;

    /// Odd types are in the attribute and even ones in the fork; the others are refused with a reason.
    #[test]
    fn types() {
        for kind in [1, 3, 7, 9, 11, 13] {
            assert!(matches!(Method::of(kind, FileId(2)), Ok(Method::Attribute(_))), "{kind}");
        }
        for kind in [4, 8, 10, 12, 14] {
            assert!(matches!(Method::of(kind, FileId(2)), Ok(Method::Fork(_))), "{kind}");
        }
        for (kind, text) in
            [(5, "sparse"), (0x8000_0001, "not on this disk"), (2, "no reader"), (255, "type 255")]
        {
            let error = Method::of(kind, FileId(99)).unwrap_err();
            let message = alloc::format!("{error}");
            assert!(error.class() == Class::Unsupported && message.contains(text), "{message}");
            assert!(message.contains(&alloc::format!("file {}", FileId(99))), "{message}");
        }
    }

    /// Markers, and data behind them that is too long or too short.
    #[test]
    fn markers() {
        let mut dst = [0; 3];
        for (codec, marker) in [
            (Codec::Marked, 0xCC),
            (Codec::Zlib, 0xFF),
            (Codec::Zlib, 0x1F),
            (Codec::Lzvn, 6),
            (Codec::Lzfse, 0xFF),
        ] {
            assert_eq!(codec.expand(&[marker, 1, 2, 3], &mut dst), Ok(()));
            assert_eq!(dst, [1, 2, 3]);
            assert!(codec.expand(&[marker, 1, 2], &mut dst).is_err());
            assert!(codec.expand(&[marker, 1, 2, 3, 4], &mut dst).is_err());
        }
        assert_eq!(Codec::Stored.expand(&[7, 8, 9], &mut dst), Ok(()));
        assert!(Codec::Marked.expand(&[7, 8, 9, 1], &mut dst).is_err());
        assert!(Codec::Zlib.expand(&[], &mut dst).is_err());
    }
}
