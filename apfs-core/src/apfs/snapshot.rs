//! Snapshots of a volume (sheet apfs-05, sections 1 to 4).

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cell::OnceCell;

use super::btree::{Cursor, Physical, Record, Tree};
use super::object::{Expect, XidRule};
use super::omap::{MapSnapshot, Omap};
use super::raw::fs::{OBJ_ID_MASK, OBJ_TYPE_SHIFT};
use super::raw::object::{OBJ_VIRTUAL, OBJECT_TYPE_SNAP_META_EXT};
use super::raw::omap::{OMAP_SNAPSHOT_DELETED, OMAP_SNAPSHOT_REVERTED};
use super::raw::snapshot::{JSnapMetadataVal, SnapMetaExt};
use super::raw::volume::VolumeIncompat;
use super::tree_kind::SNAP_META;
use super::volume::Volume;
use crate::base::bytes::{get, len64, pod, pod_rest, u16_at, u64_at};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::ids::{Oid, Paddr, Uuid, Xid};
use crate::base::time::Timestamp;
use crate::crypto::xts::Xts;
use crate::fs::types::Name;

/// Record type of a snapshot by transaction.
const SNAP_METADATA: u64 = 1;
/// Record type of a snapshot by name.
const SNAP_NAME: u64 = 0xB;
/// How names of snapshots begin that are being deleted.
const PURGATORY: &[u8] = b"com.apple.apfs.purgatory.";
/// Flag of a snapshot that gives up its data.
const PENDING_DATALESS: u32 = 1;
/// Flag of a snapshot that is being merged away.
const MERGE_IN_PROGRESS: u32 = 2;
/// Snapshots that an error lists.
const MOST_LISTED: usize = 12;

/// A snapshot of a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// Its name.
    pub name: Name,
    /// Its transaction: the state that it keeps.
    pub xid: Xid,
    /// Its id, where the volume keeps one and it can be read.
    pub uuid: Option<Uuid>,
    /// When it was taken.
    pub created: Timestamp,
    /// When its record was last changed.
    pub changed: Timestamp,
    /// Flags of its record: 1 becoming dataless, 2 being merged away.
    pub flags: u32,
    /// Flags in the object map: 1 deleted, 2 reverted; `None` if the map does not know it.
    pub map_flags: Option<u32>,
    /// Copy of the volume superblock.
    pub superblock_block: Paddr,
    /// Tree of the extents that it introduced.
    pub extentref_tree: Oid,
    /// True if it has given up its data: names and metadata are left. Told by the missing tree of extents on a volume
    /// that says it has such snapshots (sheet apfs-05, section 2; not seen on an image).
    pub dataless: bool,
}

impl Snapshot {
    /// Why the snapshot can't be relied on, if it can't: it is on its way out.
    #[must_use]
    pub fn unusable_because(&self) -> Option<&'static str> {
        match self.map_flags {
            None => Some("the object map does not keep its state"),
            Some(flags) if flags & OMAP_SNAPSHOT_DELETED != 0 => Some("it is being deleted"),
            Some(flags) if flags & OMAP_SNAPSHOT_REVERTED != 0 => Some("it was given up by a revert"),
            Some(_) if self.flags & MERGE_IN_PROGRESS != 0 => Some("it is being merged away"),
            Some(_) if self.flags & PENDING_DATALESS != 0 => Some("it is giving up its data"),
            Some(_) => None,
        }
    }

    /// True if its name is one that macOS gives to a snapshot whose deletion has begun.
    #[must_use]
    pub fn is_in_purgatory(&self) -> bool {
        self.name.as_bytes().starts_with(PURGATORY)
    }

    /// Words for its flags: `pending-deletion`, `reverted`, `merging`, `pending-dataless`, `dataless`, `purgatory`,
    /// `unmapped`.
    pub fn flag_words(&self) -> impl Iterator<Item = &'static str> {
        let map = self.map_flags.unwrap_or(0);
        let table = [
            (map & OMAP_SNAPSHOT_DELETED != 0, "pending-deletion"),
            (map & OMAP_SNAPSHOT_REVERTED != 0, "reverted"),
            (self.flags & MERGE_IN_PROGRESS != 0, "merging"),
            (self.flags & PENDING_DATALESS != 0, "pending-dataless"),
            (self.dataless, "dataless"),
            (self.is_in_purgatory(), "purgatory"),
            (self.map_flags.is_none(), "unmapped"),
        ];
        table.into_iter().filter(|(is_set, _)| *is_set).map(|(_, word)| word)
    }

    fn parse(record: &Record) -> Result<Option<Snapshot>> {
        let damaged = |damage, field| Error::damage(damage, record.place("j_snap_metadata_val_t", field));
        let head = u64_at(record.key(), 0).ok_or_else(|| damaged(Damage::Bounds, "hdr"))?;
        if head >> OBJ_TYPE_SHIFT != SNAP_METADATA {
            return Ok(None);
        }
        let (raw, rest): (&JSnapMetadataVal, _) =
            pod_rest(record.value()).ok_or_else(|| damaged(Damage::Bounds, ""))?;
        let name = rest.get(..usize::from(raw.name_len.get())).and_then(|name| name.strip_suffix(&[0]));
        let name = name.filter(|name| !name.is_empty()).ok_or_else(|| damaged(Damage::Name, "name"))?;
        Ok(Some(Snapshot {
            name: Name::from(name),
            xid: Xid(head & OBJ_ID_MASK),
            uuid: None,
            created: Timestamp(raw.create_time.get()),
            changed: Timestamp(raw.change_time.get()),
            flags: raw.flags.get(),
            map_flags: None,
            superblock_block: Paddr(raw.sblock_oid.get()),
            extentref_tree: Oid(raw.extentref_tree_oid.get()),
            dataless: false,
        }))
    }
}

