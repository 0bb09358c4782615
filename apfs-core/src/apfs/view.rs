//! A volume at one transaction: the live state or a snapshot, one type for both (sheet apfs-05, section 3).

use alloc::sync::Arc;
use core::fmt;

use super::btree::{Physical, Tree};
use super::omap::Virtual;
use super::protection::Rolling;
use super::record::extent::FileExtent;
use super::snapshot::Snapshot;
use super::store::Store;
use super::tree_kind::{FEXT, FS_HASHED, FS_PLAIN};
use super::volume::{Encryption, Volume, VolumeSuperblock};
use crate::base::error::{Error, LockReason, Locked, Result};
use crate::base::ids::{Oid, Xid};
use crate::crypto::xts::Xts;
use crate::decmpfs::ChunkCache;
use crate::text::name::NameRule;

/// A readable volume: live, or one of its snapshots. Cheap to clone, shared between threads.
///
/// It is an [`Fs`](crate::Fs): see [`FsExt`](crate::FsExt) for paths and files, [`Scan`](crate::Scan) for listing it all.
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
    data: DataRule,
    chunks: ChunkCache,
}

/// How file data is stored.
enum DataRule {
    /// As it is.
    Plain,
    /// Encrypted with the volume's key where extents have a tweak.
    VolumeKey(Arc<Xts>),
    /// Not readable where extents have a key, since that is missing.
    Locked(LockReason),
    /// Not readable: which part is under which key is not known.
    Rolling(LockReason),
    /// Given up by the snapshot: other data may be in its blocks by now.
    Dataless,
}

impl View {
    fn open(volume: &Volume, superblock: Arc<VolumeSuperblock>, snapshot: Option<Snapshot>) -> Result<View> {
        let container = volume.container();
        superblock.check_features(container.force())?;
        let (key, mut data) = View::keys(volume, &superblock)?;
        if snapshot.as_ref().is_some_and(|snapshot| snapshot.dataless) && !container.force() {
            data = DataRule::Dataless;
        }
        // A snapshot's lookups use its own transaction, never the o_xid of its superblock copy.
        let xid = snapshot.as_ref().map_or(container.xid(), |snapshot| snapshot.xid);
        let rule = superblock.name_rule();
        let kind = if rule.is_hashed() { &FS_HASHED } else { &FS_PLAIN };
        let resolve = Arc::new(Virtual { omap: volume.omap()?, xid, key });
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
        let volume = volume.clone();
        let inner = Inner { volume, superblock, snapshot, xid, tree, sealed_extents, rule, data, chunks };
        Ok(View { inner: Arc::new(inner) })
    }

    /// The key of metadata, or why there is none, and how data is stored.
    fn keys(volume: &Volume, state: &VolumeSuperblock) -> Result<(Result<Arc<Xts>, Locked>, DataRule)> {
        // A snapshot keeps the superblock of its time; encryption is a matter of the whole volume since then.
        let encryption = match volume.superblock().encryption() {
            Encryption::None => state.encryption(),
            encryption => encryption,
        };
        if let Some(why) = volume.rolling().map(Rolling::reason) {
            let key = match encryption {
                _ if !volume.container().force() => return Err(volume.locked(why).into()),
                Encryption::VolumeKey => volume.key().map_err(|_| volume.locked(why)),
                _ => Err(volume.locked(why)),
            };
            return Ok((key, DataRule::Rolling(why)));
        }
        Ok(match encryption {
            Encryption::None => (Err(volume.locked(LockReason::NoKey)), DataRule::Plain),
            Encryption::VolumeKey => {
                let key = volume.key()?;
                (Ok(key.clone()), DataRule::VolumeKey(key))
            }
            // Where the metadata is not encrypted, or was decrypted by the device that was imaged, it can be read.
            Encryption::FileKeys => {
                let why = LockReason::PerFileKeys;
                (Err(volume.locked(why)), DataRule::Locked(why))
            }
        })
    }

    /// Key and number, for the cipher, of an extent's first block; `None` if its data is not encrypted.
    pub(crate) fn cipher_of(&self, extent: &FileExtent, stream: u64) -> Result<Option<(&Xts, u64)>> {
        let locked = |why| {
            let what = alloc::format!("data stream {stream} on volume {}", self.volume().name());
            Err(Error::locked(what, why))
        };
        match &self.inner.data {
            DataRule::Plain => Ok(None),
            DataRule::Rolling(why) => locked(*why),
            DataRule::Dataless => {
                let what = alloc::format!("data stream {stream}: its snapshot has given up its data");
                Err(Error::unsupported(what, "forcing reads the blocks whatever is in them now"))
            }
            DataRule::VolumeKey(_) | DataRule::Locked(_) if self.sealed_extents().is_some() => {
                let what = "file data of a volume that is both sealed and encrypted";
                Err(Error::unsupported(what, "its extents do not say how they are encrypted"))
            }
            DataRule::VolumeKey(_) | DataRule::Locked(_) if extent.crypto_id == 0 => Ok(None),
            DataRule::VolumeKey(key) if extent.has_tweak() => Ok(Some((key, extent.crypto_id))),
            DataRule::VolumeKey(_) => locked(LockReason::PerFileKeys),
            DataRule::Locked(why) => locked(*why),
        }
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
    /// The live state. Of an encrypted volume with the key that [`Volume::unlock`] gave, or one that the container's
    /// secrets open.
    ///
    /// # Errors
    /// `Locked` with the reason if there is no key for it, `Unsupported` for features that this version does not know,
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
