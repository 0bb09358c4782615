//! An APFS container: one checkpoint of it, and the way to its volumes.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use super::btree::{Physical, Resolve, Tree};
use super::checkpoint::{Checkpoint, Ephemeral, EphemeralObjects, Rejected, Ring, first_superblock};
use super::fusion::Fusion;
use super::fusion::half::{Half, alone, first_is_main, no_half};
use super::omap::{Omap, Virtual};
use super::raw::object::{OBJ_EPHEMERAL, OBJ_PHYSICAL};
use super::store::Store;
use super::superblock::Superblock;
use super::tiers::Tiers;
use super::tree_kind::TreeKind;
use crate::base::error::{Error, LockReason, Locked, Result};
use crate::base::ids::{BlockSize, Oid, Uuid, Xid};
use crate::base::limits::Limits;
use crate::base::options::OpenOptions;
use crate::base::secret::Secret;
use crate::base::sync::Mutex;
use crate::crypto::xts::Xts;
use crate::io::read_at::ReadAt;

/// An APFS container at one checkpoint. Cheap to clone and shared between threads.
///
/// ```
/// # fn main() -> apfs_core::Result<()> {
/// # let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/../samples/demo.img");
/// # let device = std::sync::Arc::new(apfs_core::io::file::FileDevice::open(sample)?);
/// use apfs_core::OpenOptions;
/// use apfs_core::apfs::Container;
///
/// let container = Container::open(device, OpenOptions::default())?;
/// for (slot, volume) in container.volumes() {
///     println!("{slot}: {}", volume?.name());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Container {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<Store>,
    checkpoint: Arc<Checkpoint>,
    omap: Arc<Omap>,
    ephemeral: Result<EphemeralObjects>,
    rejected: Vec<Rejected>,
    checkpoints: Vec<Superblock>,
    fusion: Option<Fusion>,
    secrets: Vec<Secret>,
    /// By slot.
    keys: Mutex<BTreeMap<usize, Unlocking>>,
    force: bool,
}

/// Second device of a Fusion pair, and what it says of itself.
type Second = (Arc<dyn ReadAt>, Option<Half>);

/// The superblock at the start of a device, or what serves in its place.
fn first(device: &Arc<dyn ReadAt>, options: &OpenOptions) -> Result<(Superblock, Option<Rejected>)> {
    let verify = |bytes: &[u8], found: &Superblock| {
        let tiers = Tiers::new(found.block_size(), device.clone(), found.block_count(), None);
        let (limits, observer) = (options.limits.clone(), options.observer.clone());
        let store = Store::new(tiers, found.block_count(), limits, options.checksums, observer);
        store.checksum(bytes, found.place("o_cksum"))
    };
    first_superblock(&|offset, buf| device.read_exact_at(offset, buf), device.len(), &verify)
}

/// How far unlocking a volume has come.
enum Unlocking {
    Open(Arc<Xts>),
    /// None of the container's secrets helps.
    Refused(LockReason),
}

impl Container {
    /// Opens the container that fills a device, at its newest whole checkpoint. Of a Fusion pair that is the main device:
    /// all but the data on the other one can be read, see [`Container::fusion`].
    ///
    /// # Errors
    /// `Corrupt` if there is no usable checkpoint, `Unsupported` for features that this version does not know and for the
    /// second device of a Fusion pair without the first, `NotFound` if the wanted checkpoint is not there.
    pub fn open(device: Arc<dyn ReadAt>, options: OpenOptions) -> Result<Container> {
        Container::open_on(device, None, options)
    }

