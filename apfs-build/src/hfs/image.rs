//! A finished volume: its bytes, what lies where, and the means to change it.

use core::ops::Range;
use std::collections::BTreeMap;

use super::btree::Tree;
use super::builder::HfsBuilder;
use super::bytes::u32_at;
use super::fork::Fork;
use super::header::Facts;

/// What bytes are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HfsRole {
    Header,
    AlternateHeader,
    Bitmap,
    Extents,
    Catalog,
    Attributes,
    Startup,
    JournalInfo,
    Journal,
    Data,
    Resource,
    XattrData,
}

/// Bytes with a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HfsPlace {
    pub role: HfsRole,
    pub range: Range<usize>,
    /// CNID of the file.
    pub owner: u32,
}

/// A built volume.
#[derive(Clone, Debug)]
pub struct HfsImage {
    pub block_size: usize,
    pub bytes: Vec<u8>,
    pub places: Vec<HfsPlace>,
    /// Catalog, extents and attributes.
    pub trees: BTreeMap<HfsRole, Tree>,
    /// Data and resource fork by CNID.
    pub forks: BTreeMap<u32, (Fork, Fork)>,
    pub xattr_forks: BTreeMap<(u32, Vec<u16>), Fork>,
    pub facts: Facts,
    pub(super) builder: HfsBuilder,
}

impl HfsImage {
    /// CNID of what is at a path, links followed.
    pub fn cnid(&self, path: &str) -> u32 {
        self.builder.cnid(path)
    }

    /// CNID of the record at a path, which may be a link.
    pub fn record_at(&self, path: &str) -> u32 {
        self.builder.record_at(path)
    }

    /// The description it was made from.
    pub fn description(&self) -> &HfsBuilder {
        &self.builder
    }

    /// Everything with a role.
    pub fn all(&self, role: HfsRole) -> impl Iterator<Item = &HfsPlace> {
        self.places.iter().filter(move |place| place.role == role)
    }

    /// What a byte belongs to.
    pub fn place_at(&self, byte: usize) -> Option<&HfsPlace> {
        self.places.iter().find(|place| place.range.contains(&byte))
    }

    /// Fork of one of the trees.
    pub fn tree_fork(&self, role: HfsRole) -> &Fork {
        match role {
            HfsRole::Extents => &self.facts.files[1],
            HfsRole::Catalog => &self.facts.files[2],
            HfsRole::Attributes => &self.facts.files[3],
            other => panic!("{other:?} is not a tree"),
        }
    }

    /// Where a byte of a tree lies on the volume.
    pub fn tree_place(&self, role: HfsRole, offset: usize) -> usize {
        self.tree_fork(role).place(offset, self.block_size)
    }

    /// Where a node begins on the volume, and its length.
    pub fn node_place(&self, role: HfsRole, number: u32) -> (usize, usize) {
        let range = self.trees[&role].node_range(number);
        (self.tree_place(role, range.start), range.len())
    }

    /// Changes a node, which must lie in one run.
    pub fn edit_node(&mut self, role: HfsRole, number: u32, change: impl FnOnce(&mut [u8])) {
        let (at, len) = self.node_place(role, number);
        change(&mut self.bytes[at..at + len]);
    }

    /// Changes both volume headers.
    pub fn edit_headers(&mut self, change: impl Fn(&mut [u8])) {
        let places = self.places.clone();
        for place in places {
            if matches!(place.role, HfsRole::Header | HfsRole::AlternateHeader) {
                change(&mut self.bytes[place.range]);
            }
        }
    }

    /// Bytes of the journal.
    pub fn journal_mut(&mut self) -> &mut [u8] {
        let range = self.all(HfsRole::Journal).next().unwrap().range.clone();
        &mut self.bytes[range]
    }

    /// `attributes` of the volume header.
    pub fn volume_attributes(&self) -> u32 {
        u32_at(&self.bytes, 1024 + 4)
    }
}
