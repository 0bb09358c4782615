//! What an encrypted disk image says about itself without any secret.

use alloc::vec::Vec;
use core::fmt;

use crate::base::ids::Uuid;
use crate::image::format::Format;

/// How an encrypted disk image is encrypted, and what would open it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EncryptionInfo {
    /// [`Format::EncryptedV1`] or [`Format::EncryptedV2`].
    pub format: Format,
    /// Id of the image.
    pub uuid: Uuid,
    /// Bits of the AES key: 128 or 256.
    pub key_bits: u32,
    /// Bytes that are encrypted together, under an initialization vector of their own.
    pub block_size: u32,
    /// Bytes of the decrypted image; 0 in the token of a sparse bundle, whose property list has the number.
    pub len: u64,
    /// What opens it, in the order of the header. Any one of them does.
    pub methods: Vec<Method>,
}

/// One way to open an encrypted disk image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Method {
    /// A password.
    Password {
        /// Rounds of PBKDF2 that trying one costs.
        rounds: u32,
    },
    /// The private key of a certificate, usually an institution's.
    Certificate,
    /// A way that this version does not know, by its number in the header.
    Other(u32),
    /// A record that is damaged or of a form that this version does not know.
    Unreadable,
}

/// For example `password (PBKDF2, 1000 rounds)`.
impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Method::Password { rounds } => write!(f, "password (PBKDF2, {rounds} rounds)"),
            Method::Certificate => f.write_str("private key of a certificate"),
            Method::Other(number) => write!(f, "unknown method {number}"),
            Method::Unreadable => f.write_str("unreadable record"),
        }
    }
}
