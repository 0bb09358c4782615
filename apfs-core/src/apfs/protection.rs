//! How a volume is encrypted and what would open it: everything that can be said without a secret (sheet apfs-07).

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use super::key_blob::KeyBlob;
use super::keybag::{Entry, Keybag};
use super::object::{Expect, XidRule};
use super::raw::keybag::{
    APFS_FV_ICLOUD_RECOVERY_KEY_UUID, APFS_FV_ICLOUD_USER_UUID, APFS_FV_INSTITUTIONAL_RECOVERY_KEY_UUID,
    APFS_FV_INSTITUTIONAL_USER_UUID, APFS_FV_PERSONAL_RECOVERY_KEY_UUID, KB_TAG_VOLUME_KEY,
    KB_TAG_VOLUME_PASSPHRASE_HINT, KB_TAG_VOLUME_UNLOCK_RECORDS,
};
use super::raw::object::{OBJ_PHYSICAL, OBJ_VIRTUAL, OBJECT_TYPE_ER_STATE};
use super::raw::rolling::{ER_MAGIC, ErStatePhys, ErStateV1, ErStateV2};
use super::volume::{Encryption, Volume};
use crate::base::bytes::{pod, pod_rest};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, LockReason, Result};
use crate::base::ids::{Oid, Paddr, Uuid};
use crate::fs::types::Name;

/// Who or what an unlock record is for. The record's id tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UnlockKind {
    /// A user of the Mac, by login password.
    User,
    /// The password of a disk that belongs to no Mac's users.
    DiskPassword,
    /// The recovery key that was shown when FileVault was turned on, typed with its dashes.
    PersonalRecovery,
    /// A recovery certificate of an institution, by its private key.
    InstitutionalRecovery,
    /// A user of an institution.
    InstitutionalUser,
    /// A recovery key kept in an iCloud account.
    ICloudRecovery,
    /// A user by an iCloud account.
    ICloudUser,
}

impl UnlockKind {
    pub(crate) fn of(record: Uuid, volume: Uuid) -> UnlockKind {
        match record.0 {
            APFS_FV_PERSONAL_RECOVERY_KEY_UUID => UnlockKind::PersonalRecovery,
            APFS_FV_INSTITUTIONAL_RECOVERY_KEY_UUID => UnlockKind::InstitutionalRecovery,
            APFS_FV_INSTITUTIONAL_USER_UUID => UnlockKind::InstitutionalUser,
            APFS_FV_ICLOUD_RECOVERY_KEY_UUID => UnlockKind::ICloudRecovery,
            APFS_FV_ICLOUD_USER_UUID => UnlockKind::ICloudUser,
            _ if record == volume => UnlockKind::DiskPassword,
            _ => UnlockKind::User,
        }
    }

    /// True if something that a person can type opens it.
    #[must_use]
    pub fn takes_password(self) -> bool {
        matches!(self, UnlockKind::User | UnlockKind::DiskPassword | UnlockKind::PersonalRecovery)
    }

    /// Its name in small letters.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            UnlockKind::User => "user",
            UnlockKind::DiskPassword => "disk password",
            UnlockKind::PersonalRecovery => "personal recovery key",
            UnlockKind::InstitutionalRecovery => "institutional recovery key",
            UnlockKind::InstitutionalUser => "institutional user",
            UnlockKind::ICloudRecovery => "iCloud recovery key",
            UnlockKind::ICloudUser => "iCloud user",
        }
    }
}

impl fmt::Display for UnlockKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One way to open a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnlockRecord {
    /// Id of the user, or one that stands for a kind.
    pub uuid: Uuid,
    /// Who or what it is for.
    pub kind: UnlockKind,
    /// True if it also needs the hardware of the device that made it.
    pub hardware_bound: bool,
    /// Rounds of key derivation that a password costs; `None` where no password opens it.
    pub rounds: Option<u32>,
    /// True if it should be opened by a password and is damaged.
    pub damaged: bool,
}

/// A change of a volume's encryption that is not finished (`er_state_phys_t`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rolling {
    /// Percent done, if that can be read.
    pub percent: Option<u8>,
    /// `ersb_flags` as stored: 1 encrypting, 2 decrypting, 4 changing keys, 8 paused, 0x10 failed.
    pub flags: u64,
}

impl Rolling {
    pub(crate) fn reason(self) -> LockReason {
        LockReason::Converting(self.percent)
    }
}

