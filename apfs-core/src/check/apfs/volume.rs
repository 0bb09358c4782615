//! A volume: its superblock, its maps and trees, and its views (sheet apfs-03).

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::catalog::{self, Catalog, Counts};
use super::claims::{Claims, Owner};
use super::context::Context;
use super::extents::{self, References};
use super::omap::{self, Whose};
use super::rules::{
    ALLOC_COUNT, CASE_FLAGS, GROUP_FEATURE, GROUP_IDS, GROUP_ROLES, META_CRYPTO, MODIFIED_BY, NEXT_DOC_ID,
    NEXT_OBJ_ID, NUM_DIRS, NUM_FILES, NUM_OTHER, NUM_SYMLINKS, PFK_FLAGS, PHYS_KIND, PHYS_OWNER, PHYS_VALUE,
    QUOTA, REVERT, SAME_UUID, SEALED, SNAP_ROOT, TOTALS, TREE_TYPES, VOLUME_FEATURES, VOLUME_FLAGS,
    VOLUME_INDEX, VOLUME_NAME, VOLUME_RESERVED, VOLUME_ROLE, VOLUME_XID,
};
use super::{seal, snapshots, trees};
use crate::apfs::Volume;
use crate::apfs::extentref::{ExtentKind, PhysicalExtent};
use crate::apfs::raw::extentref::{JPhysExtVal, PEXT_KIND_SHIFT};
use crate::apfs::raw::volume::{ApfsModifiedBy, VolumeFeatures, VolumeFlags, VolumeIncompat};
use crate::apfs::tree_kind::{EXTENT_REFERENCES, FEXT};
use crate::base::bytes::{pod, u16_at, u64_at};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::Result;
use crate::base::ids::{Oid, Uuid, Xid};

/// From here on file ids are a system volume's.
const UNIFIED_ID_SPACE_MARK: u64 = 0x0800_0000_0000_0000;
/// Role of a system volume.
const ROLE_SYSTEM: u16 = 1;
/// Role of a data volume.
const ROLE_DATA: u16 = 0x40;
/// Owner of updates.
const NO_OWNER: u64 = u64::MAX;
/// Flags of volumes that are known.
const KNOWN_FLAGS: u64 = 0xFFF;

/// What volumes are compared with one another by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    slot: usize,
    uuid: Uuid,
    group: Option<Uuid>,
    role: u16,
    /// Lowest and highest id of users' files.
    ids: Option<(u64, u64)>,
}

/// Checks all of a volume.
pub(super) fn check(check: &mut Context<'_>, volume: &Volume, claims: &mut Claims) -> Result<Member> {
    superblock(check, volume);
    let raw = volume.superblock().raw();
    let mut member = Member {
        slot: volume.slot(),
        uuid: volume.uuid(),
        group: volume.group(),
        role: volume.role().0,
        ids: None,
    };
    let Some(map) = check.take("object map of a volume", volume.omap())? else {
        claims.complete = false;
        return Ok(member);
    };
    let whose = Whose::Volume { slot: volume.slot(), encrypted: volume.superblock().is_encrypted() };
    let mappings = omap::read(check, &map, whose, claims)?;
    let snapshots = snapshots::read(check, volume, &mappings, claims)?;
    claims.complete &= snapshots.complete;
    let owner = Owner::Metadata(volume.slot());
    let mut blocks = mappings.blocks.saturating_add(snapshots.blocks);
    let extents = PhysicalExtents::read(check, volume, &snapshots.all, claims)?;
    claims.complete &= extents.complete;
    blocks = blocks.saturating_add(extents.nodes).saturating_add(extents.blocks);
    let mut sealed = snapshots.fext_trees.clone();
    if volume.superblock().is_sealed() {
        sealed.insert(Oid(raw.apfs_fext_tree_oid.get()));
    }
    for root in sealed.into_iter().filter(|root| root.0 != 0) {
        blocks = blocks.saturating_add(fext_tree(check, root, owner, claims)?);
    }
    if claims.complete {
        let place = superblock_place(volume, "apfs_fs_alloc_count");
        check.equal(&ALLOC_COUNT, place, blocks, raw.apfs_fs_alloc_count.get());
    }

    let mut used = Vec::new();
    let mut whole = true;
    match volume.view() {
        Ok(view) => {
            seal::hashes(check, &view)?;
            let catalog = catalog::read(check, &view)?;
            used.extend_from_slice(&catalog.nodes);
            member.ids = catalog.ids;
            whole &= catalog.complete;
            if catalog.complete {
                counts(check, volume, &catalog.counts);
            }
            let live = snapshots.complete && snapshots.all.is_empty();
            compare_extents(check, &extents, None, view.xid(), catalog, live)?;
        }
        Err(error) => {
            whole = false;
            check.error(&alloc::format!("files of volume {}", volume.name()), error)?;
        }
    }
    seal::check(check, volume, (volume.superblock(), check.container.xid()), &mut used)?;
    if check.options.snapshots {
        whole &= kept_views(check, volume, &extents, &mut used)?;
    }
    if whole && mappings.complete {
        let tolerated = [raw.apfs_snap_meta_ext_oid.get(), raw.apfs_er_state_oid.get()].map(Oid);
        omap::unused(check, &mappings, &mut used, check.options.snapshots, &tolerated);
    }
    Ok(member)
}

