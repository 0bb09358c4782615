//! How APFS compares and hashes names (sheet apfs-04, section 5).

use alloc::string::String;

use icu_casemap::{CaseMapper, CaseMapperBorrowed};
use icu_normalizer::{DecomposingNormalizer, DecomposingNormalizerBorrowed};

use crate::sum::crc32::name_hash_digest;

/// Which names are the same name in a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameRule {
    /// Equal after decomposition and case folding (`APFS_INCOMPAT_CASE_INSENSITIVE`).
    CaseInsensitive,
    /// Equal after decomposition (`APFS_INCOMPAT_NORMALIZATION_INSENSITIVE`).
    NormalizationInsensitive,
    /// Equal bytes; directory records carry no hash (macOS 10.12 beta).
    Bytes,
}

static NFD: DecomposingNormalizerBorrowed<'static> = DecomposingNormalizer::new_nfd();
static FOLD: CaseMapperBorrowed<'static> = CaseMapper::new();

impl NameRule {
    /// True if directory keys carry a hash.
    #[must_use]
    pub fn is_hashed(self) -> bool {
        self != NameRule::Bytes
    }

    /// The 22-bit hash of a name, without its final NUL. Bytes after an invalid UTF-8 sequence do not count.
    #[must_use]
    pub fn hash(self, name: &[u8]) -> u32 {
        let mut digest = name_hash_digest();
        self.canonical(name, |c| digest.update(&u32::from(c).to_le_bytes()));
        digest.finalize() & 0x3F_FFFF
    }

    /// True if both are the same name in a volume of this rule.
    #[must_use]
    pub fn same(self, a: &[u8], b: &[u8]) -> bool {
        if a == b {
            return true;
        }
        if self == NameRule::Bytes || core::str::from_utf8(a).is_err() || core::str::from_utf8(b).is_err() {
            return false;
        }
        let (mut left, mut right) = (String::new(), String::new());
        self.canonical(a, |c| left.push(c));
        self.canonical(b, |c| right.push(c));
        left == right
    }

    /// The characters that are hashed and compared.
    fn canonical(self, name: &[u8], mut each: impl FnMut(char)) {
        let text = match core::str::from_utf8(name) {
            Ok(text) => text,
            Err(error) => name
                .get(..error.valid_up_to())
                .and_then(|valid| core::str::from_utf8(valid).ok())
                .unwrap_or(""),
        };
        let fold = self == NameRule::CaseInsensitive;
        if text.is_ascii() {
            for byte in text.bytes() {
                each(char::from(if fold { byte.to_ascii_lowercase() } else { byte }));
            }
        } else if fold {
            // Folding can give characters that decompose again, hence twice.
            let decomposed: String = NFD.normalize_iter(text.chars()).collect();
            let folded = FOLD.fold_string(&decomposed);
            NFD.normalize_iter(folded.chars()).for_each(each);
        } else {
            NFD.normalize_iter(text.chars()).for_each(each);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use NameRule::{Bytes, CaseInsensitive, NormalizationInsensitive};

    /// Composed and decomposed forms are one name on both hashed kinds of volume, case only on one.
    #[test]
    fn equal_names() {
        for rule in [CaseInsensitive, NormalizationInsensitive] {
            assert!(rule.same("é".as_bytes(), "e\u{301}".as_bytes()));
            assert_eq!(rule.hash("é".as_bytes()), rule.hash("e\u{301}".as_bytes()));
            assert!(!rule.same(b"a", b"b"));
        }
        assert!(CaseInsensitive.same(b"README", b"readme"));
        assert_eq!(CaseInsensitive.hash(b"README"), CaseInsensitive.hash(b"readme"));
        assert!(CaseInsensitive.same("STRASSE".as_bytes(), "straße".as_bytes()), "full folding");
        assert!(CaseInsensitive.same("\u{b5}".as_bytes(), "\u{3bc}".as_bytes()), "micro sign");
        assert!(!NormalizationInsensitive.same(b"README", b"readme"));
        assert!(!Bytes.same("é".as_bytes(), "e\u{301}".as_bytes()));
    }

    /// Names that are not Unicode are only equal to themselves, and hash without panic.
    #[test]
    fn not_unicode() {
        assert!(CaseInsensitive.same(b"a\xff", b"a\xff"));
        assert!(!CaseInsensitive.same(b"a\xff", b"A\xff"));
        assert_eq!(CaseInsensitive.hash(b"a\xff"), CaseInsensitive.hash(b"a"));
    }
}
