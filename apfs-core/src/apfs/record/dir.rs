//! Directory records, with and without a hash in the key (sheet apfs-04, section 4).

use super::xfield::XFields;
use super::{Flaw, is_component, name};
use crate::apfs::raw::fs::{DREC_EXT_TYPE_SIBLING_ID, J_DREC_LEN_MASK, JDrecVal};
use crate::base::bytes::{pod_rest, u16_at, u32_at, u64_at};
use crate::base::damage::Damage;
use crate::base::ids::FileId;
use crate::base::time::Timestamp;
use crate::fs::types::{DirEntry, Kind, Name};

const STRUCTURE: &str = "j_drec_val_t";
const KEY: &str = "j_drec_hashed_key_t";

/// A directory record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DirRec<'a> {
    /// Name, without its NUL.
    pub name: &'a [u8],
    /// 22-bit hash of the name; `None` in a plain key.
    pub hash: Option<u32>,
    /// File that it leads to.
    pub file_id: u64,
    /// When it was made.
    pub added: Timestamp,
    /// Flags; the low four bits are the type.
    pub flags: u16,
    /// Which of several hard links it is.
    pub sibling_id: Option<u64>,
}

impl<'a> DirRec<'a> {
    /// Decodes a record; `hashed` says which form the volume's keys have.
    ///
    /// # Errors
    /// Key or value too short, or a name that no name may be.
    #[inline]
    pub fn parse(key: &'a [u8], value: &'a [u8], hashed: bool) -> Result<DirRec<'a>, Flaw> {
        let short = Flaw::new(Damage::Bounds, KEY, "name_len_and_hash");
        let (len, hash, rest) = if hashed {
            let len_and_hash = u32_at(key, 8).ok_or(short)?;
            let len = usize::try_from(len_and_hash & J_DREC_LEN_MASK).map_err(|_| short)?;
            (len, Some(len_and_hash >> 10), key.get(12..).ok_or(short)?)
        } else {
            (usize::from(u16_at(key, 8).ok_or(short)?), None, key.get(10..).ok_or(short)?)
        };
        let name = name(rest, len, KEY)?;
        if !is_component(name) {
            return Err(Flaw::new(Damage::Name, KEY, "name"));
        }
        let (raw, blob): (&JDrecVal, _) = pod_rest(value).ok_or(Flaw::new(Damage::Bounds, STRUCTURE, ""))?;
        let mut sibling_id = None;
        for (field, _, value) in XFields::parse(blob)? {
            if field == DREC_EXT_TYPE_SIBLING_ID {
                sibling_id = u64_at(value, 0);
            }
        }
        Ok(DirRec {
            name,
            hash,
            file_id: raw.file_id.get(),
            added: Timestamp(raw.date_added.get()),
            flags: raw.flags.get(),
            sibling_id,
        })
    }

    /// Type as the record says.
    #[must_use]
    pub fn kind(&self) -> Kind {
        Kind::from_type_bits(u8::try_from(self.flags & 0xF).unwrap_or(0))
    }

    /// The record as an entry that owns its name.
    #[must_use]
    pub fn to_entry(&self) -> DirEntry {
        DirEntry {
            name: Name::from(self.name),
            id: FileId(self.file_id),
            kind: self.kind(),
            added: Some(self.added),
            link_id: self.sibling_id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn hashed_key(name: &[u8], len: u32) -> Vec<u8> {
        let mut key = (2u64 | 9 << 60).to_le_bytes().to_vec();
        key.extend_from_slice(&(0x1234 << 10 | len).to_le_bytes());
        key.extend_from_slice(name);
        key
    }

    /// Name, hash and value come out; a name that could lead elsewhere is refused.
    #[test]
    fn names() {
        let value = [0u8; 18];
        let key = hashed_key(b"ab\0", 3);
        let record = DirRec::parse(&key, &value, true).unwrap();
        assert_eq!((record.name, record.hash), (&b"ab"[..], Some(0x1234)));
        for (bad, len) in
            [(&b"..\0"[..], 3), (b"a/b\0", 4), (b"\0", 1), (b"ab\0", 9), (b"abc", 3), (b"a\0b\0", 4)]
        {
            assert!(DirRec::parse(&hashed_key(bad, len), &value, true).is_err(), "{bad:?}");
        }
        assert!(DirRec::parse(&key, &value[..17], true).is_err());
    }
}
