//! Everything in a container that owns blocks, found by following references (sheet apfs-06, section 4): never by
//! looking at the bitmaps.

use alloc::sync::Arc;

use super::super::area::Area;
use super::super::btree::{Physical, Tree};
use super::super::container::Container;
use super::super::node::Node;
use super::super::object::{Expect, XidRule, too_short};
use super::super::omap::decode;
use super::super::raw::container::{NX_XP_FRAGMENTED, Prange};
use super::super::raw::fusion::FusionMtVal;
use super::super::raw::object::{OBJ_PHYSICAL, OBJECT_TYPE_EFI_JUMPSTART};
use super::super::raw::omap::OMAP_VAL_DELETED;
use super::super::raw::spaceman::{EfiJumpstart, NX_EFI_JUMPSTART_MAGIC};
use super::super::tree_kind::{EXTENT_LIST, FUSION_MIDDLE, TreeKind};
use super::claim::{Claim, ContainerPart, Owner, VolumePart};
use super::queue::FreeQueue;
use super::spaceman::{Device, Spaceman};
use crate::base::bytes::{get, pod, pod_rest, to_usize};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::ids::{BlockRange, Oid, Paddr};
use crate::base::report::Cancel;
use crate::tree::walk::Walk;

/// Receives claims, and what stands in the way of finding others.
pub type EachClaim<'a> = dyn FnMut(Result<Claim>) -> Result<()> + 'a;

/// A search for claims.
pub(super) struct Search<'a, 'b> {
    pub(super) container: &'a Container,
    spaceman: Option<Spaceman>,
    pub(super) cancel: Cancel<'a>,
    /// Nodes that may still be met.
    nodes_left: u64,
    each: &'a mut EachClaim<'b>,
}

/// A run of one block.
pub(super) fn one(block: u64) -> BlockRange {
    BlockRange { start: Paddr(block), count: 1 }
}

fn run(range: &Prange) -> BlockRange {
    BlockRange { start: Paddr(range.pr_start_paddr.get()), count: range.pr_block_count.get() }
}

impl<'a, 'b> Search<'a, 'b> {
    pub(super) fn new(
        container: &'a Container,
        cancel: Cancel<'a>,
        each: &'a mut EachClaim<'b>,
    ) -> Search<'a, 'b> {
        let nodes_left = container.store().most_nodes();
        Search { container, spaceman: container.spaceman().ok(), cancel, nodes_left, each }
    }

    /// Gives a claim, or an error if its blocks are not in the container.
    pub(super) fn claim(&mut self, claim: Claim) -> Result<()> {
        let run = claim.run;
        let fits = match &self.spaceman {
            Some(spaceman) => spaceman.holds(run),
            None => self.container.store().holds(run),
        };
        if fits && run.count > 0 {
            return (self.each)(Ok(claim));
        }
        let damage = if run.count == 0 { Damage::Range } else { Damage::PastEnd };
        let place = Place::new(claim.structure, "").block(run.start).oid(claim.oid);
        self.error(Corrupt::new(damage, place).found(alloc::format!("{} blocks", run.count)).into())
    }

    pub(super) fn error(&mut self, error: Error) -> Result<()> {
        match error {
            Error::Cancelled => Err(error),
            error => (self.each)(Err(error)),
        }
    }

    /// The value, or nothing after its error was given.
    pub(super) fn sound<T>(&mut self, value: Result<T>) -> Result<Option<T>> {
        match value {
            Ok(value) => Ok(Some(value)),
            Err(error) => self.error(error).map(|()| None),
        }
    }

    /// Claims the nodes of a physical tree by its root.
    pub(super) fn physical(&mut self, kind: &'static TreeKind, root: u64, owner: Owner) -> Result<()> {
        let resolve = Arc::new(Physical { newest: self.container.xid() });
        let tree = Tree::open(self.container.store().clone(), kind, resolve, Oid(root));
        match self.sound(tree)? {
            Some(tree) => self.tree(&tree, owner, &mut |_, _| Ok(())),
            None => Ok(()),
        }
    }

    /// Claims the nodes of a physical tree, and shows each leaf.
    pub(super) fn tree(
        &mut self,
        tree: &Tree,
        owner: Owner,
        leaf: &mut dyn FnMut(&mut Self, &Node) -> Result<()>,
    ) -> Result<()> {
        let mut walk = Walk::new();
        while let Some(node) = walk.next(tree) {
            if (self.cancel)() {
                return Err(Error::Cancelled);
            }
            let Some(node) = self.sound(node)? else { continue };
            self.node(node.block(), tree.kind().name, owner)?;
            if node.level() == 0 {
                leaf(self, &node)?;
            }
        }
        Ok(())
    }