/// The views that snapshots keep.
fn kept_views(
    check: &mut Context<'_>,
    volume: &Volume,
    extents: &PhysicalExtents,
    used: &mut Vec<crate::base::ids::Paddr>,
) -> Result<bool> {
    let mut whole = true;
    let listed = volume.snapshots();
    for snapshot in check.take("snapshots", listed)?.unwrap_or_default() {
        check.go_on()?;
        let what = alloc::format!("snapshot {} of volume {}", snapshot.name, volume.name());
        match volume.view_at(&snapshot) {
            Ok(view) => {
                seal::check(check, volume, (view.superblock(), snapshot.xid), used)?;
                seal::hashes(check, &view)?;
                let catalog = catalog::read(check, &view)?;
                used.extend_from_slice(&catalog.nodes);
                whole &= catalog.complete;
                compare_extents(check, extents, Some(snapshot.xid), snapshot.xid, catalog, false)?;
            }
            Err(error) => {
                whole = false;
                check.error_as(&SNAP_ROOT, &what, error)?;
            }
        }
    }
    Ok(whole)
}

fn compare_extents(
    check: &mut Context<'_>,
    extents: &PhysicalExtents,
    snapshot: Option<Xid>,
    xid: Xid,
    catalog: Catalog,
    live: bool,
) -> Result<()> {
    if !extents.complete || !catalog.complete {
        check.report.unchecked("references to extents", "not all records can be read");
        return Ok(());
    }
    extents::compare(check, xid, catalog.coverage, extents.seen_by(snapshot), live)
}

fn superblock_place(volume: &Volume, field: &'static str) -> Place {
    let superblock = volume.superblock();
    let raw = superblock.raw();
    let oid = Oid(raw.apfs_o.o_oid.get());
    Place::new("apfs_superblock_t", field).block(superblock.block()).oid(oid).xid(Xid(raw.apfs_o.o_xid.get()))
}