/// How a volume is encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Protection {
    /// Which keys files have.
    pub encryption: Encryption,
    /// What opens it, in stored order.
    pub records: Vec<UnlockRecord>,
    /// Hint to the password.
    pub hint: Option<Name>,
    /// The volume's key is bound to the hardware of the device that made it.
    pub hardware_bound: bool,
    /// Taken over from CoreStorage (FileVault on HFS+) by a conversion: the key is an AES-128 one.
    pub from_core_storage: bool,
    /// A change of encryption that is not finished.
    pub rolling: Option<Rolling>,
}

/// What the keybags hold for one volume.
#[derive(Debug, Default)]
pub(crate) struct VolumeKeys {
    /// Ways to unwrap the volume's key, those by password with their blob.
    pub(crate) records: Vec<(UnlockRecord, Option<KeyBlob>)>,
    /// The volume's key, wrapped; more than one while it is being changed.
    pub(crate) volume_keys: Vec<KeyBlob>,
    hint: Option<Name>,
    /// The first thing that was wrong.
    damage: Option<Box<Corrupt>>,
}

impl VolumeKeys {
    /// Reads both keybags; nothing if there are none.
    pub(crate) fn read(volume: &Volume) -> Result<VolumeKeys> {
        let (container, uuid) = (volume.container(), volume.uuid());
        let mut keys = VolumeKeys::default();
        let Some(outer) = Keybag::of_container(container)? else { return Ok(keys) };
        for entry in outer.find(KB_TAG_VOLUME_KEY, uuid) {
            let blob = keys.blob(volume, &outer, entry);
            keys.volume_keys.extend(blob);
        }
        let Some(inner) = outer.of_volume(container, uuid)? else { return Ok(keys) };
        for entry in inner.entries() {
            match entry.tag {
                KB_TAG_VOLUME_UNLOCK_RECORDS => {
                    let record = keys.record(volume, &inner, entry);
                    keys.records.push(record);
                }
                KB_TAG_VOLUME_PASSPHRASE_HINT if keys.hint.is_none() => {
                    let text = entry.data.split(|byte| *byte == 0).next().unwrap_or(&[]);
                    keys.hint = Some(Name::from(text)).filter(|hint| !hint.as_bytes().is_empty());
                }
                _ => {}
            }
        }
        Ok(keys)
    }

    fn record(&mut self, volume: &Volume, keybag: &Keybag, entry: &Entry) -> (UnlockRecord, Option<KeyBlob>) {
        let kind = UnlockKind::of(entry.uuid, volume.uuid());
        // What no password opens need not be a key blob: it can be wrapped with a public key.
        let blob = match kind.takes_password() {
            true => self.blob(volume, keybag, entry),
            false => KeyBlob::parse(&entry.data).ok(),
        };
        let record = UnlockRecord {
            uuid: entry.uuid,
            kind,
            hardware_bound: blob.as_ref().is_some_and(KeyBlob::is_hardware_bound),
            rounds: blob.as_ref().and_then(KeyBlob::rounds),
            damaged: blob.is_none() && kind.takes_password(),
        };
        (record, blob)
    }

    /// A blob; damage is told to the observer, since another one may be sound.
    fn blob(&mut self, volume: &Volume, keybag: &Keybag, entry: &Entry) -> Option<KeyBlob> {
        match KeyBlob::parse(&entry.data) {
            Ok(blob) => Some(blob),
            Err(flaw) => {
                let place = Place::new(flaw.structure, flaw.field).block(keybag.block());
                let finding = Corrupt::new(flaw.damage, place).found(alloc::format!(
                    "for {}, tag {}",
                    entry.uuid,
                    entry.tag
                ));
                volume.container().store().report(&finding);
                self.damage.get_or_insert_with(|| Box::new(finding));
                None
            }
        }
    }

    /// Why the volume is still locked when no secret was given, and so what would help.
    pub(crate) fn reason(&self) -> Result<LockReason> {
        let by_password = |(record, blob): &(UnlockRecord, Option<KeyBlob>)| {
            record.kind.takes_password() && !record.hardware_bound && blob.is_some()
        };
        let has_key = self.volume_keys.iter().any(|key| !key.is_hardware_bound());
        if has_key && self.records.iter().any(by_password) {
            return Ok(LockReason::NeedsSecret);
        }
        if let Some(damage) = &self.damage {
            return Err(damage.clone().into());
        }
        let bound = self.records.iter().any(|(record, _)| record.hardware_bound);
        if bound || self.volume_keys.iter().any(KeyBlob::is_hardware_bound) {
            return Ok(LockReason::HardwareBound);
        }
        let any =
            |kinds: [UnlockKind; 2]| self.records.iter().any(|(record, _)| kinds.contains(&record.kind));
        Ok(if any([UnlockKind::InstitutionalRecovery, UnlockKind::InstitutionalUser]) {
            LockReason::InstitutionalKey
        } else if any([UnlockKind::ICloudRecovery, UnlockKind::ICloudUser]) {
            LockReason::ICloudKey
        } else {
            LockReason::NoKey
        })
    }
}

