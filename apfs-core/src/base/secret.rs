//! What opens encrypted images and volumes: kept out of logs, wiped from memory when dropped.

use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

/// A password, a key or a file of keys. `Debug` shows none; the bytes are wiped when the last copy is dropped.
///
/// ```
/// use apfs_core::Secret;
///
/// let secrets = [Secret::password("correct horse"), Secret::key_from_hex("00112233445566778899aabbccddeeff").unwrap()];
/// assert_eq!(format!("{:?}", secrets[0]), "Password(..)");
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Secret {
    /// A password as typed, in UTF-8; also a personal recovery key with its dashes.
    Password(Zeroizing<Vec<u8>>),
    /// A key itself: of an APFS volume the volume key (32 bytes, 16 after a conversion from CoreStorage), of an
    /// encrypted disk image the AES key followed by the 20 bytes of the HMAC key (36 or 52 bytes), of a CoreStorage
    /// volume the volume key (16 bytes, 32 with the tweak key).
    Key(Zeroizing<Vec<u8>>),
    /// The file `EncryptedRoot.plist.wipekey` from the Recovery HD of an encrypted startup disk. It opens nothing alone:
    /// it holds the volume key, wrapped by passwords.
    KeyFile(Zeroizing<Vec<u8>>),
}

impl Secret {
    /// A password or personal recovery key.
    pub fn password(text: impl Into<Vec<u8>>) -> Secret {
        Secret::Password(Zeroizing::new(text.into()))
    }

    /// A raw key.
    pub fn key(bytes: impl Into<Vec<u8>>) -> Secret {
        Secret::Key(Zeroizing::new(bytes.into()))
    }

    /// The content of an `EncryptedRoot.plist.wipekey`.
    pub fn key_file(content: impl Into<Vec<u8>>) -> Secret {
        Secret::KeyFile(Zeroizing::new(content.into()))
    }

    /// A raw key written in hexadecimal, in pairs of digits with or without spaces and colons between them; `None` for
    /// anything else.
    #[must_use]
    pub fn key_from_hex(text: &str) -> Option<Secret> {
        let digits = text.chars().filter(|c| !matches!(c, ' ' | ':' | '\t' | '\n' | '\r'));
        let mut bytes = Zeroizing::new(Vec::with_capacity(text.len().div_ceil(2)));
        let mut high = None;
        for digit in digits {
            let digit = u8::try_from(digit.to_digit(16)?).ok()?;
            match high.take() {
                None => high = Some(digit << 4),
                Some(high) => bytes.push(high | digit),
            }
        }
        (high.is_none() && !bytes.is_empty()).then_some(Secret::Key(bytes))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Secret::Password(_) => "Password(..)",
            Secret::Key(_) => "Key(..)",
            Secret::KeyFile(_) => "KeyFile(..)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys are read from pairs of digits, and from nothing else.
    #[test]
    fn hexadecimal() {
        assert_eq!(Secret::key_from_hex("00 ff:A0"), Some(Secret::key([0, 255, 160])));
        for bad in ["", "0", "0g", "123", "é0"] {
            assert_eq!(Secret::key_from_hex(bad), None, "{bad}");
        }
    }

    /// No secret is shown.
    #[test]
    fn debug_shows_nothing() {
        let shown = alloc::format!("{:?} {:?}", Secret::password("geheim"), Secret::key([1, 2, 3]));
        assert_eq!(shown, "Password(..) Key(..)");
    }
}