/// The superblock by itself.
fn superblock(check: &mut Context<'_>, volume: &Volume) {
    let superblock = volume.superblock();
    let raw = superblock.raw();
    let place = |field| superblock_place(volume, field);
    let hex = |number: u64| alloc::format!("{number:#x}");
    let xid = raw.apfs_o.o_xid.get();
    let slot = crate::base::bytes::len64(volume.slot());
    check.equal(&VOLUME_INDEX, place("apfs_fs_index"), slot, raw.apfs_fs_index.get().into());
    let name = raw.apfs_volname.split(|byte| *byte == 0).next().unwrap_or(&[]);
    let is_name =
        !name.is_empty() && name.len() < raw.apfs_volname.len() && core::str::from_utf8(name).is_ok();
    if !is_name {
        check.broken(&VOLUME_NAME, Corrupt::new(Damage::Name, place("apfs_volname")));
    }
    let (features, incompatible, flags) =
        (superblock.features(), superblock.incompatible_features(), superblock.flags());
    let known_features = VolumeFeatures::all().difference(VolumeFeatures::DEFRAG_PRERELEASE);
    if !known_features.contains(features) {
        check.range(&VOLUME_FEATURES, place("apfs_features"), hex(features.bits()));
    }
    if raw.apfs_readonly_compatible_features.get() & !0xE != 0 {
        let found = hex(raw.apfs_readonly_compatible_features.get());
        check.range(&VOLUME_FEATURES, place("apfs_readonly_compatible_features"), found);
    }
    if incompatible.bits() & !VolumeIncompat::all().bits() != 0 {
        check.range(&VOLUME_FEATURES, place("apfs_incompatible_features"), hex(incompatible.bits()));
    }
    if incompatible.contains(VolumeIncompat::CASE_INSENSITIVE | VolumeIncompat::NORMALIZATION_INSENSITIVE) {
        check.range(&CASE_FLAGS, place("apfs_incompatible_features"), hex(incompatible.bits()));
    }
    let sealed = superblock.is_sealed();
    let contradicts = flags.contains(VolumeFlags::UNENCRYPTED | VolumeFlags::ONEKEY)
        || flags.contains(VolumeFlags::SPILLEDOVER)
            != incompatible.contains(VolumeIncompat::SECONDARY_FSROOT)
            && incompatible.contains(VolumeIncompat::SECONDARY_FSROOT);
    if flags.bits() & !KNOWN_FLAGS != 0 || contradicts {
        check.range(&VOLUME_FLAGS, place("apfs_fs_flags"), hex(flags.bits()));
    }
    if flags.contains(VolumeFlags::PFK) != incompatible.contains(VolumeIncompat::PFK) {
        check.differs(&PFK_FLAGS, place("apfs_fs_flags"), hex(incompatible.bits()), hex(flags.bits()));
    }
    if volume.role().name().is_none() {
        check.range(&VOLUME_ROLE, place("apfs_role"), hex(raw.apfs_role.get().into()));
    }
    let has_seal = raw.apfs_integrity_meta_oid.get() != 0 && raw.apfs_fext_tree_oid.get() != 0;
    let has_part = raw.apfs_integrity_meta_oid.get() != 0 || raw.apfs_fext_tree_oid.get() != 0;
    if sealed != has_seal || has_part != has_seal {
        check.differs(&SEALED, place("apfs_integrity_meta_oid"), sealed, has_seal);
    }
    let (reserve, quota, alloc) = (
        raw.apfs_fs_reserve_block_count.get(),
        raw.apfs_fs_quota_block_count.get(),
        raw.apfs_fs_alloc_count.get(),
    );
    if quota != 0 && reserve.max(alloc) > quota {
        let expected = alloc::format!("at most {quota}");
        check.differs(&QUOTA, place("apfs_fs_quota_block_count"), expected, reserve.max(alloc));
    }
    let (taken, freed) = (raw.apfs_total_blocks_alloced.get(), raw.apfs_total_blocks_freed.get());
    if freed > taken {
        let expected = alloc::format!("at most {taken}");
        check.differs(&TOTALS, place("apfs_total_blocks_freed"), expected, freed);
    }
    // Only the flag for encryption of the tree's type is not the same everywhere.
    let types = [
        ("apfs_root_tree_type", raw.apfs_root_tree_type.get() & !0x1000_0000, 2),
        ("apfs_extentref_tree_type", raw.apfs_extentref_tree_type.get(), 0x4000_0002),
        ("apfs_snap_meta_tree_type", raw.apfs_snap_meta_tree_type.get(), 0x4000_0002),
    ];
    let fext = ("apfs_fext_tree_type", raw.apfs_fext_tree_type.get(), 0x4000_0002);
    for (field, found, expected) in types.into_iter().chain(sealed.then_some(fext)) {
        if found != expected {
            check.differs(&TREE_TYPES, place(field), hex(expected.into()), hex(found.into()));
        }
    }
    if raw.apfs_next_obj_id.get() < 16 {
        check.range(&NEXT_OBJ_ID, place("apfs_next_obj_id"), raw.apfs_next_obj_id.get());
    }
    if raw.apfs_next_doc_id.get() < 3 {
        check.range(&NEXT_DOC_ID, place("apfs_next_doc_id"), raw.apfs_next_doc_id.get());
    }
    let version = (u16_at(&raw.apfs_meta_crypto, 0), u16_at(&raw.apfs_meta_crypto, 2));
    if raw.apfs_meta_crypto != [0; 20] && version != (Some(5), Some(0)) {
        check.range(&META_CRYPTO, place("apfs_meta_crypto"), alloc::format!("{version:?}"));
    }
    if raw.reserved.get() != 0 {
        check.range(&VOLUME_RESERVED, place("reserved"), raw.reserved.get());
    }
    let xids = [
        ("apfs_root_to_xid", raw.apfs_root_to_xid.get()),
        ("apfs_revert_to_xid", raw.apfs_revert_to_xid.get()),
        ("apfs_cloneinfo_xid", raw.apfs_cloneinfo_xid.get()),
    ];
    for (field, found) in xids {
        if found > xid {
            check.differs(&VOLUME_XID, place(field), alloc::format!("at most {xid}"), found);
        }
    }
    if raw.apfs_revert_to_xid.get() != 0 || raw.apfs_revert_to_sblock_oid.get() != 0 {
        check.range(&REVERT, place("apfs_revert_to_xid"), raw.apfs_revert_to_xid.get());
    }
    history(check, volume);
    let grouped = volume.group().is_some();
    if grouped && !features.contains(VolumeFeatures::VOLGRP_SYSTEM_INO_SPACE) {
        check.differs(&GROUP_FEATURE, place("apfs_features"), grouped, hex(features.bits()));
    }
}