impl Volume {
    /// Its snapshots, oldest first; also of a locked volume, then without their ids. Records that are damaged are
    /// left out and told to the [`Observer`](crate::Observer).
    ///
    /// # Errors
    /// Damage of a root, I/O, and more than [`Limits::snapshots`](crate::Limits::snapshots).
    pub fn snapshots(&self) -> Result<Vec<Snapshot>> {
        self.snapshots_with(&*self.omap()?)
    }

    /// The snapshot of a name; else of a UUID, of a transaction in decimal or hexadecimal (`0x2a`), or the newest
    /// usable one taken until a date or time in UTC (`2024-05-01`, `2024-05-01 12:30:00`; of a date the whole day counts).
    ///
    /// # Errors
    /// `NotFound` if there is none, or if several fit: the text lists them.
    pub fn snapshot(&self, wanted: impl AsRef<[u8]>) -> Result<Snapshot> {
        choose(&self.snapshots()?, wanted.as_ref())
    }

    fn snapshots_with(&self, omap: &Omap) -> Result<Vec<Snapshot>> {
        let container = self.container();
        let root = Oid(self.superblock().raw().apfs_snap_meta_tree_oid.get());
        let resolve = Arc::new(Physical { newest: container.xid() });
        let tree = Tree::open(container.store().clone(), &SNAP_META, resolve, root)?;
        let known = omap.snapshots()?;
        let limit = container.limits().snapshots;
        let mut snapshots = Vec::new();
        // Asked for once: deriving it takes seconds.
        let key = OnceCell::new();
        let mut cursor = Cursor::new();
        // What lacks a record can be said only where all of them were read.
        let mut is_whole = self.or_report(cursor.seek(&tree, &[0; 8]))?.is_some();
        if !is_whole {
            while self.or_report(cursor.advance(&tree))?.is_none() {}
        }
        let features = self.superblock().incompatible_features();
        let has_dataless = features.contains(VolumeIncompat::DATALESS_SNAPS);
        let mut named = Vec::new();
        while let Some(record) = cursor.record() {
            named.extend(named_snapshot(&record));
            if named.len() > limit {
                return Err(Error::limit("snapshots", len64(limit), len64(named.len())));
            }
            let parsed = self.or_report(Snapshot::parse(&record))?;
            is_whole &= parsed.is_some();
            if let Some(mut snapshot) = parsed.flatten() {
                if snapshots.len() >= limit {
                    let limit = len64(limit);
                    return Err(Error::limit("snapshots", limit, limit.saturating_add(1)));
                }
                let entry = known.binary_search_by_key(&snapshot.xid, |entry| entry.xid).ok();
                snapshot.map_flags = entry.and_then(|index| known.get(index)).map(|entry| entry.flags);
                snapshot.dataless = has_dataless && snapshot.extentref_tree.0 == 0;
                snapshot.uuid = self.snapshot_uuid(omap, snapshot.xid, &key);
                snapshots.push(snapshot);
            }
            while self.or_report(cursor.advance(&tree))?.is_none() {
                is_whole = false;
            }
        }
        snapshots.sort_by_key(|snapshot| snapshot.xid);
        if is_whole {
            self.report_halves(&snapshots, named, &known);
        }
        Ok(snapshots)
    }

