//! The header node of a tree and its map of nodes, against the nodes that were reached (sheet hfsplus, sections 3.2, 3.3).

use alloc::vec::Vec;

use super::place::{header_place, node_place, of_error};
use super::rules;
use super::walk::Walked;
use crate::base::bytes::{be16_at, get, len64, pod_rest};
use crate::base::damage::{Corrupt, Damage};
use crate::base::error::{Error, Result};
use crate::base::report::Cancel;
use crate::check::report::Report;
use crate::hfsplus::btree::Tree;
use crate::hfsplus::raw::btree::{BTNodeDescriptor, MAP_NODE};
use crate::hfsplus::raw::catalog::ATTRIBUTES_FILE_ID;

/// Where the map begins in the header node: behind the descriptor, the header record and 128 bytes for users.
const FIRST_MAP: usize = 248;
/// Bytes at the end of the header node that are its offsets.
const HEADER_OFFSETS: usize = 8;
/// A map node's only record begins behind the descriptor.
const MAP_RECORD: usize = 14;
/// Attributes of a tree that are known: badly closed, long keys, keys of different lengths in index nodes.
const KNOWN: u32 = 7;
const VARIABLE_INDEX_KEYS: u32 = 4;

/// Checks the header node, the map, and the nodes that are not used. Adds map nodes to those that were reached.
pub(super) fn check(
    tree: &Tree,
    walked: &mut Walked,
    zeroed: bool,
    cancel: Option<Cancel<'_>>,
    report: &mut Report<'_>,
) -> Result<()> {
    header_fields(tree, report);
    let map = match read_map(tree, walked, report) {
        Ok(map) => map,
        Err(error @ (Error::Cancelled | Error::Limit(_))) => return Err(error),
        Err(error) => {
            report.broken(&rules::MAP_NODE, of_error(error, node_place(tree, 0, "")));
            return Ok(());
        }
    };
    let nodes = tree.layout().nodes;
    let is_used = |number: u32| {
        let byte = usize::try_from(number >> 3).ok().and_then(|at| map.get(at)).copied().unwrap_or(0);
        byte & (0x80 >> (number & 7)) != 0
    };
    let mut free = 0u64;
    for number in 0..nodes {
        let (used, reached) = (is_used(number), walked.reached.has(number));
        if number & 0xFFF == 0 && cancel.is_some_and(|cancel| cancel()) {
            return Err(Error::Cancelled);
        }
        free = free.saturating_add(u64::from(!used));
        if reached && !used {
            let place = node_place(tree, number, "");
            report.broken(&rules::MAP_FREE, Corrupt::new(Damage::Contradiction, place));
        } else if used && !reached && walked.complete {
            let place = node_place(tree, number, "");
            // What holds nothing was forgotten, what holds something was lost.
            let bytes = tree.node_bytes(number);
            let is_empty = bytes.is_ok_and(|bytes| be16_at(&bytes, 10) == Some(0));
            let rule = if is_empty { &rules::MAP_LEAK } else { &rules::MAP_LOST };
            report.broken(rule, Corrupt::new(Damage::Contradiction, place));
        } else if zeroed && !used && !reached {
            let bytes = tree.node_bytes(number);
            if bytes.is_ok_and(|bytes| bytes.iter().any(|byte| *byte != 0)) {
                let place = node_place(tree, number, "");
                report.broken(&rules::UNUSED_NODE, Corrupt::new(Damage::Contradiction, place));
            }
        }
    }
    let stored = u64::from(tree.header().freeNodes.get());
    if stored != free {
        let corrupt = Corrupt::new(Damage::Contradiction, header_place(tree, "freeNodes"));
        report.broken(&rules::FREE_NODES, corrupt.expected(free).found(stored));
    }
    let end = len64(map.len()).saturating_mul(8);
    let beyond = (u64::from(nodes)..end).filter_map(|bit| u32::try_from(bit).ok()).any(is_used);
    if beyond {
        let corrupt = Corrupt::new(Damage::Range, header_place(tree, "map"));
        report.broken(&rules::MAP_TRAILING, corrupt.expected(alloc::format!("{nodes} nodes")));
    }
    Ok(())
}

