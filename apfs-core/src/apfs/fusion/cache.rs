//! The write-back cache: recently written data whose place is on tier 2 (sheet apfs-09, section 5).
//!
//! The sheet names the fields and leaves open how lists are chained and what offsets count. This is the reading that
//! can be verified: the lists of a checkpoint are its ephemeral objects of that type, as many as the cache says, in the
//! order of their tail offsets, from the list that is the head to the one that is the tail; entries lie in the log end
//! to end, so that each list begins where the one before it ends. Offsets count blocks or bytes: whichever makes all that
//! come out. An entry counts as far as it lies between the stable head and tail, a later one over an earlier one. Where
//! it does not come out, nobody can say which entries count, and what they cover is unclear.

use alloc::vec::Vec;

use super::super::checkpoint::Checkpoint;
use super::super::moved::{Layers, Target};
use super::super::object::too_short;
use super::super::raw::fusion::{FusionWbcListEntry, FusionWbcListPhys, FusionWbcPhys};
use super::super::raw::object::{
    OBJECT_TYPE_MASK, OBJECT_TYPE_NX_FUSION_WBC, OBJECT_TYPE_NX_FUSION_WBC_LIST,
};
use super::super::store::Store;
use super::super::tiers::Device;
use super::facts::Findings;
use crate::base::bytes::{get, len64, pod, pod_rest, to_usize};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::flaw::Flaw;
use crate::base::ids::{BlockRange, Oid, Paddr, Xid};

const CACHE: &str = "fusion_wbc_phys_t";
const LIST: &str = "fusion_wbc_list_phys_t";
const ENTRY: &str = "fusion_wbc_list_entry_t";

/// What the write-back cache holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WriteBack {
    /// True if the container has one.
    pub present: bool,
    /// Lists.
    pub lists: u64,
    /// Entries in use of all lists.
    pub entries: u64,
    /// Blocks of tier 2 for which entries between the stable head and tail count.
    pub blocks: u64,
}

/// A list, read.
struct List {
    oid: Oid,
    tail: u64,
    entries: Vec<Entry>,
}

/// An entry; `None` in place of a target that is none on tier 2.
#[derive(Clone, Copy)]
struct Entry {
    copy: Paddr,
    target: Option<u64>,
    length: u64,
    /// True if the copy lies on the main device.
    sound: bool,
}

/// The part of an entry that counts: which one, and from which of its blocks on how many.
type Part = (Entry, u64, u64);

/// Reads the cache. What is wrong in it is a finding, and what that covers is unclear.
pub(super) fn load(
    store: &Store,
    oid: Oid,
    checkpoint: &Checkpoint,
    read: &dyn Fn(Oid) -> Result<Vec<u8>>,
    layers: &mut Layers,
    findings: &mut Findings,
) -> Result<WriteBack> {
    let mut found = WriteBack { present: oid.0 != 0, ..WriteBack::default() };
    if !found.present {
        return Ok(found);
    }
    let everything = Target::Unclear(Flaw::new(Damage::Missing, CACHE, ""));
    let (raw, lists) = match header(oid, read)
        .and_then(|raw| lists(store, &raw, checkpoint, read, findings).map(|lists| (raw, lists)))
    {
        Ok(read) => read,
        Err(error @ Error::Limit(_)) => return Err(error),
        Err(error) => {
            findings.add(error);
            layers.put(0, u64::MAX, everything);
            return Ok(found);
        }
    };
    found.lists = len64(lists.len());
    found.entries = lists.iter().fold(0, |sum, list| sum.saturating_add(len64(list.entries.len())));
    let (head, tail) = (raw.fwp_stable_head_offset.get(), raw.fwp_stable_tail_offset.get());
    if head == tail {
        return Ok(found);
    }
    let Some(parts) = stable(store, &raw, &lists) else {
        let place = Place::new(CACHE, "fwp_stableHeadOffset").oid(oid).xid(checkpoint.superblock().xid());
        let found_offsets = alloc::format!("{head} to {tail}");
        findings.corrupt(Corrupt::new(Damage::Contradiction, place).found(found_offsets));
        if lists.is_empty() {
            layers.put(0, u64::MAX, everything);
        }
        let unclear = Target::Unclear(Flaw::new(Damage::Contradiction, CACHE, "fwp_stableHeadOffset"));
        for entry in lists.iter().flat_map(|list| &list.entries) {
            if let Some(target) = entry.target {
                layers.put(target, target.saturating_add(entry.length), unclear);
            }
        }
        return Ok(found);
    };
    for (entry, from, count) in parts {
        let Some(target) = entry.target else { continue };
        let start = target.saturating_add(from);
        let to = match entry.sound {
            true => Target::Newer(Paddr(entry.copy.0.saturating_add(from))),
            false => Target::Unclear(Flaw::new(Damage::PastEnd, ENTRY, "fwle_wbcLba")),
        };
        found.blocks = found.blocks.saturating_add(count);
        layers.put(start, start.saturating_add(count), to);
    }
    Ok(found)
}

