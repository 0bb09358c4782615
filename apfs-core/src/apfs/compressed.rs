//! Compressed files of a volume: their attribute, and their resource fork as a device.

use super::data::Content;
use super::view::View;
use crate::base::bytes::{get, to_usize, zeroed};
use crate::base::error::{Error, Result};
use crate::base::ids::FileId;
use crate::decmpfs::Compressed;
use crate::decmpfs::file::MAX_ATTRIBUTE;
use crate::io::read_at::{ReadAt, past_end};

/// A resource fork.
pub(crate) struct Fork<'v> {
    view: &'v View,
    content: Content,
}

impl ReadAt for Fork<'_> {
    fn len(&self) -> u64 {
        self.content.len()
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        match self.view.read_content(&self.content, offset, buf)? {
            read if read == buf.len() => Ok(()),
            _ => Err(past_end(offset, buf.len(), self.len())),
        }
    }

    fn slice_at(&self, offset: u64, len: usize) -> Option<&[u8]> {
        match &self.content {
            Content::Inline(bytes) => get(bytes, to_usize(offset).ok()?, len),
            Content::Stream(_) => None,
        }
    }
}

impl View {
    /// A compressed file by its attribute; `fork` finds its resource fork.
    pub(crate) fn open_compressed(
        &self,
        file: FileId,
        attribute: &Content,
        fork: impl FnOnce() -> Result<Option<Content>>,
    ) -> Result<Compressed<Fork<'_>>> {
        let fork = || Ok(fork()?.map(|content| Fork { view: self, content }));
        if let Content::Inline(bytes) = attribute {
            return Compressed::open(file, bytes, fork);
        }
        if attribute.len() > MAX_ATTRIBUTE {
            return Err(Error::limit("length of a decmpfs attribute", MAX_ATTRIBUTE, attribute.len()));
        }
        let mut bytes = zeroed(to_usize(attribute.len())?)?;
        self.read_content(attribute, 0, &mut bytes)?;
        Compressed::open(file, &bytes, fork)
    }
}
