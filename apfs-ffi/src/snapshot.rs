//! Listing the snapshots of a volume.

use apfs_core::apfs::Snapshot;

use crate::error::apfs_error;
use crate::ptr::apfs_bytes;
use crate::status::apfs_status;
use crate::volume::apfs_volume;

/// Snapshot flag of this library: it is on its way out (being deleted, merged, ...) and opens only by force.
pub const APFS_SNAPSHOT_UNUSABLE: u32 = 1;

/// One snapshot. Text belongs to the volume.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct apfs_snapshot {
    /// Name.
    pub name: apfs_bytes,
    /// Transaction: the state that it keeps.
    pub xid: u64,
    /// Id, zeros if the volume keeps none.
    pub uuid: [u8; 16],
    /// When it was taken, in nanoseconds since 1970 UTC.
    pub created_ns: i64,
    /// When its record was last changed, in nanoseconds since 1970 UTC.
    pub changed_ns: i64,
    /// APFS_SNAPSHOT_*.
    pub flags: u32,
    /// Flags as stored in its record.
    pub stored_flags: u32,
}

impl From<&Snapshot> for apfs_snapshot {
    fn from(snapshot: &Snapshot) -> apfs_snapshot {
        let unusable = snapshot.unusable_because().is_some();
        apfs_snapshot {
            name: snapshot.name.as_bytes().into(),
            xid: snapshot.xid.0,
            uuid: snapshot.uuid.unwrap_or_default().0,
            created_ns: snapshot.created.0,
            changed_ns: snapshot.changed.0,
            flags: if unusable { APFS_SNAPSHOT_UNUSABLE } else { 0 },
            stored_flags: snapshot.flags,
        }
    }
}

/// Lists snapshots, oldest first, from number `first` on: up to `cap` into `out`, how many into `n`. None written
/// means the end. HFS+ volumes have none.
///
/// # Safety
/// `volume` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_volume_snapshots(
    volume: *const apfs_volume,
    first: usize,
    out: *mut apfs_snapshot,
    cap: usize,
    n: *mut usize,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (volume, out, n) = (given!(volume), slots!(out, cap), out!(n));
        n.put(out.fill(volume.snapshots()?.iter().skip(first).map(apfs_snapshot::from)));
        Ok(())
    })
}
