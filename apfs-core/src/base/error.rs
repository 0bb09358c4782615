//! The one error type, in classes that say whose fault it is.

use alloc::boxed::Box;
use alloc::string::String;

use super::damage::{Corrupt, Damage, Place};

/// Result of everything fallible in this crate.
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// Cause of an I/O error: whatever the device says.
pub type Cause = Box<dyn core::error::Error + Send + Sync>;

/// Why an operation failed. [`Error::class`] tells whose fault it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The device could not give the bytes.
    #[error("{0}")]
    Io(Box<IoError>),
    /// The image is damaged; the place is named.
    #[error("damaged: {0}")]
    Corrupt(Box<Corrupt>),
    /// The image is sound, this version can't read it.
    #[error("unsupported: {0}")]
    Unsupported(Box<Unsupported>),
    /// It is encrypted and could not be unlocked; the reason says what would help.
    #[error("locked: {0}")]
    Locked(Box<Locked>),
    /// A configured ceiling was reached.
    #[error("limit reached: {0}")]
    Limit(Box<LimitHit>),
    /// There is nothing of that name or number.
    #[error("not found: {0}")]
    NotFound(Box<str>),
    /// A directory was needed.
    #[error("not a directory")]
    NotADirectory,
    /// Something other than a directory was needed.
    #[error("is a directory")]
    IsADirectory,
    /// A symbolic link was needed.
    #[error("not a symbolic link")]
    NotASymlink,
    /// A path leads through too many symbolic links.
    #[error("too many symbolic links")]
    TooManyLinks,
    /// The caller's cancel hook said stop.
    #[error("cancelled")]
    Cancelled,
    /// The calling code asked for something that makes no sense.
    #[error("wrong call: {0}")]
    Misuse(&'static str),
}

/// Whose fault an error is: the single source for exit codes, C status numbers and Python exceptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Class {
    /// The device or the operating system.
    Io,
    /// The image.
    Corrupt,
    /// This library: a feature it does not have.
    Unsupported,
    /// A missing key.
    Locked,
    /// A configured ceiling.
    Limit,
    /// The caller's path, name or number.
    NotFound,
    /// The caller's path leads to the wrong kind of thing.
    WrongKind,
    /// The caller stopped it.
    Cancelled,
    /// The calling code.
    Misuse,
}

impl Class {
    /// Every class, for tables that must cover them all.
    pub const ALL: [Class; 9] = [
        Class::Io,
        Class::Corrupt,
        Class::Unsupported,
        Class::Locked,
        Class::Limit,
        Class::NotFound,
        Class::WrongKind,
        Class::Cancelled,
        Class::Misuse,
    ];
}

/// A failed read of a device: where, how much, and why.
#[derive(Debug, thiserror::Error)]
#[error("{}{cause}", Reading(*.offset, *.len))]
#[non_exhaustive]
pub struct IoError {
    /// Byte offset on the device.
    pub offset: u64,
    /// Length of the read in bytes; 0 if the device could not be opened.
    pub len: u64,
    /// What the device said.
    pub cause: Cause,
}

/// What was being read; nothing where the device could not even be opened.
struct Reading(u64, u64);

impl core::fmt::Display for Reading {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.1 {
            0 => Ok(()),
            len => write!(f, "cannot read {len} bytes at offset {}: ", self.0),
        }
    }
}

/// Something sound that this version can't read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}{}{hint}", if hint.is_empty() { "" } else { "; " })]
#[non_exhaustive]
pub struct Unsupported {
    /// What it is, by name and number.
    pub what: String,
    /// What the user can do, may be empty.
    pub hint: &'static str,
}

/// Something encrypted that could not be unlocked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {why}")]
#[non_exhaustive]
pub struct Locked {
    /// What is encrypted, by name.
    pub what: String,
    /// Why it is still locked.
    pub why: LockReason,
}

/// Why something encrypted is still locked, and so what would help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum LockReason {
    /// No password or key was given, and one of them would do.
    #[error("a password, recovery key or raw key is needed")]
    NeedsSecret,
    /// None of the passwords and keys that were given fits.
    #[error("none of the given passwords and keys fits")]
    WrongSecret,
    /// Every file has a key of its own, wrapped by the secure hardware of its device (iOS, T2, Apple silicon).
    #[error(
        "its files have keys of their own, bound to the hardware of the device that wrote it; image it there, unlocked"
    )]
    PerFileKeys,
    /// All keys are wrapped by secure hardware (T2, Apple silicon).
    #[error("its keys are bound to the hardware of the device that wrote it; image it there, unlocked")]
    HardwareBound,
    /// Only a private key that an institution keeps opens it.
    #[error("only the private key of an institutional recovery certificate opens it")]
    InstitutionalKey,
    /// Only a key kept in an iCloud account opens it.
    #[error("only the recovery key kept in an iCloud account opens it")]
    ICloudKey,
    /// There is no record that would open it.
    #[error("it holds no key that a password could open")]
    NoKey,
    /// Its key records are in a file on another partition (CoreStorage startup disks).
    #[error(
        "its keys are in EncryptedRoot.plist.wipekey on the Recovery HD (in \
         com.apple.boot.*/System/Library/Caches/com.apple.corestorage); give that file along with the password"
    )]
    NeedsKeyFile,
    /// Encryption is being changed; what is written is partly under one key and partly under another.
    /// Holds the percentage that is done, if that can be read.
    #[error("its encryption is being changed ({}); let the Mac that wrote it finish", Progress(*.0))]
    Converting(Option<u8>),
}

