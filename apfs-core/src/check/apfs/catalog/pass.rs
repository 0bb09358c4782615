//! Going along the records of a file-system tree.

use alloc::string::String;
use alloc::vec::Vec;

use super::super::context::Context;
use super::super::extents::Coverage;
use super::super::rules::{EXTENT_VALUE, KEY_FORM, NEXT_OBJ_ID, RECORD_TYPE, SEAL_FILES};
use super::super::trees;
use super::facts::{Counts, Facts};
use super::group::Group;
use super::{entry, inode, links, streams, xattr};
use crate::apfs::View;
use crate::apfs::node::Node;
use crate::apfs::raw::volume::{VolumeFeatures, VolumeIncompat};
use crate::apfs::record::Flaw;
use crate::apfs::record::extent::FileExtent;
use crate::apfs::record::key::{self, RecordType};
use crate::apfs::record::other;
use crate::base::bytes::u64_at;
use crate::base::damage::{Corrupt, Place};
use crate::base::error::Result;
use crate::base::ids::{BlockRange, BlockSize, Oid, Paddr, Xid};
use crate::text::name::NameRule;

/// What the rest of a check needs to know of a view's tree.
#[derive(Debug)]
pub(in super::super) struct Catalog {
    /// Blocks of the tree's nodes.
    pub(in super::super) nodes: Vec<Paddr>,
    /// Files by type.
    pub(in super::super) counts: Counts,
    /// Blocks that extents of files lead to.
    pub(in super::super) coverage: Coverage,
    /// Smallest and largest id of a file that users make; `None` if there is none.
    pub(in super::super) ids: Option<(u64, u64)>,
    /// True if all records could be read: without that nothing can be said about counts.
    pub(in super::super) complete: bool,
}

/// A view, as far as its records are checked against it.
pub(super) struct Volume {
    pub(super) name: String,
    pub(super) rule: NameRule,
    pub(super) xid: Xid,
    pub(super) next_obj_id: u64,
    pub(super) next_doc_id: u32,
    pub(super) encrypted: bool,
    pub(super) sealed: bool,
    pub(super) features: VolumeFeatures,
    pub(super) incompatible: VolumeIncompat,
    pub(super) block_size: BlockSize,
    /// Most facts that are kept.
    pub(super) most: u64,
}

/// One record: its leaf and its number there.
#[derive(Clone, Copy)]
pub(super) struct At<'n> {
    pub(super) leaf: &'n Node,
    pub(super) index: usize,
    pub(super) id: u64,
}

impl<'n> At<'n> {
    pub(super) fn key(&self) -> &'n [u8] {
        self.leaf.key(self.index)
    }

    pub(super) fn value(&self) -> &'n [u8] {
        self.leaf.value(self.index).unwrap_or(&[])
    }

    /// Place of a field of the record.
    pub(super) fn place(&self, structure: &'static str, field: &'static str) -> Place {
        Place { structure, field, oid: Some(Oid(self.id)), ..self.leaf.place("") }
    }
}

/// Reads the whole tree of a view, and compares what its records say of one another.
pub(in super::super) fn read(check: &mut Context<'_>, view: &View) -> Result<Catalog> {
    let superblock = view.superblock();
    let raw = superblock.raw();
    let volume = Volume {
        name: alloc::format!("volume {}", view.volume().name()),
        rule: view.name_rule(),
        xid: view.xid(),
        next_obj_id: raw.apfs_next_obj_id.get(),
        next_doc_id: raw.apfs_next_doc_id.get(),
        encrypted: superblock.is_encrypted(),
        sealed: superblock.is_sealed(),
        features: superblock.features(),
        incompatible: superblock.incompatible_features(),
        block_size: check.container.block_size(),
        most: check.container.limits().check_facts,
    };
    let mut pass = Pass {
        volume: &volume,
        facts: Facts::default(),
        group: Group::default(),
        whole: true,
        highest: (0, Place::default()),
        lost: check.lost_nodes,
    };
    let mut nodes = Vec::new();
    let seen = trees::walk(check, view.tree(), &mut |check, node| {
        nodes.push(node.block());
        if node.level() > 0 {
            return Ok(());
        }
        (0..node.count()).try_for_each(|index| pass.record(check, node, index))
    })?;
    pass.group.torn |= pass.lost != check.lost_nodes;
    pass.finish_group(check)?;
    if let Some(extents) = view.sealed_extents() {
        let tree = trees::walk(check, extents, &mut |check, node| {
            if node.level() > 0 {
                return Ok(());
            }
            (0..node.count()).try_for_each(|index| pass.sealed_extent(check, node, index))
        })?;
        pass.finish_group(check)?;
        pass.whole &= tree.complete;
    }
    check.report.checked("file-system records", seen.keys);
    let complete = seen.complete && pass.whole;
    let (highest, place) = core::mem::take(&mut pass.highest);
    if highest >= volume.next_obj_id {
        let found = alloc::format!("id {highest:#x}, next {:#x}", volume.next_obj_id);
        check.range(&NEXT_OBJ_ID, place, found);
    }
    let mut facts = pass.facts;
    check.report.checked("files", crate::base::bytes::len64(facts.inodes.len()));
    if complete {
        links::compare(check, &volume, &mut facts)?;
        streams::compare(check, &volume, &mut facts)?;
    } else {
        check.report.unchecked(&volume.name, "links and streams: not all records can be read");
    }
    let user = facts.inodes.iter().map(|inode| inode.id).filter(|id| *id >= 16);
    let ids = user.clone().min().zip(user.max());
    Ok(Catalog { nodes, counts: facts.counts, coverage: facts.coverage, ids, complete })
}

