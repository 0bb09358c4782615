//! Property lists as they are kept in the metadata: in one block or several, compressed or not (sheet corestorage,
//! section 5).

use alloc::vec::Vec;

use super::block::Block;
use super::metadata::Metadata;
use super::raw::{BLK_TYPE_FAMILY_MORE, ContinuationBlock, PlistPart};
use crate::base::bytes::{get, pod_rest, to_usize, zeroed};
use crate::base::damage::{Corrupt, Damage};
use crate::base::error::{Error, Result};
use crate::base::limits::Limits;
use crate::codec::zlib;

/// Reads the lists of a group, all of which together may only be so long: blocks can be shared by any number of them.
pub(super) struct Lists<'a> {
    metadata: &'a Metadata,
    most: u64,
    left: u64,
}

impl<'a> Lists<'a> {
    pub(super) fn new(metadata: &'a Metadata, limits: &Limits) -> Lists<'a> {
        Lists { metadata, most: limits.image_table_bytes, left: limits.image_table_bytes }
    }

    /// The list that begins in `block` and is continued in the object `next`, expanded.
    ///
    /// # Errors
    /// `Corrupt` if a part is missing or it can't be expanded, `Limit` if it is too long.
    pub(super) fn read(
        &mut self,
        block: &Block<'_>,
        plist: &PlistPart,
        mut next: u64,
        structure: &'static str,
    ) -> Result<Vec<u8>> {
        let place = |field| block.place(structure, field);
        let (len, text_len) = (plist.stored_nbytes.get(), plist.nbytes.get());
        self.spend(len.max(text_len))?;
        let (len, text_len) = (to_usize(len.into())?, to_usize(text_len.into())?);
        let offset = plist.offset.get();
        let here = get(block.bytes, to_usize(offset.into())?, to_usize(plist.nbytes_here.get().into())?);
        let here = here.ok_or_else(|| Corrupt::new(Damage::Bounds, place("plist offset")).found(offset))?;
        let mut stored = here.to_vec();
        // Every block adds something, so that a chain that returns to itself ends as well.
        while next != 0 && stored.len() < len {
            let more = self.metadata.get(next).filter(|more| more.kind() == (BLK_TYPE_FAMILY_MORE, 0));
            let more = more.ok_or_else(|| Corrupt::new(Damage::Missing, place("next")).found(next))?;
            let parsed = pod_rest::<ContinuationBlock>(more.body);
            let (head, rest) = parsed.ok_or(Error::Misuse("a block is longer than its start"))?;
            let count = head.nbytes.get();
            let bytes = get(rest, 0, to_usize(count.into())?).filter(|bytes| !bytes.is_empty());
            let bound = || Corrupt::new(Damage::Bounds, more.place(structure, "size")).found(count);
            stored.extend_from_slice(bytes.ok_or_else(bound)?);
            next = head.next.get();
        }
        if stored.len() < len {
            let corrupt = Corrupt::new(Damage::Bounds, place("plist size"));
            return Err(corrupt.expected(len).found(stored.len()).into());
        }
        stored.truncate(len);
        if len == text_len {
            return Ok(stored);
        }
        let mut text = zeroed(text_len)?;
        zlib::decode(&stored, &mut text)
            .map_err(|fault| Corrupt::new(Damage::Compressed, place("plist")).found(fault))?;
        Ok(text)
    }

    fn spend(&mut self, len: u32) -> Result<()> {
        let found = self.most.saturating_sub(self.left).saturating_add(len.into());
        let left = self.left.checked_sub(len.into());
        self.left =
            left.ok_or_else(|| Error::limit("bytes of CoreStorage property lists", self.most, found))?;
        Ok(())
    }
}
