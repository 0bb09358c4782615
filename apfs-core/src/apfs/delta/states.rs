//! Which states can be compared by their trees.

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::apfs::container::Container;
use crate::apfs::omap::Omap;
use crate::apfs::view::View;
use crate::base::error::{Error, Result};
use crate::base::ids::Oid;

/// Refuses states whose transactions and blocks do not mean the same.
///
/// Two opens of one device see the same ring of checkpoints, and the same volume at the newest of them: that tells a
/// copy, which may have gone its own way since, from the device itself.
pub(super) fn check(a: &View, b: &View) -> Result<()> {
    let (one, other) = (a.volume(), b.volume());
    let (first, second) = (one.container(), other.container());
    let hint = "a copy has transactions and blocks of its own: compare paths and contents";
    let is_one_device = Arc::ptr_eq(first.store(), second.store())
        || (first.uuid() == second.uuid()
            && ring(first) == ring(second)
            && newest(first, one.slot()) == newest(second, one.slot()));
    if !is_one_device {
        return Err(Error::unsupported("comparing states of two containers", hint));
    }
    if one.uuid() != other.uuid() || one.slot() != other.slot() {
        let what = alloc::format!("comparing volume {} with volume {}", one.name(), other.name());
        return Err(Error::unsupported(what, "only states of one volume can be compared"));
    }
    if a.name_rule() != b.name_rule() || a.sealed_extents().is_some() != b.sealed_extents().is_some() {
        let what =
            alloc::format!("comparing states of volume {} that keep their records differently", one.name());
        return Err(Error::unsupported(what, "compare paths and contents"));
    }
    for view in [a, b] {
        if view.volume().omap()?.is_reverted(view.xid()) && !view.volume().container().force() {
            let what = alloc::format!("comparing transaction {}, which a revert is dropping", view.xid());
            return Err(Error::unsupported(what, "forcing shows what is left of it"));
        }
    }
    Ok(())
}

/// True if both states are found through one object map, by which alone they differ: from another root other leaves can be
/// reached though all mappings are the same.
pub(super) fn share_a_map(a: &View, b: &View) -> Result<bool> {
    let same = a.volume().container().xid() == b.volume().container().xid()
        && a.tree().root_oid() == b.tree().root_oid();
    Ok(same && !a.volume().omap()?.is_reverting())
}

/// Superblock of a volume at the newest checkpoint, with its times and counters; `None` if that can't be read.
fn newest(container: &Container, slot: usize) -> Option<Vec<u8>> {
    let superblock = container.checkpoints().first()?;
    let oid = Oid(superblock.raw().nx_fs_oid.get(slot)?.get());
    let map = Oid(superblock.raw().nx_omap_oid.get());
    let omap = Omap::open(container.store().clone(), map, superblock.xid()).ok()?;
    let mapping = omap.lookup(oid, superblock.xid()).ok()??;
    container.store().blocks(mapping.block, 1).ok()
}

fn ring(container: &Container) -> impl PartialEq + use<> {
    let checkpoints = container.checkpoints().iter();
    let each = checkpoints.map(|found| (found.xid(), found.block(), found.raw().nx_o.o_cksum.get()));
    each.collect::<Vec<_>>()
}
