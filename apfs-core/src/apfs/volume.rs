//! A volume: its superblock, role, group and features (sheet apfs-03).

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use super::container::Container;
use super::object::{Expect, XidRule, too_short};
use super::omap::Omap;
use super::raw::object::{OBJ_PHYSICAL, OBJ_VIRTUAL, OBJECT_TYPE_FS};
use super::raw::omap::OMAP_VAL_ENCRYPTED;
use super::raw::volume::{
    APFS_MAGIC, ApfsModifiedBy, ApfsSuperblock, VolumeFeatures, VolumeFlags, VolumeIncompat,
};
use crate::base::bytes::pod;
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::ids::{Oid, Paddr, Uuid, Xid};
use crate::base::sync::Mutex;
use crate::base::time::Timestamp;
use crate::fs::types::Name;
use crate::text::name::NameRule;

const STRUCTURE: &str = "apfs_superblock_t";

/// What a volume is for (`apfs_role`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Role(pub u16);

impl Role {
    /// Name in small letters as `diskutil` has it; `None` for a number without a name.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            0 => "none",
            1 => "system",
            2 => "user",
            4 => "recovery",
            8 => "vm",
            0x10 => "preboot",
            0x20 => "installer",
            0x40 => "data",
            0x80 => "baseband",
            0xC0 => "update",
            0x100 => "xart",
            0x140 => "hardware",
            0x180 => "backup",
            0x1C0 => "sidecar",
            0x200 => "internal",
            0x240 => "enterprise",
            0x280 => "idiags",
            0x2C0 => "prelogin",
            0x300 => "cache",
            _ => return None,
        })
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{:#x}", self.0),
        }
    }
}

/// Which keys the files of a volume have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Encryption {
    /// Not encrypted.
    None,
    /// One key for everything, which software can use.
    VolumeKey,
    /// A key for every file, wrapped by secure hardware (iOS, and the internal disk of Macs with a T2 or Apple silicon).
    FileKeys,
}

/// Who wrote a volume, and when (`apfs_modified_by_t`).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WrittenBy {
    /// Program and version, for example `apfs_kext (1412.81.1)`.
    pub program: String,
    /// When.
    pub time: Timestamp,
    /// Its last transaction.
    pub last_xid: Xid,
}

impl WrittenBy {
    fn parse(raw: &ApfsModifiedBy) -> Option<WrittenBy> {
        let program = until_nul(&raw.id);
        let empty = program.is_empty() && raw.timestamp.get() == 0 && raw.last_xid.get() == 0;
        (!empty).then(|| WrittenBy {
            program: String::from_utf8_lossy(program).into_owned(),
            time: Timestamp(raw.timestamp.get()),
            last_xid: Xid(raw.last_xid.get()),
        })
    }
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or(&[])
}

/// A volume superblock: that of the live volume, or a snapshot's copy.
#[derive(Clone, Debug)]
pub struct VolumeSuperblock {
    raw: ApfsSuperblock,
    block: Paddr,
}

impl VolumeSuperblock {
    pub(crate) fn parse(bytes: &[u8], block: Paddr) -> Result<VolumeSuperblock> {
        let raw: ApfsSuperblock = *pod(bytes).ok_or_else(|| too_short(STRUCTURE, block))?;
        if raw.apfs_magic != APFS_MAGIC {
            let place = Place::new(STRUCTURE, "apfs_magic").block(block).oid(Oid(raw.apfs_o.o_oid.get()));
            return Err(Corrupt::new(Damage::Magic, place).expected("APSB").into());
        }
        Ok(VolumeSuperblock { raw, block })
    }

    /// Reads a snapshot's copy. Its `o_xid` can be another one than the snapshot's (sheet apfs-05, section 3).
    pub(crate) fn read_copy(container: &Container, block: Paddr) -> Result<VolumeSuperblock> {
        let expect = Expect {
            structure: STRUCTURE,
            oid: Oid(block.0),
            xid: XidRule::AtMost(container.xid()),
            object_type: OBJECT_TYPE_FS,
            storage: OBJ_PHYSICAL,
            subtype: 0,
        };
        VolumeSuperblock::parse(&container.store().object(block, &expect)?, block)
    }