fn header(oid: Oid, read: &dyn Fn(Oid) -> Result<Vec<u8>>) -> Result<FusionWbcPhys> {
    let bytes = read(oid)?;
    let raw: FusionWbcPhys = *pod(&bytes).ok_or_else(|| too_short(CACHE, Paddr(0)))?;
    if raw.fwp_obj_hdr.o_type.get() & OBJECT_TYPE_MASK != OBJECT_TYPE_NX_FUSION_WBC {
        return Err(Error::damage(Damage::ObjectType, Place::new(CACHE, "o_type").oid(oid)));
    }
    Ok(raw)
}

/// All lists, in the order of the log.
fn lists(
    store: &Store,
    raw: &FusionWbcPhys,
    checkpoint: &Checkpoint,
    read: &dyn Fn(Oid) -> Result<Vec<u8>>,
    findings: &mut Findings,
) -> Result<Vec<List>> {
    let is_list = |kind: u32| kind & OBJECT_TYPE_MASK == OBJECT_TYPE_NX_FUSION_WBC_LIST;
    let mappings = checkpoint.mappings().iter().filter(|mapping| is_list(mapping.type_and_flags));
    let blocks = mappings.clone().fold(0u64, |sum, mapping| {
        sum.saturating_add(store.block_size().blocks_for(u64::from(mapping.size)))
    });
    let stored = u64::from(raw.fwp_list_blocks_count.get());
    if blocks != stored {
        let place = Place::new(CACHE, "fwp_listBlocksCount").oid(Oid(raw.fwp_obj_hdr.o_oid.get()));
        return Err(Corrupt::new(Damage::Contradiction, place).expected(blocks).found(stored).into());
    }
    let (mut lists, mut entries) = (Vec::new(), 0usize);
    for mapping in mappings {
        let list = list(store, mapping.oid, &read(mapping.oid)?, findings)?;
        entries = entries.saturating_add(list.entries.len());
        let limit = store.limits().fusion_entries;
        if entries > limit {
            return Err(Error::limit("entries of the Fusion write-back cache", len64(limit), len64(entries)));
        }
        lists.push(list);
    }
    lists.sort_by_key(|list| list.tail);
    Ok(lists)
}