/// Who wrote the volume: newest first, no gaps.
fn history(check: &mut Context<'_>, volume: &Volume) {
    let raw = volume.superblock().raw();
    let is_empty = |by: &ApfsModifiedBy| by.id.first() == Some(&0) && by.last_xid.get() == 0;
    let mut before = u64::MAX;
    let mut ended = false;
    for by in &raw.apfs_modified_by {
        let place = superblock_place(volume, "apfs_modified_by");
        if is_empty(by) {
            ended = true;
            continue;
        }
        if ended || by.last_xid.get() > before || by.id.last() != Some(&0) {
            check.range(&MODIFIED_BY, place, by.last_xid.get());
        }
        before = by.last_xid.get();
    }
    if raw.apfs_formatted_by.last_xid.get() > before {
        check.range(
            &MODIFIED_BY,
            superblock_place(volume, "apfs_formatted_by"),
            raw.apfs_formatted_by.last_xid.get(),
        );
    }
}

/// Numbers of files, counted.
fn counts(check: &mut Context<'_>, volume: &Volume, counts: &Counts) {
    let raw = volume.superblock().raw();
    let fields = [
        (&NUM_FILES, "apfs_num_files", counts.files, raw.apfs_num_files.get()),
        (&NUM_DIRS, "apfs_num_directories", counts.dirs, raw.apfs_num_directories.get()),
        (&NUM_SYMLINKS, "apfs_num_symlinks", counts.symlinks, raw.apfs_num_symlinks.get()),
        (&NUM_OTHER, "apfs_num_other_fsobjects", counts.others, raw.apfs_num_other_fsobjects.get()),
    ];
    for (rule, field, expected, found) in fields {
        check.equal(rule, superblock_place(volume, field), expected, found);
    }
}

