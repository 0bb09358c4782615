//! Checkpoints: finding them, choosing the newest whole one, and their ephemeral objects
//! (sheet apfs-01, sections 6 to 9).

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cell::Cell;

use super::area::Area;
use super::btree::{Location, Resolve};
use super::object::{Expect, Header, XidRule, too_short};
use super::omap::Omap;
use super::raw::container::{CHECKPOINT_MAP_LAST, CheckpointMapPhys, CheckpointMapping};
use super::raw::object::{
    OBJ_EPHEMERAL, OBJ_PHYSICAL, OBJ_STORAGETYPE_MASK, OBJECT_TYPE_CHECKPOINT_MAP, OBJECT_TYPE_MASK,
    OBJECT_TYPE_NX_SUPERBLOCK,
};
use super::store::Store;
use super::superblock::Superblock;
use crate::base::bytes::{get, len64, pod_rest, to_usize, zeroed};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::ids::{Oid, Paddr, Xid};

/// How many checkpoints with as large ephemeral objects as the limit allows are tried.
const CHECKPOINTS_AT_THE_LIMIT: u64 = 4;

/// Bytes that are read in one piece.
const READ_BYTES: usize = 4 << 20;

/// Where an ephemeral object lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EphemeralMapping {
    /// Its object id.
    pub oid: Oid,
    /// Its `o_type`, flags included.
    pub type_and_flags: u32,
    /// Its `o_subtype`.
    pub subtype: u32,
    /// Its size in bytes.
    pub size: u32,
    /// Its first block.
    pub block: Paddr,
    /// Volume that it belongs to, or 0.
    pub fs_oid: Oid,
}

/// One checkpoint: its superblock and where its ephemeral objects lie.
#[derive(Debug)]
pub struct Checkpoint {
    superblock: Superblock,
    mappings: Vec<EphemeralMapping>,
    /// Set if the checkpoint was taken although its maps or ephemeral objects are damaged.
    ephemeral_damage: Option<Error>,
}

/// A checkpoint that was passed over.
#[derive(Debug)]
#[non_exhaustive]
pub struct Rejected {
    /// Its transaction, as far as its superblock can be believed; 0 if the block can't be read at all.
    pub xid: Xid,
    /// Block of its superblock.
    pub block: Paddr,
    /// Why.
    pub reason: Error,
}

impl Checkpoint {
    /// Its superblock.
    #[must_use]
    pub fn superblock(&self) -> &Superblock {
        &self.superblock
    }

    /// Where its ephemeral objects lie.
    #[must_use]
    pub fn mappings(&self) -> &[EphemeralMapping] {
        &self.mappings
    }

    /// Why its ephemeral objects can't be used, if they can't: files are still readable, the space manager is not.
    #[must_use]
    pub fn ephemeral_damage(&self) -> Option<&Error> {
        self.ephemeral_damage.as_ref()
    }
}

/// The superblocks of the descriptor ring, newest first, and what was refused among them.
pub(crate) struct Ring {
    store: Arc<Store>,
    descriptors: Area,
    data: Result<Area>,
    /// Bytes of ephemeral objects checked so far, of all checkpoints tried.
    checked_bytes: Cell<u64>,
    /// What was read of the descriptor ring: first blocks and bytes of its runs.
    read: Vec<(Paddr, Vec<u8>)>,
    pub(crate) candidates: Vec<Superblock>,
    pub(crate) rejected: Vec<Rejected>,
}

impl Ring {
    /// Reads the descriptor ring that a superblock points at.
    pub(crate) fn read(store: Arc<Store>, start: &Superblock) -> Result<Ring> {
        let raw = start.raw();
        let descriptors =
            Area::open(&store, raw.nx_xp_desc_blocks.get(), raw.nx_xp_desc_base.get(), "nx_xp_desc_base")?;
        let limit = store.limits().descriptor_bytes;
        let found = descriptors.blocks().saturating_mul(store.block_size().bytes());
        if found > limit {
            return Err(Error::limit("blocks of the checkpoint descriptor area", limit, found));
        }
        let data =
            Area::open(&store, raw.nx_xp_data_blocks.get(), raw.nx_xp_data_base.get(), "nx_xp_data_base");
        let (read, candidates, rejected) = (Vec::new(), Vec::new(), Vec::new());
        let mut ring =
            Ring { store, descriptors, data, checked_bytes: Cell::new(0), read, candidates, rejected };
        ring.collect(start);
        Ok(ring)
    }

