//! Snapshots: the three records that each of them has, and what they lead to (sheet apfs-05).

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::claims::{Claims, Owner};
use super::context::Context;
use super::omap::Mappings;
use super::rules::{
    KEY_FORM, NEXT_OBJ_ID, NUM_SNAPSHOTS, RECORD_TYPE, SNAP_COUNT, SNAP_FLAGS, SNAP_META_EXT,
    SNAP_NAME_MISSING, SNAP_OMAP, SNAP_RECORD_MISSING, SNAP_SUPERBLOCK, SNAP_TREE_TYPE, SNAP_VALUE, SNAP_XID,
};
use super::trees;
use crate::apfs::node::Node;
use crate::apfs::object::{Expect, XidRule};
use crate::apfs::raw::fs::{OBJ_ID_MASK, OBJ_TYPE_SHIFT};
use crate::apfs::raw::object::{OBJ_VIRTUAL, OBJECT_TYPE_SNAP_META_EXT};
use crate::apfs::raw::snapshot::{JSnapMetadataVal, SnapMetaExt};
use crate::apfs::tree_kind::SNAP_META;
use crate::apfs::{Volume, VolumeSuperblock};
use crate::base::bytes::{get, len64, pod, pod_rest, u16_at, u64_at};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::ids::{Oid, Paddr, Xid};

/// Type of every extent reference tree.
const PHYSICAL_TREE: u32 = 0x4000_0002;
/// Record by transaction.
const SNAP_METADATA: u64 = 1;
/// Record by name.
const SNAP_NAME: u64 = 0xB;

/// What is known of the snapshots of a volume.
#[derive(Debug, Default)]
pub(super) struct Snapshots {
    /// Transaction and extent reference tree, oldest first.
    pub(super) all: Vec<(Xid, Oid)>,
    /// Extent trees of sealed states.
    pub(super) fext_trees: BTreeSet<Oid>,
    /// Nodes of the metadata tree.
    pub(super) blocks: u64,
    pub(super) complete: bool,
}

#[derive(Default)]
struct Records {
    by_xid: Vec<(Xid, JSnapMetadataVal, Vec<u8>, Place)>,
    by_name: BTreeMap<Vec<u8>, (Xid, Place)>,
    /// False after a record that can't be read.
    whole: bool,
}

/// Reads the metadata tree, and compares it with the object map, the volume, and the copies of superblocks.
pub(super) fn read(
    check: &mut Context<'_>,
    volume: &Volume,
    mappings: &Mappings,
    claims: &mut Claims,
) -> Result<Snapshots> {
    let raw = volume.superblock().raw();
    let root = Oid(raw.apfs_snap_meta_tree_oid.get());
    let mut found = Snapshots::default();
    let opened = check.container.tree(&SNAP_META, root);
    let Some(tree) = check.take("snapshots", opened)? else {
        claims.complete = false;
        return Ok(found);
    };
    let owner = Owner::Metadata(volume.slot());
    let mut records = Records { whole: true, ..Records::default() };
    let limit = check.container.limits().snapshots;
    let seen = trees::walk(check, &tree, &mut |check, node| {
        claims.block(node.block(), owner)?;
        (0..if node.level() == 0 { node.count() } else { 0 })
            .for_each(|index| records.add(check, node, index));
        if records.by_xid.len() > limit {
            return Err(Error::limit("snapshots", len64(limit), len64(records.by_xid.len())));
        }
        Ok(())
    })?;
    found.blocks = seen.nodes;
    found.complete = seen.complete && records.whole;
    for (number, (xid, raw, name, place)) in records.by_xid.iter().enumerate() {
        check.go_on()?;
        let named = records.by_name.get(name).filter(|(named, _)| named == xid);
        if named.is_none() && found.complete {
            let place = Place { structure: "j_snap_name_val_t", ..place.clone() };
            check.broken(&SNAP_NAME_MISSING, Corrupt::new(Damage::Missing, place));
        }
        let copy = snapshot(check, volume, (*xid, raw, place), len64(number), claims)?;
        match copy {
            Some(copy) if copy.is_sealed() => {
                found.fext_trees.insert(Oid(copy.raw().apfs_fext_tree_oid.get()));
            }
            Some(_) => {}
            None => claims.complete = false,
        }
        if mappings.complete && mappings.snapshots.binary_search(xid).is_err() {
            let place = Place::new("omap_snapshot_t", "").xid(*xid);
            check.broken(&SNAP_OMAP, Corrupt::new(Damage::Missing, place));
        }
        found.all.push((*xid, Oid(raw.extentref_tree_oid.get())));
    }
    if !found.complete {
        return Ok(found);
    }
    for (xid, place) in records.by_name.values() {
        if found.all.binary_search_by_key(xid, |one| one.0).is_err() {
            check.broken(&SNAP_RECORD_MISSING, Corrupt::new(Damage::Missing, place.clone()).expected(xid));
        }
    }
    for xid in
        mappings.snapshots.iter().filter(|xid| found.all.binary_search_by_key(xid, |one| &one.0).is_err())
    {
        let place = Place::new("j_snap_metadata_val_t", "").xid(*xid);
        check.broken(&SNAP_OMAP, Corrupt::new(Damage::Missing, place).found("an entry of the object map"));
    }
    let place = Place::new("apfs_superblock_t", "apfs_num_snapshots").block(volume.superblock().block());
    check.equal(&NUM_SNAPSHOTS, place, len64(found.all.len()), raw.apfs_num_snapshots.get());
    check.report.checked("snapshots", len64(found.all.len()));
    Ok(found)
}

