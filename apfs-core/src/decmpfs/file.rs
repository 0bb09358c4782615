//! A compressed file, open for positioned reads.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use super::cache::ChunkCache;
use super::chunk::{CHUNK, Chunks, check_spans, for_each_part};
use super::header::{DecmpfsHeader, HEADER_LEN};
use super::method::{Codec, Method};
use crate::base::bytes::{get, len64, to_usize, zeroed};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::ids::{FileId, Oid};
use crate::io::read_at::ReadAt;

/// Most bytes that packed data in the attribute may expand to. It is one piece: writers put no more than 64 KiB there.
const MAX_INLINE: u64 = 1 << 20;

/// Most bytes of the attribute that are looked at, header included. The kernel looks at 3,802.
pub const MAX_ATTRIBUTE: u64 = 1 << 20;

/// A compressed file, open for positioned reads. `F` is its resource fork.
///
/// Nothing is expanded or allocated before it is read, whatever size the header promises.
pub struct Compressed<F> {
    file: FileId,
    size: u64,
    source: Source<F>,
}

/// Where the data is.
enum Source<F> {
    /// The bytes themselves.
    Stored(Vec<u8>),
    /// One packed piece.
    Packed(Codec, Vec<u8>),
    /// Packed chunks.
    Chunks(Codec, F),
    Zeros,
}

impl<F: ReadAt> Compressed<F> {
    /// Opens a file by the value of its attribute `com.apple.decmpfs`; `fork` gives the resource fork if it is needed.
    /// The number of the file names it in errors and keeps files apart in a [`ChunkCache`].
    ///
    /// # Errors
    /// `Unsupported` for types whose data is not there or not known, see [`Method::of`]; `Corrupt` for a broken header,
    /// stored data that is not as long as the header says, and a missing fork.
    pub fn open(
        file: FileId,
        attribute: &[u8],
        fork: impl FnOnce() -> Result<Option<F>>,
    ) -> Result<Compressed<F>> {
        let header = DecmpfsHeader::parse(attribute).map_err(|mut finding| {
            finding.place.oid = Some(Oid(file.0));
            Error::from(finding)
        })?;
        let size = header.uncompressed_size;
        let source = match Method::of(header.kind, file)? {
            _ if size == 0 => Source::Stored(Vec::new()),
            Method::Attribute(codec) => {
                inline(file, codec, attribute.get(HEADER_LEN..).unwrap_or(&[]), size)?
            }
            Method::Fork(codec) => {
                let missing = || Corrupt::new(Damage::Missing, place(file, "compression_type"));
                Source::Chunks(codec, fork()?.ok_or_else(|| missing().expected("a resource fork"))?)
            }
        };
        Ok(Compressed { file, size, source })
    }

    /// A file of type 5 by its header, taken to be all zeros. Some writers mean that, others keep the content
    /// elsewhere: only for those who know.
    #[must_use]
    pub fn zeros(file: FileId, header: DecmpfsHeader) -> Compressed<F> {
        Compressed { file, size: header.uncompressed_size, source: Source::Zeros }
    }