/// A pass under way.
pub(super) struct Pass<'v> {
    pub(super) volume: &'v Volume,
    pub(super) facts: Facts,
    pub(super) group: Group,
    /// False after a record that can't be read.
    whole: bool,
    /// The highest id, and where it stands.
    highest: (u64, Place),
    /// Nodes that were lost when the last record was taken.
    lost: u64,
}

impl Pass<'_> {
    /// Takes one record; records of one id come together.
    fn record(&mut self, check: &mut Context<'_>, leaf: &Node, index: usize) -> Result<()> {
        let Some((id, kind)) = key::decode(leaf.key(index)) else { return Ok(()) };
        let at = At { leaf, index, id };
        self.begin(check, &at)?;
        let flaw = match kind {
            RecordType::Inode => inode::record(self, check, &at),
            RecordType::Xattr => xattr::record(self, check, &at),
            RecordType::SiblingLink => entry::sibling(self, check, &at),
            RecordType::DirRec => entry::directory(self, check, &at),
            RecordType::SiblingMap => entry::sibling_map(self, check, &at),
            RecordType::DstreamId => streams::users(self, check, &at),
            RecordType::FileExtent => self.file_extent(check, &at),
            RecordType::CryptoState => streams::key_state(self, check, &at),
            RecordType::DirStats => streams::directory_statistics(self, check, &at),
            RecordType::FileInfo => file_info(self, check, &at),
            RecordType::Other(kind) => {
                // Newer systems have an expanded kind of record.
                let expanded = self.volume.incompatible.contains(VolumeIncompat::EXPANDED_RECORDS);
                if !(kind == 0xE && expanded) {
                    check.range(&RECORD_TYPE, at.place("j_key_t", "obj_id_and_type"), kind);
                }
                Ok(Ok(()))
            }
        }?;
        if let Err(flaw) = flaw {
            self.whole = false;
            check.error("record", flaw.at(leaf.place(""), id))?;
        }
        Ok(())
    }

    /// Begins a group where the id changes.
    fn begin(&mut self, check: &mut Context<'_>, at: &At<'_>) -> Result<()> {
        // A node that was lost may have held the end of one group and the start of the next.
        let torn = self.lost != check.lost_nodes;
        self.lost = check.lost_nodes;
        self.group.torn |= torn;
        if self.group.id != at.id || !self.group.begun {
            self.finish_group(check)?;
            let place = at.leaf.place("");
            self.group = Group { id: at.id, begun: true, torn, place, ..Group::default() };
        }
        Ok(())
    }

    /// An id that the volume gave out.
    pub(super) fn given_out(&mut self, id: u64, place: Place) {
        if id > self.highest.0 {
            self.highest = (id, place);
        }
    }

    /// Keys of exactly so many bytes.
    pub(super) fn key_len(&self, check: &mut Context<'_>, at: &At<'_>, len: usize) {
        if at.key().len() != len {
            check.differs(&KEY_FORM, at.place("j_key_t", ""), len, at.key().len());
        }
    }

    fn file_extent(&mut self, check: &mut Context<'_>, at: &At<'_>) -> Result<Result<(), Flaw>> {
        self.key_len(check, at, 16);
        let extent = match FileExtent::parse(at.key(), at.value(), self.volume.block_size) {
            Ok(extent) => extent,
            Err(flaw) => return Ok(Err(flaw)),
        };
        if self.volume.sealed {
            let place = at.place("j_file_extent_val_t", "");
            check.range(&SEAL_FILES, place, "a file extent in the tree of files");
        }
        self.extent(check, &extent, at)?;
        Ok(Ok(()))
    }

    fn sealed_extent(&mut self, check: &mut Context<'_>, leaf: &Node, index: usize) -> Result<()> {
        let Some(id) = u64_at(leaf.key(index), 0) else { return Ok(()) };
        let at = At { leaf, index, id };
        self.begin(check, &at)?;
        match FileExtent::parse_sealed(at.key(), at.value(), self.volume.block_size) {
            Ok(extent) => self.extent(check, &extent, &at),
            Err(flaw) => {
                self.whole = false;
                check.error("record", flaw.at(leaf.place(""), id))
            }
        }
    }

    fn extent(&mut self, check: &mut Context<'_>, extent: &FileExtent, at: &At<'_>) -> Result<()> {
        let count = extent.len.checked_div(self.volume.block_size.bytes()).unwrap_or(0);
        let run = BlockRange { start: extent.block, count };
        if !extent.is_hole() && !check.container.store().holds(run) {
            let place = at.place("j_file_extent_val_t", "phys_block_num");
            let found = alloc::format!("{count} blocks from {}", extent.block);
            let corrupt = Corrupt::new(crate::base::damage::Damage::PastEnd, place).found(found);
            check.broken(&EXTENT_VALUE, corrupt);
            return Ok(());
        }
        streams::extent(self, check, extent, at);
        if !extent.is_hole() {
            self.facts.room(self.volume.most)?;
            self.facts.coverage.add(extent.block.0, count, 1);
        }
        Ok(())
    }
}

/// Hashes of file data, on sealed volumes alone.
fn file_info(pass: &mut Pass<'_>, check: &mut Context<'_>, at: &At<'_>) -> Result<Result<(), Flaw>> {
    pass.key_len(check, at, 16);
    Ok(other::DataHash::parse(at.key(), at.value()).map(|_| ()))
}
