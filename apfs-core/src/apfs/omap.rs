//! Object maps: where a virtual object is at a transaction (sheet apfs-02, section 7).

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::btree::{Cursor, Location, Physical, Resolve, Tree};
use super::node::Node;
use super::object::{Expect, HEADER_LEN, XidRule, too_short, verify_checksum};
use super::raw::object::{OBJ_PHYSICAL, OBJECT_TYPE_OMAP};
use super::raw::omap::{
    OMAP_VAL_DELETED, OMAP_VAL_ENCRYPTED, OMAP_VAL_NOHEADER, OmapKey, OmapPhys, OmapSnapshot, OmapVal,
};
use super::store::Store;
use super::tree_kind::{OMAP, OMAP_SNAPSHOTS};
use crate::base::bytes::{get, pod, u64_at};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Locked, Result};
use crate::base::ids::{BlockSize, Oid, Paddr, Xid};
use crate::crypto::xts::Xts;
use crate::tree::descent::Descent;
use crate::tree::node::SearchTree;

/// Mappings that are looked at to find encrypted objects.
const MOST_MAPPINGS: usize = 4096;

/// Where an object was put at some transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mapping {
    /// Transaction that put it there.
    pub xid: Xid,
    /// Block.
    pub block: Paddr,
    /// `OMAP_VAL_*`.
    pub flags: u32,
    /// Size in bytes.
    pub size: u32,
}

impl Mapping {
    /// True if the object is encrypted and exists.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.flags & (OMAP_VAL_ENCRYPTED | OMAP_VAL_DELETED) == OMAP_VAL_ENCRYPTED
    }
}

/// A snapshot as an object map knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MapSnapshot {
    /// Its transaction.
    pub xid: Xid,
    /// `OMAP_SNAPSHOT_*`.
    pub flags: u32,
}

/// An object map.
#[derive(Debug)]
pub struct Omap {
    store: Arc<Store>,
    raw: OmapPhys,
    tree: Tree,
    newest: Xid,
}

impl Omap {
    /// Reads an object map and the root of its tree. `newest` is the transaction of the state that refers to it.
    pub(crate) fn open(store: Arc<Store>, block: Oid, newest: Xid) -> Result<Omap> {
        let expect = Expect {
            structure: "omap_phys_t",
            oid: block,
            xid: XidRule::AtMost(newest),
            object_type: OBJECT_TYPE_OMAP,
            storage: OBJ_PHYSICAL,
            subtype: 0,
        };
        let bytes = store.object(Paddr(block.0), &expect)?;
        let raw: OmapPhys = *pod(&bytes).ok_or_else(|| too_short("omap_phys_t", Paddr(block.0)))?;
        let resolve = Arc::new(Physical { newest });
        let tree = Tree::open(store.clone(), &OMAP, resolve, Oid(raw.om_tree_oid.get()))?;
        Ok(Omap { store, raw, tree, newest })
    }

    /// All fields of its head as stored.
    #[must_use]
    pub fn raw(&self) -> &OmapPhys {
        &self.raw
    }

    pub(crate) fn block_size(&self) -> BlockSize {
        self.store.block_size()
    }

    /// The mapping tree.
    #[must_use]
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The newest mapping of an object that is not newer than `xid`; `None` if there is none or it was deleted.
    ///
    /// # Errors
    /// Damage or I/O in the map's tree.
    pub fn lookup(&self, oid: Oid, xid: Xid) -> Result<Option<Mapping>> {
        let Some(record) = self.tree.floor(&key(oid, xid))? else { return Ok(None) };
        let Some((found, mapping)) = decode(record.key(), record.value()) else {
            return Err(Error::damage(Damage::Bounds, record.place("omap_val_t", "")));
        };
        if found != oid {
            return Ok(None);
        }
        // Mappings that a pending revert is about to drop do not count: the state before them does.
        let reverted = self.raw.om_pending_revert_min.get()..=self.raw.om_pending_revert_max.get();
        if let (Some(before), true) = (reverted.start().checked_sub(1), reverted.contains(&mapping.xid.0)) {
            return self.lookup_before(oid, Xid(before));
        }
        Ok(Some(mapping).filter(|mapping| mapping.flags & OMAP_VAL_DELETED == 0))
    }