    /// Opens the container that a Fusion pair is, given in any order.
    ///
    /// # Errors
    /// As [`Container::open`]; `NotFound` if a device is of another container or of none that has two, `Corrupt` if
    /// their ids do not differ in the one bit that tells which is which.
    pub fn open_fusion(
        one: Arc<dyn ReadAt>,
        other: Arc<dyn ReadAt>,
        options: OpenOptions,
    ) -> Result<Container> {
        if options.fusion_as_given {
            return Container::open_on(one, Some((other, None)), options);
        }
        let half = |device: &Arc<dyn ReadAt>, which| {
            let found = first(device, &options)?.0;
            Half::of(&found).ok_or_else(|| no_half(found.uuid(), which))
        };
        let halves = (half(&one, "the first device")?, half(&other, "the second device")?);
        match first_is_main(&halves.0, &halves.1)? {
            true => Container::open_on(one, Some((other, Some(halves.1))), options),
            false => Container::open_on(other, Some((one, Some(halves.0))), options),
        }
    }

    fn open_on(device: Arc<dyn ReadAt>, tier2: Option<Second>, options: OpenOptions) -> Result<Container> {
        let (start, skipped) = first(&device, &options)?;
        let OpenOptions { limits, checksums, observer, secrets, checkpoint, force, fusion_as_given, .. } =
            options;
        start.check_features(force)?;
        let (half, has_tier2) = (Half::of(&start), tier2.is_some());
        if half.is_none() && has_tier2 {
            return Err(no_half(start.uuid(), "the first device"));
        }
        let policy = |superblock: &Superblock| {
            let (size, count) = (superblock.block_size(), superblock.block_count());
            let tiers = Tiers::new(size, device.clone(), count, None);
            Store::new(tiers, count, limits.clone(), checksums, observer.clone())
        };
        let mut store = Arc::new(policy(&start));
        let ring = Ring::read(store.clone(), &start);
        // Only the main device has rings.
        if let Some(half) = half.filter(|half| half.is_tier2() && !has_tier2 && !fusion_as_given)
            && ring.as_ref().map_or(true, |ring| ring.candidates.is_empty())
        {
            return Err(alone(&half));
        }
        let mut ring = ring?;
        // Block 0 can be older than the ring: a container that has grown since is as large as its checkpoints say.
        let largest = ring.candidates.iter().max_by_key(|candidate| candidate.block_count());
        if let Some(largest) = largest.filter(|largest| largest.block_count() > start.block_count()) {
            store = Arc::new(policy(largest));
            ring = Ring::read(store.clone(), &start)?;
        }
        ring.rejected.extend(skipped);
        let (checkpoint, mut omap) = ring.choose(checkpoint)?;
        let superblock = checkpoint.superblock();
        let reopen = |store: &Arc<Store>| {
            Omap::open(store.clone(), Oid(superblock.raw().nx_omap_oid.get()), superblock.xid())
        };
        if superblock.block_count() != store.block_count() {
            store = Arc::new(policy(superblock));
            omap = reopen(&store)?;
        }
        superblock.check_features(force)?;
        let rejected = core::mem::take(&mut ring.rejected);
        let checkpoints = core::mem::take(&mut ring.candidates);
        let ephemeral = ring.into_ephemeral();
        let mut fusion = None;
        if let Some(half) = Half::of(superblock) {
            let (tier2, other) = tier2.map_or((None, None), |(device, half)| (Some(device), half));
            let (facts, tiers) = Fusion::open(&store, (half, other), tier2, &checkpoint, &ephemeral, force)?;
            store = Arc::new(store.over(tiers));
            omap = reopen(&store)?;
            fusion = Some(facts);
        }
        let inner = Inner {
            store,
            checkpoint: Arc::new(checkpoint),
            omap: Arc::new(omap),
            ephemeral,
            rejected,
            checkpoints,
            fusion,
            secrets,
            keys: Mutex::default(),
            force,
        };
        Ok(Container { inner: Arc::new(inner) })
    }

    /// What is known of the two devices, if it is a Fusion pair.
    #[must_use]
    pub fn fusion(&self) -> Option<&Fusion> {
        self.inner.fusion.as_ref()
    }

