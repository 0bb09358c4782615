//! The snapshot that a system volume boots from (sheet apfs-08, section 7).

use crate::apfs::snapshot::Snapshot;
use crate::apfs::volume::Volume;
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::Result;
use crate::base::ids::Xid;

/// What the names of snapshots begin with that installers and updates take.
const UPDATE: &[u8] = b"com.apple.os.update-";

impl Volume {
    /// The snapshot that macOS boots from: the one that the volume names (`apfs_root_to_xid`), else the newest usable
    /// one of an installer or update. `None` if it boots from the live state or not at all.
    ///
    /// # Errors
    /// As [`Volume::snapshots`], and `Corrupt` if the snapshot that the volume names is not there.
    pub fn boot_snapshot(&self) -> Result<Option<Snapshot>> {
        let snapshots = self.snapshots()?;
        let named = Xid(self.superblock().raw().apfs_root_to_xid.get());
        if named != Xid(0) {
            let found = snapshots.into_iter().find(|snapshot| snapshot.xid == named);
            let place = Place::new("apfs_superblock_t", "apfs_root_to_xid").block(self.superblock().block());
            let missing =
                || Corrupt::new(Damage::Missing, place).found(alloc::format!("transaction {named}"));
            return found.map(Some).ok_or_else(|| missing().into());
        }
        let is_update = |snapshot: &Snapshot| {
            snapshot.name.as_bytes().starts_with(UPDATE) && snapshot.unusable_because().is_none()
        };
        Ok(snapshots.into_iter().filter(is_update).max_by_key(|snapshot| snapshot.xid))
    }
}