impl Volume {
    /// How the volume is encrypted, without any secret: what would open it, hint, and whether encryption is being
    /// changed.
    ///
    /// # Errors
    /// `Corrupt` if a keybag is damaged, and I/O. A single damaged record is told to the
    /// [`Observer`](crate::Observer) and marked.
    pub fn protection(&self) -> Result<Protection> {
        let encryption = self.superblock().encryption();
        let keys = match encryption {
            Encryption::None => VolumeKeys::default(),
            Encryption::VolumeKey => VolumeKeys::read(self)?,
            // No software can use them, so that nothing depends on their being readable.
            Encryption::FileKeys => VolumeKeys::read(self).unwrap_or_default(),
        };
        Ok(Protection {
            encryption,
            hint: keys.hint,
            hardware_bound: keys.volume_keys.iter().any(KeyBlob::is_hardware_bound),
            from_core_storage: keys.volume_keys.iter().any(KeyBlob::is_core_storage),
            records: keys.records.into_iter().map(|(record, _)| record).collect(),
            rolling: self.rolling(),
        })
    }

    /// The change of encryption that is not finished, if there is one.
    pub(crate) fn rolling(&self) -> Option<Rolling> {
        let oid = Oid(self.superblock().raw().apfs_er_state_oid.get());
        if oid.0 == 0 {
            return None;
        }
        Some(self.rolling_state(oid).unwrap_or_else(|error| {
            if let Error::Corrupt(finding) = &error {
                self.container().store().report(finding);
            }
            Rolling { percent: None, flags: 0 }
        }))
    }

    /// How the state is addressed is not documented; its type tells whether it was found.
    fn rolling_state(&self, oid: Oid) -> Result<Rolling> {
        let container = self.container();
        if let Ok(bytes) = container.ephemeral(oid) {
            return rolling_of(&bytes, oid);
        }
        let expect = |storage, xid| Expect {
            structure: "er_state_phys_t",
            oid,
            xid,
            object_type: OBJECT_TYPE_ER_STATE,
            storage,
            subtype: 0,
        };
        let mapping = self.omap()?.lookup(oid, container.xid())?;
        if let Some(mapping) = mapping.filter(|mapping| !mapping.is_encrypted()) {
            let expect = expect(OBJ_VIRTUAL, XidRule::Exactly(mapping.xid));
            return rolling_of(&container.store().object(mapping.block, &expect)?, oid);
        }
        let expect = expect(OBJ_PHYSICAL, XidRule::AtMost(container.xid()));
        rolling_of(&container.store().object(Paddr(oid.0), &expect)?, oid)
    }
}

fn rolling_of(bytes: &[u8], oid: Oid) -> Result<Rolling> {
    let damage = |damage, field| Error::damage(damage, Place::new("er_state_phys_t", field).oid(oid));
    let short = || damage(Damage::Bounds, "");
    let (head, rest): (&ErStatePhys, _) = pod_rest(bytes).ok_or_else(short)?;
    if head.ersb_magic.get() != ER_MAGIC {
        return Err(damage(Damage::Magic, "ersb_magic"));
    }
    let (done, total) = match head.ersb_version.get() {
        1 => {
            let state: &ErStateV1 = pod(rest).ok_or_else(short)?;
            (state.ersb_progress, state.ersb_total_blk_to_encrypt)
        }
        2 => {
            let state: &ErStateV2 = pod(rest).ok_or_else(short)?;
            (state.ersb_progress, state.ersb_total_blk_to_encrypt)
        }
        _ => return Err(damage(Damage::Range, "ersb_version")),
    };
    let percent = u128::from(done.get()).saturating_mul(100).checked_div(u128::from(total.get()));
    let percent = percent.map(|percent| u8::try_from(percent.min(100)).unwrap_or(100));
    Ok(Rolling { percent, flags: head.ersb_flags.get() })
}