    /// Length in bytes, expanded.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.size
    }

    /// True if there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.size == 0
    }

    /// Reads at an offset; returns how many bytes, less than asked only at the end. Whole chunks are expanded right
    /// into `buf`; those read in part go through the cache.
    ///
    /// # Errors
    /// `Corrupt` for a broken table, and for a broken chunk in the range; other ranges can still be read.
    pub fn read_at(&self, offset: u64, buf: &mut [u8], cache: &ChunkCache) -> Result<usize> {
        let wanted = to_usize(self.size.saturating_sub(offset).min(len64(buf.len())))?;
        let Some(buf) = buf.get_mut(..wanted).filter(|buf| !buf.is_empty()) else { return Ok(0) };
        match &self.source {
            Source::Zeros => buf.fill(0),
            Source::Stored(bytes) => copy(bytes, to_usize(offset)?, buf)?,
            Source::Packed(codec, data) => self.read_inline(*codec, data, offset, buf, cache)?,
            Source::Chunks(codec, fork) => self.read_chunks(*codec, fork, offset, buf, cache)?,
        }
        Ok(wanted)
    }

    /// Reads the table of all chunks, and looks whether each lies where data may lie. Nothing is expanded.
    ///
    /// # Errors
    /// `Corrupt` with the first wrong entry.
    pub fn check_table(&self) -> Result<()> {
        match &self.source {
            Source::Chunks(codec, fork) => check_spans(self.file, *codec, fork, self.size),
            Source::Stored(_) | Source::Packed(..) | Source::Zeros => Ok(()),
        }
    }

    fn read_inline(
        &self,
        codec: Codec,
        data: &[u8],
        offset: u64,
        buf: &mut [u8],
        cache: &ChunkCache,
    ) -> Result<()> {
        let expand = |dst: &mut [u8]| {
            codec.expand(data, dst).map_err(|fault| {
                let finding = Corrupt::new(Damage::Compressed, place(self.file, "attr_bytes"));
                Error::from(finding.found(fault))
            })
        };
        if len64(buf.len()) == self.size {
            return expand(buf);
        }
        let mut whole = Vec::new();
        for_each_part(self.size, offset, buf, |part, target| {
            if let Some(chunk) = cache.get(self.file, part.index) {
                return copy(&chunk, part.skip, target);
            }
            if whole.is_empty() {
                whole = zeroed(to_usize(self.size)?)?;
                expand(&mut whole)?;
            }
            let chunk = whole.chunks(CHUNK).nth(to_usize(part.index)?).unwrap_or(&[]);
            cache.insert(self.file, part.index, Arc::from(chunk));
            copy(chunk, part.skip, target)
        })
    }

    fn read_chunks(
        &self,
        codec: Codec,
        fork: &F,
        offset: u64,
        buf: &mut [u8],
        cache: &ChunkCache,
    ) -> Result<()> {
        let last = offset.saturating_add(len64(buf.len())).saturating_sub(1);
        let mut chunks = Chunks::new(self.file, codec, fork, self.size, last);
        for_each_part(self.size, offset, buf, |part, target| {
            if let Some(chunk) = cache.get(self.file, part.index) {
                return copy(&chunk, part.skip, target);
            }
            if target.len() == part.len {
                return chunks.expand(part.index, target);
            }
            let mut chunk = zeroed(part.len)?;
            chunks.expand(part.index, &mut chunk)?;
            copy(&chunk, part.skip, target)?;
            cache.insert(self.file, part.index, Arc::from(chunk));
            Ok(())
        })
    }
}

/// Data in the attribute; what is stored is checked here, what is packed when it is read.
fn inline<F>(file: FileId, codec: Codec, data: &[u8], size: u64) -> Result<Source<F>> {
    if let Some(stored) = codec.stored(data) {
        if len64(stored.len()) != size {
            let finding = Corrupt::new(Damage::Contradiction, place(file, "uncompressed_size"));
            return Err(finding.expected(stored.len()).found(size).into());
        }
        return Ok(Source::Stored(stored.to_vec()));
    }
    if size > MAX_INLINE {
        return Err(Error::limit("size of a file that is compressed in its attribute", MAX_INLINE, size));
    }
    Ok(Source::Packed(codec, data.to_vec()))
}

fn place(file: FileId, field: &'static str) -> Place {
    Place::new("decmpfs_disk_header", field).oid(Oid(file.0))
}

/// Fills `target` from byte `skip` of a chunk on.
fn copy(chunk: &[u8], skip: usize, target: &mut [u8]) -> Result<()> {
    let source =
        get(chunk, skip, target.len()).ok_or(Error::Misuse("a chunk is shorter than its file says"))?;
    target.copy_from_slice(source);
    Ok(())
}

impl<F> fmt::Debug for Compressed<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compressed")
            .field("file", &self.file)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Type 5 reads as zeros for those who ask, to its end and not further.
    #[test]
    fn zeros_if_asked() {
        let header = DecmpfsHeader { kind: 5, uncompressed_size: 70_000 };
        let file = Compressed::<Vec<u8>>::zeros(FileId(9), header);
        let mut buffer = [0xAA; 20];
        assert_eq!(file.read_at(69_990, &mut buffer, &ChunkCache::new(0)).unwrap(), 10);
        assert_eq!(buffer, [[0; 10], [0xAA; 10]].concat()[..]);
    }
}