impl Records {
    fn add(&mut self, check: &mut Context<'_>, node: &Node, index: usize) {
        let (key, value) = (node.key(index), node.value(index).unwrap_or(&[]));
        let place = |structure, field| Place { structure, ..node.place(field) };
        let Some(head) = u64_at(key, 0) else { return };
        let mut bad = |field| {
            let corrupt = Corrupt::new(Damage::Bounds, place("j_snap_metadata_val_t", field));
            check.broken(&SNAP_VALUE, corrupt);
            self.whole = false;
        };
        match head >> OBJ_TYPE_SHIFT {
            SNAP_METADATA => {
                let Some((raw, rest)) = pod_rest::<JSnapMetadataVal>(value) else { return bad("") };
                let len = usize::from(raw.name_len.get());
                let name = rest.get(..len).and_then(|name| name.strip_suffix(&[0]));
                let Some(name) = name.filter(|name| !name.is_empty() && rest.len() == len) else {
                    return bad("name_len");
                };
                let xid = Xid(head & OBJ_ID_MASK);
                if key.len() != 8 {
                    check.differs(&KEY_FORM, place("j_snap_metadata_key_t", ""), 8, key.len());
                }
                self.by_xid.push((xid, *raw, name.to_vec(), place("j_snap_metadata_val_t", "").xid(xid)));
            }
            SNAP_NAME => {
                let len = usize::from(u16_at(key, 8).unwrap_or(0));
                let name = get(key, 10, len).and_then(|name| name.strip_suffix(&[0]));
                let (Some(name), Some(xid)) = (name, u64_at(value, 0)) else { return bad("name_len") };
                if head & OBJ_ID_MASK != OBJ_ID_MASK
                    || key.len() != len.saturating_add(10)
                    || value.len() != 8
                {
                    check.range(&KEY_FORM, place("j_snap_name_key_t", ""), alloc::format!("{head:#x}"));
                }
                let place = place("j_snap_name_val_t", "snap_xid").xid(Xid(xid));
                self.by_name.insert(name.to_vec(), (Xid(xid), place));
            }
            kind => check.range(&RECORD_TYPE, place("j_key_t", "obj_id_and_type"), kind),
        }
    }
}

