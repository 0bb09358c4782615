//! APFS containers: one checkpoint, and the list of its volumes.

use std::sync::OnceLock;

use apfs_core::Error;
use apfs_core::apfs::Container;

use crate::disk::apfs_disk;
use crate::error::apfs_error;
use crate::options::{apfs_options, parse};
use crate::ptr::{Shared, share};
use crate::status::apfs_status;
use crate::volume_info::{Listed, apfs_volume_info};

/// Container flag: newer checkpoints are damaged and were passed over; this is an older state.
pub const APFS_CONTAINER_OLDER: u32 = 1;
/// Container flag: the checkpoint's own objects (space manager, ...) are damaged; files can still be read.
pub const APFS_CONTAINER_EPHEMERAL_DAMAGE: u32 = 2;

/// An APFS container at one checkpoint.
#[derive(Debug)]
pub struct apfs_container {
    pub(crate) container: Container,
    pub(crate) partition: usize,
    volumes: OnceLock<Vec<Listed>>,
}

impl Shared for apfs_container {}

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

impl apfs_container {
    fn volumes(&self) -> &[Listed] {
        self.volumes.get_or_init(|| {
            let volumes = self.container.volumes().into_iter();
            volumes.map(|(slot, volume)| Listed::of_apfs(self.partition, slot, volume)).collect()
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
        out.put(share(apfs_container { container, partition, volumes: OnceLock::new() }));
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

/// Lists the transactions of the checkpoints that are still there, newest first, from number `first` on: up to `cap`
/// into `out`, how many into `n`. None written means the end. Each can be asked for by `apfs_options.checkpoint_xid`; not
/// all of them need be whole.
///
/// # Safety
/// `container` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_container_checkpoints(
    container: *const apfs_container,
    first: usize,
    out: *mut u64,
    cap: usize,
    n: *mut usize,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (container, out, n) = (&given!(container).container, slots!(out, cap), out!(n));
        n.put(out.fill(container.checkpoints().iter().skip(first).map(|superblock| superblock.xid().0)));
        Ok(())
    })
}

/// What is known of a Fusion pair: two devices that are one container.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct apfs_fusion {
    /// `nx_fusion_uuid` of the main device.
    pub main_uuid: [u8; 16],
    /// `nx_fusion_uuid` of tier 2; what it should be if that is missing.
    pub tier2_uuid: [u8; 16],
    /// Blocks of the main device.
    pub main_blocks: u64,
    /// Blocks of tier 2.
    pub tier2_blocks: u64,
    /// Bytes of tier 2; 0 if it is missing: data on it can't be read then, everything else can.
    pub tier2_len: u64,
    /// How many things are wrong, the missing device among them.
    pub findings: u64,
}

/// What is known of the Fusion pair that a container is. APFS_STATUS_NOT_FOUND if it is none.
///
/// # Safety
/// `container` is a handle; `out` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_container_get_fusion(
    container: *const apfs_container,
    out: *mut apfs_fusion,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (container, out) = (&given!(container).container, out!(out));
        let fusion = container.fusion().ok_or_else(|| Error::not_found("Fusion pair"))?;
        out.put(apfs_fusion {
            main_uuid: fusion.main_uuid.0,
            tier2_uuid: fusion.tier2_uuid.0,
            main_blocks: fusion.main_blocks,
            tier2_blocks: fusion.tier2_blocks,
            tier2_len: fusion.tier2_len.unwrap_or(0),
            findings: fusion.finding_count,
        });
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