    fn collect(&mut self, start: &Superblock) {
        let block_len = self.store.block_size().as_usize();
        for run in self.descriptors.runs().to_vec() {
            // One read for a whole run; block by block only where that fails, so that a cut image still opens.
            if let Ok(bytes) = to_usize(run.count).and_then(|count| self.store.blocks(run.start, count)) {
                self.read.push((run.start, bytes));
                continue;
            }
            for block in (0..run.count).filter_map(|index| run.start.checked_add(index)) {
                match self.store.blocks(block, 1) {
                    Ok(bytes) => self.read.push((block, bytes)),
                    Err(reason) => self.rejected.push(Rejected { xid: Xid(0), block, reason }),
                }
            }
        }
        let read = core::mem::take(&mut self.read);
        for (first, bytes) in &read {
            for (index, bytes) in bytes.chunks_exact(block_len).enumerate() {
                if let Some(block) = first.checked_add(len64(index)) {
                    self.consider(bytes, block, start);
                }
            }
        }
        self.read = read;
        // Newest first. A ring can hold one transaction twice: the later one, whose place the earlier one names
        // as the next, counts (seen with the Linux driver).
        self.candidates.sort_by_key(|candidate| core::cmp::Reverse(candidate.xid()));
        for index in 1..self.candidates.len() {
            if let Some([earlier, later]) = self.candidates.get_mut(index.saturating_sub(1)..=index) {
                let follows = later.raw().nx_xp_desc_index == earlier.raw().nx_xp_desc_next;
                if earlier.xid() == later.xid() && follows {
                    core::mem::swap(earlier, later);
                }
            }
        }
    }

    fn consider(&mut self, bytes: &[u8], block: Paddr, start: &Superblock) {
        let Some(header) = Header::parse(bytes) else { return };
        // A superblock whose magic alone is damaged must not go unnoticed: it may be the newest.
        let has_header =
            header.oid == Oid(1) && header.type_and_flags == OBJ_EPHEMERAL | OBJECT_TYPE_NX_SUPERBLOCK;
        if !Superblock::has_magic(bytes) && !has_header {
            return;
        }
        let parsed = Superblock::parse(bytes, block).and_then(|superblock| {
            self.store.checksum(bytes, superblock.place("o_cksum"))?;
            same_container(&superblock, start)?;
            Ok(superblock)
        });
        match parsed {
            Ok(superblock) => self.candidates.push(superblock),
            Err(reason) => {
                self.rejected.push(Rejected { xid: header.xid, block, reason });
            }
        }
    }

    /// The newest checkpoint that is whole, or the one of a wanted transaction; what was passed over is kept.
    pub(crate) fn choose(&mut self, wanted: Option<Xid>) -> Result<(Checkpoint, Omap)> {
        let candidates: Vec<Superblock> = match wanted {
            Some(xid) => self.candidates.iter().filter(|candidate| candidate.xid() == xid).cloned().collect(),
            None => self.candidates.clone(),
        };
        let mut readable: Option<(Superblock, Error, Omap)> = None;
        for superblock in candidates {
            let omap = match self.omap(&superblock) {
                Ok(omap) => omap,
                Err(reason) => {
                    self.reject(&superblock, reason);
                    continue;
                }
            };
            match self
                .mappings(&superblock)
                .and_then(|found| self.check_ephemeral(&superblock, &found).map(|()| found))
            {
                Ok(mappings) => {
                    // An older checkpoint serves: that is not to happen in silence.
                    if let Some((passed, reason, _)) = readable.take() {
                        self.reject(&passed, reason);
                    }
                    return Ok((Checkpoint { superblock, mappings, ephemeral_damage: None }, omap));
                }
                Err(reason) if readable.is_none() => readable = Some((superblock, reason, omap)),
                Err(reason) => self.reject(&superblock, reason),
            }
        }
        if let Some((superblock, reason, omap)) = readable {
            // No checkpoint is whole. Files need no ephemeral object: the newest readable state serves.
            let mappings = self.mappings(&superblock).unwrap_or_default();
            return Ok((Checkpoint { superblock, mappings, ephemeral_damage: Some(reason) }, omap));
        }
        match wanted {
            Some(xid) => match self.rejected.iter().position(|rejected| rejected.xid == xid) {
                Some(index) => Err(self.rejected.swap_remove(index).reason),
                None => Err(Error::not_found(alloc::format!("checkpoint of transaction {xid}"))),
            },
            None => match self.rejected.pop() {
                Some(last) => Err(last.reason),
                None => Err(Error::damage(Damage::Missing, Place::new("nx_superblock_t", ""))),
            },
        }
    }