/// Blocks of the extent tree of a sealed state.
fn fext_tree(check: &mut Context<'_>, root: Oid, owner: Owner, claims: &mut Claims) -> Result<u64> {
    let opened = check.container.tree(&FEXT, root);
    let Some(tree) = check.take("extents of a sealed volume", opened)? else {
        claims.complete = false;
        return Ok(0);
    };
    // Damage is told when the files are read.
    let mut nodes = crate::tree::walk::Walk::new();
    let mut blocks = 0u64;
    while let Some(node) = nodes.next(&tree) {
        match node {
            Ok(node) => {
                claims.block(node.block(), owner)?;
                blocks = blocks.saturating_add(1);
            }
            Err(_) => claims.complete = false,
        }
    }
    Ok(blocks)
}

/// All extent reference trees of a volume.
#[derive(Debug, Default)]
struct PhysicalExtents {
    /// Transaction of each snapshot with a tree, and where its records end; the live tree's are the rest.
    trees: Vec<(Xid, usize)>,
    /// First block, number of blocks, kind, and references.
    records: Vec<(u64, u64, ExtentKind, i32)>,
    nodes: u64,
    /// Blocks of new extents.
    blocks: u64,
    complete: bool,
}

impl PhysicalExtents {
    fn read(
        check: &mut Context<'_>,
        volume: &Volume,
        snapshots: &[(Xid, Oid)],
        claims: &mut Claims,
    ) -> Result<PhysicalExtents> {
        let mut extents = PhysicalExtents { complete: true, ..PhysicalExtents::default() };
        for (xid, root) in snapshots.iter().filter(|(_, root)| root.0 != 0) {
            check.go_on()?;
            extents.tree(check, volume, *root, claims)?;
            extents.trees.push((*xid, extents.records.len()));
        }
        extents.tree(check, volume, Oid(volume.superblock().raw().apfs_extentref_tree_oid.get()), claims)?;
        Ok(extents)
    }

    fn tree(
        &mut self,
        check: &mut Context<'_>,
        volume: &Volume,
        root: Oid,
        claims: &mut Claims,
    ) -> Result<()> {
        let opened = check.container.tree(&EXTENT_REFERENCES, root);
        let Some(tree) = check.take("extent references", opened)? else {
            self.complete = false;
            return Ok(());
        };
        let (slot, next_id) = (volume.slot(), volume.superblock().raw().apfs_next_obj_id.get());
        let most = crate::base::bytes::len64(check.container.limits().space_runs);
        let seen = trees::walk(check, &tree, &mut |check, node| {
            claims.block(node.block(), Owner::Metadata(slot))?;
            for index in 0..if node.level() == 0 { node.count() } else { 0 } {
                let (key, value) = (node.key(index), node.value(index).unwrap_or(&[]));
                let place = |field| Place { structure: "j_phys_ext_val_t", ..node.place(field) };
                let extent = match PhysicalExtent::parse(key, value) {
                    Ok(extent) => extent,
                    Err(flaw) => {
                        self.complete = false;
                        let kind = u64_at(value, 0).unwrap_or(0) >> PEXT_KIND_SHIFT;
                        let rule = if matches!(kind, 1 | 2) { &PHYS_VALUE } else { &PHYS_KIND };
                        let id = u64_at(key, 0).unwrap_or(0);
                        check.error_as(rule, "extent reference", flaw.at(node.place(""), id))?;
                        continue;
                    }
                };
                let owner = pod::<JPhysExtVal>(value).map_or(0, |raw| raw.owning_obj_id.get());
                let is_new = extent.kind == ExtentKind::New;
                let at = |field| Place { oid: Some(Oid(owner)), ..place(field) };
                let whose = || alloc::format!("{owner:#x} for the extent at block {}", extent.run.start);
                if is_new == (owner == NO_OWNER) || owner == 0 {
                    check.range(&PHYS_OWNER, at("owning_obj_id"), whose());
                } else if extent.owner.is_some_and(|owner| owner >= next_id) {
                    check.range(&NEXT_OBJ_ID, at("owning_obj_id"), whose());
                }
                if !check.container.store().holds(extent.run) {
                    let corrupt = Corrupt::new(Damage::PastEnd, at("len_and_kind"));
                    check.broken(&PHYS_VALUE, corrupt.found(extent.run.count));
                    self.complete = false;
                    continue;
                }
                if is_new {
                    claims.add(extent.run, Owner::Data(slot))?;
                    self.blocks = self.blocks.saturating_add(extent.run.count);
                }
                if crate::base::bytes::len64(self.records.len()) >= most {
                    return Err(crate::base::error::Error::limit(
                        "extent references",
                        most,
                        most.saturating_add(1),
                    ));
                }
                self.records.push((extent.run.start.0, extent.run.count, extent.kind, extent.refcnt));
            }
            Ok(())
        })?;
        check.report.checked("extent references", seen.keys);
        self.nodes = self.nodes.saturating_add(seen.nodes);
        self.complete &= seen.complete;
        Ok(())
    }

