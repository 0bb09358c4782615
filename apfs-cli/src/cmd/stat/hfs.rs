//! What `apfs stat` says of HFS+ files beyond all others.

use std::io;

use apfs_core::hfsplus::CatalogFacts;
use apfs_core::hfsplus::raw::catalog::CatalogFlags;
use apfs_core::text::escape::Escaped;
use serde::Serialize;

use super::{field, flag_field};
use crate::flags;
use crate::out::Out;

/// Facts of a catalog record.
#[derive(Debug, Serialize)]
pub(super) struct HfsRow {
    catalog_flags: u16,
    catalog_flag_names: Vec<String>,
    /// Four characters, what is not ASCII escaped.
    #[serde(skip_serializing_if = "Option::is_none")]
    file_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    creator: Option<String>,
    finder_flags: u16,
    finder_flag_names: Vec<String>,
    /// Number of a Mac text encoding.
    text_encoding: u32,
    owner_flags: u8,
    admin_flags: u8,
    /// Number of links, of a link, or of a device: that depends on the file.
    special: u32,
    /// Seconds since 1904.
    backup_date: u32,
    /// Number of the first of several hard links, where they are connected.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_link: Option<u32>,
}

impl HfsRow {
    pub(super) fn new(facts: &CatalogFacts) -> HfsRow {
        let (raw, bsd) = (&facts.raw, &facts.raw.bsdInfo);
        let four = |bytes: [u8; 4]| bytes.escape_ascii().to_string();
        let has_chain = facts.flags.contains(CatalogFlags::HAS_LINK_CHAIN) && facts.file_type.is_some();
        HfsRow {
            catalog_flags: facts.flags.bits(),
            catalog_flag_names: flags::of_set(facts.flags),
            file_type: facts.file_type.filter(|four| *four != [0; 4]).map(four),
            creator: facts.creator.filter(|four| *four != [0; 4]).map(four),
            finder_flags: facts.finder_flags,
            finder_flag_names: flags::finder(facts.finder_flags),
            text_encoding: facts.text_encoding,
            owner_flags: bsd.ownerFlags,
            admin_flags: bsd.adminFlags,
            special: bsd.special.get(),
            backup_date: raw.backupDate.get(),
            first_link: has_chain.then(|| raw.valence.get()),
        }
    }

    pub(super) fn show(&self, out: &mut Out) -> io::Result<()> {
        flag_field(out, "Catalog flags", self.catalog_flags, &self.catalog_flag_names)?;
        if let (Some(kind), creator) = (&self.file_type, self.creator.as_deref().unwrap_or("-")) {
            let (kind, creator) = (Escaped(kind.as_bytes()), Escaped(creator.as_bytes()));
            field(out, "Type, creator", format_args!("{kind}, {creator}"))?;
        }
        flag_field(out, "Finder flags", self.finder_flags, &self.finder_flag_names)?;
        field(out, "Text encoding", self.text_encoding)?;
        field(out, "Special", self.special)?;
        match self.first_link {
            Some(first) => field(out, "First link", first),
            None => Ok(()),
        }
    }
}
