//! Which blocks of a container are in use, and whose they are.

use core::ffi::c_void;
use core::ptr;

use apfs_core::apfs::space::{Device, Freed, Owner, Space, SpaceFinding, VolumeSpace};
use apfs_core::{AnyVolume, Error};

use crate::container::apfs_container;
use crate::error::apfs_error;
use crate::ptr::{Shared, apfs_bytes, share};
use crate::status::apfs_status;
use crate::volume::apfs_volume;

/// Findings that are kept; a damaged image can have one for every block.
const MAX_FINDINGS: usize = 10_000;

/// Device: the only one, or the fast one of a Fusion pair.
pub const APFS_DEVICE_MAIN: u32 = 0;
/// Device: the slow one of a Fusion pair.
pub const APFS_DEVICE_TIER2: u32 = 1;

/// All blocks of a container, with their owners.
#[derive(Debug)]
pub struct apfs_space {
    space: Space,
    owners: Vec<(Owner, u64)>,
    findings: Vec<Finding>,
}

impl Shared for apfs_space {}

#[derive(Debug)]
struct Finding {
    kind: apfs_space_finding_kind,
    start: u64,
    count: u64,
    text: String,
}

/// Counts of blocks. Each block that several owners have counts for the first.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct apfs_space_info {
    /// Bytes of a block.
    pub block_size: u64,
    /// Blocks of all devices.
    pub blocks: u64,
    /// Blocks in use by the bitmaps.
    pub allocated: u64,
    /// Blocks about which the bitmaps could not be read.
    pub unknown: u64,
    /// Blocks in use by the space manager's stored count of free ones.
    pub used_stored: u64,
    /// Blocks in use as owners have them.
    pub used_counted: u64,
    /// In use, and nothing refers to them.
    pub leaked: u64,
    /// Two owners have them.
    pub claimed_twice: u64,
    /// Owned, and free by the bitmaps.
    pub not_allocated: u64,
    /// Things that could not be read.
    pub damaged: u64,
    /// Entries of `apfs_space_findings`: at most 10,000.
    pub findings: usize,
    /// True if every block in use has one owner, every owned block is in use, and all stored counts are right.
    pub sound: bool,
}

/// Blocks of one owner.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct apfs_space_owner {
    /// Slot of the volume; (size_t)-1 for the container itself.
    pub volume: usize,
    /// What they are for: "data", "object-map", "free-queue", ...; lives for ever.
    pub part: apfs_bytes,
    /// How many.
    pub blocks: u64,
}

/// Blocks of a volume. The name belongs to the handle.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct apfs_volume_space {
    /// Slot.
    pub slot: usize,
    /// Name.
    pub name: apfs_bytes,
    /// The volume's own count (`apfs_fs_alloc_count`).
    pub alloc_stored: u64,
    /// The same, counted.
    pub alloc_counted: u64,
    /// Metadata of the live state.
    pub metadata: u64,
    /// Metadata that is there for snapshots.
    pub kept_metadata: u64,
    /// Data, of all states.
    pub data: u64,
    /// Data used once by the live volume.
    pub data_unshared: u64,
    /// Data used several times by the live volume: clones share it.
    pub data_shared: u64,
    /// Data used by snapshots alone.
    pub data_kept: u64,
    /// Number of snapshots, in `apfs_space_snapshots`.
    pub snapshots: usize,
}

/// Blocks that would be free without a snapshot. The name belongs to the handle.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct apfs_freed {
    /// Name of the snapshot.
    pub name: apfs_bytes,
    /// Its transaction.
    pub xid: u64,
    /// Data of files that no other state has.
    pub data: u64,
    /// Nodes and other objects that no other state has.
    pub metadata: u64,
    /// Its superblock and its own trees, part of which may move to another state.
    pub own: u64,
}

/// What is not as it should be.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum apfs_space_finding_kind {
    /// Blocks that are in use, and nothing refers to them.
    Leaked = 1,
    /// Blocks that two owners have.
    ClaimedTwice = 2,
    /// Blocks that someone owns and the bitmaps say are free.
    NotAllocated = 3,
    /// Something could not be read: what it owns is among the leaked blocks.
    Damaged = 4,
    /// A kind that this header does not name.
    Other = 99,
}

/// Something that is not as it should be. Text belongs to the handle.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct apfs_space_finding {
    /// Which kind.
    pub kind: apfs_space_finding_kind,
    /// First block.
    pub start: u64,
    /// Number of blocks; 0 for damage.
    pub count: u64,
    /// The owners of the blocks, or what could not be read, in words.
    pub text: apfs_bytes,
}