    fn lookup_before(&self, oid: Oid, xid: Xid) -> Result<Option<Mapping>> {
        let record = self.tree.floor(&key(oid, xid))?;
        let found = record.as_ref().and_then(|record| decode(record.key(), record.value()));
        Ok(found
            .filter(|(found, mapping)| *found == oid && mapping.flags & OMAP_VAL_DELETED == 0)
            .map(|(_, mapping)| mapping))
    }

    /// True if mappings are being dropped since the volume is reverted to an older state.
    pub(crate) fn is_reverting(&self) -> bool {
        self.raw.om_pending_revert_min.get() != 0
    }

    /// True if the state of a transaction is being dropped.
    pub(crate) fn is_reverted(&self, xid: Xid) -> bool {
        let dropped = self.raw.om_pending_revert_min.get()..=self.raw.om_pending_revert_max.get();
        self.is_reverting() && dropped.contains(&xid.0)
    }

    /// Every object with a mapping newer than `after` and not newer than `upto`, in the order of ids.
    ///
    /// A node of the map that is itself not newer than `after` holds no such mapping (sheet apfs-02, section 6): it is
    /// read, since only its header tells, and not looked into beyond the mappings of leaves, which must agree. `seen` is
    /// told of every node whether it is newer.
    pub(crate) fn changed(
        &self,
        after: Xid,
        upto: Xid,
        seen: &mut dyn FnMut(bool),
        each: &mut dyn FnMut(Oid) -> Result<()>,
    ) -> Result<()> {
        let mut enters = |node: &Node| {
            let newer = node.header().xid > after;
            seen(newer);
            let mut mappings = (0..if newer || node.level() > 0 { 0 } else { node.count() })
                .filter_map(|index| decode(node.key(index), node.value(index).unwrap_or(&[])));
            match mappings.find(|(_, mapping)| mapping.xid > after) {
                Some((_, mapping)) => {
                    let place = node.place("o_xid");
                    Err(Error::from(Corrupt::new(Damage::Transaction, place).found(mapping.xid)))
                }
                None => Ok(newer),
            }
        };
        let root = self.tree.root().clone();
        if !enters(&root)? {
            return Ok(());
        }
        let mut descent = Descent::into(root);
        let mut last = None;
        while let Some((node, index)) = descent.entry() {
            if node.level() > 0 {
                let child = descent.child(&self.tree, &node, index)?;
                if enters(&child)? {
                    descent.enter(child);
                }
                continue;
            }
            let found = decode(node.key(index), node.value(index).unwrap_or(&[]));
            let (oid, mapping) =
                found.ok_or_else(|| Error::damage(Damage::Bounds, node.place("omap_val_t")))?;
            if mapping.xid > after && mapping.xid <= upto && last != Some(oid) {
                last = Some(oid);
                each(oid)?;
            }
        }
        Ok(())
    }

    /// Some encrypted objects of the map, at most so many, and what could not be read on the way.
    pub(crate) fn encrypted(&self, most: usize) -> (Vec<Mapping>, Result<()>) {
        let (mut found, mut sound) = (Vec::new(), Ok(()));
        let mut cursor = Cursor::new();
        let mut moved = cursor.seek(&self.tree, &[0; 16]);
        for _ in 0..MOST_MAPPINGS {
            match (moved, cursor.leaf()) {
                (Err(error), _) => sound = Err(error),
                (Ok(()), Some((leaf, index))) if found.len() < most => {
                    let mapping = leaf.value(index).and_then(|value| decode(leaf.key(index), value));
                    found.extend(mapping.map(|(_, mapping)| mapping).filter(Mapping::is_encrypted));
                }
                (Ok(()), _) => break,
            }
            moved = cursor.advance(&self.tree);
        }
        (found, sound)
    }

