//! The checkpoint: what was passed over, its place in the rings, and its ephemeral objects (sheet apfs-01).

use alloc::collections::BTreeSet;

use super::context::Context;
use super::rules::{
    CHECKPOINT_PASSED, EPHEMERAL_OBJECT, EPHEMERAL_PLACE, EPHEMERAL_UNUSED, EPHEMERAL_VOLUME, MAPPING,
    NEXT_OID, RESERVED_OID, RING_INDEX, SAME_OID,
};
use crate::apfs::raw::container::NX_XP_FRAGMENTED;
use crate::apfs::raw::object::OBJECT_TYPE_MASK;
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::ids::Oid;

/// First id that is not reserved.
const OID_RESERVED_COUNT: u64 = 1024;
/// Types of ephemeral objects: trees, space manager, reaper and its lists, write-back cache and its lists.
const EPHEMERAL_TYPES: [u32; 7] = [2, 3, 5, 0x11, 0x12, 0x16, 0x17];

/// What the reader passed over to come to the checkpoint, and the checkpoint itself.
pub(super) fn check(check: &mut Context<'_>) -> Result<()> {
    let container = check.container;
    let newest = container.xid();
    for rejected in container.rejected() {
        // What is older than the checkpoint in use may have been overwritten since.
        if rejected.xid.0 != 0 && rejected.xid <= newest || rejected.block.0 == 0 {
            continue;
        }
        let corrupt = match &rejected.reason {
            Error::Corrupt(corrupt) => (**corrupt).clone(),
            other => Corrupt::new(Damage::Missing, Place::new("nx_superblock_t", "").block(rejected.block))
                .found(other),
        };
        let remark = alloc::format!("checkpoint {} was passed over", rejected.xid);
        check.report.remark(&CHECKPOINT_PASSED, corrupt, remark);
    }
    if let Some(Error::Corrupt(damage)) = container.checkpoint().ephemeral_damage() {
        let damage = (**damage).clone();
        check.broken(&EPHEMERAL_OBJECT, damage);
    }
    rings(check);
    mappings(check);
    Ok(())
}

/// Places in the rings.
fn rings(check: &mut Context<'_>) {
    let superblock = check.container.superblock();
    let raw = superblock.raw();
    let place = |field| superblock.place(field);
    let rings = [
        (
            "nx_xp_desc_next",
            raw.nx_xp_desc_blocks.get(),
            raw.nx_xp_desc_index.get(),
            raw.nx_xp_desc_len.get(),
            raw.nx_xp_desc_next.get(),
        ),
        (
            "nx_xp_data_next",
            raw.nx_xp_data_blocks.get(),
            raw.nx_xp_data_index.get(),
            raw.nx_xp_data_len.get(),
            raw.nx_xp_data_next.get(),
        ),
    ];
    for (field, blocks, index, len, next) in rings {
        let blocks = u64::from(blocks & !NX_XP_FRAGMENTED);
        let end = u64::from(index).saturating_add(len.into()).checked_rem(blocks);
        if end != Some(next.into()) || u64::from(index) >= blocks || u64::from(len) > blocks {
            let expected = end.map_or_else(Default::default, |end| alloc::format!("{end}"));
            check.differs(&RING_INDEX, place(field), expected, next);
        }
    }
    let mappings = check.container.checkpoint().mappings();
    let block_size = check.container.block_size();
    let total =
        mappings.iter().fold(0u64, |sum, one| sum.saturating_add(block_size.blocks_for(one.size.into())));
    if check.container.checkpoint().ephemeral_damage().is_none() {
        check.equal(&RING_INDEX, place("nx_xp_data_len"), total, raw.nx_xp_data_len.get().into());
    }
    let at = u64::from(raw.nx_xp_desc_index.get())
        .saturating_add(raw.nx_xp_desc_len.get().into())
        .saturating_sub(1);
    let area = u64::from(raw.nx_xp_desc_blocks.get());
    if raw.nx_xp_desc_blocks.get() & NX_XP_FRAGMENTED == 0 {
        let expected = at.checked_rem(area).map_or(0, |at| at.saturating_add(raw.nx_xp_desc_base.get()));
        check.equal(&RING_INDEX, place("nx_xp_desc_index"), expected, superblock.block().0);
    }
}

/// Mappings of ephemeral objects, one by one.
fn mappings(check: &mut Context<'_>) {
    let container = check.container;
    let superblock = container.superblock();
    let raw = superblock.raw();
    let block_size = container.block_size();
    let area = crate::apfs::area::Area::open(
        container.store(),
        raw.nx_xp_data_blocks.get(),
        raw.nx_xp_data_base.get(),
        "nx_xp_data_base",
    );
    let mut expected = area.as_ref().ok().and_then(|area| area.block(raw.nx_xp_data_index.get().into()));
    let mut oids = BTreeSet::new();
    for mapping in container.checkpoint().mappings() {
        let place = |field| {
            Place::new("checkpoint_mapping_t", field)
                .block(mapping.block)
                .oid(mapping.oid)
                .xid(superblock.xid())
        };
        if !EPHEMERAL_TYPES.contains(&(mapping.type_and_flags & OBJECT_TYPE_MASK)) {
            check.range(&MAPPING, place("cpm_type"), alloc::format!("{:#x}", mapping.type_and_flags));
        }
        if mapping.oid.0 < OID_RESERVED_COUNT {
            check.range(&RESERVED_OID, place("cpm_oid"), mapping.oid);
        }
        if mapping.oid.0 >= raw.nx_next_oid.get() {
            check.differs(
                &NEXT_OID,
                place("cpm_oid"),
                alloc::format!("below {:#x}", raw.nx_next_oid.get()),
                mapping.oid,
            );
        }
        if !oids.insert(mapping.oid) {
            check.range(&SAME_OID, place("cpm_oid"), mapping.oid);
        }
        let is_volume = raw.nx_fs_oid.iter().any(|oid| oid.get() == mapping.fs_oid.0);
        if mapping.fs_oid.0 != 0 && !is_volume {
            check.range(&EPHEMERAL_VOLUME, place("cpm_fs_oid"), mapping.fs_oid);
        }
        if let (Ok(area), Some(at)) = (&area, expected) {
            if at != mapping.block {
                check.differs(&EPHEMERAL_PLACE, place("cpm_paddr"), at, mapping.block);
            }
            let mut next = Some(mapping.block);
            for _ in 0..block_size.blocks_for(mapping.size.into()) {
                next = next.and_then(|block| area.following(block));
            }
            expected = next;
        }
    }
}

/// Ephemeral objects that nothing refers to.
pub(super) fn unused(check: &mut Context<'_>, used: &[Oid]) {
    let used: BTreeSet<Oid> = used.iter().copied().collect();
    for mapping in check.container.checkpoint().mappings() {
        if !used.contains(&mapping.oid) {
            let place = Place::new("checkpoint_mapping_t", "cpm_oid").block(mapping.block).oid(mapping.oid);
            check.broken(&EPHEMERAL_UNUSED, Corrupt::new(Damage::Missing, place));
        }
    }
}