    /// All fields as stored.
    #[must_use]
    pub fn raw(&self) -> &ApfsSuperblock {
        &self.raw
    }

    /// Block that it was read from.
    #[must_use]
    pub fn block(&self) -> Paddr {
        self.block
    }

    /// Name of the volume.
    #[must_use]
    pub fn name(&self) -> Name {
        Name::from(until_nul(&self.raw.apfs_volname))
    }

    /// Optional features.
    #[must_use]
    pub fn features(&self) -> VolumeFeatures {
        VolumeFeatures::from_bits_retain(self.raw.apfs_features.get())
    }

    /// Features without which it can't be read rightly.
    #[must_use]
    pub fn incompatible_features(&self) -> VolumeIncompat {
        VolumeIncompat::from_bits_retain(self.raw.apfs_incompatible_features.get())
    }

    /// Flags.
    #[must_use]
    pub fn flags(&self) -> VolumeFlags {
        VolumeFlags::from_bits_retain(self.raw.apfs_fs_flags.get())
    }

    /// Which keys files have.
    #[must_use]
    pub fn encryption(&self) -> Encryption {
        let flags = self.flags();
        if flags.contains(VolumeFlags::UNENCRYPTED) {
            Encryption::None
        } else if flags.contains(VolumeFlags::ONEKEY) {
            Encryption::VolumeKey
        } else {
            Encryption::FileKeys
        }
    }

    /// True if files are encrypted.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.encryption() != Encryption::None
    }

    /// True if the volume is sealed: its tree is hashed and has no headers.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.incompatible_features().contains(VolumeIncompat::SEALED_VOLUME)
    }

    /// Which names are the same name.
    #[must_use]
    pub fn name_rule(&self) -> NameRule {
        let features = self.incompatible_features();
        if features.contains(VolumeIncompat::CASE_INSENSITIVE) {
            NameRule::CaseInsensitive
        } else if features.contains(VolumeIncompat::NORMALIZATION_INSENSITIVE) {
            NameRule::NormalizationInsensitive
        } else {
            NameRule::Bytes
        }
    }

    /// Refuses what this version would read wrongly, by name.
    pub(crate) fn check_features(&self, force: bool) -> Result<()> {
        let features = self.incompatible_features();
        if force {
            return Ok(());
        }
        let name = self.name();
        if features.contains(VolumeIncompat::INCOMPLETE_RESTORE) {
            let what = alloc::format!("volume {name}: a restore was begun and never finished");
            return Err(Error::unsupported(
                what,
                "its content can't be trusted; forcing shows what is there",
            ));
        }
        if features.contains(VolumeIncompat::SECONDARY_FSROOT) {
            let what = alloc::format!("volume {name}: second file-system tree of a Fusion drive");
            return Err(Error::unsupported(what, "forcing shows the first tree alone"));
        }
        match features.bits() & !VolumeIncompat::all().bits() {
            0 => Ok(()),
            unknown => {
                let what = alloc::format!("volume {name}: unknown incompatible features {unknown:#x}");
                Err(Error::unsupported(what, "forcing may give wrong answers"))
            }
        }
    }
}

/// A volume of a container. Cheap to clone.
///
/// It can always be asked for names, sizes and snapshots; to read files take a [`View`](super::View).
#[derive(Clone)]
pub struct Volume {
    container: Container,
    slot: usize,
    superblock: Arc<VolumeSuperblock>,
    /// Read when it is first asked for.
    omap: Arc<Mutex<Option<Arc<Omap>>>>,
}

