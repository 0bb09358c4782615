//! The formats of disk images that are read, by name.

use core::fmt;
use core::str::FromStr;

/// A format of disk images: what [`probe`](super::probe::probe) finds and [`layers`](super::layers) opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// The disk itself: no image format around it.
    Raw,
    /// UDIF, the usual `.dmg` (sheet dmg, sections 2 to 4).
    Udif,
    /// Encrypted disk image with its header at the end, `cdsaencr` (sheet dmg, section 6).
    EncryptedV1,
    /// Encrypted disk image with its header at the start, `encrcdsa` (sheet dmg, section 5).
    EncryptedV2,
    /// `.sparseimage` (sheet sparse-images, section 1).
    SparseImage,
    /// `.sparsebundle` or `.backupbundle`: a folder of bands (sheet sparse-images, section 2).
    SparseBundle,
    /// Apple sparse image format of macOS 26, ASIF (sheet sparse-images, section 3).
    Asif,
    /// A disk cut into numbered files (sheet sparse-images, section 5).
    Split,
    /// Expert Witness format, `.E01` (sheet sparse-images, section 6).
    Ewf,
}

impl Format {
    /// Every format.
    pub const ALL: [Format; 9] = [
        Format::Raw,
        Format::Udif,
        Format::EncryptedV1,
        Format::EncryptedV2,
        Format::SparseImage,
        Format::SparseBundle,
        Format::Asif,
        Format::Split,
        Format::Ewf,
    ];

    /// One word, for options and JSON: `raw`, `udif`, `cdsaencr`, `encrcdsa`, `sparseimage`, `sparsebundle`, `asif`,
    /// `split`, `ewf`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Format::Raw => "raw",
            Format::Udif => "udif",
            Format::EncryptedV1 => "cdsaencr",
            Format::EncryptedV2 => "encrcdsa",
            Format::SparseImage => "sparseimage",
            Format::SparseBundle => "sparsebundle",
            Format::Asif => "asif",
            Format::Split => "split",
            Format::Ewf => "ewf",
        }
    }

    /// A name for people, for example `UDIF disk image`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Format::Raw => "raw disk",
            Format::Udif => "UDIF disk image",
            Format::EncryptedV1 => "encrypted disk image, version 1",
            Format::EncryptedV2 => "encrypted disk image, version 2",
            Format::SparseImage => "sparse disk image",
            Format::SparseBundle => "sparse bundle",
            Format::Asif => "ASIF sparse image",
            Format::Split => "disk in several files",
            Format::Ewf => "EWF (E01) image",
        }
    }
}

/// As [`Format::name`].
impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No format has this word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("one of raw, udif, cdsaencr, encrcdsa, sparseimage, sparsebundle, asif, split, ewf")]
pub struct UnknownFormat;

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(word: &str) -> Result<Format, UnknownFormat> {
        Format::ALL.into_iter().find(|format| format.word() == word).ok_or(UnknownFormat)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    /// Every format has a word that leads back to it, and the error names them all.
    #[test]
    fn words() {
        for format in Format::ALL {
            assert_eq!(format.word().parse(), Ok(format));
            assert!(UnknownFormat.to_string().contains(format.word()));
        }
        assert_eq!("iso".parse::<Format>(), Err(UnknownFormat));
    }
}