fn list(store: &Store, oid: Oid, bytes: &[u8], findings: &mut Findings) -> Result<List> {
    let (raw, rest): (&FusionWbcListPhys, _) = pod_rest(bytes).ok_or_else(|| too_short(LIST, Paddr(0)))?;
    let place =
        |structure, field| Place::new(structure, field).oid(oid).xid(Xid(raw.fwlp_obj_hdr.o_xid.get()));
    let [begin, end, max] = [raw.fwlp_index_begin, raw.fwlp_index_end, raw.fwlp_index_max].map(|it| it.get());
    let len = size_of::<FusionWbcListEntry>();
    let at = |index: u32| to_usize(u64::from(index)).map(|index| index.saturating_mul(len));
    if begin > end || end > max || at(max)? > rest.len() {
        let found = alloc::format!("{begin} to {end} of {max}");
        return Err(Corrupt::new(Damage::Bounds, place(LIST, "fwlp_indexEnd")).found(found).into());
    }
    let used = get(rest, at(begin)?, at(end)?.saturating_sub(at(begin)?)).unwrap_or(&[]);
    let mut entries = Vec::new();
    for raw in used.chunks_exact(len).filter_map(pod::<FusionWbcListEntry>) {
        let (copy, to, length) =
            (Paddr(raw.fwle_wbc_lba.get()), Paddr(raw.fwle_target_lba.get()), raw.fwle_length.get());
        let (device, target) = store.tiers().locate(to);
        let is_target = device == Device::Tier2 && store.holds(BlockRange { start: to, count: length });
        if length == 0 || !is_target {
            let damage = if length == 0 { Damage::Range } else { Damage::PastEnd };
            let finding = Corrupt::new(damage, place(ENTRY, "fwle_targetLba").block(to));
            findings
                .corrupt(finding.expected("an address on tier 2").found(alloc::format!("{length} blocks")));
        }
        let sound = store.tiers().locate(copy).0 == Device::Main
            && store.holds(BlockRange { start: copy, count: length });
        if !sound {
            let finding = Corrupt::new(Damage::PastEnd, place(ENTRY, "fwle_wbcLba").block(to));
            findings.corrupt(finding.found(copy));
        }
        let target = (device == Device::Tier2).then_some(target.0);
        entries.push(Entry { copy, target, length, sound: sound && is_target });
    }
    Ok(List { oid, tail: raw.fwlp_tail_offset.get(), entries })
}

/// The parts of entries that count, in order; `None` if that can't be said.
fn stable(store: &Store, raw: &FusionWbcPhys, lists: &[List]) -> Option<Vec<Part>> {
    let ends = [lists.first()?.oid, lists.last()?.oid];
    if ends != [Oid(raw.fwp_list_head_oid.get()), Oid(raw.fwp_list_tail_oid.get())] {
        return None;
    }
    let (head, tail) = (raw.fwp_stable_head_offset.get(), raw.fwp_stable_tail_offset.get());
    let by_block = counted(lists, head, tail, 1);
    let by_byte = counted(lists, head, tail, store.block_size().bytes());
    let keys = |parts: &[Part]| -> Vec<(u64, u64, u64)> {
        parts.iter().map(|(entry, from, count)| (entry.copy.0, *from, *count)).collect()
    };
    match (by_block, by_byte) {
        (Some(parts), None) | (None, Some(parts)) => Some(parts),
        (Some(one), Some(other)) if keys(&one) == keys(&other) => Some(one),
        _ => None,
    }
}

/// The parts of entries between two offsets, if these count units of which a block has `per_block`.
fn counted(lists: &[List], head: u64, tail: u64, per_block: u64) -> Option<Vec<Part>> {
    let mut at: Option<u64> = None;
    let mut parts = Vec::new();
    for list in lists {
        let blocks = list.entries.iter().try_fold(0u64, |sum, entry| sum.checked_add(entry.length))?;
        let begin = list.tail.checked_sub(blocks.checked_mul(per_block)?)?;
        // The first begins at the head or before it, each other one where the one before it ends.
        if at.map_or(begin > head, |at| begin != at) {
            return None;
        }
        let mut here = begin;
        for entry in &list.entries {
            let end = here.checked_add(entry.length.checked_mul(per_block)?)?;
            let (from, to) = (here.max(head), end.min(tail));
            if from < to {
                let (skipped, len) = (from.checked_sub(here)?, to.checked_sub(from)?);
                if skipped.checked_rem(per_block)? != 0 || len.checked_rem(per_block)? != 0 {
                    return None;
                }
                parts.push((*entry, skipped.checked_div(per_block)?, len.checked_div(per_block)?));
            }
            here = end;
        }
        at = Some(list.tail);
    }
    (head <= tail && tail <= at?).then_some(parts)
}
