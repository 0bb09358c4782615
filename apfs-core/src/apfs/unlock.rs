//! Opening an encrypted volume with a password, a recovery key or its key itself (sheet apfs-07, section 5).

use alloc::sync::Arc;

use zeroize::Zeroizing;

use super::key_blob::{Key, KeyBlob};
use super::protection::{UnlockRecord, VolumeKeys};
use super::volume::{Encryption, Volume};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, LockReason, Locked, Result};
use crate::base::ids::{Oid, Uuid};
use crate::base::secret::Secret;
use crate::crypto::hash::sha256;
use crate::crypto::xts::Xts;

/// Encrypted objects that a key is tried on: one that decrypts proves it, even if another is damaged.
const PROBES: usize = 16;

/// What opened a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unlocked {
    /// The record that a password opened; `None` if the volume's key itself was given.
    pub record: Option<UnlockRecord>,
}

/// Counts attempts, each of which costs a key derivation, and keeps what else went wrong with them.
struct Attempts {
    left: u32,
    most: u32,
    /// A record was left out: it asks for too much key derivation.
    too_costly: Option<Error>,
    /// A secret may be the right one, and what it should open is damaged.
    damaged: Option<Error>,
}

impl Attempts {
    fn spend(&mut self) -> Result<()> {
        let most = u64::from(self.most);
        self.left = self
            .left
            .checked_sub(1)
            .ok_or_else(|| Error::limit("attempts to unlock", most, most.saturating_add(1)))?;
        Ok(())
    }
}

impl Volume {
    /// Opens the volume with one secret. From then on its [view](Volume::view), its snapshots and every other
    /// [`Volume`] of the same container and slot can be read.
    ///
    /// # Errors
    /// `Locked` with the reason if the secret does not fit or none would, `Corrupt` if a keybag is damaged or nothing
    /// that the key should decrypt is sound, `Limit` if the records ask for more rounds of key derivation than
    /// [`Limits::kdf_rounds`](crate::Limits::kdf_rounds), `Misuse` if the volume is not encrypted.
    pub fn unlock(&self, secret: &Secret) -> Result<Unlocked> {
        if self.superblock().encryption() == Encryption::None {
            return Err(Error::Misuse("a volume that is not encrypted needs no unlocking"));
        }
        let (key, unlocked) = self.open_with(core::slice::from_ref(secret))?;
        self.container().keep_key(self.slot(), key);
        Ok(unlocked)
    }

    /// The key of an encrypted volume: the one kept, or what the container's secrets open.
    pub(crate) fn key(&self) -> Result<Arc<Xts>> {
        let (container, slot) = (self.container(), self.slot());
        if let Some(key) = container.key(slot) {
            return Ok(key);
        }
        // Deriving keys takes seconds, so that what did not help once is not tried again.
        if let Some(why) = container.refusal(slot) {
            return Err(self.locked(why).into());
        }
        match self.open_with(container.secrets()) {
            Ok((key, _)) => {
                container.keep_key(slot, key.clone());
                Ok(key)
            }
            Err(Error::Locked(locked)) => {
                container.keep_refusal(slot, locked.why);
                Err(Error::Locked(locked))
            }
            Err(error) => Err(error),
        }
    }

    /// The error of this volume being locked.
    pub(crate) fn locked(&self, why: LockReason) -> Locked {
        Locked { what: alloc::format!("volume {}", self.name()), why }
    }

    /// Tries secrets one after the other.
    fn open_with(&self, secrets: &[Secret]) -> Result<(Arc<Xts>, Unlocked)> {
        if self.superblock().encryption() == Encryption::FileKeys {
            return Err(self.locked(LockReason::PerFileKeys).into());
        }
        // The volume's key itself opens it whatever state the keybags are in.
        let keys = VolumeKeys::read(self);
        let most = self.container().limits().unlock_attempts;
        let mut attempts = Attempts { left: most, most, too_costly: None, damaged: None };
        for secret in secrets {
            let found = match (secret, &keys) {
                (Secret::Key(key), keys) => self.open_with_key(key, keys.as_ref().ok(), &mut attempts),
                (Secret::Password(password), Ok(keys)) => {
                    self.open_with_password(password, keys, &mut attempts)?
                }
                (Secret::Password(_), Err(_)) | (Secret::KeyFile(_), _) => None,
            };
            if let Some(found) = found {
                return Ok(found);
            }
        }
        let reason = keys?.reason()?;
        match (reason, attempts.damaged.or(attempts.too_costly)) {
            (_, Some(error)) => Err(error),
            (LockReason::NeedsSecret, None) if !secrets.is_empty() => {
                Err(self.locked(LockReason::WrongSecret).into())
            }
            (why, None) => Err(self.locked(why).into()),
        }
    }

