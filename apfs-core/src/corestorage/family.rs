//! How the volumes of a family are encrypted, and for whom: everything that can be said without a secret (sheet
//! corestorage, section 6).

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use super::block::Block;
use super::list::Lists;
use super::plist::{self, Dict};
use super::raw::{
    FamilyBlock, ICLOUD_RECOVERY_USER, ICLOUD_USER, INSTITUTIONAL_RECOVERY_USER, INSTITUTIONAL_USER,
    KekWrappedVolumeKey, PERSONAL_RECOVERY_USER, PassphraseWrappedKek,
};
use crate::base::bytes::{len64, pod};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, LockReason, Result};
use crate::base::ids::Uuid;

/// Name of a family's block in messages.
const FAMILY: &str = "logical volume family";
/// Users and keys of a family that are looked at. A Mac has some tens at most.
const MOST: usize = 1024;

/// How a logical volume is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Encryption {
    /// Not at all.
    None,
    /// All of it (FileVault 2).
    Encrypted,
    /// That is being changed: some extents are encrypted, others are not.
    Converting(Change),
    /// What says so is damaged, or not there.
    Unknown,
}

/// What is being done to a volume whose encryption is being changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Change {
    /// It is to be encrypted, once work begins.
    Pending,
    /// It is being encrypted.
    Encrypting,
    /// It is being decrypted, or has been.
    Decrypting,
    /// Something that this version has no name for.
    Other,
}

impl Encryption {
    /// One word, for JSON: `none`, `encrypted`, `pending`, `encrypting`, `decrypting`, `converting`, `unknown`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Encryption::None => "none",
            Encryption::Encrypted => "encrypted",
            Encryption::Converting(Change::Pending) => "pending",
            Encryption::Converting(Change::Encrypting) => "encrypting",
            Encryption::Converting(Change::Decrypting) => "decrypting",
            Encryption::Converting(Change::Other) => "converting",
            Encryption::Unknown => "unknown",
        }
    }
}

/// For people, for example `FileVault 2`.
impl fmt::Display for Encryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Encryption::None => "not encrypted",
            Encryption::Encrypted => "FileVault 2",
            Encryption::Converting(Change::Pending) => "FileVault 2, encryption has not begun",
            Encryption::Converting(Change::Encrypting) => "FileVault 2, being encrypted",
            Encryption::Converting(Change::Decrypting) => "FileVault 2, being decrypted",
            Encryption::Converting(Change::Other) => "FileVault 2, being changed",
            Encryption::Unknown => "encryption unknown",
        })
    }
}

/// Who or what opens a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UserKind {
    /// A user of the Mac or the password of the disk.
    Password,
    /// The recovery key that was shown when FileVault was turned on.
    PersonalRecovery,
    /// A recovery certificate of an institution, by its private key.
    InstitutionalRecovery,
    /// A user of an institution.
    InstitutionalUser,
    /// A recovery key kept in an iCloud account.
    ICloudRecovery,
    /// A user by an iCloud account.
    ICloudUser,
    /// A user by a key that this version does not know.
    OtherKey,
}

impl UserKind {
    fn of(uuid: Option<Uuid>, takes_password: bool) -> UserKind {
        match uuid.map(|uuid| uuid.0) {
            Some(PERSONAL_RECOVERY_USER) => UserKind::PersonalRecovery,
            Some(INSTITUTIONAL_RECOVERY_USER) => UserKind::InstitutionalRecovery,
            Some(INSTITUTIONAL_USER) => UserKind::InstitutionalUser,
            Some(ICLOUD_RECOVERY_USER) => UserKind::ICloudRecovery,
            Some(ICLOUD_USER) => UserKind::ICloudUser,
            _ if takes_password => UserKind::Password,
            _ => UserKind::OtherKey,
        }
    }

    /// Its name in small letters.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            UserKind::Password => "password",
            UserKind::PersonalRecovery => "personal recovery key",
            UserKind::InstitutionalRecovery => "institutional recovery key",
            UserKind::InstitutionalUser => "institutional user",
            UserKind::ICloudRecovery => "iCloud recovery key",
            UserKind::ICloudUser => "iCloud user",
            UserKind::OtherKey => "another key",
        }
    }
}