    /// True if a key decrypts an object to what its header promises, which no wrong key does.
    pub(crate) fn decrypts(&self, mapping: &Mapping, key: &Xts) -> Result<bool> {
        if !mapping.is_encrypted() || u64::from(mapping.size) != self.store.block_size().bytes() {
            return Ok(false);
        }
        let mut bytes = self.store.blocks(mapping.block, 1)?;
        self.store.decrypt(key, mapping.block.0, &mut bytes);
        if mapping.flags & OMAP_VAL_NOHEADER != 0 {
            return Ok(get(&bytes, 0, HEADER_LEN) == Some(&[0; HEADER_LEN]));
        }
        Ok(verify_checksum(&bytes, Place::default()).is_ok())
    }

    /// The tree of the snapshots that the map keeps old mappings for; `None` if there never was one.
    ///
    /// # Errors
    /// Damage or I/O.
    pub fn snapshot_tree(&self) -> Result<Option<Tree>> {
        let root = self.raw.om_snapshot_tree_oid.get();
        if root == 0 {
            return Ok(None);
        }
        let resolve = Arc::new(Physical { newest: self.newest });
        Tree::open(self.store.clone(), &OMAP_SNAPSHOTS, resolve, Oid(root)).map(Some)
    }

    /// The snapshots that the map keeps old mappings for, oldest first.
    ///
    /// # Errors
    /// Damage or I/O, and more than [`Limits::snapshots`](crate::Limits::snapshots).
    pub fn snapshots(&self) -> Result<Vec<MapSnapshot>> {
        let mut found = Vec::new();
        let Some(tree) = self.snapshot_tree()? else { return Ok(found) };
        let mut cursor = Cursor::new();
        cursor.seek(&tree, &[])?;
        while let Some((leaf, index)) = cursor.leaf() {
            let limit = self.store.limits().snapshots;
            if found.len() >= limit {
                let limit = crate::base::bytes::len64(limit);
                return Err(Error::limit("snapshots", limit, limit.saturating_add(1)));
            }
            let value: Option<&OmapSnapshot> = leaf.value(index).and_then(pod);
            if let (Some(xid), Some(value)) = (u64_at(leaf.key(index), 0), value) {
                found.push(MapSnapshot { xid: Xid(xid), flags: value.oms_flags.get() });
            }
            cursor.advance(&tree)?;
        }
        Ok(found)
    }
}

fn key(oid: Oid, xid: Xid) -> [u8; 16] {
    let mut key = [0; 16];
    let (low, high) = key.split_at_mut(8);
    low.copy_from_slice(&oid.0.to_le_bytes());
    high.copy_from_slice(&xid.0.to_le_bytes());
    key
}

/// The object and its mapping from a record of the mapping tree.
pub(crate) fn decode(key: &[u8], value: &[u8]) -> Option<(Oid, Mapping)> {
    let (key, value): (&OmapKey, &OmapVal) = (pod(key)?, pod(value)?);
    let mapping = Mapping {
        xid: Xid(key.ok_xid.get()),
        block: Paddr(value.ov_paddr.get()),
        flags: value.ov_flags.get(),
        size: value.ov_size.get(),
    };
    Some((Oid(key.ok_oid.get()), mapping))
}

/// References through an object map, at one transaction.
#[derive(Debug)]
pub(crate) struct Virtual {
    pub(crate) omap: Arc<Omap>,
    pub(crate) xid: Xid,
    /// The key of encrypted objects, or why there is none.
    pub(crate) key: Result<Arc<Xts>, Locked>,
}

impl Resolve for Virtual {
    fn locate(&self, oid: Oid) -> Result<Location<'_>> {
        let place = || Place::new("omap_val_t", "").oid(oid).xid(self.xid);
        let mapping =
            self.omap.lookup(oid, self.xid)?.ok_or_else(|| Corrupt::new(Damage::Missing, place()))?;
        let key = match &self.key {
            _ if !mapping.is_encrypted() => None,
            Ok(key) => Some(key),
            Err(locked) => return Err(locked.clone().into()),
        };
        if u64::from(mapping.size) != self.omap.store.block_size().bytes() {
            let finding = Corrupt::new(Damage::Range, Place { field: "ov_size", ..place() });
            return Err(finding.expected(self.omap.store.block_size().bytes()).found(mapping.size).into());
        }
        let headerless = mapping.flags & OMAP_VAL_NOHEADER != 0;
        Ok(Location { block: mapping.block, xid: XidRule::Exactly(mapping.xid), headerless, key })
    }
}