    /// Tells of snapshots of which only some records are left: what they kept can't be opened, and is not guessed.
    fn report_halves(
        &self,
        snapshots: &[Snapshot],
        named: Vec<(Xid, Vec<u8>, Place)>,
        known: &[MapSnapshot],
    ) {
        let has = |xid: Xid| snapshots.binary_search_by_key(&xid, |snapshot| snapshot.xid).is_ok();
        let report = |place: Place, found: String| {
            let place = Place { structure: "j_snap_metadata_val_t", field: "", ..place };
            self.container().store().report(&Corrupt::new(Damage::Missing, place).found(found));
        };
        let mut told = BTreeSet::new();
        for (xid, name, place) in named {
            if !has(xid) && told.insert(xid) {
                report(place.xid(xid), alloc::format!("its name {}", Name::from(name)));
            }
        }
        let is_kept =
            |entry: &&MapSnapshot| entry.flags & (OMAP_SNAPSHOT_DELETED | OMAP_SNAPSHOT_REVERTED) == 0;
        for entry in known.iter().filter(is_kept) {
            if !has(entry.xid) && told.insert(entry.xid) {
                report(Place::new("", "").xid(entry.xid), "an entry of the object map".to_string());
            }
        }
    }

    /// Damage costs only the snapshot that it is about: it is told to the observer.
    fn or_report<T>(&self, result: Result<T>) -> Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(Error::Corrupt(finding)) => {
                self.container().store().report(&finding);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The id of a snapshot; it stands in an object of its own, of which every snapshot has a version.
    fn snapshot_uuid(&self, omap: &Omap, xid: Xid, key: &OnceCell<Option<Arc<Xts>>>) -> Option<Uuid> {
        let oid = Oid(self.superblock().raw().apfs_snap_meta_ext_oid.get());
        if oid.0 == 0 {
            return None;
        }
        let mapping = omap.lookup(oid, xid).ok()??;
        let key = match mapping.is_encrypted() {
            true => Some(key.get_or_init(|| self.key().ok()).as_deref()?),
            false => None,
        };
        let expect = Expect {
            structure: "snap_meta_ext_obj_phys_t",
            oid,
            xid: XidRule::Exactly(mapping.xid),
            object_type: OBJECT_TYPE_SNAP_META_EXT,
            storage: OBJ_VIRTUAL,
            subtype: 0,
        };
        let bytes = self.container().store().decrypted_object(mapping.block, &expect, key).ok()?;
        let raw: &SnapMetaExt = pod(&bytes)?;
        Some(Uuid(raw.sme_uuid)).filter(|uuid| !uuid.is_nil() && raw.sme_snap_xid.get() == xid.0)
    }
}

/// Transaction, name and place of a record that leads from a name to its snapshot.
fn named_snapshot(record: &Record) -> Option<(Xid, Vec<u8>, Place)> {
    let is_name = u64_at(record.key(), 0)? >> OBJ_TYPE_SHIFT == SNAP_NAME;
    let name = get(record.key(), 10, usize::from(u16_at(record.key(), 8)?))?;
    let name = name.strip_suffix(&[0]).unwrap_or(name).to_vec();
    is_name.then_some((Xid(u64_at(record.value(), 0)?), name, record.place("", "")))
}

/// The one snapshot that a text means.
fn choose(all: &[Snapshot], wanted: &[u8]) -> Result<Snapshot> {
    let text = core::str::from_utf8(wanted).unwrap_or("");
    let xid = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    let is_named = |snapshot: &&Snapshot| snapshot.name.as_bytes() == wanted;
    let mut found: Vec<&Snapshot> = all.iter().filter(is_named).collect();
    if found.is_empty() {
        let has_uuid = |snapshot: &Snapshot| {
            snapshot.uuid.is_some_and(|uuid| uuid.to_string().eq_ignore_ascii_case(text))
        };
        found = all.iter().filter(|snapshot| has_uuid(snapshot) || Some(snapshot.xid.0) == xid).collect();
    }
    if let (true, Some(end)) = (found.is_empty(), Timestamp::end_of(text)) {
        // One on its way out is not what a time means.
        let usable = all.iter().filter(|snapshot| snapshot.unusable_because().is_none());
        let until = usable.filter(|snapshot| snapshot.created <= end);
        found.extend(until.max_by_key(|snapshot| (snapshot.created, snapshot.xid)));
    }
    match found.as_slice() {
        [one] => Ok((*one).clone()),
        [] if all.is_empty() => {
            Err(Error::not_found(alloc::format!("snapshot {}: there are none", Name::from(wanted))))
        }
        [] => {
            let list = listed(all.iter());
            Err(Error::not_found(alloc::format!("snapshot {}; there are: {list}", Name::from(wanted))))
        }
        several => {
            let list = listed(several.iter().copied());
            Err(Error::not_found(alloc::format!("one snapshot {}; several fit: {list}", Name::from(wanted))))
        }
    }
}

/// Names and transactions, of many the newest.
fn listed<'s>(all: impl DoubleEndedIterator<Item = &'s Snapshot> + ExactSizeIterator) -> String {
    let more = all.len().saturating_sub(MOST_LISTED);
    let newest: Vec<_> = all.rev().take(MOST_LISTED).collect();
    let each = newest.iter().rev().map(|one| alloc::format!("{} (transaction {})", one.name, one.xid));
    let list = each.collect::<Vec<_>>().join(", ");
    if more > 0 { alloc::format!("{list}, and {more} older ones") } else { list }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "numbers written by hand")]
