//! One record of an extent reference tree (sheet apfs-04, section 9).

use crate::apfs::raw::extentref::{JPhysExtVal, PEXT_KIND_SHIFT, PEXT_LEN_MASK};
use crate::apfs::raw::fs::{OBJ_ID_MASK, OBJ_TYPE_SHIFT};
use crate::apfs::record::Flaw;
use crate::base::bytes::{pod, u64_at};
use crate::base::damage::Damage;
use crate::base::ids::{BlockRange, Paddr};

/// Record type of an extent.
const APFS_TYPE_EXTENT: u64 = 2;
/// Owner that an update record has.
const NO_OWNER: u64 = u64::MAX;

/// What a record says of its blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExtentKind {
    /// They were allocated.
    New,
    /// They are used more or less often than at the snapshot before.
    Update,
}

/// A record of an extent reference tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PhysicalExtent {
    /// Its blocks, at least one.
    pub run: BlockRange,
    /// What the record says of them.
    pub kind: ExtentKind,
    /// Stream, file or attribute that they were allocated for; `None` in an update, and where it is not known.
    pub owner: Option<u64>,
    /// How many file extents use them; of an update, how many more do.
    pub refcnt: i32,
}

impl PhysicalExtent {
    /// True if the record says that the blocks were allocated.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.kind == ExtentKind::New
    }

    /// Decodes a record.
    ///
    /// # Errors
    /// Key or value too short, another record type, no blocks, or a kind that never is on disk.
    pub fn parse(key: &[u8], value: &[u8]) -> Result<PhysicalExtent, Flaw> {
        let flaw = |damage, field| Flaw::new(damage, "j_phys_ext_val_t", field);
        let head = u64_at(key, 0).ok_or(flaw(Damage::Bounds, "hdr"))?;
        let raw: &JPhysExtVal = pod(value).ok_or(flaw(Damage::Bounds, ""))?;
        if head >> OBJ_TYPE_SHIFT != APFS_TYPE_EXTENT {
            return Err(flaw(Damage::ObjectType, "hdr"));
        }
        let (start, count) = (head & OBJ_ID_MASK, raw.len_and_kind.get() & PEXT_LEN_MASK);
        let kind = match raw.len_and_kind.get() >> PEXT_KIND_SHIFT {
            1 => ExtentKind::New,
            2 => ExtentKind::Update,
            _ => return Err(flaw(Damage::Range, "len_and_kind")),
        };
        if count == 0 || start.checked_add(count).is_none() {
            return Err(flaw(Damage::Range, "len_and_kind"));
        }
        let refcnt = raw.refcnt.get();
        if (kind == ExtentKind::New && refcnt < 0) || (kind == ExtentKind::Update && refcnt == 0) {
            return Err(flaw(Damage::Range, "refcnt"));
        }
        let owner = raw.owning_obj_id.get();
        let owner = Some(owner).filter(|owner| *owner < NO_OWNER.saturating_sub(1));
        Ok(PhysicalExtent { run: BlockRange { start: Paddr(start), count }, kind, owner, refcnt })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn parse(head: u64, len_and_kind: u64, owner: u64, refcnt: i32) -> Result<PhysicalExtent, Damage> {
        let mut value: Vec<u8> = [len_and_kind, owner].into_iter().flat_map(u64::to_le_bytes).collect();
        value.extend(refcnt.to_le_bytes());
        PhysicalExtent::parse(&head.to_le_bytes(), &value).map_err(|flaw| flaw.damage)
    }

    /// Kind and length share a number; an update has no owner and counts up or down.
    #[test]
    fn both_kinds() {
        let new = parse(2 << 60 | 700, 1 << 60 | 5, 33, 2).unwrap();
        assert_eq!((new.run.start, new.run.count), (Paddr(700), 5));
        assert_eq!((new.kind, new.owner, new.refcnt), (ExtentKind::New, Some(33), 2));
        let update = parse(2 << 60 | 700, 2 << 60 | 1, u64::MAX, -1).unwrap();
        assert_eq!((update.kind, update.owner, update.refcnt), (ExtentKind::Update, None, -1));
    }

    /// What no writer puts down is refused.
    #[test]
    fn refused() {
        assert_eq!(parse(3 << 60 | 700, 1 << 60 | 5, 33, 1), Err(Damage::ObjectType), "another record");
        assert_eq!(parse(2 << 60 | 700, 3 << 60 | 5, 33, 1), Err(Damage::Range), "a kind of memory alone");
        assert_eq!(parse(2 << 60 | 700, 1 << 60, 33, 1), Err(Damage::Range), "no blocks");
        assert_eq!(parse(2 << 60 | 700, 1 << 60 | 5, 33, -1), Err(Damage::Range), "used less than never");
        assert_eq!(parse(2 << 60 | 700, 2 << 60 | 5, u64::MAX, 0), Err(Damage::Range), "a change of nothing");
        let short = PhysicalExtent::parse(&[0; 8], &[0; 19]).map_err(|flaw| flaw.damage);
        assert_eq!(short, Err(Damage::Bounds));
    }
}