    /// Claims a node of a tree.
    pub(super) fn node(&mut self, block: Paddr, structure: &'static str, owner: Owner) -> Result<()> {
        let most = self.container.store().most_nodes();
        self.nodes_left = self
            .nodes_left
            .checked_sub(1)
            .ok_or_else(|| Error::limit("nodes of trees", most, most.saturating_add(1)))?;
        self.claim(Claim { run: one(block.0), owner, structure, oid: Oid(block.0) })
    }

    /// Claims what an object map leads to. `owner` tells whose an object is, and gets whether a newer version of it
    /// has replaced this one.
    pub(super) fn mapped(
        &mut self,
        tree: &Tree,
        nodes: Owner,
        owner: &dyn Fn(Oid, bool) -> Owner,
    ) -> Result<()> {
        let block_size = self.container.block_size();
        // Versions of an object follow one another; which is the newest is known when the next object begins.
        let mut before: Option<(Oid, Option<BlockRange>)> = None;
        let give = |search: &mut Self, (oid, run): (Oid, Option<BlockRange>), replaced| match run {
            Some(run) => {
                let structure = "mapped object";
                search.claim(Claim { run, owner: owner(oid, replaced), structure, oid })
            }
            None => Ok(()),
        };
        self.tree(tree, nodes, &mut |search, leaf| {
            for index in 0..leaf.count() {
                let value = leaf.value(index).unwrap_or(&[]);
                let Some((oid, mapping)) = decode(leaf.key(index), value) else {
                    let place = Place { structure: "omap_val_t", ..leaf.place("") };
                    search.error(Error::damage(Damage::Bounds, place))?;
                    continue;
                };
                let count = block_size.blocks_for(u64::from(mapping.size));
                let exists = mapping.flags & OMAP_VAL_DELETED == 0;
                let run = exists.then_some(BlockRange { start: mapping.block, count });
                if let Some(before) = before.replace((oid, run)) {
                    give(search, before, before.0 == oid)?;
                }
            }
            Ok(())
        })?;
        before.map_or(Ok(()), |last| give(self, last, false))
    }

    /// Claims everything of the container itself, and the superblocks of its volumes.
    fn container(&mut self) -> Result<()> {
        use ContainerPart::{BlockZero, FusionCache, Keybag, MediaKey};
        self.claim(Claim::of(Owner::Container(BlockZero), "nx_superblock_t", one(0)))?;
        self.areas()?;
        self.space_manager()?;
        self.object_map()?;
        let raw = *self.container.superblock().raw();
        for (part, range) in
            [(Keybag, &raw.nx_keylocker), (MediaKey, &raw.nx_mkb_locker), (FusionCache, &raw.nx_fusion_wbc)]
        {
            if range.pr_block_count.get() != 0 {
                self.claim(Claim::of(Owner::Container(part), "prange_t", run(range)))?;
            }
        }
        self.middle_tree(raw.nx_fusion_mt_oid.get())?;
        let jumpstart = self.jumpstart(raw.nx_efi_jumpstart.get());
        self.sound(jumpstart)?;
        Ok(())
    }

    /// Nodes of a Fusion pair's middle tree, and the copies that it leads to.
    fn middle_tree(&mut self, root: u64) -> Result<()> {
        if self.container.fusion().is_none() || root == 0 {
            return Ok(());
        }
        let tree = self.container.tree(&FUSION_MIDDLE, Oid(root));
        let Some(tree) = self.sound(tree)? else { return Ok(()) };
        self.tree(&tree, Owner::Container(ContainerPart::MiddleTree), &mut |search, leaf| {
            for raw in (0..leaf.count()).filter_map(|index| pod::<FusionMtVal>(leaf.value(index)?)) {
                let (start, count) = (Paddr(raw.fmv_lba.get()), u64::from(raw.fmv_length.get()));
                let owner = Owner::Container(ContainerPart::FusionCopy);
                search.claim(Claim::of(owner, "fusion_mt_val_t", BlockRange { start, count }))?;
            }
            Ok(())
        })
    }

    fn areas(&mut self) -> Result<()> {
        use ContainerPart::{AreaTree, DataArea, DescriptorArea};
        let raw = *self.container.superblock().raw();
        let areas = [
            (DescriptorArea, raw.nx_xp_desc_blocks.get(), raw.nx_xp_desc_base.get(), "nx_xp_desc_base"),
            (DataArea, raw.nx_xp_data_blocks.get(), raw.nx_xp_data_base.get(), "nx_xp_data_base"),
        ];
        for (part, len, base, field) in areas {
            let area = Area::open(self.container.store(), len, base, field);
            if let Some(area) = self.sound(area)? {
                for run in area.runs() {
                    self.claim(Claim::of(Owner::Container(part), "checkpoint area", *run))?;
                }
            }
            if len & NX_XP_FRAGMENTED != 0 {
                self.physical(&EXTENT_LIST, base, Owner::Container(AreaTree))?;
            }
        }
        Ok(())
    }