/// Blocks of a device that are in use.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct apfs_run {
    /// First block, by its number on the device.
    pub start: u64,
    /// Number of blocks.
    pub count: u64,
    /// NULL, or why the bitmaps of some blocks could not be read; then there are no blocks. Valid during the call.
    pub error: *const apfs_error,
}

/// Receives runs of blocks, one at a time, in the calling thread. Returns 0 to go on; must not unwind.
pub type apfs_run_fn = Option<unsafe extern "C" fn(context: *mut c_void, run: *const apfs_run) -> i32>;

impl From<SpaceFinding> for Finding {
    fn from(finding: SpaceFinding) -> Finding {
        use apfs_space_finding_kind::{ClaimedTwice, Damaged, Leaked, NotAllocated, Other};
        let (kind, run, text) = match finding {
            SpaceFinding::Leaked(run) => (Leaked, Some(run), String::new()),
            SpaceFinding::ClaimedTwice { run, first, second } => {
                (ClaimedTwice, Some(run), format!("{}, {}", first.0, second.0))
            }
            SpaceFinding::NotAllocated { run, owner } => (NotAllocated, Some(run), owner.0.to_string()),
            SpaceFinding::Damaged(error) => (Damaged, None, error.to_string()),
            _ => (Other, None, String::new()),
        };
        let (start, count) = run.map_or((0, 0), |run| (run.start.0, run.count));
        Finding { kind, start, count, text }
    }
}

impl From<&Finding> for apfs_space_finding {
    fn from(finding: &Finding) -> apfs_space_finding {
        let Finding { kind, start, count, text } = finding;
        apfs_space_finding { kind: *kind, start: *start, count: *count, text: text.as_bytes().into() }
    }
}

impl From<&VolumeSpace> for apfs_volume_space {
    fn from(volume: &VolumeSpace) -> apfs_volume_space {
        apfs_volume_space {
            slot: volume.slot,
            name: volume.name.as_bytes().into(),
            alloc_stored: volume.alloc_count.stored,
            alloc_counted: volume.alloc_count.counted,
            metadata: volume.metadata,
            kept_metadata: volume.kept_metadata,
            data: volume.data,
            data_unshared: volume.data_use.unshared,
            data_shared: volume.data_use.shared,
            data_kept: volume.data_use.kept,
            snapshots: volume.snapshots.len(),
        }
    }
}

impl apfs_space {
    fn info(&self) -> apfs_space_info {
        let (space, used) = (&self.space, self.space.used());
        let sum = |of: &dyn Fn(usize) -> u64| (0..space.devices.len()).map(of).fold(0, u64::saturating_add);
        apfs_space_info {
            block_size: space.block_size,
            blocks: sum(&|nth| space.devices.get(nth).map_or(0, |device| device.blocks)),
            allocated: space.allocated(),
            unknown: sum(&|nth| space.devices.get(nth).map_or(0, |device| device.unknown)),
            used_stored: used.stored,
            used_counted: used.counted,
            leaked: space.leaked,
            claimed_twice: space.claimed_twice,
            not_allocated: space.not_allocated,
            damaged: space.damaged,
            findings: self.findings.len(),
            sound: space.is_sound(),
        }
    }
}

fn freed(name: apfs_bytes, xid: u64, freed: &Freed) -> apfs_freed {
    apfs_freed { name, xid, data: freed.data, metadata: freed.metadata, own: freed.own }
}

/// Tells whose every block of a container is: bitmaps against owners. Works on encrypted volumes without a key. Returns
/// when all is read.
///
/// # Safety
/// `container` is a handle; `out` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_space_open(
    container: *const apfs_container,
    out: *mut *const apfs_space,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (container, out) = (given!(container), out!(out));
        let mut findings = Vec::new();
        let space = container.container.space(&|| false, &mut |finding| {
            if findings.len() < MAX_FINDINGS {
                findings.push(Finding::from(finding));
            }
            Ok(())
        })?;
        let owners = space.owners.iter().map(|(owner, blocks)| (*owner, *blocks)).collect();
        out.put(share(apfs_space { space, owners, findings }));
        Ok(())
    })
}

/// Counts of blocks.
///
/// # Safety
/// `space` is a handle; `out` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_space_get_info(
    space: *const apfs_space,
    out: *mut apfs_space_info,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (space, out) = (given!(space), out!(out));
        out.put(space.info());
        Ok(())
    })
}

