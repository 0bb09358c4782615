//! How a volume is encrypted, as `apfs info` and `apfs unlock` show it.

use apfs_core::apfs::{Encryption, Protection, UnlockRecord};
use apfs_core::corestorage::{self, CryptoUser, LogicalVolume};
use apfs_core::text::escape::Escaped;
use serde::Serialize;

use crate::row::lossy;

/// What can be said without any secret.
#[derive(Debug, Serialize)]
pub(crate) struct ProtectionRow {
    /// `volume key` or `file keys`.
    pub(crate) keys: &'static str,
    pub(crate) hint: Option<String>,
    pub(crate) hardware_bound: bool,
    pub(crate) from_core_storage: bool,
    /// State of a CoreStorage volume: `encrypted`, `encrypting` and so on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) core_storage: Option<&'static str>,
    /// The same in words.
    #[serde(skip)]
    core_storage_words: String,
    /// A change of encryption is not finished.
    pub(crate) converting: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) converted_percent: Option<u8>,
    pub(crate) records: Vec<RecordRow>,
}

/// One way to open a volume.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct RecordRow {
    pub(crate) kind: &'static str,
    pub(crate) uuid: String,
    /// Name of a user, where it is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    pub(crate) hardware_bound: bool,
    pub(crate) rounds: Option<u32>,
    pub(crate) damaged: bool,
}

impl ProtectionRow {
    /// `None` for a volume that is not encrypted.
    pub(crate) fn new(protection: &Protection) -> Option<ProtectionRow> {
        let keys = match protection.encryption {
            Encryption::None => return None,
            Encryption::VolumeKey => "volume key",
            _ => "file keys",
        };
        Some(ProtectionRow {
            keys,
            hint: protection.hint.as_ref().map(|hint| lossy(hint.as_bytes()).into_owned()),
            hardware_bound: protection.hardware_bound,
            from_core_storage: protection.from_core_storage,
            core_storage: None,
            core_storage_words: String::new(),
            converting: protection.rolling.is_some(),
            converted_percent: protection.rolling.and_then(|rolling| rolling.percent),
            records: protection.records.iter().map(RecordRow::new).collect(),
        })
    }

    /// Of a CoreStorage volume; `None` if it is not encrypted.
    pub(crate) fn of_logical(volume: &LogicalVolume) -> Option<ProtectionRow> {
        let encryption = volume.encryption();
        let users: Vec<&CryptoUser> = volume.users().collect();
        let hint = users.iter().map(|user| &user.hint).find(|hint| !hint.is_empty());
        (encryption != corestorage::Encryption::None).then(|| ProtectionRow {
            keys: "volume key",
            hint: hint.cloned(),
            hardware_bound: false,
            from_core_storage: false,
            core_storage: Some(encryption.word()),
            core_storage_words: encryption.to_string(),
            converting: matches!(encryption, corestorage::Encryption::Converting(_)),
            converted_percent: None,
            records: users.into_iter().map(RecordRow::of_user).collect(),
        })
    }

    /// In words, for example `one key for the volume, taken over from CoreStorage`.
    pub(crate) fn words(&self) -> String {
        if self.core_storage.is_some() {
            return self.core_storage_words.clone();
        }
        let mut words = match self.keys {
            "volume key" => "one key for the volume".to_owned(),
            _ => "a key for each file".to_owned(),
        };
        if self.hardware_bound {
            words.push_str(", bound to the hardware of its device");
        }
        if self.from_core_storage {
            words.push_str(", taken over from CoreStorage");
        }
        match (self.converting, self.converted_percent) {
            (true, Some(percent)) => words.push_str(&format!(", being changed ({percent} % done)")),
            (true, None) => words.push_str(", being changed (how far is not known)"),
            _ => {}
        }
        words
    }
}

impl RecordRow {
    pub(crate) fn new(record: &UnlockRecord) -> RecordRow {
        RecordRow {
            kind: record.kind.name(),
            uuid: record.uuid.to_string(),
            name: None,
            hardware_bound: record.hardware_bound,
            rounds: record.rounds,
            damaged: record.damaged,
        }
    }

    /// A user of a CoreStorage volume.
    pub(crate) fn of_user(user: &CryptoUser) -> RecordRow {
        RecordRow {
            kind: user.kind.name(),
            uuid: user.uuid.map(|uuid| uuid.to_string()).unwrap_or_default(),
            name: Some(user.name.clone()).filter(|name| !name.is_empty()),
            hardware_bound: false,
            rounds: user.rounds,
            damaged: user.damaged,
        }
    }

    /// In words, for example `user F1A2..., 100000 rounds`.
    pub(crate) fn words(&self) -> String {
        let mut words = format!("{} {}", self.kind, self.uuid);
        if let Some(name) = &self.name {
            words.push_str(&format!(" of {}", Escaped(name.as_bytes())));
        }
        if let Some(rounds) = self.rounds {
            words.push_str(&format!(", {rounds} rounds"));
        }
        if self.hardware_bound {
            words.push_str(", bound to the hardware of its device");
        }
        if self.damaged {
            words.push_str(", damaged");
        }
        words
    }
}
