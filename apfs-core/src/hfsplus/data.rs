//! Bytes of forks and attributes.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::extents::{Overflow, Stream};
use super::fork::Fork;
use super::record::attribute::AttributeRecord;
use super::record::key;
use super::volume::Volume;
use crate::base::bytes::{get, len64, to_usize};
use crate::base::damage::Damage;
use crate::base::error::{Error, Result};
use crate::io::read_at::{ReadAt, past_end};
use crate::text::hfs_name::to_stored_plain;

/// Where bytes that are stored as they are read lie.
#[derive(Debug)]
pub(super) enum Content<'v> {
    Stream(Stream<'v>),
    /// In a record, which is copied.
    Inline(Vec<u8>),
}

impl Content<'_> {
    /// Length in bytes.
    pub(super) fn len(&self) -> u64 {
        match self {
            Content::Stream(stream) => stream.fork.size,
            Content::Inline(bytes) => len64(bytes.len()),
        }
    }

    /// Reads bytes; returns how many, less than asked only at the end.
    pub(super) fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        match self {
            Content::Stream(stream) => stream.read_at(offset, buf),
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
}

/// As a device: what compressed files need of their resource fork.
impl ReadAt for Content<'_> {
    fn len(&self) -> u64 {
        Content::len(self)
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        match Content::read_at(self, offset, buf)? {
            read if read == buf.len() => Ok(()),
            _ => Err(past_end(offset, buf.len(), Content::len(self))),
        }
    }

    fn slice_at(&self, offset: u64, len: usize) -> Option<&[u8]> {
        match self {
            Content::Inline(bytes) => get(bytes, to_usize(offset).ok()?, len),
            Content::Stream(_) => None,
        }
    }
}

impl Volume {
    /// The value of an attribute in the attributes file, by its name as text.
    pub(super) fn attribute(&self, cnid: u32, name: &[u8]) -> Result<Option<Content<'_>>> {
        let Some(tree) = self.attributes()? else { return Ok(None) };
        let Some(stored) = to_stored_plain(name) else { return Ok(None) };
        let Some(record) = tree.get(&key::attribute(cnid, &stored, 0))? else { return Ok(None) };
        match AttributeRecord::parse(record.value()) {
            Ok(AttributeRecord::Inline(bytes)) => Ok(Some(Content::Inline(bytes.to_vec()))),
            Ok(AttributeRecord::Fork(raw)) => {
                let overflow = Overflow::Attribute(tree, Arc::from(stored));
                let stream = Stream { store: self.store(), cnid, fork: Fork::from(raw), overflow };
                Ok(Some(Content::Stream(stream)))
            }
            Ok(AttributeRecord::Extents(_)) => {
                let place = record.place("HFSPlusAttrRecord", "recordType").cnid(cnid);
                Err(Error::damage(Damage::ObjectType, place))
            }
            Err(flaw) => Err(flaw.at_cnid(record.place("", ""), cnid)),
        }
    }
}