    /// The references that a view counts: those of the trees of its time and before.
    fn seen_by(&self, snapshot: Option<Xid>) -> References {
        let end = match snapshot {
            None => self.records.len(),
            Some(xid) => {
                let seen = self.trees.partition_point(|(tree, _)| *tree <= xid);
                seen.checked_sub(1).and_then(|last| self.trees.get(last)).map_or(0, |tree| tree.1)
            }
        };
        let mut references = References::default();
        for (start, count, kind, refcnt) in self.records.get(..end).unwrap_or(&[]) {
            references.counts.add(*start, *count, i64::from(*refcnt));
            match kind {
                ExtentKind::New => references.new.add(*start, *count, 1),
                ExtentKind::Update => references.updates.add(*start, *count, 1),
            }
        }
        references
    }
}

/// Volumes compared with one another: ids, and the roles and file ids in groups.
pub(super) fn compare(check: &mut Context<'_>, members: &[Member]) {
    let place = |field| Place::new("apfs_superblock_t", field);
    let mut uuids: BTreeMap<[u8; 16], usize> = BTreeMap::new();
    let mut groups: BTreeMap<[u8; 16], Vec<Member>> = BTreeMap::new();
    for member in members {
        check.report.about(Some(member.slot));
        if let Some(other) = uuids.insert(member.uuid.0, member.slot) {
            check.range(
                &SAME_UUID,
                place("apfs_vol_uuid"),
                alloc::format!("{} as volume {other}", member.uuid),
            );
        }
        if let Some(group) = member.group {
            groups.entry(group.0).or_default().push(*member);
        }
    }
    check.report.about(None);
    for (group, members) in groups {
        let with = |role| members.iter().filter(|member| member.role == role).count();
        let others = members.iter().filter(|member| ![ROLE_SYSTEM, ROLE_DATA].contains(&member.role)).count();
        if with(ROLE_SYSTEM) != 1 || with(ROLE_DATA) != 1 || others > 0 {
            let found =
                alloc::format!("{} system, {} data, {others} others", with(ROLE_SYSTEM), with(ROLE_DATA));
            let place = place("apfs_role");
            let corrupt =
                Corrupt::new(Damage::Contradiction, place).expected("one system and one data volume");
            check.report.remark(&GROUP_ROLES, corrupt.found(found), alloc::format!("group {}", Uuid(group)));
        }
        for member in &members {
            let Some((low, high)) = member.ids else { continue };
            let wrong = match member.role {
                ROLE_SYSTEM => Some(low).filter(|low| *low < UNIFIED_ID_SPACE_MARK),
                ROLE_DATA => Some(high).filter(|high| *high >= UNIFIED_ID_SPACE_MARK),
                _ => None,
            };
            if let Some(id) = wrong {
                check.report.about(Some(member.slot));
                check.range(
                    &GROUP_IDS,
                    Place::new("j_inode_val_t", "hdr").oid(Oid(id)),
                    alloc::format!("{id:#x}"),
                );
                check.report.about(None);
            }
        }
    }
}
