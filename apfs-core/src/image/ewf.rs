//! Evidence files, EWF (`.E01`), by the crate `ewf` (sheet sparse-images, section 6).
//!
//! That crate does not compare the checksums of chunks, and gives zeros where a compressed chunk expands to less than it
//! should. It takes memory for a hundred chunks, so only chunks of up to 2 MiB are accepted.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use std::io;
use std::path::{Path, PathBuf};

use ewf::{EwfError, EwfReader, SegmentBacking, SegmentSource};

use crate::base::bytes::{len64, to_usize};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::limits::Limits;
use crate::io::read_at::{ReadAt, past_end};

/// Bytes of a chunk; 32 KiB are usual.
const CHUNK: u64 = 2 << 20;

/// The disk in an EWF image.
pub struct EwfImage {
    reader: EwfReader,
}

impl EwfImage {
    /// Opens an image that consists of segments, in any order.
    ///
    /// # Errors
    /// `Corrupt` with what the crate says, `Limit` for a disk or chunks longer than allowed, `Io`.
    pub fn open(segments: Vec<Arc<dyn ReadAt>>, limits: &Limits) -> Result<EwfImage> {
        let source = |device| SegmentSource::from_backing(Arc::new(Segment(device)));
        let sources = segments.into_iter().map(source).collect();
        let reader = EwfReader::open_lazy_from_sources(sources).map_err(|cause| error(0, 0, cause))?;
        for (what, limit, found) in [
            ("bytes of a disk image", limits.image_bytes, reader.total_size()),
            ("bytes of a chunk of an EWF image", CHUNK, reader.chunk_size()),
        ] {
            if found > limit {
                return Err(Error::limit(what, limit, found));
            }
        }
        Ok(EwfImage { reader })
    }
}

impl ReadAt for EwfImage {
    fn len(&self) -> u64 {
        self.reader.total_size()
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        if offset.checked_add(len64(buf.len())).is_none_or(|end| end > self.len()) {
            return Err(past_end(offset, buf.len(), self.len()));
        }
        match self.reader.read_at(buf, offset) {
            Ok(read) if read == buf.len() => Ok(()),
            Ok(_) => Err(past_end(offset, buf.len(), self.len())),
            Err(cause) => Err(error(offset, len64(buf.len()), cause)),
        }
    }
}

/// The segments of the image that a path is one of, as far as there are any one after the other: `.E01` to `.E99`, then
/// `.EAA` to `.ZZZ`. `None` if there is no first one. Chunks of a segment that is missing can't be read.
pub(super) fn segments(path: &Path) -> Option<Vec<PathBuf>> {
    let extension = path.extension()?.to_str()?;
    let kind = extension.chars().next().filter(|kind| extension.len() == 3 && "EeLlSs".contains(*kind))?;
    let names = (1u32..).map_while(|number| Some(path.with_extension(segment_extension(kind, number)?)));
    let found: Vec<PathBuf> = names.take_while(|path| path.is_file()).collect();
    (!found.is_empty()).then_some(found)
}

fn segment_extension(kind: char, number: u32) -> Option<String> {
    let Some(letters) = number.checked_sub(100) else { return Some(format!("{kind}{number:02}")) };
    let first = u32::from(kind).saturating_add(letters / 676);
    let letter = |digit: u32| char::from_digit(digit.saturating_add(10), 36);
    let name: String =
        [char::from_u32(first)?, letter(letters / 26 % 26)?, letter(letters % 26)?].into_iter().collect();
    let is_upper = kind.is_ascii_uppercase();
    let is_letter = |c: char| if is_upper { c.is_ascii_uppercase() } else { c.is_ascii_lowercase() };
    name.starts_with(is_letter).then(|| if is_upper { name.to_ascii_uppercase() } else { name })
}

fn error(offset: u64, len: u64, cause: EwfError) -> Error {
    match cause {
        EwfError::Io(cause) => Error::io(offset, len, cause),
        EwfError::EncryptedNotSupported => Error::unsupported("encrypted EWF image", "decrypt it first"),
        cause => Corrupt::new(Damage::Range, Place::new("EWF image", "").offset(offset)).found(cause).into(),
    }
}

/// A device as the crate wants it.
struct Segment(Arc<dyn ReadAt>);

impl SegmentBacking for Segment {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = self.0.len().saturating_sub(offset).min(len64(buf.len()));
        let len = to_usize(rest).map_err(io::Error::other)?;
        let Some(buf) = buf.get_mut(..len) else { return Ok(0) };
        if !buf.is_empty() {
            self.0.read_exact_at(offset, buf).map_err(io::Error::other)?;
        }
        Ok(len)
    }

    fn len(&self) -> u64 {
        self.0.len()
    }
}

impl fmt::Debug for EwfImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EwfImage").field("len", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of segments in their names, in the case of the first one.
    #[test]
    fn extensions() {
        for (kind, number, expected) in [
            ('E', 1, Some("E01")),
            ('E', 99, Some("E99")),
            ('E', 100, Some("EAA")),
            ('E', 775, Some("EZZ")),
            ('E', 776, Some("FAA")),
            ('e', 127, Some("ebb")),
            ('E', 14971, Some("ZZZ")),
            ('E', 14972, None),
            ('s', u32::MAX, None),
        ] {
            assert_eq!(segment_extension(kind, number).as_deref(), expected, "{kind} {number}");
        }
    }
}
