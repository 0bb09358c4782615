//! The object header and what a reference to an object promises about it (sheet apfs-01, sections 2 and 3).

use alloc::boxed::Box;

use super::raw::object::{OBJ_STORAGETYPE_MASK, OBJECT_TYPE_MASK, ObjPhys};
use crate::base::bytes::pod;
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::ids::{Oid, Paddr, Xid};
use crate::sum::fletcher64::fletcher64;

/// Bytes of an object header.
pub const HEADER_LEN: usize = 0x20;

/// Decoded header of an object (`obj_phys_t`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header {
    /// `o_oid`.
    pub oid: Oid,
    /// `o_xid`.
    pub xid: Xid,
    /// `o_type`, flags included.
    pub type_and_flags: u32,
    /// `o_subtype`.
    pub subtype: u32,
}

impl Header {
    /// The header at the start of an object, or `None` if the bytes are too short.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Header> {
        let raw: &ObjPhys = pod(bytes)?;
        Some(Header {
            oid: Oid(raw.o_oid.get()),
            xid: Xid(raw.o_xid.get()),
            type_and_flags: raw.o_type.get(),
            subtype: raw.o_subtype.get(),
        })
    }

    /// The type without flags.
    #[must_use]
    pub fn object_type(&self) -> u32 {
        self.type_and_flags & OBJECT_TYPE_MASK
    }
}

/// What the transaction of an object may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum XidRule {
    /// Nothing is known about it.
    Any,
    /// Not newer than the state that refers to it.
    AtMost(Xid),
    /// The one that the reference names.
    Exactly(Xid),
}

/// What a reference promises about the object it leads to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expect {
    /// Name of the structure, for errors.
    pub(crate) structure: &'static str,
    /// Object id.
    pub(crate) oid: Oid,
    /// Transaction.
    pub(crate) xid: XidRule,
    /// Type without flags.
    pub(crate) object_type: u32,
    /// Storage bits of `o_type`.
    pub(crate) storage: u32,
    /// Subtype.
    pub(crate) subtype: u32,
}

impl Expect {
    /// Compares an object's header with the promise.
    pub(crate) fn check(&self, header: &Header, block: Paddr) -> Result<()> {
        let place = |field| self.place(field, block);
        if header.oid != self.oid {
            let finding = Corrupt::new(Damage::ObjectId, place("o_oid"));
            return Err(finding.expected(self.oid).found(header.oid).into());
        }
        let storage = header.type_and_flags & OBJ_STORAGETYPE_MASK;
        if header.object_type() != self.object_type || storage != self.storage {
            let expected = alloc::format!("{:#x}", self.object_type | self.storage);
            let found = alloc::format!("{:#x}", header.type_and_flags);
            let finding = Corrupt::new(Damage::ObjectType, place("o_type"));
            return Err(finding.expected(expected).found(found).into());
        }
        if header.subtype != self.subtype {
            let finding = Corrupt::new(Damage::ObjectType, place("o_subtype"));
            let hex = |n| alloc::format!("{n:#x}");
            return Err(finding.expected(hex(self.subtype)).found(hex(header.subtype)).into());
        }
        let fits = match self.xid {
            XidRule::Any => header.xid != Xid(0),
            XidRule::AtMost(xid) => header.xid <= xid && header.xid != Xid(0),
            XidRule::Exactly(xid) => header.xid == xid,
        };
        if fits {
            return Ok(());
        }
        let finding = Corrupt::new(Damage::Transaction, place("o_xid")).found(header.xid);
        Err(match self.xid {
            XidRule::Any => finding,
            XidRule::AtMost(xid) => finding.expected(alloc::format!("at most {xid}")),
            XidRule::Exactly(xid) => finding.expected(xid),
        }
        .into())
    }

    /// Place of a field of this object, as far as the reference knows it.
    pub(crate) fn place(&self, field: &'static str, block: Paddr) -> Place {
        let place = Place::new(self.structure, field).block(block).oid(self.oid);
        match self.xid {
            XidRule::Any => place,
            XidRule::AtMost(xid) | XidRule::Exactly(xid) => place.xid(xid),
        }
    }
}

/// Compares the stored checksum of an object with that of its bytes. `place` is that of `o_cksum`.
pub(crate) fn verify_checksum(bytes: &[u8], place: Place) -> Result<(), Box<Corrupt>> {
    let (Some(raw), Some(body)) = (pod::<ObjPhys>(bytes), bytes.get(8..)) else {
        return Err(Box::new(Corrupt::new(Damage::Bounds, place)));
    };
    let (stored, computed) = (raw.o_cksum.get(), fletcher64(body));
    if stored == computed {
        return Ok(());
    }
    let hex = |n| alloc::format!("{n:#018x}");
    Err(Box::new(Corrupt::new(Damage::Checksum, place).expected(hex(computed)).found(hex(stored))))
}

/// The error of an object that is shorter than its structure.
pub(crate) fn too_short(structure: &'static str, block: Paddr) -> Error {
    Error::damage(Damage::Bounds, Place::new(structure, "").block(block))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apfs::raw::object::{OBJ_PHYSICAL, OBJECT_TYPE_OMAP};

    const EXPECT: Expect = Expect {
        structure: "omap_phys_t",
        oid: Oid(9),
        xid: XidRule::AtMost(Xid(5)),
        object_type: OBJECT_TYPE_OMAP,
        storage: OBJ_PHYSICAL,
        subtype: 0,
    };

    fn damage(change: impl FnOnce(&mut Header)) -> Option<Damage> {
        let mut header =
            Header { oid: Oid(9), xid: Xid(5), type_and_flags: OBJ_PHYSICAL | OBJECT_TYPE_OMAP, subtype: 0 };
        change(&mut header);
        EXPECT.check(&header, Paddr(9)).err().map(|error| error.corrupt().unwrap().damage)
    }

    /// Every field that a reference promises is compared.
    #[test]
    fn compares_all_fields() {
        assert_eq!(damage(|_| {}), None);
        assert_eq!(damage(|header| header.oid = Oid(8)), Some(Damage::ObjectId));
        assert_eq!(damage(|header| header.type_and_flags = OBJECT_TYPE_OMAP), Some(Damage::ObjectType));
        assert_eq!(damage(|header| header.type_and_flags = OBJ_PHYSICAL | 2), Some(Damage::ObjectType));
        assert_eq!(damage(|header| header.subtype = 1), Some(Damage::ObjectType));
        assert_eq!(damage(|header| header.xid = Xid(6)), Some(Damage::Transaction), "newer than the state");
        assert_eq!(damage(|header| header.xid = Xid(0)), Some(Damage::Transaction), "never on disk");
    }
}
