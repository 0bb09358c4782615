//! The hash in directory keys: CRC-32C over the code points of a name in its comparable form.

use std::collections::BTreeMap;

use crc::{Algorithm, CRC_32_ISCSI, Crc};

/// CRC-32C without the final inversion.
const NAME_CRC: Algorithm<u32> = Algorithm { xorout: 0, ..CRC_32_ISCSI };
static CRC: Crc<u32> = Crc::<u32>::new(&NAME_CRC);

/// How a volume's directory keys are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// Hashed with case folding (`APFS_INCOMPAT_CASE_INSENSITIVE`).
    CaseInsensitive,
    /// Hashed without folding (`APFS_INCOMPAT_NORMALIZATION_INSENSITIVE`).
    CaseSensitive,
    /// Names only.
    Plain,
}

/// Comparable forms, given for every name that is not ASCII: the builder has no Unicode tables.
pub type Forms = BTreeMap<String, String>;

/// `name_len_and_hash` of a hashed directory key.
pub fn name_len_and_hash(name: &str, keys: Keys, forms: &Forms) -> u32 {
    let form = match (forms.get(name), keys) {
        (Some(form), _) => form.clone(),
        (None, _) if !name.is_ascii() => panic!("{name:?} is not ASCII: say with `form_of` how it compares"),
        (None, Keys::CaseInsensitive) => name.to_ascii_lowercase(),
        (None, _) => name.to_owned(),
    };
    let mut digest = CRC.digest();
    for c in form.chars() {
        digest.update(&u32::from(c).to_le_bytes());
    }
    digest.finalize() << 10 | (name.len() as u32 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_is_for_insensitive_volumes_only() {
        let hash = |name, keys| name_len_and_hash(name, keys, &Forms::new());
        assert_eq!(hash("README", Keys::CaseInsensitive), hash("readme", Keys::CaseInsensitive));
        assert_ne!(hash("README", Keys::CaseSensitive), hash("readme", Keys::CaseSensitive));
        assert_eq!(hash("README", Keys::CaseSensitive) & 0x3ff, 7);
    }

    #[test]
    fn the_crc_is_the_standard_one_without_inversion() {
        assert_eq!(!CRC.checksum(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn a_given_form_replaces_the_name() {
        let forms = Forms::from([("\u{c4}".to_owned(), "a\u{308}".to_owned())]);
        let composed = name_len_and_hash("\u{c4}", Keys::CaseInsensitive, &forms);
        let forms = Forms::from([("a\u{308}".to_owned(), "a\u{308}".to_owned())]);
        let decomposed = name_len_and_hash("a\u{308}", Keys::CaseInsensitive, &forms);
        assert_eq!((composed >> 10, composed & 0x3ff), (decomposed >> 10, 3));
    }
}