/// One snapshot by itself; gives its copy of the superblock if that can be read.
fn snapshot(
    check: &mut Context<'_>,
    volume: &Volume,
    (xid, raw, place): (Xid, &JSnapMetadataVal, &Place),
    number: u64,
    claims: &mut Claims,
) -> Result<Option<VolumeSuperblock>> {
    let at = |field| Place { field, ..place.clone() };
    let live = volume.superblock().raw();
    if xid == Xid(0) || xid.0 > live.apfs_o.o_xid.get() {
        let expected = alloc::format!("at most {}", live.apfs_o.o_xid.get());
        check.differs(&SNAP_XID, at("hdr"), expected, xid);
    }
    if raw.extentref_tree_type.get() != PHYSICAL_TREE {
        let hex = |number: u32| alloc::format!("{number:#x}");
        let found = hex(raw.extentref_tree_type.get());
        check.differs(&SNAP_TREE_TYPE, at("extentref_tree_type"), hex(PHYSICAL_TREE), found);
    }
    if raw.flags.get() != 0 {
        check.range(&SNAP_FLAGS, at("flags"), alloc::format!("{:#x}", raw.flags.get()));
    }
    if raw.inum.get() >= live.apfs_next_obj_id.get() {
        check.range(&NEXT_OBJ_ID, at("inum"), raw.inum.get());
    }
    let block = Paddr(raw.sblock_oid.get());
    claims.block(block, Owner::Container("superblock of a snapshot"))?;
    let copy = match VolumeSuperblock::read_copy(check.container, block) {
        Ok(copy) => copy,
        Err(error) => {
            check.error_as(&SNAP_SUPERBLOCK, "superblock of a snapshot", error)?;
            return Ok(None);
        }
    };
    let of_copy = |field| Place::new("apfs_superblock_t", field).block(block).xid(xid);
    let copied = copy.raw();
    if copied.apfs_vol_uuid != live.apfs_vol_uuid {
        check.broken(&SNAP_SUPERBLOCK, Corrupt::new(Damage::Contradiction, of_copy("apfs_vol_uuid")));
    }
    let same = [
        ("apfs_fs_index", copied.apfs_fs_index == live.apfs_fs_index),
        ("apfs_formatted_by", copied.apfs_formatted_by.id == live.apfs_formatted_by.id),
        ("apfs_root_tree_type", copied.apfs_root_tree_type == live.apfs_root_tree_type),
        ("apfs_extentref_tree_type", copied.apfs_extentref_tree_type == live.apfs_extentref_tree_type),
        ("apfs_snap_meta_tree_type", copied.apfs_snap_meta_tree_type == live.apfs_snap_meta_tree_type),
    ];
    for (field, _) in same.into_iter().filter(|(_, same)| !same) {
        check.broken(&SNAP_SUPERBLOCK, Corrupt::new(Damage::Contradiction, of_copy(field)));
    }
    let zeros = [
        ("apfs_omap_oid", copied.apfs_omap_oid.get()),
        ("apfs_extentref_tree_oid", copied.apfs_extentref_tree_oid.get()),
        ("apfs_snap_meta_tree_oid", copied.apfs_snap_meta_tree_oid.get()),
    ];
    for (field, found) in zeros {
        check.equal(&SNAP_SUPERBLOCK, of_copy(field), 0, found);
    }
    // Some snapshots before it may be gone since.
    if copied.apfs_num_snapshots.get() < number {
        let found = copied.apfs_num_snapshots.get();
        check.differs(&SNAP_COUNT, of_copy("apfs_num_snapshots"), alloc::format!("at least {number}"), found);
    }
    meta_ext(check, volume, xid)?;
    Ok(Some(copy))
}

/// More metadata of a snapshot, where the volume keeps it.
fn meta_ext(check: &mut Context<'_>, volume: &Volume, xid: Xid) -> Result<()> {
    let oid = Oid(volume.superblock().raw().apfs_snap_meta_ext_oid.get());
    if oid.0 == 0 {
        return Ok(());
    }
    let found = volume.omap().and_then(|omap| omap.lookup(oid, xid));
    let mapping = match found {
        Ok(mapping) => mapping,
        Err(error) => return check.error("metadata of a snapshot", error),
    };
    let place = |field| Place::new("snap_meta_ext_obj_phys_t", field).oid(oid).xid(xid);
    // Snapshots of older systems have none.
    let Some(mapping) = mapping else { return Ok(()) };
    let key = match mapping.is_encrypted() {
        true => match volume.key() {
            Ok(key) => Some(key),
            // That the volume is locked is told once, for all of it.
            Err(_) => return Ok(()),
        },
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
    let bytes = check.container.store().decrypted_object(mapping.block, &expect, key.as_deref());
    let Some(bytes) = check.take("metadata of a snapshot", bytes)? else { return Ok(()) };
    let Some(raw) = pod::<SnapMetaExt>(&bytes) else { return Ok(()) };
    if raw.sme_version.get() != 1 {
        check.range(&SNAP_META_EXT, place("sme_version"), raw.sme_version.get());
    }
    if raw.sme_snap_xid.get() != xid.0 {
        check.differs(&SNAP_META_EXT, place("sme_snap_xid"), xid, raw.sme_snap_xid.get());
    }
    Ok(())
}
