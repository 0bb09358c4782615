//! Bytes of data streams: extents, holes, sealed extents (sheet apfs-04, section 9).

use alloc::vec::Vec;

use super::btree::{Cursor, Tree};
use super::record::extent::FileExtent;
use super::record::key::{self, RecordType};
use super::view::View;
use crate::base::bytes::{len64, to_usize, u64_at};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::ids::{BlockRange, BlockSize, Oid, Paddr};
use crate::crypto::xts::Xts;
use crate::fs::types::{ExtentKind, ExtentRun};

/// Bytes that even the smallest device counts as when the size of sparse streams is limited.
const LEAST_PRESENT: u64 = 16 << 20;

/// A data stream: its id and how long it says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stream {
    pub(crate) id: u64,
    pub(crate) size: u64,
    pub(crate) allocated: u64,
}

/// A read that is still growing.
struct Pending<'v> {
    block: Paddr,
    /// Where in the block it begins, and further on.
    inside: u64,
    /// Key and number of the block for the cipher.
    cipher: Option<(&'v Xts, u64)>,
}

impl Pending<'_> {
    /// True if another one goes on where this one of some length ends, on disk and for the cipher.
    fn continues(&self, len: usize, next: &Pending<'_>, block_size: BlockSize) -> bool {
        let so_far = self.inside.saturating_add(len64(len));
        let blocks = block_size.blocks_for(so_far);
        let tweak = self.cipher.map(|(_, tweak)| tweak.checked_add(blocks));
        block_size.is_multiple(so_far)
            && next.inside == 0
            && self.block.checked_add(blocks) == Some(next.block)
            && tweak == next.cipher.map(|(_, tweak)| Some(tweak))
    }
}

/// Where bytes that are stored as they are read lie.
pub(crate) enum Content {
    Stream(Stream),
    /// In a record, which is copied.
    Inline(Vec<u8>),
}

impl Content {
    /// Length in bytes.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Content::Stream(stream) => stream.size,
            Content::Inline(bytes) => len64(bytes.len()),
        }
    }
}

/// Goes along the extents of one stream.
struct Extents<'v> {
    view: &'v View,
    tree: &'v Tree,
    id: u64,
    cursor: Cursor,
    /// Where the previous extent ended: the next one may not begin before.
    covered: u64,
    /// Why the next extent can't be read, told when it is asked for.
    failed: Option<Error>,
}

