//! Names of files from both sides: directory records against what inodes and hard links say, and the tree of directories.

use alloc::vec::Vec;

use super::super::context::Context;
use super::super::rules::{
    DIR_LINKED, DIR_LOST, DREC_TARGET, DREC_TYPE, INODE_NAME, NLINK, NO_ENTRY, NO_ROOT, ORPHAN_LINKED,
    SIBLING_BETA, SIBLING_ID, SIBLING_NAMES, SIBLING_NO_LINK, SIBLING_NO_MAP, STATS_CHAIN, STATS_MISSING,
    STATS_UNUSED,
};
use super::facts::{EntryFact, Facts, InodeFact};
use super::group::{PRIVATE_DIR, ROOT_DIR, ROOT_PARENT};
use super::pass::Volume;
use crate::apfs::raw::volume::VolumeFeatures;
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::Result;
use crate::base::ids::Oid;

/// Type bits of a directory.
const DIR: u8 = 4;

/// Compares everything that is said of names.
pub(super) fn compare(check: &mut Context<'_>, volume: &Volume, facts: &mut Facts) -> Result<()> {
    facts.entries.sort_unstable_by_key(|entry| entry.target);
    let mut entries = facts.entries.as_slice();
    for inode in &facts.inodes {
        let here = split_while(&mut entries, |entry| entry.target < inode.id);
        for entry in here {
            no_target(check, volume, entry);
        }
        let here = split_while(&mut entries, |entry| entry.target == inode.id);
        one_file(check, volume, inode, here);
    }
    for entry in entries {
        no_target(check, volume, entry);
    }
    for id in [ROOT_DIR, PRIVATE_DIR] {
        let found = facts.inodes.binary_search_by_key(&id, |inode| inode.id).ok();
        let is_dir = found.and_then(|index| facts.inodes.get(index)).is_some_and(|inode| inode.kind == DIR);
        if !is_dir {
            check.broken(&NO_ROOT, Corrupt::new(Damage::Missing, place(volume, "j_inode_val_t", "", id)));
        }
    }
    check.go_on()?;
    directories(check, volume, facts);
    check.go_on()?;
    hard_links(check, volume, facts);
    statistics(check, volume, facts);
    Ok(())
}

fn place(volume: &Volume, structure: &'static str, field: &'static str, id: u64) -> Place {
    Place::new(structure, field).oid(Oid(id)).xid(volume.xid)
}

/// Takes from the start of a slice what belongs together.
fn split_while<'a, T>(rest: &mut &'a [T], belongs: impl FnMut(&T) -> bool) -> &'a [T] {
    let count = rest.partition_point(belongs);
    let (here, behind) = rest.split_at_checked(count).unwrap_or((rest, &[]));
    *rest = behind;
    here
}

fn no_target(check: &mut Context<'_>, volume: &Volume, entry: &EntryFact) {
    let place = place(volume, "j_drec_val_t", "file_id", entry.target);
    let found = alloc::format!("in directory {}", entry.parent);
    check.broken(&DREC_TARGET, Corrupt::new(Damage::Missing, place).found(found));
}

/// A file and the directory records that lead to it.
fn one_file(check: &mut Context<'_>, volume: &Volume, inode: &InodeFact, entries: &[EntryFact]) {
    let inode_place = |field| place(volume, "j_inode_val_t", field, inode.id);
    for entry in entries.iter().filter(|entry| entry.kind != inode.kind) {
        check.differs(&DREC_TYPE, place(volume, "j_drec_val_t", "flags", inode.id), inode.kind, entry.kind);
    }
    let (mut links, mut marks, mut orphaned) = (0u64, 0u64, 0u64);
    for entry in entries {
        if entry.special {
            orphaned = orphaned.saturating_add(1);
        } else {
            links = links.saturating_add(1);
            marks = marks.wrapping_add(entry.mark);
        }
    }
    let nlink = u64::try_from(inode.nlink).unwrap_or(0);
    if inode.kind == DIR {
        match links.saturating_add(orphaned) {
            0 => check.broken(&NO_ENTRY, Corrupt::new(Damage::Missing, inode_place(""))),
            1 => {}
            found => check.differs(&DIR_LINKED, inode_place(""), 1, found),
        }
    } else if entries.is_empty() {
        check.broken(&NO_ENTRY, Corrupt::new(Damage::Missing, inode_place("")));
        return;
    } else if orphaned > 0 {
        if links > 0 || nlink > 0 || orphaned > 1 {
            check.differs(&ORPHAN_LINKED, inode_place("nlink"), 0, links.max(nlink));
        }
        return;
    } else if nlink != links {
        check.differs(&NLINK, inode_place("nlink"), links, inode.nlink);
    }
    if marks != inode.marks && links > 0 && orphaned == 0 {
        let rule = if inode.has_links { &SIBLING_NAMES } else { &INODE_NAME };
        check.broken(rule, Corrupt::new(Damage::Contradiction, inode_place("name")));
    }
}

