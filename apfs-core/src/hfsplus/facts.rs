//! What only HFS+ says of a file or folder.

use super::raw::catalog::{CatalogFlags, HFSPlusCatalogCommon};
use super::record::catalog::{CatalogRecord, flags};
use super::volume::{Volume, cnid};
use crate::base::bytes::{be16_at, get};
use crate::base::error::{Error, Result};
use crate::base::ids::FileId;

/// What the catalog says of a file or folder beyond [`Stat`](crate::Stat).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct CatalogFacts {
    /// The record as stored; of a file what it has in common with folders.
    pub raw: HFSPlusCatalogCommon,
    /// Flags of the record.
    pub flags: CatalogFlags,
    /// Files only: Finder type, four MacRoman characters.
    pub file_type: Option<[u8; 4]>,
    /// Files only: Finder creator, four MacRoman characters.
    pub creator: Option<[u8; 4]>,
    /// Finder flags (`fdFlags`, `frFlags`).
    pub finder_flags: u16,
    /// Encoding that the name was typed in, for old programs (`textEncoding`): 0 is MacRoman.
    pub text_encoding: u32,
}

impl Volume {
    /// What only HFS+ says of a file or folder. Of a hard link that is what it leads to.
    ///
    /// # Errors
    /// `NotFound` if there is no such file; damage.
    pub fn facts(&self, id: FileId) -> Result<CatalogFacts> {
        let record = self.follow(self.record(cnid(id)?)?)?;
        let parsed = CatalogRecord::parse(record.value());
        let parsed = parsed.map_err(|flaw| flaw.at_cnid(record.place("", ""), 0))?;
        let common = match &parsed {
            CatalogRecord::Folder(common) => **common,
            CatalogRecord::File(file) => file.common,
            CatalogRecord::Thread(_) => return Err(Error::not_found(alloc::format!("file {id}"))),
        };
        let is_file = matches!(parsed, CatalogRecord::File(_));
        let four =
            |at| get(&common.userInfo, at, 4).and_then(|four| four.try_into().ok()).filter(|_| is_file);
        Ok(CatalogFacts {
            flags: flags(&common),
            file_type: four(0),
            creator: four(4),
            finder_flags: be16_at(&common.userInfo, 8).unwrap_or(0),
            text_encoding: common.textEncoding.get(),
            raw: common,
        })
    }
}
