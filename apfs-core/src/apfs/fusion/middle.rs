//! The middle tree: blocks of tier 2 that have a copy on the main device (sheet apfs-09, section 4).

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::super::btree::{Cursor, Physical, Tree};
use super::super::moved::{Layers, Target};
use super::super::raw::fusion::{FusionMt, FusionMtVal};
use super::super::store::Store;
use super::super::tiers::{Device, tier2_flag};
use super::super::tree_kind::FUSION_MIDDLE;
use super::facts::Findings;
use crate::base::bytes::{len64, pod, u64_at};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::flaw::Flaw;
use crate::base::ids::{BlockRange, Oid, Paddr, Xid};

const STRUCTURE: &str = "fusion_mt_val_t";

/// What the middle tree holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MiddleTree {
    /// Entries.
    pub entries: u64,
    /// Blocks whose copy on the main device is newer.
    pub dirty_blocks: u64,
    /// Blocks whose copy on the main device is equal.
    pub clean_blocks: u64,
}

/// What one entry says.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Blocks of tier 2, by their numbers there.
    start: u64,
    end: u64,
    /// `None`: damaged, and of no use.
    target: Option<Target>,
    /// The copies are equal, so that tier 2 is right whatever else is wrong.
    clean: bool,
}

/// Reads the whole tree. What is wrong in it is a finding, and what that covers is unclear.
pub(super) fn load(
    store: &Arc<Store>,
    root: Oid,
    newest: Xid,
    layers: &mut Layers,
    findings: &mut Findings,
) -> Result<MiddleTree> {
    let mut found = MiddleTree::default();
    if root.0 == 0 {
        return Ok(found);
    }
    let unread = Target::Unclear(Flaw::new(Damage::Missing, "Fusion middle tree", ""));
    let tree = match Tree::open(store.clone(), &FUSION_MIDDLE, Arc::new(Physical { newest }), root) {
        Ok(tree) => tree,
        Err(error) => {
            findings.add(error);
            layers.put(0, u64::MAX, unread);
            return Ok(found);
        }
    };
    let mut cursor = Cursor::new();
    let mut moved = cursor.seek(&tree, &[]);
    // Entries that overlap one another, and where the last one that was read ends.
    let mut cluster: Vec<Entry> = Vec::new();
    let (mut behind, mut lost, mut damaged) = (0u64, false, false);
    loop {
        if let Err(error) = moved {
            (lost, damaged) = (true, true);
            findings.add(error);
        } else {
            let Some(record) = cursor.record() else { break };
            found.entries = found.entries.saturating_add(1);
            let limit = store.limits().fusion_entries;
            if found.entries > len64(limit) || layers.len() > limit {
                return Err(Error::limit("entries of the Fusion middle tree", len64(limit), found.entries));
            }
            let place = Place { structure: STRUCTURE, ..record.place("", "") };
            if let Some(entry) = entry(store, record.key(), record.value(), &place, findings) {
                if lost {
                    layers.put(behind, entry.start, unread);
                    lost = false;
                }
                if entry.start < behind {
                    let at = Place { field: "fmv_length", ..place }.block(address(store, entry.start));
                    let blocks = behind.min(entry.end).saturating_sub(entry.start);
                    findings.corrupt(Corrupt::new(Damage::Overlap, at).found(blocks));
                } else {
                    settle(&mut cluster, layers, &mut found);
                }
                behind = behind.max(entry.end);
                cluster.push(entry);
            }
        }
        moved = cursor.advance(&tree);
    }
    settle(&mut cluster, layers, &mut found);
    if lost {
        layers.put(behind, u64::MAX, unread);
    }
    // Entries that are lost without a trace may be of any block.
    let counted = tree.info().map_or(0, |info| info.bt_key_count.get());
    if !damaged && counted != found.entries {
        let place = Place::new("btree_info_t", "bt_key_count").block(Paddr(root.0)).oid(root);
        findings.corrupt(Corrupt::new(Damage::Contradiction, place).expected(found.entries).found(counted));
        layers.fill(unread);
    }
    Ok(found)
}

fn address(store: &Store, block: u64) -> Paddr {
    Paddr(block | tier2_flag(store.block_size()))
}

/// Checks an entry; `None` if it covers nothing on tier 2.
fn entry(store: &Store, key: &[u8], value: &[u8], place: &Place, findings: &mut Findings) -> Option<Entry> {
    let (Some(key), Some(raw)) = (u64_at(key, 0), pod::<FusionMtVal>(value)) else {
        findings.corrupt(Corrupt::new(Damage::Bounds, place.clone()));
        return None;
    };
    let (lba, length) = (Paddr(raw.fmv_lba.get()), u64::from(raw.fmv_length.get()));
    let at = |field| Place { field, ..place.clone() }.block(Paddr(key));
    let (device, start) = store.tiers().locate(Paddr(key));
    if device != Device::Tier2 {
        let at = Place { structure: "fusion_mt_key_t", ..at("fmk_paddr") };
        findings.corrupt(Corrupt::new(Damage::Range, at).expected("an address on tier 2").found(key));
        return None;
    }
    let mut sound = true;
    if length == 0 {
        // Its first block at least it is about.
        sound = false;
        findings.corrupt(Corrupt::new(Damage::Range, at("fmv_length")).found(0));
    } else if !store.holds(BlockRange { start: Paddr(key), count: length }) {
        sound = false;
        findings.corrupt(Corrupt::new(Damage::PastEnd, at("fmv_length")).found(length));
    }
    if store.tiers().locate(lba).0 != Device::Main || !store.holds(BlockRange { start: lba, count: length }) {
        sound = false;
        findings.corrupt(Corrupt::new(Damage::PastEnd, at("fmv_lba")).found(lba));
    }
    let flags = FusionMt::from_bits_retain(raw.fmv_flags.get());
    let clean = flags == FusionMt::TENANT;
    let target = match flags {
        FusionMt::DIRTY if sound => Some(Target::Newer(lba)),
        FusionMt::TENANT if sound => Some(Target::Equal(lba)),
        FusionMt::DIRTY | FusionMt::TENANT => None,
        _ => {
            let finding = Corrupt::new(Damage::Range, at("fmv_flags")).expected("1 or 2");
            findings.corrupt(finding.found(flags.bits()));
            None
        }
    };
    Some(Entry { start: start.0, end: start.0.saturating_add(length.max(1)), target, clean })
}

/// Takes in entries that overlap one another, mostly just one. Of several, none says more than that tier 2 is right if
/// all of them are clean.
fn settle(cluster: &mut Vec<Entry>, layers: &mut Layers, found: &mut MiddleTree) {
    let start = cluster.first().map_or(0, |entry| entry.start);
    let end = cluster.iter().map(|entry| entry.end).max().unwrap_or(0);
    let flaw = if cluster.len() > 1 { Damage::Overlap } else { Damage::Contradiction };
    let unclear = Target::Unclear(Flaw::new(flaw, STRUCTURE, ""));
    match cluster.as_slice() {
        [Entry { target: Some(target), .. }] => {
            let blocks = match target {
                Target::Newer(_) => &mut found.dirty_blocks,
                _ => &mut found.clean_blocks,
            };
            *blocks = blocks.saturating_add(end.saturating_sub(start));
            layers.put(start, end, *target);
        }
        entries if entries.iter().all(|entry| entry.clean) => {}
        _ => layers.put(start, end, unclear),
    }
    cluster.clear();
}
