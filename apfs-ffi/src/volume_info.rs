//! Lists of volumes: what each says about itself, those that can't be opened included.

use apfs_core::hfsplus::{self, Variant};
use apfs_core::text::name::NameRule;
use apfs_core::{AnyVolume, Name, Result, apfs};

use crate::ptr::apfs_bytes;
use crate::status::apfs_status;

/// Volume flag of this library: encrypted.
pub const APFS_VOLUME_ENCRYPTED: u32 = 1;
/// Volume flag of this library: sealed, its tree is hashed.
pub const APFS_VOLUME_SEALED: u32 = 2;
/// Volume flag of this library: names that differ in case only are the same name.
pub const APFS_VOLUME_CASE_INSENSITIVE: u32 = 4;
/// Volume flag of this library: encrypted, and not unlocked so far. Secrets of options are tried when a view is opened.
pub const APFS_VOLUME_LOCKED: u32 = 8;

/// Which file system a volume is.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum apfs_volume_kind {
    /// Not known, since it can't be opened.
    Unknown = 0,
    /// APFS.
    Apfs = 1,
    /// HFS+ (Mac OS Extended).
    HfsPlus = 2,
    /// HFSX: HFS+ that says itself how names are compared.
    Hfsx = 3,
}

/// What a volume says about itself. Text belongs to the handle that it was asked of.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct apfs_volume_info {
    /// Number of the partition that it is in.
    pub partition: usize,
    /// Slot in its container, 0 on HFS+: the number to open it by from the container.
    pub slot: usize,
    /// Which file system it is.
    pub kind: apfs_volume_kind,
    /// APFS_STATUS_OK, or why the volume can't be opened; then all below is 0 or empty.
    pub status: apfs_status,
    /// Name.
    pub name: apfs_bytes,
    /// Id, zeros if it has none, as HFS+ volumes may.
    pub uuid: [u8; 16],
    /// Id of its group, zeros if it is in none: System and Data of one macOS share it.
    pub group: [u8; 16],
    /// What it is for, as stored: 0 none, 1 system, 2 user, 4 recovery, 8 VM, 0x10 preboot, 0x40 data, ...
    pub role: u16,
    /// What matters to a reader: APFS_VOLUME_*.
    pub flags: u32,
    /// Flags as stored: `apfs_fs_flags`, on HFS+ the `attributes` of the volume header.
    pub fs_flags: u64,
    /// Features as stored without which it can't be read rightly (`apfs_incompatible_features`).
    pub incompatible_features: u64,
    /// Number of snapshots as recorded.
    pub snapshots: u64,
}

/// A volume of a list, with its name kept for those who asked.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) partition: usize,
    /// Slot of one that can't be opened, where that is known.
    slot: usize,
    kind: apfs_volume_kind,
    pub(crate) volume: Result<AnyVolume>,
    name: Name,
}

impl Listed {
    /// One that was found, or should have been.
    pub(crate) fn new(partition: usize, slot: usize, volume: Result<AnyVolume>) -> Listed {
        let name = volume.as_ref().map(AnyVolume::name).unwrap_or_default();
        let kind = volume.as_ref().map_or(apfs_volume_kind::Unknown, kind);
        Listed { partition, slot, kind, volume, name }
    }

    /// The same, of a kind that is known even if it can't be opened.
    pub(crate) fn of_apfs(partition: usize, slot: usize, volume: Result<apfs::Volume>) -> Listed {
        let listed = Listed::new(partition, slot, volume.map(AnyVolume::Apfs));
        Listed { kind: apfs_volume_kind::Apfs, ..listed }
    }
}

impl From<&Listed> for apfs_volume_info {
    fn from(listed: &Listed) -> apfs_volume_info {
        match &listed.volume {
            Ok(volume) => info(listed.partition, volume, &listed.name),
            Err(error) => apfs_volume_info {
                status: error.class().into(),
                ..blank(listed.partition, listed.slot, listed.kind)
            },
        }
    }
}

fn kind(volume: &AnyVolume) -> apfs_volume_kind {
    match volume {
        AnyVolume::Apfs(_) => apfs_volume_kind::Apfs,
        AnyVolume::Hfs(volume) => match volume.header().variant() {
            Variant::HfsPlus => apfs_volume_kind::HfsPlus,
            Variant::HfsX => apfs_volume_kind::Hfsx,
        },
        _ => apfs_volume_kind::Unknown,
    }
}

/// What a volume says about itself, with a name that is kept elsewhere.
pub(crate) fn info(partition: usize, volume: &AnyVolume, name: &Name) -> apfs_volume_info {
    let blank = blank(partition, volume.index(), kind(volume));
    let blank = apfs_volume_info { name: name.as_bytes().into(), ..blank };
    match volume {
        AnyVolume::Apfs(volume) => of_apfs(volume, blank),
        AnyVolume::Hfs(volume) => of_hfs(volume, blank),
        _ => blank,
    }
}

fn of_apfs(volume: &apfs::Volume, blank: apfs_volume_info) -> apfs_volume_info {
    let superblock = volume.superblock();
    apfs_volume_info {
        uuid: volume.uuid().0,
        group: volume.group().unwrap_or_default().0,
        role: volume.role().0,
        flags: flag(superblock.is_encrypted(), APFS_VOLUME_ENCRYPTED)
            | flag(superblock.is_sealed(), APFS_VOLUME_SEALED)
            | flag(volume.is_locked(), APFS_VOLUME_LOCKED)
            | flag(superblock.name_rule() == NameRule::CaseInsensitive, APFS_VOLUME_CASE_INSENSITIVE),
        fs_flags: superblock.flags().bits(),
        incompatible_features: superblock.incompatible_features().bits(),
        snapshots: superblock.raw().apfs_num_snapshots.get(),
        ..blank
    }
}

fn of_hfs(volume: &hfsplus::Volume, blank: apfs_volume_info) -> apfs_volume_info {
    apfs_volume_info {
        uuid: volume.header().uuid().unwrap_or_default().0,
        flags: flag(!volume.is_case_sensitive(), APFS_VOLUME_CASE_INSENSITIVE),
        fs_flags: volume.header().attributes().bits().into(),
        ..blank
    }
}

fn blank(partition: usize, slot: usize, kind: apfs_volume_kind) -> apfs_volume_info {
    apfs_volume_info {
        partition,
        slot,
        kind,
        status: apfs_status::Ok,
        name: [].as_slice().into(),
        uuid: [0; 16],
        group: [0; 16],
        role: 0,
        flags: 0,
        fs_flags: 0,
        incompatible_features: 0,
        snapshots: 0,
    }
}

fn flag(is_set: bool, bit: u32) -> u32 {
    if is_set { bit } else { 0 }
}
