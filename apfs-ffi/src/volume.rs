//! Volumes.

use std::sync::OnceLock;

use apfs_core::apfs::{Protection, Snapshot};
use apfs_core::{AnyVolume, Error, Name, Result, hfsplus};

use crate::container::apfs_container;
use crate::disk::apfs_disk;
use crate::error::apfs_error;
use crate::ptr::{Shared, share};
use crate::status::apfs_status;
use crate::volume_info::{apfs_volume_info, info};

/// A volume of any kind. It can always be asked for its name and snapshots; to read files open a view.
#[derive(Debug)]
pub struct apfs_volume {
    pub(crate) volume: AnyVolume,
    pub(crate) partition: usize,
    name: Name,
    snapshots: OnceLock<Vec<Snapshot>>,
    /// The same before it was unlocked: without what is encrypted.
    snapshots_locked: OnceLock<Vec<Snapshot>>,
    protection: OnceLock<Protection>,
}

impl Shared for apfs_volume {}

impl apfs_volume {
    fn new(partition: usize, volume: AnyVolume) -> apfs_volume {
        apfs_volume {
            name: volume.name(),
            volume,
            partition,
            snapshots: OnceLock::new(),
            snapshots_locked: OnceLock::new(),
            protection: OnceLock::new(),
        }
    }

    /// Its snapshots, oldest first, read once, and once more when it is unlocked. None on HFS+.
    pub(crate) fn snapshots(&self) -> Result<&[Snapshot]> {
        let AnyVolume::Apfs(volume) = &self.volume else { return Ok(&[]) };
        let kept = if volume.is_locked() { &self.snapshots_locked } else { &self.snapshots };
        if let Some(snapshots) = kept.get() {
            return Ok(snapshots);
        }
        let snapshots = volume.snapshots()?;
        Ok(kept.get_or_init(|| snapshots))
    }

    /// How it is encrypted, read once; `None` on HFS+, which never is.
    pub(crate) fn protection(&self) -> Result<Option<&Protection>> {
        let AnyVolume::Apfs(volume) = &self.volume else { return Ok(None) };
        if let Some(protection) = self.protection.get() {
            return Ok(Some(protection));
        }
        let protection = volume.protection()?;
        Ok(Some(self.protection.get_or_init(|| protection)))
    }

    /// The HFS+ volume that it is.
    pub(crate) fn hfs(&self) -> Result<&hfsplus::Volume> {
        match &self.volume {
            AnyVolume::Hfs(volume) => Ok(volume),
            _ => Err(Error::unsupported(
                "HFS+ facts of a volume that is not HFS+",
                "see apfs_volume_info.kind",
            )),
        }
    }
}

/// Opens the volume in a slot.
///
/// # Safety
/// `container` is a handle; `out` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_volume_open(
    container: *const apfs_container,
    slot: usize,
    out: *mut *const apfs_volume,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (container, out) = (given!(container), out!(out));
        let volume = AnyVolume::Apfs(container.container.volume(slot)?);
        out.put(share(apfs_volume::new(container.partition, volume)));
        Ok(())
    })
}

/// Opens a volume of any kind by its place in the list of `apfs_disk_volumes`, counted from 0.
///
/// # Safety
/// `disk` is a handle; `out` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_volume_open_nth(
    disk: *const apfs_disk,
    nth: usize,
    out: *mut *const apfs_volume,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (disk, out) = (given!(disk), out!(out));
        let (partition, volume) = disk.volume(nth)?;
        out.put(share(apfs_volume::new(partition, volume)));
        Ok(())
    })
}

/// What a volume says about itself.
///
/// # Safety
/// `volume` is a handle; `out` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_volume_get_info(
    volume: *const apfs_volume,
    out: *mut apfs_volume_info,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (volume, out) = (given!(volume), out!(out));
        out.put(info(volume.partition, &volume.volume, &volume.name));
        Ok(())
    })
}

/// Frees a volume. What was opened from it stays usable. NULL is allowed.
///
/// # Safety
/// `volume` is NULL or a handle that is not yet freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_volume_free(volume: *const apfs_volume) {
    free_shared!(volume);
}