/// How far a change of encryption is.
struct Progress(Option<u8>);

impl core::fmt::Display for Progress {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.0 {
            Some(percent) => write!(f, "{percent} % done"),
            None => f.write_str("how far is not known"),
        }
    }
}

impl LockReason {
    /// Every reason, for tables that must cover them all; the percentage is not known.
    pub const ALL: [LockReason; 9] = [
        LockReason::NeedsSecret,
        LockReason::WrongSecret,
        LockReason::PerFileKeys,
        LockReason::HardwareBound,
        LockReason::InstitutionalKey,
        LockReason::ICloudKey,
        LockReason::NoKey,
        LockReason::Converting(None),
        LockReason::NeedsKeyFile,
    ];

    /// One word, for JSON and programs: `needs-secret`, `wrong-secret`, `per-file-keys`, `hardware-bound`,
    /// `institutional-key`, `icloud-key`, `no-key`, `converting`, `needs-key-file`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            LockReason::NeedsSecret => "needs-secret",
            LockReason::WrongSecret => "wrong-secret",
            LockReason::PerFileKeys => "per-file-keys",
            LockReason::HardwareBound => "hardware-bound",
            LockReason::InstitutionalKey => "institutional-key",
            LockReason::ICloudKey => "icloud-key",
            LockReason::NoKey => "no-key",
            LockReason::Converting(_) => "converting",
            LockReason::NeedsKeyFile => "needs-key-file",
        }
    }
}

/// A ceiling that an image would pass.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} is {found}, at most {limit} allowed")]
#[non_exhaustive]
pub struct LimitHit {
    /// What is limited.
    pub what: &'static str,
    /// The ceiling.
    pub limit: u64,
    /// What the image asks for.
    pub found: u64,
}

impl Error {
    /// Whose fault this is.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Error::Io(_) => Class::Io,
            Error::Corrupt(_) => Class::Corrupt,
            Error::Unsupported(_) => Class::Unsupported,
            Error::Locked(_) => Class::Locked,
            Error::Limit(_) => Class::Limit,
            Error::NotFound(_) => Class::NotFound,
            Error::NotADirectory | Error::IsADirectory | Error::NotASymlink | Error::TooManyLinks => {
                Class::WrongKind
            }
            Error::Cancelled => Class::Cancelled,
            Error::Misuse(_) => Class::Misuse,
        }
    }

    /// The finding, if the image is damaged.
    #[must_use]
    pub fn corrupt(&self) -> Option<&Corrupt> {
        match self {
            Error::Corrupt(corrupt) => Some(corrupt),
            _ => None,
        }
    }

    /// What is locked and why, if something is.
    #[must_use]
    pub fn lock(&self) -> Option<&Locked> {
        match self {
            Error::Locked(locked) => Some(locked),
            _ => None,
        }
    }

    /// An I/O error of a read of `len` bytes at `offset`.
    pub fn io(offset: u64, len: u64, cause: impl Into<Cause>) -> Error {
        Error::Io(Box::new(IoError { offset, len, cause: cause.into() }))
    }

    /// Something sound that this version can't read, with advice (may be empty).
    pub fn unsupported(what: impl Into<String>, hint: &'static str) -> Error {
        Error::Unsupported(Box::new(Unsupported { what: what.into(), hint }))
    }

    /// Something encrypted that could not be unlocked.
    pub fn locked(what: impl Into<String>, why: LockReason) -> Error {
        Locked { what: what.into(), why }.into()
    }

    /// There is nothing of that name.
    pub fn not_found(what: impl Into<String>) -> Error {
        Error::NotFound(what.into().into_boxed_str())
    }

    /// A ceiling was reached.
    #[must_use]
    pub fn limit(what: &'static str, limit: u64, found: u64) -> Error {
        Error::Limit(Box::new(LimitHit { what, limit, found }))
    }

    pub(crate) fn damage(damage: Damage, place: Place) -> Error {
        Corrupt::new(damage, place).into()
    }
}

impl From<Corrupt> for Error {
    fn from(corrupt: Corrupt) -> Error {
        Error::Corrupt(Box::new(corrupt))
    }
}

impl From<Locked> for Error {
    fn from(locked: Locked) -> Error {
        Error::Locked(Box::new(locked))
    }
}

impl From<Box<Corrupt>> for Error {
    fn from(corrupt: Box<Corrupt>) -> Error {
        Error::Corrupt(corrupt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A result of nothing stays small: errors are carried by every call.
    #[test]
    fn stays_small() {
        assert!(size_of::<Result<()>>() <= 24, "{}", size_of::<Result<()>>());
    }

    /// Progress that could not be read is not said to be nothing.
    #[test]
    fn progress_of_a_conversion() {
        let text = |percent| alloc::format!("{}", LockReason::Converting(percent));
        assert!(text(Some(0)).contains("(0 % done)"), "{}", text(Some(0)));
        assert!(text(None).contains("(how far is not known)"), "{}", text(None));
    }
}
