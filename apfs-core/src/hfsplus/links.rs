//! Hard links to files and folders, and paths (sheet hfsplus, sections 4.4 and 7).

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::btree::{Cursor, Record};
use super::raw::catalog::{CatalogFlags, ROOT_FOLDER_ID};
use super::record::catalog::{CatalogRecord, LinkTo, flags};
use super::record::key;
use super::tree_kind::catalog_parts;
use super::volume::{Volume, cnid};
use crate::base::bytes::len64;
use crate::base::damage::{Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::ids::FileId;
use crate::fs::types::Name;
use crate::text::hfs_name::{push_text, to_stored_plain};

/// Attribute of a folder with hard links: the first of them, in decimal digits.
const FIRST_LINK: &str = "com.apple.system.hfs.firstlink";
/// Number of a link in a chain.
const MOST_DIGITS: u64 = 16;

impl Volume {
    /// What a record leads to if it is a hard link, or the record itself.
    pub(super) fn follow(&self, record: Record) -> Result<Record> {
        let parsed = CatalogRecord::parse(record.value());
        let parsed = parsed.map_err(|flaw| flaw.at_cnid(record.place("", ""), 0))?;
        let (Some(to), Some(common)) = (parsed.link(), parsed.common()) else {
            return Ok(record);
        };
        let link = common.cnid.get();
        let wrong = |damage| {
            let place = record.place("HFSPlusBSDInfo", "iNodeNum").cnid(link);
            Error::damage(damage, place)
        };
        let target = self.link_target(to)?.ok_or_else(|| wrong(Damage::Missing))?;
        let parsed = CatalogRecord::parse(target.value());
        let parsed = parsed.map_err(|flaw| flaw.at_cnid(target.place("", ""), link))?;
        match (to, parsed) {
            (LinkTo::File(_), CatalogRecord::File(_)) if parsed.link().is_none() => {}
            (LinkTo::Folder(_), CatalogRecord::Folder(_)) => {}
            _ => return Err(wrong(Damage::Contradiction)),
        }
        Ok(target)
    }

    /// The record in a private folder that a link leads to.
    pub(crate) fn link_target(&self, to: LinkTo) -> Result<Option<Record>> {
        let (folder, name) = match to {
            LinkTo::File(number) => (self.file_inodes(), alloc::format!("iNode{number}")),
            LinkTo::Folder(number) => (self.dir_inodes(), alloc::format!("dir_{number}")),
        };
        let (Some(folder), Some(stored)) = (folder, to_stored_plain(name.as_bytes())) else {
            return Ok(None);
        };
        self.catalog().get(&key::catalog(folder, &stored))
    }

    /// Every name of a file or folder: folder and name of each hard link.
    ///
    /// # Errors
    /// `NotFound` if there is no such file; damage.
    pub fn links(&self, id: FileId) -> Result<Vec<(FileId, Name)>> {
        let record = self.follow(self.record(cnid(id)?)?)?;
        let (parent, stored) = catalog_parts(record.key());
        if let Some(to) = self.private_number(parent, stored) {
            let links = match self.link_chain(&record)? {
                Some(links) => links,
                None => self.search_links(to)?,
            };
            if !links.is_empty() {
                return Ok(links);
            }
        }
        Ok(alloc::vec![(FileId(u64::from(parent)), shown(stored))])
    }

    /// The number of what lies in a private folder, by its name.
    fn private_number(&self, parent: u32, stored: &[u8]) -> Option<LinkTo> {
        let name = shown(stored);
        let digits = |prefix: &str| name.to_str()?.strip_prefix(prefix)?.parse().ok();
        if Some(parent) == self.file_inodes() {
            return digits("iNode").map(LinkTo::File);
        }
        (Some(parent) == self.dir_inodes()).then(|| digits("dir_").map(LinkTo::Folder)).flatten()
    }

    /// The links of a record by the chain that connects them; `None` if there is none or it is broken.
    fn link_chain(&self, record: &Record) -> Result<Option<Vec<(FileId, Name)>>> {
        let parsed = CatalogRecord::parse(record.value());
        let Some(common) = parsed.ok().and_then(|parsed| parsed.common().copied()) else { return Ok(None) };
        if !flags(&common).contains(CatalogFlags::HAS_LINK_CHAIN) {
            return Ok(None);
        }
        let is_folder = matches!(parsed, Ok(CatalogRecord::Folder(_)));
        let first = if is_folder { self.first_link(common.cnid.get())? } else { Some(common.valence.get()) };
        let (mut next, mut seen, mut links) = (first.unwrap_or(0), BTreeSet::new(), Vec::new());
        while next != 0 {
            if !seen.insert(next) {
                return Ok(None);
            }
            let link = match self.record(next) {
                Ok(link) => link,
                Err(Error::NotFound(_) | Error::Corrupt(_)) => return Ok(None),
                Err(other) => return Err(other),
            };
            let parsed = CatalogRecord::parse(link.value()).ok();
            let own = parsed.and_then(|parsed| parsed.link().zip(parsed.common().copied()));
            let Some((to, own)) = own else { return Ok(None) };
            let (parent, stored) = catalog_parts(link.key());
            let leads_here = self.link_target(to)?.is_some_and(|target| target.key() == record.key());
            if !leads_here {
                return Ok(None);
            }
            links.push((FileId(u64::from(parent)), shown(stored)));
            next = own.bsdInfo.groupID.get();
        }
        let is_whole = len64(links.len()) == u64::from(common.bsdInfo.special.get());
        Ok(is_whole.then_some(links))
    }

    /// The first link to a folder.
    fn first_link(&self, folder: u32) -> Result<Option<u32>> {
        let Some(content) = self.attribute(folder, FIRST_LINK.as_bytes())? else { return Ok(None) };
        if content.len() > MOST_DIGITS {
            return Ok(None);
        }
        let mut digits = [0; 16];
        let read = content.read_at(0, &mut digits)?;
        let text = digits.get(..read).and_then(|digits| core::str::from_utf8(digits).ok());
        Ok(text.and_then(|text| text.trim_end_matches('\0').parse().ok()))
    }

    /// Finds links by looking at every record: those of systems that do not connect them.
    fn search_links(&self, to: LinkTo) -> Result<Vec<(FileId, Name)>> {
        let (mut links, mut cursor) = (Vec::new(), Cursor::new());
        cursor.seek(self.catalog(), &[0; 6])?;
        while let Some(record) = cursor.record() {
            if CatalogRecord::parse(record.value()).is_ok_and(|parsed| parsed.link() == Some(to)) {
                let (parent, stored) = catalog_parts(record.key());
                links.push((FileId(u64::from(parent)), shown(stored)));
            }
            cursor.advance(self.catalog())?;
        }
        Ok(links)
    }

    /// Path of a file or folder by its first link, from the root.
    ///
    /// # Errors
    /// As [`Volume::links`]; `Limit` if the parents never reach the root.
    pub fn path_of(&self, id: FileId) -> Result<Vec<u8>> {
        let mut names: Vec<Name> = Vec::new();
        let mut here = cnid(id)?;
        while here != ROOT_FOLDER_ID {
            let link = self.links(FileId(u64::from(here)))?.into_iter().next();
            let (parent, name) = link.ok_or_else(|| {
                Error::damage(Damage::Missing, Place::new("HFSPlusCatalogThread", "").cnid(here))
            })?;
            names.push(name);
            here = cnid(parent)?;
            let limit = self.limits().directory_depth;
            if names.len() > limit {
                return Err(Error::limit("directory depth", len64(limit), len64(names.len())));
            }
        }
        let mut path = Vec::new();
        for name in names.iter().rev() {
            path.push(b'/');
            path.extend_from_slice(name.as_bytes());
        }
        Ok(if path.is_empty() { b"/".to_vec() } else { path })
    }
}

/// A stored name as it is shown.
pub(crate) fn shown(stored: &[u8]) -> Name {
    let mut text = Vec::with_capacity(stored.len());
    push_text(stored, &mut text);
    Name::from(text)
}
