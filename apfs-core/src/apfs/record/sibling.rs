//! Hard links: which names a file has (sheet apfs-04, section 7).

use super::{Flaw, is_component, name};
use crate::apfs::raw::fs::JSiblingVal;
use crate::base::bytes::{pod_rest, u64_at};
use crate::base::damage::Damage;

/// One hard link of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SiblingLink<'a> {
    /// Number of the link.
    pub sibling_id: u64,
    /// Directory.
    pub parent_id: u64,
    /// Name in it, without its NUL.
    pub name: &'a [u8],
}

impl<'a> SiblingLink<'a> {
    /// Decodes a record.
    ///
    /// # Errors
    /// Key or value too short, or a bad name.
    pub fn parse(key: &[u8], value: &'a [u8]) -> Result<SiblingLink<'a>, Flaw> {
        let structure = "j_sibling_val_t";
        let short = Flaw::new(Damage::Bounds, structure, "");
        let sibling_id = u64_at(key, 8).ok_or(short)?;
        let (raw, rest): (&JSiblingVal, _) = pod_rest(value).ok_or(short)?;
        let name = name(rest, usize::from(raw.name_len.get()), structure)?;
        if !is_component(name) {
            return Err(Flaw::new(Damage::Name, structure, "name"));
        }
        Ok(SiblingLink { sibling_id, parent_id: raw.parent_id.get(), name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Number, directory and name of a link; a name that leaves the record is refused.
    #[test]
    fn link() {
        let key = [0, 0, 0, 0, 0, 0, 0, 0x50, 9, 0, 0, 0, 0, 0, 0, 0];
        let value = b"\x02\0\0\0\0\0\0\0\x03\0ab\0";
        let link = SiblingLink::parse(&key, value).unwrap();
        assert_eq!((link.sibling_id, link.parent_id, link.name), (9, 2, &b"ab"[..]));
        assert!(SiblingLink::parse(&key, &value[..12]).is_err());
        assert!(SiblingLink::parse(&key[..15], value).is_err());
    }
}