/// Fields of the header that searches do not need.
fn header_fields(tree: &Tree, report: &mut Report<'_>) {
    let header = tree.header();
    let mut wrong = |rule, field, found: u64| {
        report.broken(rule, Corrupt::new(Damage::Range, header_place(tree, field)).found(found));
    };
    if u64::from(header.maxKeyLength.get()) != len64(tree.kind().max_key) {
        wrong(&rules::MAX_KEY, "maxKeyLength", header.maxKeyLength.get().into());
    }
    if header.totalNodes.get() != tree.layout().nodes {
        wrong(&rules::TOTAL_NODES, "totalNodes", header.totalNodes.get().into());
    }
    let attributes = header.attributes.get();
    let is_odd = tree.kind().cnid == ATTRIBUTES_FILE_ID;
    // Old formatters made empty attributes files of another type and without keys of different lengths.
    if header.btreeType != 0 && !(is_odd && header.btreeType == 255) {
        wrong(&rules::TREE_FIELDS, "btreeType", header.btreeType.into());
    }
    let varies = attributes & VARIABLE_INDEX_KEYS != 0;
    let expected = tree.kind().max_key > 10;
    if attributes & !KNOWN != 0 || (varies != expected && !is_odd) {
        wrong(&rules::TREE_FIELDS, "attributes", attributes.into());
    }
    if header.reserved1.get() != 0 {
        wrong(&rules::TREE_FIELDS, "reserved1", header.reserved1.get().into());
    }
    if header.reserved3.iter().any(|byte| *byte != 0) {
        wrong(&rules::TREE_FIELDS, "reserved3", 1);
    }
}

/// All bits of the map: those of the header node and of the map nodes behind it.
fn read_map(tree: &Tree, walked: &mut Walked, report: &mut Report<'_>) -> Result<Vec<u8>> {
    let first = tree.node_bytes(0)?;
    let end = first.len().saturating_sub(HEADER_OFFSETS);
    let offsets: Vec<Option<u16>> =
        (1..=4usize).map(|n| be16_at(&first, first.len().saturating_sub(n.saturating_mul(2)))).collect();
    let expected = [14, 120, 248, u16::try_from(end).unwrap_or(0)].map(Some);
    let head = pod_rest::<BTNodeDescriptor>(&first).map(|(head, _)| *head);
    let head = head.ok_or_else(|| Error::damage(Damage::Bounds, node_place(tree, 0, "")))?;
    for (is_wrong, field) in [
        (offsets != expected, "offsets"),
        (head.numRecords.get() != 3, "numRecords"),
        (head.height != 0, "height"),
        (head.bLink.get() != 0, "bLink"),
    ] {
        if is_wrong {
            report.broken(&rules::HEADER_NODE, Corrupt::new(Damage::Range, node_place(tree, 0, field)));
        }
    }
    if head.reserved.get() != 0 {
        report.broken(&rules::NODE_RESERVED, Corrupt::new(Damage::Range, node_place(tree, 0, "reserved")));
    }
    let mut map = first.get(FIRST_MAP..end).unwrap_or(&[]).to_vec();
    let nodes = u64::from(tree.layout().nodes);
    let (mut next, mut before) = (head.fLink.get(), 0u32);
    while next != 0 {
        let wrong = |damage, field| Error::damage(damage, node_place(tree, next, field));
        if u64::from(next) >= nodes {
            return Err(Error::damage(Damage::PastEnd, node_place(tree, before, "fLink")));
        }
        if !walked.reached.set(next) {
            return Err(wrong(Damage::Loop, ""));
        }
        let bytes = tree.node_bytes(next)?;
        let head = pod_rest::<BTNodeDescriptor>(&bytes).map(|(head, _)| *head);
        let head = head.ok_or_else(|| wrong(Damage::Bounds, ""))?;
        if head.kind != MAP_NODE || head.height != 0 || head.numRecords.get() != 1 {
            return Err(wrong(Damage::ObjectType, "kind"));
        }
        if ![0, before].contains(&head.bLink.get()) {
            report.broken(
                &rules::MAP_NODE,
                Corrupt::new(Damage::Contradiction, node_place(tree, next, "bLink")),
            );
        }
        if head.reserved.get() != 0 {
            report.broken(
                &rules::NODE_RESERVED,
                Corrupt::new(Damage::Range, node_place(tree, next, "reserved")),
            );
        }
        let from_end =
            |n: usize| bytes.len().checked_sub(n).and_then(|at| be16_at(&bytes, at)).map(usize::from);
        let (start, end) = (from_end(2), from_end(4));
        let len = end.and_then(|end| end.checked_sub(MAP_RECORD)).filter(|_| start == Some(MAP_RECORD));
        let part = len
            .and_then(|len| get(&bytes, MAP_RECORD, len))
            .ok_or_else(|| wrong(Damage::Bounds, "offsets"))?;
        map.extend_from_slice(part);
        (before, next) = (next, head.fLink.get());
    }
    if len64(map.len()).saturating_mul(8) < nodes {
        let corrupt = Corrupt::new(Damage::Missing, node_place(tree, before, "fLink"));
        return Err(corrupt.expected("one more map node").into());
    }
    Ok(map)
}
