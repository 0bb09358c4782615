//! What owns blocks in one volume: its object map and all it leads to, its trees, its snapshots, its data.

use alloc::vec::Vec;

use super::super::extentref::ExtentItem;
use super::super::keybag::Keybag;
use super::super::raw::container::Prange;
use super::super::raw::keybag::KB_TAG_VOLUME_UNLOCK_RECORDS;
use super::super::raw::object::{OBJ_PHYSICAL, OBJ_STORAGETYPE_MASK};
use super::super::snapshot::Snapshot;
use super::super::tree_kind::{DOCUMENT_IDS, FEXT, SNAP_META, TreeKind};
use super::super::volume::{Volume, VolumeSuperblock};
use super::claim::{Claim, Owner, VolumePart};
use super::claims::{EachClaim, Search, one};
use crate::base::bytes::pod;
use crate::base::error::Result;
use crate::base::ids::{BlockRange, Oid, Paddr};
use crate::base::report::Cancel;

impl Search<'_, '_> {
    /// Claims everything of a volume but its live superblock and its keybag, to which the container leads.
    pub(super) fn volume(&mut self, volume: &Volume) -> Result<()> {
        let owner = |part| Owner::Volume(volume.slot(), part);
        self.volume_map(volume)?;
        let raw = *volume.superblock().raw();
        let snap_meta = raw.apfs_snap_meta_tree_oid.get();
        if snap_meta != 0 {
            self.physical(&SNAP_META, snap_meta, owner(VolumePart::Snapshots))?;
        }
        let snapshots = self.sound(volume.snapshots())?.unwrap_or_default();
        self.extents(volume, &snapshots)?;
        let fext = raw.apfs_fext_tree_oid.get();
        if fext != 0 {
            self.physical(&FEXT, fext, owner(VolumePart::FileExtents))?;
        }
        self.snapshots(volume, &snapshots, fext)?;
        self.other_trees(volume)
    }

    fn volume_map(&mut self, volume: &Volume) -> Result<()> {
        let owner = |part| Owner::Volume(volume.slot(), part);
        let Some(omap) = self.sound(volume.omap())? else { return Ok(()) };
        let (block, map) = (omap.raw().om_o.o_oid.get(), owner(VolumePart::ObjectMap));
        self.claim(Claim { run: one(block), owner: map, structure: "omap_phys_t", oid: Oid(block) })?;
        if let Some(Some(tree)) = self.sound(omap.snapshot_tree())? {
            self.tree(&tree, owner(VolumePart::ObjectMapSnapshots), &mut |_, _| Ok(()))?;
        }
        self.mapped(omap.tree(), map, &|_, replaced| {
            owner(if replaced { VolumePart::KeptObject } else { VolumePart::Object })
        })
    }

    fn extents(&mut self, volume: &Volume, snapshots: &[Snapshot]) -> Result<()> {
        let owner = |part| Owner::Volume(volume.slot(), part);
        for tree in volume.extent_trees(snapshots) {
            let nodes = owner(match tree.xid {
                Some(_) => VolumePart::KeptExtentReferences,
                None => VolumePart::ExtentReferences,
            });
            let cancel = self.cancel;
            volume.each_extent(&tree, cancel, &mut |item| match item {
                Ok(ExtentItem::Node(block)) => {
                    let (structure, oid) = ("extent reference tree", Oid(block.0));
                    self.claim(Claim { run: one(block.0), owner: nodes, structure, oid })
                }
                Ok(ExtentItem::Extent(extent)) if extent.is_new() => {
                    let (owner, structure) = (owner(VolumePart::Data), "j_phys_ext_val_t");
                    let oid = Oid(extent.owner.unwrap_or(0));
                    self.claim(Claim { run: extent.run, owner, structure, oid })
                }
                Ok(ExtentItem::Extent(_)) => Ok(()),
                Err(error) => self.error(error),
            })?;
        }
        Ok(())
    }

    fn snapshots(&mut self, volume: &Volume, snapshots: &[Snapshot], live_fext: u64) -> Result<()> {
        let owner = |part| Owner::Volume(volume.slot(), part);
        let mut seen: Vec<u64> = alloc::vec![live_fext, 0];
        for snapshot in snapshots {
            let block = snapshot.superblock_block;
            if block == Paddr(0) {
                continue;
            }
            let (run, structure) = (one(block.0), "apfs_superblock_t");
            let kept = owner(VolumePart::KeptSuperblock);
            self.claim(Claim { run, owner: kept, structure, oid: Oid(block.0) })?;
            let copy = VolumeSuperblock::read_copy(self.container, block);
            let Some(copy) = self.sound(copy)? else { continue };
            let fext = copy.raw().apfs_fext_tree_oid.get();
            if !seen.contains(&fext) {
                seen.push(fext);
                self.physical(&FEXT, fext, owner(VolumePart::KeptFileExtents))?;
            }
        }
        Ok(())
    }

    /// Trees that newer systems add. Those that are not physical are objects of the object map.
    fn other_trees(&mut self, volume: &Volume) -> Result<()> {
        let raw = *volume.superblock().raw();
        let kind = raw.apfs_doc_id_tree_type.get();
        let trees: [(u32, u64, &'static TreeKind); 2] = [
            (kind, raw.apfs_doc_id_tree_oid.get(), &DOCUMENT_IDS),
            (kind, raw.apfs_prev_doc_id_tree_oid.get(), &DOCUMENT_IDS),
        ];
        for (storage, root, kind) in trees {
            if root != 0 && storage & OBJ_STORAGETYPE_MASK == OBJ_PHYSICAL {
                self.physical(kind, root, Owner::Volume(volume.slot(), VolumePart::OtherTree))?;
            }
        }
        Ok(())
    }

    /// The keybags of volumes, to which the container's leads.
    pub(super) fn volume_keybags(&mut self) -> Result<()> {
        let bag = Keybag::of_container(self.container);
        let Some(Some(bag)) = self.sound(bag)? else { return Ok(()) };
        let volumes = self.container.volumes();
        let volumes: Vec<Volume> = volumes.into_iter().filter_map(|(_, volume)| volume.ok()).collect();
        for entry in bag.entries().iter().filter(|entry| entry.tag == KB_TAG_VOLUME_UNLOCK_RECORDS) {
            let Some(range) = pod::<Prange>(&entry.data) else { continue };
            let Some(volume) = volumes.iter().find(|volume| volume.uuid() == entry.uuid) else { continue };
            let run =
                BlockRange { start: Paddr(range.pr_start_paddr.get()), count: range.pr_block_count.get() };
            let owner = Owner::Volume(volume.slot(), VolumePart::Keybag);
            self.claim(Claim { run, owner, structure: "media_keybag_t", oid: Oid(0) })?;
        }
        Ok(())
    }
}

impl Volume {
    /// Gives everything that owns blocks in the volume, its live superblock and its keybag left out, as
    /// [`Container::each_claim`](super::super::Container::each_claim) does for all of them.
    ///
    /// # Errors
    /// `Cancelled`; whatever `each` returns.
    pub fn each_claim(&self, cancel: Cancel<'_>, each: &mut EachClaim<'_>) -> Result<()> {
        Search::new(self.container(), cancel, each).volume(self)
    }
}
