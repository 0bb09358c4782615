//! How much space deleting a snapshot would free, and what data is shared or kept (sheet apfs-05, sections 5 and 6).

use alloc::vec::Vec;

use super::super::extentref::{References, Segment};
use super::super::omap::{Omap, decode};
use super::super::raw::omap::OMAP_VAL_DELETED;
use super::super::snapshot::Snapshot;
use super::super::tree_kind::FEXT;
use super::super::volume::{Volume, VolumeSuperblock};
use crate::base::bytes::len64;
use crate::base::error::{Error, Result};
use crate::base::ids::{Oid, Paddr, Xid};
use crate::base::report::Cancel;
use crate::tree::walk::Walk;

/// Blocks that would be free without a snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Freed {
    /// Data of files that no other state has.
    pub data: u64,
    /// Nodes and other objects that no other state has.
    pub metadata: u64,
    /// Its superblock and its own trees. What its extent references say of blocks that stay moves to another tree, which
    /// may grow by a part of this.
    pub own: u64,
}

impl Freed {
    /// All of it.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.data.saturating_add(self.metadata).saturating_add(self.own)
    }
}

/// Blocks of data by how they are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DataUse {
    /// Used once by the live volume.
    pub unshared: u64,
    /// Used several times by the live volume: clones share them.
    pub shared: u64,
    /// Used by snapshots alone.
    pub kept: u64,
}

/// Data of a volume, and what each snapshot keeps.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct SnapshotSpace {
    /// Data by how it is used.
    pub data: DataUse,
    /// The snapshots, oldest first, and what deleting each of them alone would free.
    pub snapshots: Vec<(Snapshot, Freed)>,
}

/// Receives what is damaged; the work goes on without it.
type OnDamage<'a> = dyn FnMut(Error) -> Result<()> + 'a;

impl Volume {
    /// What data is shared or kept, and what deleting each snapshot alone would free. Reads the extent references and the
    /// object map; works on encrypted volumes without a key. What is damaged is given to `damage` and does not count.
    ///
    /// # Errors
    /// `Cancelled`; `Limit` for more snapshots or extents than allowed; damage of the object map's or the snapshot tree's
    /// root; whatever `damage` returns.
    pub fn snapshot_space(&self, cancel: Cancel<'_>, damage: &mut OnDamage<'_>) -> Result<SnapshotSpace> {
        let snapshots = self.snapshots()?;
        let mut freed = alloc::vec![Freed::default(); snapshots.len()];
        let references = References::read(self, &snapshots, cancel, damage)?;
        let data = data_use(&references, &snapshots, cancel, &mut freed)?;
        if !snapshots.is_empty() {
            kept_objects(&*self.omap()?, &snapshots, cancel, &mut freed, damage)?;
            own_blocks(self, &references, &snapshots, cancel, &mut freed, damage)?;
        }
        Ok(SnapshotSpace { data, snapshots: snapshots.into_iter().zip(freed).collect() })
    }

    /// How much deleting a snapshot alone would free. For several snapshots [`Volume::snapshot_space`] does it at once.
    ///
    /// # Errors
    /// As [`Volume::snapshot_space`], and for any damage on the way; `NotFound` if the volume has no such snapshot.
    pub fn freed_by_deleting(&self, snapshot: &Snapshot, cancel: Cancel<'_>) -> Result<Freed> {
        let space = self.snapshot_space(cancel, &mut Err)?;
        let found = space.snapshots.iter().find(|(other, _)| other.xid == snapshot.xid);
        let missing = || Error::not_found(alloc::format!("snapshot {}", snapshot.name));
        found.map(|(_, freed)| *freed).ok_or_else(missing)
    }
}

fn add(freed: &mut [Freed], index: usize, part: impl FnOnce(&mut Freed) -> &mut u64, blocks: u64) {
    if let Some(part) = freed.get_mut(index).map(part) {
        *part = part.saturating_add(blocks);
    }
}

/// Data by how it is used; and adds to each snapshot what it alone uses.
fn data_use(
    references: &References,
    snapshots: &[Snapshot],
    cancel: Cancel<'_>,
    freed: &mut [Freed],
) -> Result<DataUse> {
    let live = references.trees_seen(None);
    // A snapshot without a tree of its own gave up its data.
    let with_data = snapshots.iter().enumerate().filter(|(_, one)| one.extentref_tree != Oid(0));
    let states = with_data.map(|(index, one)| (references.trees_seen(Some(one.xid)), Some(index)));
    let mut states: Vec<(usize, Option<usize>)> = states.chain([(live, None)]).collect();
    states.sort_by_key(|(trees, _)| *trees);
    let mut data = DataUse::default();
    references.each_segment(cancel, &mut |segment| {
        if segment.allocations() == 0 {
            return Ok(());
        }
        let part = match segment.count(live) {
            ..=0 => &mut data.kept,
            1 => &mut data.unshared,
            _ => &mut data.shared,
        };
        *part = part.saturating_add(segment.run.count);
        if let Some(Some(snapshot)) = sole_state(&segment, &states) {
            add(freed, snapshot, |freed| &mut freed.data, segment.run.count);
        }
        Ok(())
    })?;
    Ok(data)
}