impl Volume {
    fn open(container: &Container, slot: usize, oid: Oid) -> Result<Volume> {
        let xid = container.xid();
        let place = || Place::new(STRUCTURE, "").oid(oid).xid(xid);
        let found = container.omap().lookup(oid, xid)?;
        let mapping = found.ok_or_else(|| Error::damage(Damage::Missing, place()))?;
        if mapping.flags & OMAP_VAL_ENCRYPTED != 0 {
            return Err(Corrupt::new(Damage::Contradiction, place()).found("an encrypted superblock").into());
        }
        let expect = Expect {
            structure: STRUCTURE,
            oid,
            xid: XidRule::Exactly(mapping.xid),
            object_type: OBJECT_TYPE_FS,
            storage: OBJ_VIRTUAL,
            subtype: 0,
        };
        let bytes = container.store().object(mapping.block, &expect)?;
        let superblock = VolumeSuperblock::parse(&bytes, mapping.block)?;
        let (superblock, omap) = (Arc::new(superblock), Arc::new(Mutex::new(None)));
        Ok(Volume { container: container.clone(), slot, superblock, omap })
    }

    /// The container.
    #[must_use]
    pub fn container(&self) -> &Container {
        &self.container
    }

    /// Slot in `nx_fs_oid`: the index of the volume.
    #[must_use]
    pub fn slot(&self) -> usize {
        self.slot
    }

    /// Its superblock, live.
    #[must_use]
    pub fn superblock(&self) -> &VolumeSuperblock {
        &self.superblock
    }

    pub(crate) fn shared_superblock(&self) -> &Arc<VolumeSuperblock> {
        &self.superblock
    }

    /// Its object map, which leads to everything in it at any transaction.
    ///
    /// # Errors
    /// Damage or I/O.
    pub fn omap(&self) -> Result<Arc<Omap>> {
        if let Some(omap) = self.omap.with(|kept| kept.clone()) {
            return Ok(omap);
        }
        let oid = Oid(self.superblock.raw.apfs_omap_oid.get());
        let omap = Arc::new(Omap::open(self.container.store().clone(), oid, self.container.xid())?);
        self.omap.with(|kept| *kept = Some(omap.clone()));
        Ok(omap)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> Name {
        self.superblock.name()
    }

    /// Its id.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        Uuid(self.superblock.raw.apfs_vol_uuid)
    }

    /// True if its files can't be read without a key that is still missing. The container's secrets are tried only
    /// when a view is asked for.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.superblock.is_encrypted() && self.container.key(self.slot).is_none()
    }

    /// What it is for.
    #[must_use]
    pub fn role(&self) -> Role {
        Role(self.superblock.raw.apfs_role.get())
    }

    /// Its group: System and Data of one macOS share it.
    #[must_use]
    pub fn group(&self) -> Option<Uuid> {
        Some(Uuid(self.superblock.raw.apfs_volume_group_id)).filter(|group| !group.is_nil())
    }

    /// Who formatted it.
    #[must_use]
    pub fn formatted_by(&self) -> Option<WrittenBy> {
        WrittenBy::parse(&self.superblock.raw.apfs_formatted_by)
    }

    /// Who changed it, newest first, at most eight.
    #[must_use]
    pub fn modified_by(&self) -> Vec<WrittenBy> {
        self.superblock.raw.apfs_modified_by.iter().filter_map(WrittenBy::parse).collect()
    }
}

impl fmt::Debug for Volume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Volume").field("slot", &self.slot).field("name", &self.name()).finish_non_exhaustive()
    }
}

impl Container {
    /// The volumes with their slots. A damaged one is an error of its own; the others stay readable.
    #[must_use]
    pub fn volumes(&self) -> Vec<(usize, Result<Volume>)> {
        let slots = self.superblock().raw().nx_fs_oid.iter().enumerate();
        let used = slots.filter(|(_, oid)| oid.get() != 0);
        used.map(|(slot, oid)| (slot, Volume::open(self, slot, Oid(oid.get())))).collect()
    }

    /// The volume in a slot.
    ///
    /// # Errors
    /// `NotFound` if the slot is empty, `Corrupt` if the volume is damaged.
    pub fn volume(&self, slot: usize) -> Result<Volume> {
        let oid = self.superblock().raw().nx_fs_oid.get(slot).map_or(0, |oid| oid.get());
        if oid == 0 {
            return Err(Error::not_found(alloc::format!("volume {slot}")));
        }
        Volume::open(self, slot, Oid(oid))
    }
}
