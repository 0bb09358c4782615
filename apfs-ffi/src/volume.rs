//! Volumes.

use std::sync::OnceLock;

use apfs_core::apfs::{Protection, Snapshot, Volume};
use apfs_core::{Name, Result};

use crate::container::{apfs_container, apfs_volume_info, volume_info};
use crate::error::apfs_error;
use crate::ptr::{Shared, share};
use crate::status::apfs_status;

/// A volume. It can always be asked for its name and snapshots; to read files open a view.
#[derive(Debug)]
pub struct apfs_volume {
    pub(crate) volume: Volume,
    name: Name,
    snapshots: OnceLock<Vec<Snapshot>>,
    /// The same before it was unlocked: without what is encrypted.
    snapshots_locked: OnceLock<Vec<Snapshot>>,
    protection: OnceLock<Protection>,
}

impl Shared for apfs_volume {}

impl apfs_volume {
    /// Its snapshots, oldest first, read once, and once more when it is unlocked.
    pub(crate) fn snapshots(&self) -> Result<&[Snapshot]> {
        let kept = if self.volume.is_locked() { &self.snapshots_locked } else { &self.snapshots };
        if let Some(snapshots) = kept.get() {
            return Ok(snapshots);
        }
        let snapshots = self.volume.snapshots()?;
        Ok(kept.get_or_init(|| snapshots))
    }

    /// How it is encrypted, read once.
    pub(crate) fn protection(&self) -> Result<&Protection> {
        if let Some(protection) = self.protection.get() {
            return Ok(protection);
        }
        let protection = self.volume.protection()?;
        Ok(self.protection.get_or_init(|| protection))
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
        let volume = container.container.volume(slot)?;
        let name = volume.name();
        let (snapshots, snapshots_locked, protection) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        out.put(share(apfs_volume { volume, name, snapshots, snapshots_locked, protection }));
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
        out.put(volume_info(&volume.volume, &volume.name));
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