    fn space_manager(&mut self) -> Result<()> {
        use ContainerPart::{BlockZero, FreeQueue as Queue, Pool, PoolBitmaps};
        let spaceman = match &self.spaceman {
            Some(spaceman) => spaceman.clone(),
            None => return self.sound(self.container.spaceman()).map(|_| ()),
        };
        let pool = *spaceman.pool();
        self.claim(Claim::of(Owner::Container(Pool), "spaceman_phys_t", pool.blocks))?;
        self.claim(Claim::of(Owner::Container(PoolBitmaps), "spaceman_phys_t", pool.ring))?;
        if spaceman.device(Device::Tier2).is_some() {
            let block = spaceman.address(Device::Tier2, 0);
            self.claim(Claim::of(Owner::Container(BlockZero), "nx_superblock_t", one(block.0)))?;
        }
        // Blocks of the pool's own queue are the pool's.
        for queue in [FreeQueue::Main, FreeQueue::Tier2] {
            let cancel = self.cancel;
            spaceman.free_queue(queue, cancel, &mut |entry| match entry {
                Ok(entry) => {
                    let start = spaceman.address(queue.device(), entry.run.start.0);
                    let run = BlockRange { start, count: entry.run.count };
                    self.claim(Claim::of(Owner::Container(Queue), "spaceman_free_queue_t", run))
                }
                Err(error) => self.error(error),
            })?;
        }
        Ok(())
    }

    fn object_map(&mut self) -> Result<()> {
        let owner = Owner::Container(ContainerPart::ObjectMap);
        let container = self.container;
        let omap = container.omap();
        let block = omap.raw().om_o.o_oid.get();
        self.claim(Claim { run: one(block), owner, structure: "omap_phys_t", oid: Oid(block) })?;
        if let Some(Some(tree)) = self.sound(omap.snapshot_tree())? {
            self.tree(&tree, owner, &mut |_, _| Ok(()))?;
        }
        let volumes = container.superblock().raw().nx_fs_oid;
        self.mapped(omap.tree(), owner, &|oid, _| match volumes
            .iter()
            .position(|volume| volume.get() == oid.0)
        {
            Some(slot) => Owner::Volume(slot, VolumePart::Superblock),
            None => Owner::Container(ContainerPart::Object),
        })
    }

    /// The driver that starts a Mac (sheet apfs-01, section 11).
    fn jumpstart(&mut self, block: u64) -> Result<()> {
        const STRUCTURE: &str = "nx_efi_jumpstart_t";
        let owner = Owner::Container(ContainerPart::EfiJumpstart);
        if block == 0 {
            return Ok(());
        }
        self.claim(Claim { run: one(block), owner, structure: STRUCTURE, oid: Oid(block) })?;
        let expect = Expect {
            structure: STRUCTURE,
            oid: Oid(block),
            xid: XidRule::AtMost(self.container.xid()),
            object_type: OBJECT_TYPE_EFI_JUMPSTART,
            storage: OBJ_PHYSICAL,
            subtype: 0,
        };
        let bytes = self.container.store().object(Paddr(block), &expect)?;
        let place = |field| Place::new(STRUCTURE, field).block(Paddr(block));
        let (raw, rest): (&EfiJumpstart, _) =
            pod_rest(&bytes).ok_or_else(|| too_short(STRUCTURE, Paddr(block)))?;
        if raw.nej_magic != NX_EFI_JUMPSTART_MAGIC {
            return Err(Corrupt::new(Damage::Magic, place("nej_magic")).expected("JSDR").into());
        }
        let len = to_usize(u64::from(raw.nej_num_extents.get()))?.saturating_mul(size_of::<Prange>());
        let extents =
            get(rest, 0, len).ok_or_else(|| Error::damage(Damage::Bounds, place("nej_num_extents")))?;
        for extent in extents.chunks_exact(size_of::<Prange>()).filter_map(pod::<Prange>) {
            self.claim(Claim::of(owner, "nej_rec_extents", run(extent)))?;
        }
        Ok(())
    }
}

impl Container {
    /// Gives everything that owns blocks: of the container itself, of every volume, of every snapshot. What is damaged
    /// is given as an error, and the search goes on with the rest. Works on encrypted volumes without a key.
    ///
    /// # Errors
    /// `Cancelled`; `Limit` if trees have more nodes than there is room for; whatever `each` returns.
    pub fn each_claim(&self, cancel: Cancel<'_>, each: &mut EachClaim<'_>) -> Result<()> {
        let mut search = Search::new(self, cancel, each);
        search.container()?;
        for (_, volume) in self.volumes() {
            if let Some(volume) = search.sound(volume)? {
                search.volume(&volume)?;
            }
        }
        search.volume_keybags()
    }
}
