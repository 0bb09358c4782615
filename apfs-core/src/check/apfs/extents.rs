//! Blocks of files from both sides: how many extents of files lead to them, and how many references the extent reference
//! trees count (sheet apfs-05, section 5).

use alloc::vec::Vec;

use super::context::Context;
use super::rules::{PHYS_COUNT, PHYS_MISSING, PHYS_OVERLAP, PHYS_UNUSED, PHYS_UPDATE};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::Result;
use crate::base::ids::{Paddr, Xid};

/// Numbers of something by block: each event says by how much the number changes there.
#[derive(Clone, Debug, Default)]
pub(super) struct Coverage {
    events: Vec<(u64, i64)>,
}

impl Coverage {
    /// Adds `by` to `count` blocks.
    pub(super) fn add(&mut self, start: u64, count: u64, by: i64) {
        let end = start.saturating_add(count);
        match self.events.last_mut() {
            // Files that lie one behind the other need no border between them.
            Some((last, change)) if *last == start && *change == by.saturating_neg() => *last = end,
            _ => {
                self.events.push((start, by));
                self.events.push((end, by.saturating_neg()));
            }
        }
    }

    /// The changes in the order of blocks, those at one block together.
    fn sort(&mut self) {
        self.events.sort_unstable_by_key(|event| event.0);
        self.events.dedup_by(|later, first| {
            let same = later.0 == first.0;
            if same {
                first.1 = first.1.saturating_add(later.1);
            }
            same
        });
    }
}

/// The references that the trees of a view count.
#[derive(Clone, Debug, Default)]
pub(super) struct References {
    /// References.
    pub(super) counts: Coverage,
    /// New extents.
    pub(super) new: Coverage,
    /// Updates.
    pub(super) updates: Coverage,
}

/// Compares, block by block, the extents of files with the references to them. `live` says that nothing but this view keeps
/// blocks.
pub(super) fn compare(
    check: &mut Context<'_>,
    xid: Xid,
    mut files: Coverage,
    mut references: References,
    live: bool,
) -> Result<()> {
    files.sort();
    let References { counts, new, updates } = &mut references;
    counts.sort();
    new.sort();
    updates.sort();
    let mut sides = [&files, counts, new, updates].map(|side| (side.events.as_slice(), 0i64));
    let mut at = 0u64;
    loop {
        let next = sides.iter().filter_map(|(events, _)| events.first()).map(|event| event.0).min();
        let Some(next) = next else { return Ok(()) };
        let [files, counts, new, updates] = sides.map(|(_, level)| level);
        if next > at {
            let place = Place::new("j_phys_ext_val_t", "refcnt").block(Paddr(at)).xid(xid);
            let blocks = next.saturating_sub(at);
            let damage =
                |damage| Corrupt::new(damage, place.clone()).found(alloc::format!("{blocks} blocks"));
            if new > 1 {
                check.broken(&PHYS_OVERLAP, damage(Damage::Overlap));
            }
            if updates > 0 && new == 0 {
                check.broken(&PHYS_UPDATE, damage(Damage::Missing));
            }
            if files > 0 && new == 0 {
                check.broken(&PHYS_MISSING, damage(Damage::Missing));
            } else if files != counts {
                let rule = if files == 0 && live { &PHYS_UNUSED } else { &PHYS_COUNT };
                let found = alloc::format!("{counts} for {blocks} blocks");
                check.broken(rule, Corrupt::new(Damage::Contradiction, place).expected(files).found(found));
            } else if new > 0 && files == 0 && live {
                check.broken(&PHYS_UNUSED, damage(Damage::Contradiction));
            }
        }
        for (events, level) in &mut sides {
            if let Some(((block, change), rest)) = events.split_first()
                && *block == next
            {
                *level = level.saturating_add(*change);
                *events = rest;
            }
        }
        at = next;
    }
}