    /// The checkpoint that this is.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.inner.checkpoint
    }

    /// Superblock of the checkpoint.
    #[must_use]
    pub fn superblock(&self) -> &Superblock {
        self.inner.checkpoint.superblock()
    }

    /// Superblocks of all checkpoints in the ring that are sound by themselves, newest first.
    #[must_use]
    pub fn checkpoints(&self) -> &[Superblock] {
        &self.inner.checkpoints
    }

    /// Checkpoints and superblocks that were passed over, with the reason.
    #[must_use]
    pub fn rejected(&self) -> &[Rejected] {
        &self.inner.rejected
    }

    /// Id of the container.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        self.superblock().uuid()
    }

    /// Transaction of the checkpoint.
    #[must_use]
    pub fn xid(&self) -> Xid {
        self.superblock().xid()
    }

    /// Bytes in a block.
    #[must_use]
    pub fn block_size(&self) -> BlockSize {
        self.inner.store.block_size()
    }

    /// Ceilings that it was opened with.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        self.inner.store.limits()
    }

    /// The container's object map, which leads to the volume superblocks.
    #[must_use]
    pub fn omap(&self) -> &Omap {
        &self.inner.omap
    }

    /// An ephemeral object of the checkpoint (space manager, reaper, ...), read and checked now.
    ///
    /// # Errors
    /// `Corrupt` if there is no such object or it is damaged.
    pub fn ephemeral(&self, oid: Oid) -> Result<Vec<u8>> {
        match &self.inner.ephemeral {
            Ok(objects) => objects.read(&self.inner.checkpoint, oid),
            Err(_) => {
                Err(Error::not_found(alloc::format!("ephemeral object {oid}: the data area is damaged")))
            }
        }
    }

    /// A tree of the container itself by its root: physical, ephemeral, or virtual through the container's map.
    ///
    /// # Errors
    /// `Corrupt` if there is no such tree or its root is damaged.
    pub fn tree(&self, kind: &'static TreeKind, root: Oid) -> Result<Tree> {
        let resolve: Arc<dyn Resolve> = match kind.storage {
            OBJ_PHYSICAL => Arc::new(Physical { newest: self.xid() }),
            OBJ_EPHEMERAL => Arc::new(Ephemeral(self.inner.checkpoint.clone())),
            _ => {
                let key = Err(Locked { what: "the container".into(), why: LockReason::NoKey });
                Arc::new(Virtual { omap: self.inner.omap.clone(), xid: self.xid(), key })
            }
        };
        Tree::open(self.inner.store.clone(), kind, resolve, root)
    }

    pub(crate) fn store(&self) -> &Arc<Store> {
        &self.inner.store
    }

    /// Passwords and keys that it was opened with.
    pub(crate) fn secrets(&self) -> &[Secret] {
        &self.inner.secrets
    }

    /// Key of a volume that was unlocked.
    pub(crate) fn key(&self, slot: usize) -> Option<Arc<Xts>> {
        self.inner.keys.with(|keys| match keys.get(&slot) {
            Some(Unlocking::Open(key)) => Some(key.clone()),
            _ => None,
        })
    }

    /// Why the container's secrets do not open a volume, if they were tried.
    pub(crate) fn refusal(&self, slot: usize) -> Option<LockReason> {
        self.inner.keys.with(|keys| match keys.get(&slot) {
            Some(Unlocking::Refused(why)) => Some(*why),
            _ => None,
        })
    }

    pub(crate) fn keep_key(&self, slot: usize, key: Arc<Xts>) {
        self.inner.keys.with(|keys| keys.insert(slot, Unlocking::Open(key)));
    }

    pub(crate) fn keep_refusal(&self, slot: usize, why: LockReason) {
        self.inner.keys.with(|keys| {
            keys.entry(slot).or_insert(Unlocking::Refused(why));
        });
    }

    pub(crate) fn force(&self) -> bool {
        self.inner.force
    }
}

impl fmt::Debug for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Container")
            .field("uuid", &self.uuid())
            .field("xid", &self.xid())
            .finish_non_exhaustive()
    }
}
