//! A volume at one transaction: the live state or a snapshot, one type for both (sheet apfs-05, section 3).

use alloc::sync::Arc;
use core::fmt;

use super::btree::{Physical, Tree};
use super::omap::Virtual;
use super::raw::volume::VolumeFlags;
use super::snapshot::Snapshot;
use super::store::Store;
use super::tree_kind::{FEXT, FS_HASHED, FS_PLAIN};
use super::volume::{Volume, VolumeSuperblock};
use crate::base::error::{Error, LockReason, Result};
use crate::base::ids::{Oid, Xid};
use crate::decmpfs::ChunkCache;
use crate::text::name::NameRule;

/// A readable volume: live, or one of its snapshots. Cheap to clone, shared between threads.
///
/// It is an [`Fs`](crate::Fs): see [`FsExt`](crate::FsExt) for paths and files, [`View::scan`] for listing it all.
#[derive(Clone)]
pub struct View {
    inner: Arc<Inner>,
}

struct Inner {
    volume: Volume,
    superblock: Arc<VolumeSuperblock>,
    snapshot: Option<Snapshot>,
    xid: Xid,
    tree: Tree,
    sealed_extents: Option<Tree>,
    rule: NameRule,
    chunks: ChunkCache,
}

impl View {
    fn open(volume: &Volume, superblock: Arc<VolumeSuperblock>, snapshot: Option<Snapshot>) -> Result<View> {
        let container = volume.container();
        superblock.check_features(container.force())?;
        if superblock.is_encrypted() {
            let flags = superblock.flags();
            let why = if flags.contains(VolumeFlags::PFK) && !flags.contains(VolumeFlags::ONEKEY) {
                LockReason::PerFileKeys
            } else {
                LockReason::NeedsSecret
            };
            return Err(Error::locked(alloc::format!("volume {}", volume.name()), why));
        }
        // A snapshot's lookups use its own transaction, never the o_xid of its superblock copy.
        let xid = snapshot.as_ref().map_or(container.xid(), |snapshot| snapshot.xid);
        let rule = superblock.name_rule();
        let kind = if rule.is_hashed() { &FS_HASHED } else { &FS_PLAIN };
        let resolve = Arc::new(Virtual { omap: volume.omap()?, xid });
        let root = Oid(superblock.raw().apfs_root_tree_oid.get());
        let tree = Tree::open(container.store().clone(), kind, resolve, root)?;
        let sealed_extents = if superblock.is_sealed() {
            let resolve = Arc::new(Physical { newest: container.xid() });
            let root = Oid(superblock.raw().apfs_fext_tree_oid.get());
            Some(Tree::open(container.store().clone(), &FEXT, resolve, root)?)
        } else {
            None
        };
        let chunks = ChunkCache::new(container.store().limits().chunk_cache_bytes);
        let inner =
            Inner { volume: volume.clone(), superblock, snapshot, xid, tree, sealed_extents, rule, chunks };
        Ok(View { inner: Arc::new(inner) })
    }

    /// The volume.
    #[must_use]
    pub fn volume(&self) -> &Volume {
        &self.inner.volume
    }

    /// Superblock of this state: of a snapshot its copy.
    #[must_use]
    pub fn superblock(&self) -> &VolumeSuperblock {
        &self.inner.superblock
    }

    /// The snapshot that this is; `None` for the live volume.
    #[must_use]
    pub fn snapshot(&self) -> Option<&Snapshot> {
        self.inner.snapshot.as_ref()
    }

    /// Transaction of this state.
    #[must_use]
    pub fn xid(&self) -> Xid {
        self.inner.xid
    }

    /// The tree of all file-system records, for those who look deeper.
    #[must_use]
    pub fn tree(&self) -> &Tree {
        &self.inner.tree
    }

    /// Tree of the file extents of a sealed volume.
    #[must_use]
    pub fn sealed_extents(&self) -> Option<&Tree> {
        self.inner.sealed_extents.as_ref()
    }

    /// Which names are the same name.
    #[must_use]
    pub fn name_rule(&self) -> NameRule {
        self.inner.rule
    }

    /// Chunks of compressed files that were read in part.
    pub(crate) fn chunks(&self) -> &ChunkCache {
        &self.inner.chunks
    }

    pub(crate) fn store(&self) -> &Arc<Store> {
        self.inner.volume.container().store()
    }
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let snapshot = self.snapshot().map(|snapshot| &snapshot.name);
        f.debug_struct("View").field("volume", &self.volume()).field("snapshot", &snapshot).finish()
    }
}

impl Volume {
    /// The live state.
    ///
    /// # Errors
    /// `Locked` if the volume is encrypted, `Unsupported` for features that this version does not know,
    /// `Corrupt` if a root is damaged.
    pub fn view(&self) -> Result<View> {
        View::open(self, self.shared_superblock().clone(), None)
    }

    /// The state that a snapshot keeps.
    ///
    /// # Errors
    /// As [`Volume::view`]; also for a snapshot that is on its way out, unless the container was opened by force.
    pub fn view_at(&self, snapshot: &Snapshot) -> Result<View> {
        if let (Some(why), false) = (snapshot.unusable_because(), self.container().force()) {
            let what = alloc::format!("snapshot {}: {why}", snapshot.name);
            return Err(Error::unsupported(what, "forcing shows what is left of it"));
        }
        let superblock = VolumeSuperblock::read_copy(self.container(), snapshot.superblock_block)?;
        View::open(self, Arc::new(superblock), Some(snapshot.clone()))
    }
}
