//! APFS containers: one checkpoint, and the list of its volumes.

use std::sync::OnceLock;

use apfs_core::apfs::{Container, Volume};
use apfs_core::{Name, Result};

use crate::disk::apfs_disk;
use crate::error::apfs_error;
use crate::options::{apfs_options, parse};
use crate::ptr::{Shared, apfs_bytes, share};
use crate::status::apfs_status;

/// Container flag: newer checkpoints are damaged and were passed over; this is an older state.
pub const APFS_CONTAINER_OLDER: u32 = 1;
/// Container flag: the checkpoint's own objects (space manager, ...) are damaged; files can still be read.
pub const APFS_CONTAINER_EPHEMERAL_DAMAGE: u32 = 2;

/// Volume flag of this library: encrypted.
pub const APFS_VOLUME_ENCRYPTED: u32 = 1;
/// Volume flag of this library: sealed, its tree is hashed.
pub const APFS_VOLUME_SEALED: u32 = 2;
/// Volume flag of this library: names that differ in case only are the same name.
pub const APFS_VOLUME_CASE_INSENSITIVE: u32 = 4;
/// Volume flag of this library: encrypted, and not unlocked so far. Secrets of options are tried when a view is opened.
pub const APFS_VOLUME_LOCKED: u32 = 8;

/// An APFS container at one checkpoint.
#[derive(Debug)]
pub struct apfs_container {
    pub(crate) container: Container,
    volumes: OnceLock<Vec<Listed>>,
}

impl Shared for apfs_container {}

/// A volume of the list, with its name kept for those who asked.
#[derive(Debug)]
struct Listed {
    slot: usize,
    volume: Result<Volume>,
    name: Name,
}

/// What a container says about itself.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct apfs_container_info {
    /// Id of the container.
    pub uuid: [u8; 16],
    /// Transaction of the checkpoint.
    pub xid: u64,
    /// Bytes in a block.
    pub block_size: u64,
    /// Number of blocks.
    pub block_count: u64,
    /// APFS_CONTAINER_*.
    pub flags: u32,
}

/// What a volume says about itself. Text belongs to the handle that it was asked of.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct apfs_volume_info {
    /// Slot in the container: the number to open it by.
    pub slot: usize,
    /// APFS_STATUS_OK, or why the volume can't be opened; then all below is 0 or empty.
    pub status: apfs_status,
    /// Name.
    pub name: apfs_bytes,
    /// Id.
    pub uuid: [u8; 16],
    /// Id of its group, zeros if it is in none: System and Data of one macOS share it.
    pub group: [u8; 16],
    /// What it is for, as stored: 0 none, 1 system, 2 user, 4 recovery, 8 VM, 0x10 preboot, 0x40 data, ...
    pub role: u16,
    /// What matters to a reader: APFS_VOLUME_*.
    pub flags: u32,
    /// Flags as stored (`apfs_fs_flags`).
    pub fs_flags: u64,
    /// Features as stored without which it can't be read rightly (`apfs_incompatible_features`).
    pub incompatible_features: u64,
    /// Number of snapshots as recorded.
    pub snapshots: u64,
}

/// Information about a volume whose name is kept elsewhere.
pub(crate) fn volume_info(volume: &Volume, name: &Name) -> apfs_volume_info {
    let superblock = volume.superblock();
    let flag = |set, bit| if set { bit } else { 0 };
    let insensitive = apfs_core::text::name::NameRule::CaseInsensitive;
    apfs_volume_info {
        slot: volume.slot(),
        status: apfs_status::Ok,
        name: name.as_bytes().into(),
        uuid: volume.uuid().0,
        group: volume.group().unwrap_or_default().0,
        role: volume.role().0,
        flags: flag(superblock.is_encrypted(), APFS_VOLUME_ENCRYPTED)
            | flag(superblock.is_sealed(), APFS_VOLUME_SEALED)
            | flag(volume.is_locked(), APFS_VOLUME_LOCKED)
            | flag(superblock.name_rule() == insensitive, APFS_VOLUME_CASE_INSENSITIVE),
        fs_flags: superblock.flags().bits(),
        incompatible_features: superblock.incompatible_features().bits(),
        snapshots: superblock.raw().apfs_num_snapshots.get(),
    }
}

impl From<&Listed> for apfs_volume_info {
    fn from(listed: &Listed) -> apfs_volume_info {
        match &listed.volume {
            Ok(volume) => volume_info(volume, &listed.name),
            Err(error) => apfs_volume_info {
                slot: listed.slot,
                status: error.class().into(),
                name: listed.name.as_bytes().into(),
                uuid: [0; 16],
                group: [0; 16],
                role: 0,
                flags: 0,
                fs_flags: 0,
                incompatible_features: 0,
                snapshots: 0,
            },
        }
    }
}

impl apfs_container {
    fn volumes(&self) -> &[Listed] {
        self.volumes.get_or_init(|| {
            let volumes = self.container.volumes().into_iter();
            let listed = volumes.map(|(slot, volume)| {
                let name = volume.as_ref().map(Volume::name).unwrap_or_default();
                Listed { slot, volume, name }
            });
            listed.collect()
        })
    }
}

/// Opens the container in a partition (see `apfs_disk_first_apfs`). `options` of NULL means those of the
/// disk; their `open_as` has no meaning here.
///
/// # Safety
/// `disk` is a handle; `options` may be NULL; `out` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_container_open(
    disk: *const apfs_disk,
    partition: usize,
    options: *const apfs_options,
    out: *mut *const apfs_container,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (disk, out) = (given!(disk), out!(out));
        let options = parse(optional!(options))?.unwrap_or_else(|| disk.options.clone());
        let container = disk.disk.container(partition, options)?;
        out.put(share(apfs_container { container, volumes: OnceLock::new() }));
        Ok(())
    })
}

/// What a container says about itself.
///
/// # Safety
/// `container` is a handle; `out` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_container_get_info(
    container: *const apfs_container,
    out: *mut apfs_container_info,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (container, out) = (&given!(container).container, out!(out));
        let older = container.rejected().iter().any(|passed| passed.xid > container.xid());
        let damaged = container.checkpoint().ephemeral_damage().is_some();
        out.put(apfs_container_info {
            uuid: container.uuid().0,
            xid: container.xid().0,
            block_size: container.block_size().bytes(),
            block_count: container.superblock().block_count(),
            flags: if older { APFS_CONTAINER_OLDER } else { 0 }
                | if damaged { APFS_CONTAINER_EPHEMERAL_DAMAGE } else { 0 },
        });
        Ok(())
    })
}

/// Lists volumes, in the order of their slots, from the `first` on (counted from 0, empty slots not): up to `cap`
/// into `out`, how many into `n`. None written means the end. A damaged volume is in the list, with its status.
///
/// # Safety
/// `container` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_container_volumes(
    container: *const apfs_container,
    first: usize,
    out: *mut apfs_volume_info,
    cap: usize,
    n: *mut usize,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (container, out, n) = (given!(container), slots!(out, cap), out!(n));
        n.put(out.fill(container.volumes().iter().skip(first).map(apfs_volume_info::from)));
        Ok(())
    })
}

/// Frees a container. What was opened from it stays usable. NULL is allowed.
///
/// # Safety
/// `container` is NULL or a handle that is not yet freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_container_free(container: *const apfs_container) {
    free_shared!(container);
}