    fn reject(&mut self, superblock: &Superblock, reason: Error) {
        self.rejected.push(Rejected { xid: superblock.xid(), block: superblock.block(), reason });
    }

    fn omap(&self, superblock: &Superblock) -> Result<Omap> {
        Omap::open(self.store.clone(), Oid(superblock.raw().nx_omap_oid.get()), superblock.xid())
    }

    /// The mappings of a checkpoint, from its map blocks.
    fn mappings(&self, superblock: &Superblock) -> Result<Vec<EphemeralMapping>> {
        let raw = superblock.raw();
        let (index, len) = (u64::from(raw.nx_xp_desc_index.get()), u64::from(raw.nx_xp_desc_len.get()));
        if len < 2 || len > self.descriptors.blocks() {
            return Err(Corrupt::new(Damage::Range, superblock.place("nx_xp_desc_len")).found(len).into());
        }
        let maps = len.saturating_sub(1);
        let mut mappings = Vec::new();
        for number in 0..maps {
            let block = self
                .descriptors
                .block(index.saturating_add(number))
                .ok_or_else(|| Error::damage(Damage::Range, superblock.place("nx_xp_desc_index")))?;
            let expect = Expect {
                structure: "checkpoint_map_phys_t",
                oid: Oid(block.0),
                xid: XidRule::Exactly(superblock.xid()),
                object_type: OBJECT_TYPE_CHECKPOINT_MAP,
                storage: OBJ_PHYSICAL,
                subtype: 0,
            };
            let bytes = self.descriptor_block(block)?;
            self.store.check_object(bytes, block, &expect)?;
            let (head, mut rest): (&CheckpointMapPhys, _) =
                pod_rest(bytes).ok_or_else(|| too_short(expect.structure, block))?;
            let last = head.cpm_flags.get() & CHECKPOINT_MAP_LAST != 0;
            if last != (number.saturating_add(1) == maps) {
                return Err(Error::damage(Damage::Contradiction, expect.place("cpm_flags", block)));
            }
            for _ in 0..head.cpm_count.get() {
                let (mapping, after): (&CheckpointMapping, _) = pod_rest(rest)
                    .ok_or_else(|| Error::damage(Damage::Bounds, expect.place("cpm_count", block)))?;
                mappings.push(self.mapping(mapping, &expect.place("cpm_map", block))?);
                rest = after;
            }
        }
        Ok(mappings)
    }

    /// A block of the descriptor ring, as it was read when the ring was.
    fn descriptor_block(&self, block: Paddr) -> Result<&[u8]> {
        let block_len = self.store.block_size().as_usize();
        let found = self.read.iter().find_map(|(first, bytes)| {
            let index = usize::try_from(block.0.checked_sub(first.0)?).ok()?;
            get(bytes, index.checked_mul(block_len)?, block_len)
        });
        let place = || Place::new("checkpoint_map_phys_t", "").block(block);
        found.ok_or_else(|| Error::damage(Damage::Missing, place()))
    }

    fn mapping(&self, raw: &CheckpointMapping, place: &Place) -> Result<EphemeralMapping> {
        let size = raw.cpm_size.get();
        let limit = self.store.limits().ephemeral_bytes;
        if size == 0 || !self.store.block_size().is_multiple(u64::from(size)) {
            let place = Place { field: "cpm_size", ..place.clone() };
            return Err(Corrupt::new(Damage::Range, place).found(size).into());
        }
        if size > limit {
            let (limit, found) = (u64::from(limit), u64::from(size));
            return Err(Error::limit("size of an ephemeral object", limit, found));
        }
        if raw.cpm_type.get() & OBJ_STORAGETYPE_MASK != OBJ_EPHEMERAL {
            let place = Place { field: "cpm_type", ..place.clone() };
            let found = alloc::format!("{:#x}", raw.cpm_type.get());
            return Err(Corrupt::new(Damage::ObjectType, place).found(found).into());
        }
        Ok(EphemeralMapping {
            oid: Oid(raw.cpm_oid.get()),
            type_and_flags: raw.cpm_type.get(),
            subtype: raw.cpm_subtype.get(),
            size,
            block: Paddr(raw.cpm_paddr.get()),
            fs_oid: Oid(raw.cpm_fs_oid.get()),
        })
    }

