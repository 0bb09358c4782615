//! Records of the attributes file (sheet hfsplus, section 6).

use crate::base::bytes::{be32_at, get, pod, to_usize};
use crate::base::damage::Damage;
use crate::base::flaw::Flaw;
use crate::hfsplus::raw::attribute::{ATTR_EXTENTS, ATTR_FORK_DATA, ATTR_INLINE_DATA};
use crate::hfsplus::raw::volume::{HFSPlusExtentRecord, HFSPlusForkData};

/// A record of the attributes file.
#[derive(Clone, Copy, Debug)]
pub enum AttributeRecord<'a> {
    /// The value itself.
    Inline(&'a [u8]),
    /// The value is a fork of its own.
    Fork(&'a HFSPlusForkData),
    /// More extents of a value that is a fork.
    Extents(&'a HFSPlusExtentRecord),
}

impl<'a> AttributeRecord<'a> {
    /// Decodes a record.
    ///
    /// # Errors
    /// Too short, or of an unknown type.
    pub fn parse(value: &'a [u8]) -> Result<AttributeRecord<'a>, Flaw> {
        let short = |structure| Flaw::new(Damage::Bounds, structure, "");
        match be32_at(value, 0).ok_or(short("HFSPlusAttrRecord"))? {
            ATTR_INLINE_DATA => {
                let flaw = Flaw::new(Damage::Bounds, "HFSPlusAttrData", "attrSize");
                let len = be32_at(value, 12).and_then(|len| to_usize(u64::from(len)).ok()).ok_or(flaw)?;
                Ok(AttributeRecord::Inline(get(value, 16, len).ok_or(flaw)?))
            }
            ATTR_FORK_DATA => {
                let fork = value.get(8..).and_then(pod).ok_or(short("HFSPlusAttrForkData"))?;
                Ok(AttributeRecord::Fork(fork))
            }
            ATTR_EXTENTS => {
                let extents = value.get(8..).and_then(pod).ok_or(short("HFSPlusAttrExtents"))?;
                Ok(AttributeRecord::Extents(extents))
            }
            _ => Err(Flaw::new(Damage::ObjectType, "HFSPlusAttrRecord", "recordType")),
        }
    }

    /// Length of the value; `None` for extents of a value whose record is another one.
    #[must_use]
    pub fn value_len(&self) -> Option<u64> {
        match self {
            AttributeRecord::Inline(bytes) => Some(crate::base::bytes::len64(bytes.len())),
            AttributeRecord::Fork(fork) => Some(fork.logicalSize.get()),
            AttributeRecord::Extents(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A value in the record must fit there; a fork is as long as it says; the others are refused.
    #[test]
    fn records() {
        let mut bytes = [0; 90];
        bytes[3] = 0x10;
        bytes[15] = 3;
        bytes[16..19].copy_from_slice(b"abc");
        assert!(matches!(AttributeRecord::parse(&bytes), Ok(AttributeRecord::Inline(b"abc"))));
        bytes[15] = 80;
        assert_eq!(AttributeRecord::parse(&bytes).unwrap_err().damage, Damage::Bounds);
        bytes[3] = 0x20;
        assert_eq!(AttributeRecord::parse(&bytes).unwrap().value_len(), Some(80));
        assert!(AttributeRecord::parse(&bytes[..87]).is_err());
        bytes[3] = 0x30;
        assert_eq!(AttributeRecord::parse(&bytes).unwrap().value_len(), None);
        bytes[3] = 0x40;
        assert_eq!(AttributeRecord::parse(&bytes).unwrap_err().damage, Damage::ObjectType);
    }
}