impl<'v> Extents<'v> {
    /// The extents of a stream from the one that covers `offset` on.
    fn from(view: &'v View, id: u64, offset: u64) -> Result<Extents<'v>> {
        let tree = view.sealed_extents().unwrap_or(view.tree());
        let mut extents = Extents { view, tree, id, cursor: Cursor::new(), covered: 0, failed: None };
        if view.sealed_extents().is_some() {
            extents.cursor.seek_floor(tree, &key::fext(id, offset))?;
        } else {
            extents.cursor.seek_floor(tree, &key::file_extent(id, offset))?;
        }
        // The floor can be a record of something else, or an extent that ends before the offset.
        let reaches = match extents.is_here() {
            true => extents.current()?.is_some_and(|extent| extent.end() > offset),
            false => extents.cursor.leaf().is_none() || extents.is_behind(),
        };
        if reaches {
            extents.check_before()?;
        } else {
            extents.step()?;
        }
        Ok(extents)
    }

    fn head(&self) -> Option<(u64, bool)> {
        let (leaf, index) = self.cursor.leaf()?;
        self.head_of(leaf.key(index))
    }

    fn head_of(&self, key: &[u8]) -> Option<(u64, bool)> {
        if self.view.sealed_extents().is_some() {
            return Some((u64_at(key, 0)?, true));
        }
        key::decode(key).map(|(id, kind)| (id, kind == RecordType::FileExtent))
    }

    /// Offset of a key if it is one of this stream.
    fn logical_of(&self, key: &[u8]) -> Option<u64> {
        (self.head_of(key) == Some((self.id, true))).then(|| u64_at(key, 8)).flatten()
    }

    /// Moves on. What follows must not begin inside of what is covered, so that every way to cut a read meets the
    /// same extents; a node that can't be read matters only if it can hold extents of this stream.
    fn step(&mut self) -> Result<()> {
        let moved = self.cursor.advance(self.tree);
        let next = self.cursor.entry_key().and_then(|key| self.logical_of(key));
        match (moved, next) {
            (_, Some(logical)) if logical < self.covered => Err(self.overlap(logical)),
            (Err(error), Some(_)) => {
                self.failed = Some(error);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The extent before this one must end before it.
    fn check_before(&self) -> Result<()> {
        let Some(here) = self.cursor.entry_key().and_then(|key| self.logical_of(key)) else { return Ok(()) };
        if here == 0 {
            return Ok(());
        }
        let mut cursor = self.cursor.clone();
        if cursor.back(self.tree).is_err() {
            return Ok(());
        }
        let before =
            Extents { view: self.view, tree: self.tree, id: self.id, cursor, covered: 0, failed: None };
        match before.current()? {
            Some(extent) if extent.end() > here => Err(self.overlap(here)),
            _ => Ok(()),
        }
    }

    /// An extent must lie inside the container from end to end, read or not.
    fn check_inside(&self, extent: &FileExtent) -> Result<()> {
        let store = self.view.store();
        let blocks = BlockRange { start: extent.block, count: store.block_size().blocks_for(extent.len) };
        if extent.is_hole() || store.holds(blocks) {
            return Ok(());
        }
        let place = Place::new("j_file_extent_val_t", "phys_block_num").oid(Oid(self.id)).block(extent.block);
        Err(Corrupt::new(Damage::PastEnd, place).found(alloc::format!("{} blocks", blocks.count)).into())
    }

    fn overlap(&self, found: u64) -> Error {
        let place = Place::new("j_file_extent_key_t", "logical_addr").oid(Oid(self.id));
        Corrupt::new(Damage::Overlap, place).expected(self.covered).found(found).into()
    }

    fn is_here(&self) -> bool {
        self.head() == Some((self.id, true))
    }

    /// The cursor stands behind all extents of the stream.
    fn is_behind(&self) -> bool {
        self.head().is_none_or(|(id, _)| id > self.id)
    }

    /// The extent under the cursor; `None` behind the last one of the stream.
    fn current(&self) -> Result<Option<FileExtent>> {
        let Some((leaf, index)) = self.cursor.leaf() else { return Ok(None) };
        if !self.is_here() {
            return Ok(None);
        }
        let (key, value) = (leaf.key(index), leaf.value(index).unwrap_or(&[]));
        let block_size = self.view.store().block_size();
        let parsed = if self.view.sealed_extents().is_some() {
            FileExtent::parse_sealed(key, value, block_size)
        } else {
            FileExtent::parse(key, value, block_size)
        };
        parsed.map(Some).map_err(|flaw| flaw.at(leaf.place(""), self.id))
    }

    /// The next extent of the stream.
    fn next(&mut self) -> Result<Option<FileExtent>> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let Some(extent) = self.current()? else { return Ok(None) };
        self.check_inside(&extent)?;
        self.covered = extent.end();
        self.step()?;
        Ok(Some(extent))
    }
}

impl View {
    /// Reads from a stream or a copied record; returns how many bytes, less than asked only at the end.
    pub(crate) fn read_content(&self, content: &Content, offset: u64, buf: &mut [u8]) -> Result<usize> {
        match content {
            Content::Stream(stream) => self.read_stream(stream, offset, buf),
            Content::Inline(bytes) => {
                let rest = to_usize(offset).ok().and_then(|offset| bytes.get(offset..)).unwrap_or(&[]);
                let len = rest.len().min(buf.len());
                if let (Some(target), Some(source)) = (buf.get_mut(..len), rest.get(..len)) {
                    target.copy_from_slice(source);
                }
                Ok(len)
            }
        }
    }

    /// Reads from a stream; returns how many bytes, less than asked only at its end.
    pub(crate) fn read_stream(&self, stream: &Stream, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let available = stream.size.saturating_sub(offset);
        let wanted = to_usize(available.min(len64(buf.len())))?;
        let Some(mut rest) = buf.get_mut(..wanted).filter(|rest| !rest.is_empty()) else { return Ok(0) };
        self.check_size(stream)?;
        let mut at = offset;
        let mut extents = Extents::from(self, stream.id, offset)?;
        // Extents that follow one another on disk, and for the cipher, become one read.
        let mut pending: Option<Pending<'_>> = None;
        let mut pending_len = 0usize;
        while at.saturating_sub(offset) < len64(wanted) {
            let end = offset.saturating_add(len64(wanted));
            let extent = extents.next()?;
            let start = extent.map_or(end, |extent| extent.logical.clamp(at, end));
            let stop = extent.map_or(end, |extent| extent.end().min(end)).max(start);
            let gap = to_usize(start.saturating_sub(at))?;
            let here = to_usize(stop.saturating_sub(start))?;
            let stored = extent.filter(|extent| !extent.is_hole() && !extent.is_unwritten() && here > 0);
            let stored = match stored {
                Some(extent) => Some(Pending {
                    block: extent.block,
                    inside: start.saturating_sub(extent.logical),
                    cipher: self.cipher_of(&extent, stream.id)?,
                }),
                None => None,
            };
            let joins = match (&pending, &stored) {
                (Some(before), Some(next)) if gap == 0 => {
                    before.continues(pending_len, next, self.store().block_size())
                }
                _ => false,
            };
            if !joins {
                rest = self.read_pending(pending.take(), pending_len, rest)?;
                pending_len = 0;
                let (zeros, after) = rest.split_at_mut(gap.min(rest.len()));
                zeros.fill(0);
                rest = after;
                if stored.is_none() {
                    let (zeros, after) = rest.split_at_mut(here.min(rest.len()));
                    zeros.fill(0);
                    rest = after;
                } else {
                    pending_len = here;
                }
                pending = stored;
            } else {
                pending_len = pending_len.saturating_add(here);
            }
            at = stop;
        }
        self.read_pending(pending, pending_len, rest)?;
        Ok(wanted)
    }

    fn read_pending<'b>(
        &self,
        pending: Option<Pending<'_>>,
        len: usize,
        buf: &'b mut [u8],
    ) -> Result<&'b mut [u8]> {
        let Some(Pending { block, inside, cipher }) = pending else { return Ok(buf) };
        let (now, later) = buf.split_at_mut(len.min(buf.len()));
        match cipher {
            None => self.store().read(block, inside, now)?,
            Some((key, tweak)) => self.store().read_encrypted(block, tweak, inside, key, now)?,
        }
        Ok(later)
    }

    /// A stream that lies about its length would read as zeros without end: the end of one that is longer than what
    /// was allocated to it, or than the container, must be covered by an extent, if only a hole.
    fn check_size(&self, stream: &Stream) -> Result<()> {
        let store = self.store();
        let container = store.block_count().saturating_mul(store.block_size().bytes());
        // Nothing is known of the container's size but what it says itself; the device is a fact.
        let present = container.min(store.device_len()).max(LEAST_PRESENT);
        let limit = present.saturating_mul(store.limits().sparse_factor);
        if stream.size > limit {
            return Err(Error::limit("size of a sparse stream", limit, stream.size));
        }
        if stream.size <= stream.allocated && stream.size <= container {
            return Ok(());
        }
        let last = stream.size.saturating_sub(1);
        if Extents::from(self, stream.id, last)?.current()?.is_some_and(|extent| extent.logical <= last) {
            return Ok(());
        }
        let place = Place::new("j_dstream_t", "size").oid(Oid(stream.id)).xid(self.xid());
        let finding = Corrupt::new(Damage::Contradiction, place);
        Err(finding.expected(alloc::format!("at most {}", stream.allocated)).found(stream.size).into())
    }

    /// Appends up to `max` runs of a stream from byte `from` on; gaps between extent records are left out.
    pub(crate) fn stream_extents(
        &self,
        stream: &Stream,
        from: u64,
        out: &mut Vec<ExtentRun>,
        max: usize,
    ) -> Result<()> {
        let before = out.len();
        let mut extents = Extents::from(self, stream.id, from)?;
        for _ in 0..max {
            let extent = match extents.next() {
                Ok(Some(extent)) => extent,
                // What comes before the damage is given; the next call begins at it and tells.
                Err(error) if out.len() == before => return Err(error),
                Ok(None) | Err(_) => break,
            };
            let FileExtent { logical, len, block, crypto_id, .. } = extent;
            let kind = if extent.is_hole() {
                ExtentKind::Hole
            } else if extent.is_unwritten() {
                ExtentKind::Unwritten
            } else {
                ExtentKind::Data(self.byte_offset(block)?)
            };
            out.push(ExtentRun { logical, len, kind, crypto_id });
        }
        Ok(())
    }

    fn byte_offset(&self, block: Paddr) -> Result<u64> {
        self.store().block_size().offset_of(block).ok_or_else(|| {
            Error::damage(Damage::PastEnd, Place::new("j_file_extent_val_t", "phys_block_num").block(block))
        })
    }
}
