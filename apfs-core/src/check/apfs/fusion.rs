//! What a Fusion container has more: two devices, the middle tree, the write-back cache (sheet apfs-09).

use alloc::vec::Vec;

use super::super::rule::Rule;
use super::claims::{Claims, Owner};
use super::context::Context;
use super::rules::{
    CACHE_ENTRY, CACHE_MISSING, CACHE_OFFSETS, FUSION_CACHE, FUSION_IDS, FUSION_MEMBER, FUSION_SIZE,
    FUSION_TREE, MIDDLE_ENTRY, MIDDLE_OVERLAP,
};
use super::trees;
use crate::apfs::Fusion;
use crate::apfs::raw::fusion::FusionMtVal;
use crate::apfs::raw::object::{OBJECT_TYPE_MASK, OBJECT_TYPE_NX_FUSION_WBC_LIST};
use crate::apfs::space::Device;
use crate::apfs::tiers::tier2_flag;
use crate::apfs::tree_kind::FUSION_MIDDLE;
use crate::base::bytes::{len64, pod};
use crate::base::damage::{Corrupt, Damage};
use crate::base::error::{Error, Result};
use crate::base::ids::{BlockRange, Oid, Paddr};

/// Compares what both devices and the structures for them say, and claims their blocks.
pub(super) fn check(check: &mut Context<'_>, claims: &mut Claims, ephemeral: &mut Vec<Oid>) -> Result<()> {
    let container = check.container;
    let raw = container.superblock().raw();
    let cache = Oid(raw.nx_fusion_wbc_oid.get());
    if cache.0 != 0 {
        ephemeral.push(cache);
        let is_list = |kind: u32| kind & OBJECT_TYPE_MASK == OBJECT_TYPE_NX_FUSION_WBC_LIST;
        let mappings = container.checkpoint().mappings().iter();
        ephemeral
            .extend(mappings.filter(|mapping| is_list(mapping.type_and_flags)).map(|mapping| mapping.oid));
    }
    let Some(fusion) = container.fusion() else { return Ok(()) };
    let place = |field| container.superblock().place(field);
    if cache.0 == 0 {
        check.broken(&CACHE_MISSING, Corrupt::new(Damage::Missing, place("nx_fusion_wbc_oid")));
    }
    ids(check, fusion);
    sizes(check, fusion);
    for finding in &fusion.findings {
        match finding {
            // What other parts of the check tell is left to them.
            Error::Corrupt(corrupt) => {
                if let Some(rule) = rule_of(corrupt) {
                    check.broken(rule, (**corrupt).clone());
                }
            }
            other => check.report.unchecked("Fusion pair", other),
        }
    }
    if fusion.finding_count > len64(fusion.findings.len()) {
        let more = fusion.finding_count.saturating_sub(len64(fusion.findings.len()));
        check.report.unchecked("Fusion pair", alloc::format!("{more} more findings are not kept"));
    }
    claims.block(Paddr(tier2_flag(container.block_size())), Owner::Container("block 0 of tier 2"))?;
    let range = BlockRange {
        start: Paddr(raw.nx_fusion_wbc.pr_start_paddr.get()),
        count: raw.nx_fusion_wbc.pr_block_count.get(),
    };
    if range.count != 0 && container.store().holds(range) {
        claims.add(range, Owner::Container("write-back cache"))?;
    }
    check.report.checked("entries of the write-back cache", fusion.write_back.entries);
    let root = Oid(raw.nx_fusion_mt_oid.get());
    if root.0 == 0 { Ok(()) } else { middle_tree(check, claims, root) }
}

/// Claims the nodes of the middle tree, and the copies that it leads to.
fn middle_tree(check: &mut Context<'_>, claims: &mut Claims, root: Oid) -> Result<()> {
    let container = check.container;
    let tree = match container.tree(&FUSION_MIDDLE, root) {
        Ok(tree) => tree,
        Err(error) => {
            claims.complete = false;
            return check.error_as(&FUSION_TREE, "middle tree", error);
        }
    };
    let mut complete = true;
    let seen = trees::walk(check, &tree, &mut |_, node| {
        claims.block(node.block(), Owner::Container("middle tree"))?;
        for index in 0..if node.level() == 0 { node.count() } else { 0 } {
            let Some(raw) = node.value(index).and_then(pod::<FusionMtVal>) else { continue };
            let start = Paddr(raw.fmv_lba.get());
            let run = BlockRange { start, count: raw.fmv_length.get().into() };
            match container.store().tiers().locate(start).0 == Device::Main && container.store().holds(run) {
                true => claims.add(run, Owner::Container("copies of tier 2"))?,
                false => complete = false,
            }
        }
        Ok(())
    })?;
    check.report.checked("entries of the middle tree", seen.keys);
    claims.complete &= seen.complete && complete;
    Ok(())
}

/// The bit that tells the devices apart.
fn ids(check: &mut Context<'_>, fusion: &Fusion) {
    let place = |check: &Context<'_>| check.container.superblock().place("nx_fusion_uuid");
    for (id, expected) in [(fusion.main_uuid, 0), (fusion.tier2_uuid, 1)] {
        let [.., last] = id.0;
        let place = place(check);
        check.equal(&FUSION_IDS, place, expected, u64::from(last & 1));
    }
}

/// The devices against the space manager.
fn sizes(check: &mut Context<'_>, fusion: &Fusion) {
    if !fusion.sizes_known {
        return;
    }
    let size = check.container.block_size().bytes();
    let devices = [(Some(fusion.main_len), fusion.main_blocks), (fusion.tier2_len, fusion.tier2_blocks)];
    for (len, blocks) in devices {
        let bytes = blocks.saturating_mul(size);
        if let Some(len) = len.filter(|len| *len < bytes) {
            let place = crate::base::damage::Place::new("spaceman_phys_t", "sm_block_count");
            check.broken(&FUSION_SIZE, Corrupt::new(Damage::PastEnd, place).expected(bytes).found(len));
        }
    }
}

/// The rule that a finding of the reader breaks; `None` for what other parts of the check tell.
fn rule_of(corrupt: &Corrupt) -> Option<&'static Rule> {
    let place = &corrupt.place;
    Some(match (place.structure, corrupt.damage) {
        ("fusion_mt_val_t", Damage::Overlap) => &MIDDLE_OVERLAP,
        ("fusion_mt_val_t" | "fusion_mt_key_t", _) => &MIDDLE_ENTRY,
        ("fusion_wbc_list_entry_t", _) => &CACHE_ENTRY,
        ("fusion_wbc_phys_t", Damage::Contradiction) if place.field.starts_with("fwp_stable") => {
            &CACHE_OFFSETS
        }
        ("fusion_wbc_phys_t" | "fusion_wbc_list_phys_t" | "checkpoint_mapping_t" | "ephemeral object", _) => {
            &FUSION_CACHE
        }
        ("nx_superblock_t", Damage::Missing) if place.field == "nx_fusion_uuid" => &FUSION_MEMBER,
        _ => return None,
    })
}