    /// Reads every ephemeral object of a checkpoint once, in as few reads as their places allow.
    fn check_ephemeral(&self, superblock: &Superblock, mappings: &[EphemeralMapping]) -> Result<()> {
        // Objects lie side by side in the data ring: together they are no larger than it.
        let total = mappings.iter().fold(0u64, |sum, mapping| sum.saturating_add(u64::from(mapping.size)));
        let ring = self.data.as_ref().map_or(0, Area::blocks).saturating_mul(self.store.block_size().bytes());
        if total > ring {
            let finding = Corrupt::new(Damage::Range, superblock.place("nx_xp_data_blocks"));
            return Err(finding.expected(alloc::format!("at least {total} bytes")).found(ring).into());
        }
        let limit = u64::from(self.store.limits().ephemeral_bytes);
        let read = self.checked_bytes.get().saturating_add(total);
        if total > limit || read > limit.saturating_mul(CHECKPOINTS_AT_THE_LIMIT) {
            return Err(Error::limit("size of ephemeral objects", limit, total));
        }
        self.checked_bytes.set(read);
        let mut group: Vec<&EphemeralMapping> = Vec::new();
        let mut group_bytes = 0usize;
        for mapping in mappings {
            let size = to_usize(u64::from(mapping.size))?;
            let follows = group.last().is_some_and(|last| {
                let blocks = self.store.block_size().blocks_for(u64::from(last.size));
                last.block.checked_add(blocks) == Some(mapping.block)
            });
            if !follows || group_bytes.saturating_add(size) > READ_BYTES {
                self.check_group(superblock, &group, group_bytes)?;
                group.clear();
                group_bytes = 0;
            }
            group.push(mapping);
            group_bytes = group_bytes.saturating_add(size);
        }
        self.check_group(superblock, &group, group_bytes)
    }

    fn check_group(&self, superblock: &Superblock, group: &[&EphemeralMapping], len: usize) -> Result<()> {
        let Some(first) = group.first() else { return Ok(()) };
        let bytes = self.ring_bytes(first.block, len)?;
        let mut at = 0usize;
        for mapping in group {
            let size = to_usize(u64::from(mapping.size))?;
            let object = get(&bytes, at, size).unwrap_or(&[]);
            self.store.check_object(object, mapping.block, &mapping.expect(superblock.xid()))?;
            at = at.saturating_add(size);
        }
        Ok(())
    }

    /// Bytes from a block of the data ring on, following the ring where it goes round or is scattered.
    fn ring_bytes(&self, first: Paddr, len: usize) -> Result<Vec<u8>> {
        let data = self.data.as_ref().map_err(|_| {
            Error::damage(Damage::Range, Place::new("nx_superblock_t", "nx_xp_data_base").block(first))
        })?;
        read_ring(&self.store, data, first, len)
    }

    /// Ephemeral objects of a chosen checkpoint, for reading later.
    pub(crate) fn into_ephemeral(self) -> Result<EphemeralObjects> {
        Ok(EphemeralObjects { store: self.store, data: self.data? })
    }
}

fn read_ring(store: &Store, data: &Area, first: Paddr, len: usize) -> Result<Vec<u8>> {
    let mut bytes = zeroed(len)?;
    let past =
        || Error::damage(Damage::PastEnd, Place::new("checkpoint_mapping_t", "cpm_paddr").block(first));
    let block_len = store.block_size().as_usize();
    let (mut left, mut start) = (bytes.as_mut_slice(), first);
    while !left.is_empty() {
        let (mut blocks, mut end) = (1usize, start);
        let wanted = left.len().div_ceil(block_len);
        let mut next = data.following(end).ok_or_else(past)?;
        while blocks < wanted && end.checked_add(1) == Some(next) {
            end = next;
            next = data.following(end).ok_or_else(past)?;
            blocks = blocks.saturating_add(1);
        }
        let here = blocks.saturating_mul(block_len).min(left.len());
        let (now, later) = left.split_at_mut(here);
        store.read(start, 0, now)?;
        left = later;
        start = next;
    }
    Ok(bytes)
}

/// A superblock of the ring belongs to the container that block 0 describes.
fn same_container(candidate: &Superblock, start: &Superblock) -> Result<()> {
    let (a, b) = (candidate.raw(), start.raw());
    let fields = [
        ("nx_block_size", a.nx_block_size == b.nx_block_size),
        ("nx_uuid", a.nx_uuid == b.nx_uuid),
        ("nx_xp_desc_blocks", a.nx_xp_desc_blocks == b.nx_xp_desc_blocks),
        ("nx_xp_desc_base", a.nx_xp_desc_base == b.nx_xp_desc_base),
    ];
    match fields.into_iter().find(|(_, same)| !same) {
        Some((field, _)) => Err(Error::damage(Damage::Contradiction, candidate.place(field))),
        None => Ok(()),
    }
}