/// Every directory leads up to the root.
fn directories(check: &mut Context<'_>, volume: &Volume, facts: &Facts) {
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        New,
        OnTheWay,
        Rooted,
        Lost,
    }
    let is_dir = |id: u64| {
        let found = facts.inodes.binary_search_by_key(&id, |inode| inode.id).ok();
        found.and_then(|index| facts.inodes.get(index)).is_some_and(|inode| inode.kind == DIR)
    };
    let entries = facts.entries.iter().filter(|entry| entry.kind == DIR && is_dir(entry.target));
    // Entries are in the order of their targets.
    let mut dirs: Vec<(u64, u64, State)> =
        entries.map(|entry| (entry.target, entry.parent, State::New)).collect();
    let mut way: Vec<usize> = Vec::new();
    for start in 0..dirs.len() {
        let mut at = start;
        let end = loop {
            let Some((_, parent, state)) = dirs.get_mut(at) else { break State::Lost };
            match *state {
                State::New => *state = State::OnTheWay,
                State::OnTheWay => break State::Lost,
                known => break known,
            }
            let parent = *parent;
            way.push(at);
            if parent == ROOT_PARENT {
                break State::Rooted;
            }
            match dirs.binary_search_by_key(&parent, |(id, ..)| *id) {
                Ok(next) => at = next,
                Err(_) => break State::Lost,
            }
        };
        for index in way.drain(..) {
            if let Some((_, _, state)) = dirs.get_mut(index) {
                *state = end;
            }
        }
    }
    for (id, parent, _) in dirs.iter().filter(|(.., state)| *state == State::Lost) {
        let place = place(volume, "j_inode_val_t", "parent_id", *id);
        check.broken(&DIR_LOST, Corrupt::new(Damage::Loop, place).found(parent));
    }
}

/// Hard links against the records that map them.
fn hard_links(check: &mut Context<'_>, volume: &Volume, facts: &mut Facts) {
    let Facts { links, maps, .. } = facts;
    links.sort_unstable();
    maps.sort_unstable();
    let twice = links.iter().zip(links.iter().skip(1)).filter(|(a, b)| a.0 == b.0);
    for (link, _) in twice {
        let place = place(volume, "j_sibling_val_t", "sibling_id", link.0);
        check.range(&SIBLING_ID, place, "a number used twice");
    }
    // Volumes of the first betas have no map records, and lack the feature.
    if !links.is_empty() && maps.is_empty() && !volume.features.contains(VolumeFeatures::HARDLINK_MAP_RECORDS)
    {
        let place = Place::new("j_sibling_map_val_t", "").xid(volume.xid);
        check.broken(&SIBLING_BETA, Corrupt::new(Damage::Missing, place).found(links.len()));
        return;
    }
    for link in links.iter().filter(|link| maps.binary_search(link).is_err()) {
        let place = place(volume, "j_sibling_map_val_t", "file_id", link.0);
        check.broken(&SIBLING_NO_MAP, Corrupt::new(Damage::Missing, place).expected(link.1));
    }
    for map in maps.iter().filter(|map| links.binary_search(map).is_err()) {
        let place = place(volume, "j_sibling_map_val_t", "file_id", map.0);
        check.broken(&SIBLING_NO_LINK, Corrupt::new(Damage::Missing, place).found(map.1));
    }
}

/// Statistics of directories against the directories that name them.
fn statistics(check: &mut Context<'_>, volume: &Volume, facts: &mut Facts) {
    facts.stats_named.sort_unstable();
    let place = |field, id| place(volume, "j_dir_stats_val_t", field, id);
    let is_there = |id: u64| facts.stats.binary_search_by_key(&id, |stats| stats.0).is_ok();
    for (id, dir) in facts.stats_named.iter().filter(|(id, _)| !is_there(*id)) {
        let corrupt = Corrupt::new(Damage::Missing, place("", *id));
        check.broken(&STATS_MISSING, corrupt.found(alloc::format!("named by {dir}")));
    }
    for (id, chained) in &facts.stats {
        let first = facts.stats_named.partition_point(|(named, _)| named < id);
        let named = facts.stats_named.get(first..).unwrap_or(&[]).iter().take_while(|(named, _)| named == id);
        let users = named.count();
        if users != 1 {
            check.differs(&STATS_UNUSED, place("", *id), 1, users);
        }
        if *chained != 0 && !is_there(*chained) {
            check.broken(
                &STATS_CHAIN,
                Corrupt::new(Damage::Missing, place("chained_key", *id)).found(chained),
            );
        }
    }
}