mod tests {
    use super::*;

    fn snapshot(name: &str, xid: u64, uuid: u8, seconds: i64) -> Snapshot {
        Snapshot {
            name: Name::from(name),
            xid: Xid(xid),
            uuid: Some(Uuid([uuid; 16])),
            created: Timestamp(seconds * 1_000_000_000),
            changed: Timestamp(0),
            flags: 0,
            map_flags: Some(0),
            superblock_block: Paddr(1),
            extentref_tree: Oid(1),
            dataless: false,
        }
    }

    /// A name counts before everything else; then UUID and transaction; a time means the newest until then.
    #[test]
    fn chosen_by_any_of_its_marks() {
        let all = [snapshot("a", 5, 1, 100), snapshot("7", 6, 2, 86_500), snapshot("c", 7, 3, 200_000)];
        let xid = |text: &str| choose(&all, text.as_bytes()).map(|snapshot| snapshot.xid.0).ok();
        assert_eq!((xid("a"), xid("5"), xid("0x5")), (Some(5), Some(5), Some(5)));
        assert_eq!(xid("7"), Some(6), "the name, not the transaction");
        assert_eq!(xid("03030303-0303-0303-0303-030303030303"), Some(7));
        assert_eq!(
            (xid("1970-01-01"), xid("1970-01-02"), xid("1970-01-02 00:00")),
            (Some(5), Some(6), Some(5))
        );
        assert_eq!((xid("1970-01-09"), xid("1969-12-31"), xid("d"), xid("8")), (Some(7), None, None, None));
    }

    /// One that is being deleted is found by its name, not by a time.
    #[test]
    fn times_pass_over_what_is_on_its_way_out() {
        let mut all = [snapshot("a", 5, 1, 100), snapshot("b", 6, 2, 200)];
        all[1].map_flags = Some(OMAP_SNAPSHOT_DELETED);
        let xid = |text: &str| choose(&all, text.as_bytes()).map(|snapshot| snapshot.xid.0).ok();
        assert_eq!((xid("1970-01-02"), xid("b")), (Some(5), Some(6)));
    }

    /// What is missing is told with what there is; of many the newest.
    #[test]
    fn missing() {
        let many: Vec<Snapshot> = (1..=30).map(|xid| snapshot("s", xid, 1, 1)).collect();
        let error = choose(&many, b"none").unwrap_err().to_string();
        assert!(
            error.contains("s (transaction 30), and 18 older ones") && !error.contains("(transaction 18)")
        );
        assert!(choose(&[], b"none").unwrap_err().to_string().contains("there are none"));
    }

    /// What fits several is told with all of them.
    #[test]
    fn several() {
        let all = [snapshot("a", 5, 1, 1), snapshot("b", 6, 1, 2)];
        let error = choose(&all, b"01010101-0101-0101-0101-010101010101").unwrap_err().to_string();
        assert!(error.contains("a (transaction 5), b (transaction 6)"), "{error}");
    }
}