impl EphemeralMapping {
    fn expect(&self, xid: Xid) -> Expect {
        Expect {
            structure: "ephemeral object",
            oid: self.oid,
            xid: XidRule::Exactly(xid),
            object_type: self.type_and_flags & OBJECT_TYPE_MASK,
            storage: OBJ_EPHEMERAL,
            subtype: self.subtype,
        }
    }
}

/// Reads ephemeral objects when they are asked for.
#[derive(Debug)]
pub(crate) struct EphemeralObjects {
    store: Arc<Store>,
    data: Area,
}

impl EphemeralObjects {
    /// The bytes of an ephemeral object, checked.
    pub(crate) fn read(&self, checkpoint: &Checkpoint, oid: Oid) -> Result<Vec<u8>> {
        let mapping = find(checkpoint, oid)?;
        let bytes = read_ring(&self.store, &self.data, mapping.block, to_usize(u64::from(mapping.size))?)?;
        let expect = mapping.expect(checkpoint.superblock.xid());
        self.store.check_object(&bytes, mapping.block, &expect)?;
        Ok(bytes)
    }
}

fn find(checkpoint: &Checkpoint, oid: Oid) -> Result<&EphemeralMapping> {
    checkpoint.mappings.iter().find(|mapping| mapping.oid == oid).ok_or_else(|| {
        let place = Place::new("checkpoint_mapping_t", "cpm_oid").oid(oid).xid(checkpoint.superblock.xid());
        Error::damage(Damage::Missing, place)
    })
}

/// References through the checkpoint maps.
#[derive(Debug)]
pub(crate) struct Ephemeral(pub(crate) Arc<Checkpoint>);

impl Resolve for Ephemeral {
    fn locate(&self, oid: Oid) -> Result<Location<'_>> {
        let mapping = find(&self.0, oid)?;
        Ok(Location {
            block: mapping.block,
            xid: XidRule::Exactly(self.0.superblock.xid()),
            headerless: false,
            key: None,
        })
    }
}

/// Finds a superblock to start from: block 0, or the newest sound one in the first blocks if that is damaged.
pub(crate) fn first_superblock(
    read: &dyn Fn(u64, &mut [u8]) -> Result<()>,
    device_len: u64,
    verify: &dyn Fn(&[u8], &Superblock) -> Result<()>,
) -> Result<(Superblock, Option<Rejected>)> {
    let at_start = superblock_at(read, 0, 4096, verify);
    let reason = match at_start {
        Ok(superblock) => return Ok((superblock, None)),
        Err(reason) => reason,
    };
    let mut best: Option<Superblock> = None;
    let end = device_len.min(SEARCH_BYTES);
    let mut chunk = zeroed(to_usize(end)?)?;
    if read(0, &mut chunk).is_err() {
        return Err(reason);
    }
    for (index, bytes) in chunk.chunks_exact(4096).enumerate() {
        if !Superblock::has_magic(bytes) {
            continue;
        }
        let offset = len64(index).saturating_mul(4096);
        if let Ok(found) = superblock_at(read, offset, 4096, verify)
            && found.is_in_its_ring()
            && best.as_ref().is_none_or(|best| best.xid() < found.xid())
        {
            best = Some(found);
        }
    }
    match best {
        Some(found) => Ok((found, Some(Rejected { xid: Xid(0), block: Paddr(0), reason }))),
        None => Err(reason),
    }
}

/// Bytes at the start of a container that are searched for superblocks when block 0 is damaged.
const SEARCH_BYTES: u64 = 16 << 20;

fn superblock_at(
    read: &dyn Fn(u64, &mut [u8]) -> Result<()>,
    offset: u64,
    first_len: usize,
    verify: &dyn Fn(&[u8], &Superblock) -> Result<()>,
) -> Result<Superblock> {
    let mut bytes = zeroed(first_len)?;
    read(offset, &mut bytes)?;
    let block = |size: u64| Paddr(offset.checked_div(size).unwrap_or(0));
    let superblock = Superblock::parse(&bytes, block(4096))?;
    let block_size = superblock.block_size();
    if block_size.as_usize() > first_len {
        bytes = zeroed(block_size.as_usize())?;
        read(offset, &mut bytes)?;
    }
    let superblock = Superblock::parse(&bytes, block(block_size.bytes()))?;
    verify(&bytes, &superblock)?;
    Ok(superblock)
}