/// Lists the owners of blocks, from number `first` on: up to `cap` into `out`, how many into `n`. None written means the
/// end.
///
/// # Safety
/// `space` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_space_owners(
    space: *const apfs_space,
    first: usize,
    out: *mut apfs_space_owner,
    cap: usize,
    n: *mut usize,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (space, out, n) = (given!(space), slots!(out, cap), out!(n));
        n.put(out.fill(space.owners.iter().skip(first).map(|(owner, blocks)| apfs_space_owner {
            volume: owner.volume().unwrap_or(usize::MAX),
            part: owner.part().as_bytes().into(),
            blocks: *blocks,
        })));
        Ok(())
    })
}

/// Lists the volumes that could be opened, from number `first` on: up to `cap` into `out`, how many into `n`. None written
/// means the end.
///
/// # Safety
/// `space` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_space_volumes(
    space: *const apfs_space,
    first: usize,
    out: *mut apfs_volume_space,
    cap: usize,
    n: *mut usize,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (space, out, n) = (given!(space), slots!(out, cap), out!(n));
        n.put(out.fill(space.space.volumes.iter().skip(first).map(apfs_volume_space::from)));
        Ok(())
    })
}

/// Lists what deleting each snapshot alone would free, oldest first, of a volume by its place in the list, from number
/// `first` on: up to `cap` into `out`, how many into `n`. None written means the end.
///
/// # Safety
/// `space` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_space_snapshots(
    space: *const apfs_space,
    nth: usize,
    first: usize,
    out: *mut apfs_freed,
    cap: usize,
    n: *mut usize,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (space, out, n) = (given!(space), slots!(out, cap), out!(n));
        let missing = || Error::not_found(format!("volume {nth} of the list"));
        let volume = space.space.volumes.get(nth).ok_or_else(missing)?;
        let each = volume.snapshots.iter().skip(first);
        let each =
            each.map(|(snapshot, space)| freed(snapshot.name.as_bytes().into(), snapshot.xid.0, space));
        n.put(out.fill(each));
        Ok(())
    })
}

/// Lists what is not as it should be, from number `first` on: up to `cap` into `out`, how many into `n`. None written means
/// the end.
///
/// # Safety
/// `space` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_space_findings(
    space: *const apfs_space,
    first: usize,
    out: *mut apfs_space_finding,
    cap: usize,
    n: *mut usize,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (space, out, n) = (given!(space), slots!(out, cap), out!(n));
        n.put(out.fill(space.findings.iter().skip(first).map(apfs_space_finding::from)));
        Ok(())
    })
}

/// Frees what `apfs_space_open` gave. NULL is allowed.
///
/// # Safety
/// `space` is NULL or a handle that is not yet freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_space_free(space: *const apfs_space) {
    free_shared!(space);
}

/// How much deleting one snapshot of an APFS volume alone would free, by its transaction. The name is left empty.
///
/// # Safety
/// `volume` is a handle; `out` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_volume_freed_by_deleting(
    volume: *const apfs_volume,
    xid: u64,
    out: *mut apfs_freed,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (volume, out) = (given!(volume), out!(out));
        let missing = || Error::not_found(format!("snapshot of transaction {xid}"));
        let snapshot =
            volume.snapshots()?.iter().find(|snapshot| snapshot.xid.0 == xid).ok_or_else(missing)?;
        let AnyVolume::Apfs(volume) = &volume.volume else { return Err(missing()) };
        out.put(freed(apfs_bytes::EMPTY, xid, &volume.freed_by_deleting(snapshot, &|| false)?));
        Ok(())
    })
}

/// Gives all runs of blocks in use of a device (APFS_DEVICE_*) by the bitmaps to `run`, in order; what can't be read is a
/// run with an error. Fails with APFS_STATUS_CANCELLED if `run` returned anything but 0.
///
/// # Safety
/// `container` is a handle; `run` does what it promises with `context`; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_container_allocated(
    container: *const apfs_container,
    device: u32,
    run: apfs_run_fn,
    context: *mut c_void,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (container, hook) = (given!(container), each_hook!(run, context));
        let device = match device {
            APFS_DEVICE_MAIN => Device::Main,
            APFS_DEVICE_TIER2 => Device::Tier2,
            _ => return Err(Error::Misuse("device: unknown number")),
        };
        container.container.spaceman()?.allocated(device, &|| false, &mut |found| {
            let goes_on = match found {
                Ok(run) => hook.call(&apfs_run { start: run.start, count: run.count, error: ptr::null() }),
                Err(error) => {
                    let error = apfs_error::from(&error);
                    hook.call(&apfs_run { start: 0, count: 0, error: &error })
                }
            };
            if goes_on { Ok(()) } else { Err(Error::Cancelled) }
        })
    })
}