impl fmt::Display for UserKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One way to open a volume (an entry of `CryptoUsers`).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CryptoUser {
    /// `UserIdent`.
    pub uuid: Option<Uuid>,
    /// Who or what it is.
    pub kind: UserKind,
    /// `UserFullName`, may be empty.
    pub name: String,
    /// `PassphraseHint`, may be empty.
    pub hint: String,
    /// `UserType` as stored.
    pub user_type: Option<u64>,
    /// Rounds of key derivation that a password costs; `None` where none opens it.
    pub rounds: Option<u32>,
    /// True if it should be opened by a password and is damaged.
    pub damaged: bool,
}

/// A key that a password unwraps (`PassphraseWrappedKEKStruct`).
#[derive(Clone)]
pub(super) struct WrappedKek {
    pub(super) salt: [u8; 16],
    pub(super) rounds: u32,
    pub(super) key: [u8; 24],
}

impl WrappedKek {
    fn parse(bytes: &[u8]) -> Option<WrappedKek> {
        let raw = pod::<PassphraseWrappedKek>(bytes)?;
        let form = [raw.salt_type, raw.salt_nbytes, raw.key_type, raw.key_nbytes].map(|field| field.get());
        let rounds = raw.rounds.get();
        (form == [3, 16, 16, 24] && rounds > 0).then_some(WrappedKek { salt: raw.salt, rounds, key: raw.key })
    }
}

/// A user, what a password unwraps, and which key that is.
#[derive(Clone)]
pub(super) struct User {
    pub(super) shown: CryptoUser,
    pub(super) kek: Option<WrappedKek>,
    pub(super) key_id: String,
}

impl User {
    fn parse(dict: Dict<'_, '_>) -> User {
        let text = |key| dict.text(key).unwrap_or_default().to_string();
        let (uuid, takes_password) = (dict.uuid("UserIdent"), dict.has("PassphraseWrappedKEKStruct"));
        let kek = dict.data("PassphraseWrappedKEKStruct").and_then(|bytes| WrappedKek::parse(&bytes));
        let shown = CryptoUser {
            uuid,
            kind: UserKind::of(uuid, takes_password),
            name: text("UserFullName"),
            hint: text("PassphraseHint"),
            user_type: dict.integer("UserType"),
            rounds: kek.as_ref().map(|kek| kek.rounds),
            damaged: takes_password && kek.is_none(),
        };
        User { shown, kek, key_id: text("KeyEncryptingKeyIdent") }
    }
}

/// The key of the volumes, wrapped (an entry of `WrappedVolumeKeys` for AES-XTS).
#[derive(Clone)]
pub(super) struct WrappedVolumeKey {
    /// The key that unwraps it.
    pub(super) key_id: String,
    pub(super) key: [u8; 24],
}

impl WrappedVolumeKey {
    fn parse(dict: Dict<'_, '_>) -> Option<WrappedVolumeKey> {
        let bytes = dict.data("KEKWrappedVolumeKeyStruct")?;
        let raw = pod::<KekWrappedVolumeKey>(&bytes)?;
        let is_known = (raw.key_type.get(), raw.key_nbytes.get()) == (2, 24);
        let key_id = dict.text("KeyEncryptingKeyIdent").unwrap_or_default().to_string();
        is_known.then_some(WrappedVolumeKey { key_id, key: raw.key })
    }
}

/// The encryption context: users and keys.
#[derive(Clone)]
pub(super) struct Context {
    pub(super) encryption: Encryption,
    pub(super) users: Vec<User>,
    pub(super) keys: Vec<WrappedVolumeKey>,
}

impl Context {
    /// The context in the file `EncryptedRoot.plist.wipekey`, once it is decrypted.
    ///
    /// # Errors
    /// `Corrupt` if it is no list of users and keys, which is how a file of another disk shows.
    pub(super) fn parse_file(text: &[u8]) -> Result<Context> {
        plist::parse(text, |dict| Context::parse(dict, false))
    }

