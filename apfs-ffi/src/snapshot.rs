//! Listing the snapshots of a volume.

use apfs_core::apfs::Snapshot;

use crate::error::apfs_error;
use crate::ptr::apfs_bytes;
use crate::status::apfs_status;
use crate::volume::apfs_volume;

/// Snapshot flag of this library: it is on its way out (being deleted, merged, ...) and opens only by force.
pub const APFS_SNAPSHOT_UNUSABLE: u32 = 1;
/// Snapshot flag of this library: its deletion has begun.
pub const APFS_SNAPSHOT_PENDING_DELETION: u32 = 2;
/// Snapshot flag of this library: it was given up by a revert.
pub const APFS_SNAPSHOT_REVERTED: u32 = 4;
/// Snapshot flag of this library: it is being merged away.
pub const APFS_SNAPSHOT_MERGING: u32 = 8;
/// Snapshot flag of this library: it is giving up its data.
pub const APFS_SNAPSHOT_PENDING_DATALESS: u32 = 0x10;
/// Snapshot flag of this library: its name is one that macOS gives to a snapshot whose deletion has begun.
pub const APFS_SNAPSHOT_PURGATORY: u32 = 0x20;
/// Snapshot flag of this library: the object map does not keep its state.
pub const APFS_SNAPSHOT_UNMAPPED: u32 = 0x40;

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
        let unusable = if snapshot.unusable_because().is_some() { APFS_SNAPSHOT_UNUSABLE } else { 0 };
        apfs_snapshot {
            name: snapshot.name.as_bytes().into(),
            xid: snapshot.xid.0,
            uuid: snapshot.uuid.unwrap_or_default().0,
            created_ns: snapshot.created.0,
            changed_ns: snapshot.changed.0,
            flags: snapshot.flag_words().fold(unusable, |flags, word| flags | flag(word)),
            stored_flags: snapshot.flags,
        }
    }
}

/// The flag of a word of the core.
fn flag(word: &str) -> u32 {
    match word {
        "pending-deletion" => APFS_SNAPSHOT_PENDING_DELETION,
        "reverted" => APFS_SNAPSHOT_REVERTED,
        "merging" => APFS_SNAPSHOT_MERGING,
        "pending-dataless" => APFS_SNAPSHOT_PENDING_DATALESS,
        "purgatory" => APFS_SNAPSHOT_PURGATORY,
        "unmapped" => APFS_SNAPSHOT_UNMAPPED,
        _ => 0,
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