    fn open_with_key(
        &self,
        key: &[u8],
        keys: Option<&VolumeKeys>,
        attempts: &mut Attempts,
    ) -> Option<(Arc<Xts>, Unlocked)> {
        // The second half of a converted key comes from the id of its blob; without one it may be the volume's.
        let ids = keys.map_or(&[][..], |keys| &keys.volume_keys).iter().map(KeyBlob::uuid);
        for id in ids.chain([self.uuid()]) {
            let key = xts(key, id).map(Arc::new)?;
            match self.is_proved_by(&key) {
                Ok(true) => return Some((key, Unlocked { record: None })),
                Ok(false) => {}
                Err(error) => attempts.damaged = Some(error),
            }
        }
        None
    }

    fn open_with_password(
        &self,
        password: &[u8],
        keys: &VolumeKeys,
        attempts: &mut Attempts,
    ) -> Result<Option<(Arc<Xts>, Unlocked)>> {
        let most = self.container().limits().kdf_rounds;
        let mut left = most;
        for (record, blob) in &keys.records {
            let Some(blob) = blob.as_ref().filter(|blob| !blob.is_hardware_bound()) else { continue };
            let Some(rounds) = blob.rounds() else { continue };
            attempts.spend()?;
            // All records together cost a password no more than one may. Another record may ask for less.
            let Some(rest) = left.checked_sub(rounds) else {
                let wanted = u64::from(most.saturating_sub(left)).saturating_add(u64::from(rounds));
                attempts.too_costly = Some(Error::limit("rounds of key derivation", u64::from(most), wanted));
                continue;
            };
            left = rest;
            let unwrapped = blob.unwrap_with_password(password, self.container().limits())?;
            let Some(key_key) = unwrapped else { continue };
            if let Some(key) = self.volume_key(&key_key, keys, attempts) {
                return Ok(Some((key, Unlocked { record: Some(record.clone()) })));
            }
        }
        Ok(None)
    }

    /// The volume's key, unwrapped with the key that a password gave. One that decrypts nothing is not used; since
    /// both wrappings have shown that the password is the right one, that is damage.
    fn volume_key(&self, key_key: &Key, keys: &VolumeKeys, attempts: &mut Attempts) -> Option<Arc<Xts>> {
        for blob in keys.volume_keys.iter().filter(|blob| !blob.is_hardware_bound()) {
            let unwrapped = blob.unwrap_with(key_key);
            let Some(key) = unwrapped.and_then(|key| xts(&key, blob.uuid())).map(Arc::new) else { continue };
            attempts.damaged = match self.is_proved_by(&key) {
                Ok(true) => return Some(key),
                Ok(false) => {
                    let root = Oid(self.superblock().raw().apfs_root_tree_oid.get());
                    let place = Place::new("apfs_superblock_t", "apfs_root_tree_oid").oid(root);
                    let finding = Corrupt::new(Damage::Checksum, place.xid(self.container().xid()));
                    Some(finding.found("nothing that the key decrypts, though the password is right").into())
                }
                Err(error) => Some(error),
            };
        }
        None
    }

    /// True if a key decrypts an object of the volume to one with the right checksum: the root of its tree, or another
    /// one if that is damaged or not encrypted.
    fn is_proved_by(&self, key: &Xts) -> Result<bool> {
        let (container, omap) = (self.container(), self.omap()?);
        let root = omap.lookup(Oid(self.superblock().raw().apfs_root_tree_oid.get()), container.xid());
        let (others, mut sound) = omap.encrypted(PROBES);
        let mut was_tried = false;
        for mapping in root.ok().flatten().into_iter().chain(others) {
            match omap.decrypts(&mapping, key) {
                Ok(true) => return Ok(true),
                Ok(false) => was_tried |= mapping.is_encrypted(),
                Err(error) => sound = Err(error),
            }
        }
        // Where nothing could be tried, because it could not be read, that is what has to be said.
        if was_tried { Ok(false) } else { sound.map(|()| false) }
    }
}

/// The ciphers of a volume key: 32 bytes are both keys, 16 are the first one of a converted volume.
fn xts(key: &[u8], id: Uuid) -> Option<Xts> {
    let (data, tweak) = key.split_first_chunk::<16>()?;
    let mut second = Zeroizing::new([0; 16]);
    if tweak.is_empty() {
        second.copy_from_slice(sha256(&[data, &id.0]).first_chunk::<16>()?);
    } else {
        *second = *<&[u8; 16]>::try_from(tweak).ok()?;
    }
    Some(Xts::aes128(data, &second))
}