    fn parse(dict: Dict<'_, '_>, is_reverting: bool) -> Result<Context> {
        let place = |field| Place::new("encryption context", field);
        if !dict.has("WrappedVolumeKeys") {
            return Err(Error::damage(Damage::Missing, place("WrappedVolumeKeys")));
        }
        let count = dict.dicts("CryptoUsers").count().max(dict.dicts("WrappedVolumeKeys").count());
        if count > MOST {
            return Err(Error::limit("users or keys of a CoreStorage volume", len64(MOST), len64(count)));
        }
        let is_plain = |key: &Dict<'_, '_>| key.text("BlockAlgorithm") == Some("None");
        let (mut keys, mut damaged, mut plain) = (Vec::new(), false, Vec::new());
        for key in dict.dicts("WrappedVolumeKeys") {
            if is_plain(&key) {
                plain.push(key.integer("VolumeKeyIndex"));
            } else if key.text("BlockAlgorithm") == Some("AES-XTS") {
                match WrappedVolumeKey::parse(key) {
                    Some(key) => keys.push(key),
                    None => damaged = true,
                }
            } else {
                let what = key.text("BlockAlgorithm").unwrap_or("none at all");
                let what = alloc::format!("CoreStorage volume encrypted with {what:?}");
                return Err(Error::unsupported(what, "no such volume is known; copy its files on a Mac"));
            }
        }
        if keys.is_empty() && damaged {
            return Err(Error::damage(Damage::Range, place("KEKWrappedVolumeKeyStruct")));
        }
        let conversion = dict.dict("ConversionInfo");
        let target = conversion.and_then(|conversion| conversion.integer("TargetContext"));
        let is_reverting = is_reverting || target.is_some() && plain.contains(&target);
        let encryption = match conversion.and_then(|conversion| conversion.text("ConversionStatus")) {
            _ if keys.is_empty() => Encryption::None,
            // What is left encrypted of a volume whose encryption was turned off can only be seen.
            _ if is_reverting => Encryption::Converting(Change::Decrypting),
            None | Some("Complete" | "NoConversion") => Encryption::Encrypted,
            Some("Converting") => Encryption::Converting(Change::Encrypting),
            Some("Pending") => Encryption::Converting(Change::Pending),
            Some(_) => Encryption::Converting(Change::Other),
        };
        Ok(Context { encryption, users: dict.dicts("CryptoUsers").map(User::parse).collect(), keys })
    }

    /// Why the volume is locked, as long as no secret was given.
    pub(super) fn reason(&self) -> LockReason {
        let has = |wanted: fn(&UserKind) -> bool| self.users.iter().any(|user| wanted(&user.shown.kind));
        if self.users.iter().any(|user| user.kek.is_some()) {
            LockReason::NeedsSecret
        } else if has(|kind| matches!(kind, UserKind::InstitutionalRecovery | UserKind::InstitutionalUser)) {
            LockReason::InstitutionalKey
        } else if has(|kind| matches!(kind, UserKind::ICloudRecovery | UserKind::ICloudUser)) {
            LockReason::ICloudKey
        } else {
            LockReason::NoKey
        }
    }
}

/// What is known of a family.
#[derive(Clone)]
pub(super) enum Family {
    /// Its encryption context.
    Known(Context),
    /// It has none: its users and keys are in a file on another partition, or it is not encrypted.
    Elsewhere,
    /// It is damaged, or of a form that is not known.
    Damaged(Corrupt),
}

impl Family {
    /// The family in a block, and its id. Damage is part of the answer as long as the id is known.
    ///
    /// # Errors
    /// `Corrupt` if the list can't be read, `Limit` if it is too long, `Unsupported` for an unknown cipher.
    pub(super) fn read(lists: &mut Lists<'_>, block: &Block<'_>) -> Result<(Uuid, Family)> {
        let raw = pod::<FamilyBlock>(block.body).ok_or(Error::Misuse("a block is longer than its start"))?;
        let list = lists.read(block, &raw.plist, raw.next.get(), FAMILY)?;
        plist::parse(&list, |dict| {
            let missing = || Error::damage(Damage::Missing, block.place(FAMILY, "lvf.uuid"));
            let uuid = dict.uuid("com.apple.corestorage.lvf.uuid").ok_or_else(missing)?;
            let is_reverting = dict.has("com.apple.corestorage.lvf.revertState");
            let context = dict.dict("com.apple.corestorage.lvf.encryption.context");
            match context.map(|context| Context::parse(context, is_reverting)) {
                None => Ok((uuid, Family::Elsewhere)),
                Some(Ok(context)) => Ok((uuid, Family::Known(context))),
                Some(Err(Error::Corrupt(corrupt))) => Ok((uuid, Family::Damaged(*corrupt))),
                Some(Err(error)) => Err(error),
            }
        })
    }
}
