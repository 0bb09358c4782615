//! The snapshot that a system volume boots from (sheets apfs-03, section 5, and apfs-08, section 7).

use crate::apfs::snapshot::Snapshot;
use crate::apfs::volume::Volume;
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Class, Result};
use crate::base::ids::Xid;

/// What the names of snapshots begin with that installers and updates take.
const UPDATE: &[u8] = b"com.apple.os.update-";

impl Volume {
    /// The snapshot that macOS boots from: the one that the volume names (`apfs_root_to_xid`), else the newest usable
    /// one of an installer or update, if what it keeps is sealed: before seals these were states to return to, from which
    /// no Mac starts. `None` if the volume boots from the live state or not at all.
    ///
    /// # Errors
    /// As [`Volume::snapshots`]; `Corrupt` if the snapshot that the volume names is not there; I/O where it must be looked
    /// whether a snapshot is sealed.
    pub fn boot_snapshot(&self) -> Result<Option<Snapshot>> {
        let snapshots = self.snapshots()?;
        if let Some(named) = self.boot_transaction() {
            let found = snapshots.into_iter().find(|snapshot| snapshot.xid == named);
            let place = Place::new("apfs_superblock_t", "apfs_root_to_xid").block(self.superblock().block());
            // A volume that says from where it is rooted means no other state.
            let missing =
                || Corrupt::new(Damage::Missing, place.xid(named)).found("no snapshot of this transaction");
            return found.map(Some).ok_or_else(|| missing().into());
        }
        let is_update = |snapshot: &Snapshot| {
            snapshot.name.as_bytes().starts_with(UPDATE) && snapshot.unusable_because().is_none()
        };
        let Some(newest) = snapshots.into_iter().filter(is_update).max_by_key(|snapshot| snapshot.xid) else {
            return Ok(None);
        };
        if self.superblock().is_sealed() {
            return Ok(Some(newest));
        }
        match self.view_at(&newest) {
            Ok(view) => Ok(Some(newest).filter(|_| view.superblock().is_sealed())),
            Err(error) if error.class() == Class::Io => Err(error),
            Err(_) => Ok(None),
        }
    }

    /// The transaction of the snapshot that the volume says it boots from; `None` if it says nothing of it.
    #[must_use]
    pub(crate) fn boot_transaction(&self) -> Option<Xid> {
        Some(Xid(self.superblock().raw().apfs_root_to_xid.get())).filter(|xid| *xid != Xid(0))
    }
}