/// The only state that uses a segment's blocks.
fn sole_state(segment: &Segment<'_>, states: &[(usize, Option<usize>)]) -> Option<Option<usize>> {
    let mut sole = None;
    for (from, to, _) in segment.counts().filter(|(_, _, count)| *count > 0) {
        let first = states.partition_point(|(trees, _)| *trees <= from);
        let end = states.partition_point(|(trees, _)| *trees <= to);
        match end.saturating_sub(first) {
            0 => {}
            1 if sole.is_none() => sole = states.get(first).map(|(_, state)| *state),
            _ => return None,
        }
    }
    sole
}

/// Adds to each snapshot the versions of objects that it alone sees.
fn kept_objects(
    omap: &Omap,
    snapshots: &[Snapshot],
    cancel: Cancel<'_>,
    freed: &mut [Freed],
    damage: &mut OnDamage<'_>,
) -> Result<()> {
    let block_size = omap.block_size();
    let mut before: Option<(Oid, Xid, u64)> = None;
    let mut walk = Walk::new();
    while let Some(node) = walk.next(omap.tree()) {
        if cancel() {
            return Err(Error::Cancelled);
        }
        let node = match node {
            Ok(node) if node.level() == 0 => node,
            Ok(_) => continue,
            Err(error) => {
                damage(error)?;
                continue;
            }
        };
        for index in 0..node.count() {
            let Some((oid, mapping)) = decode(node.key(index), node.value(index).unwrap_or(&[])) else {
                continue;
            };
            let exists = mapping.flags & OMAP_VAL_DELETED == 0;
            let blocks = if exists { block_size.blocks_for(u64::from(mapping.size)) } else { 0 };
            let Some((old, since, blocks)) = before.replace((oid, mapping.xid, blocks)) else { continue };
            if old != oid {
                continue;
            }
            // Snapshots from a version's transaction on, before that of the next one, see it.
            let first = snapshots.partition_point(|one| one.xid < since);
            let end = snapshots.partition_point(|one| one.xid < mapping.xid);
            if end.checked_sub(first) == Some(1) {
                add(freed, first, |freed| &mut freed.metadata, blocks);
            }
        }
    }
    Ok(())
}

/// Adds to each snapshot its superblock and the trees that are its own.
fn own_blocks(
    volume: &Volume,
    references: &References,
    snapshots: &[Snapshot],
    cancel: Cancel<'_>,
    freed: &mut [Freed],
    damage: &mut OnDamage<'_>,
) -> Result<()> {
    let most = volume.container().limits().space_runs;
    let mut roots: Vec<(Oid, Option<usize>)> =
        alloc::vec![(Oid(volume.superblock().raw().apfs_fext_tree_oid.get()), None)];
    for (index, snapshot) in snapshots.iter().enumerate() {
        add(freed, index, |freed| &mut freed.own, references.nodes_of(snapshot.xid));
        if snapshot.superblock_block == Paddr(0) {
            continue;
        }
        add(freed, index, |freed| &mut freed.own, 1);
        match VolumeSuperblock::read_copy(volume.container(), snapshot.superblock_block) {
            Ok(copy) => roots.push((Oid(copy.raw().apfs_fext_tree_oid.get()), Some(index))),
            Err(error) => damage(error)?,
        }
    }
    roots.retain(|(root, _)| *root != Oid(0));
    roots.sort_by_key(|(root, state)| (*root, state.is_some()));
    // Nodes of the extent trees of sealed states; one that several states have is freed with none of them.
    let mut nodes: Vec<(Paddr, Option<usize>)> = Vec::new();
    for states in roots.chunk_by(|a, b| a.0 == b.0) {
        let Some((root, first)) = states.first() else { continue };
        let owner = if states.len() == 1 { *first } else { None };
        let tree = match volume.container().tree(&FEXT, *root) {
            Ok(tree) => tree,
            Err(error) => {
                damage(error)?;
                continue;
            }
        };
        let mut walk = Walk::new();
        while let Some(node) = walk.next(&tree) {
            if cancel() {
                return Err(Error::Cancelled);
            }
            match node {
                Ok(_) if nodes.len() >= most => {
                    return Err(Error::limit("nodes of extent trees", len64(most), len64(nodes.len())));
                }
                Ok(node) => nodes.push((node.block(), owner)),
                Err(error) => damage(error)?,
            }
        }
    }
    nodes.sort_unstable();
    for same in nodes.chunk_by(|a, b| a.0 == b.0) {
        if let [(_, Some(index))] = same {
            add(freed, *index, |freed| &mut freed.own, 1);
        }
    }
    Ok(())
}
