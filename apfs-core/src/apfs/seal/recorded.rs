//! What a sealed volume records of its seal (`integrity_meta_phys_t`, sheet apfs-08, section 2).

use alloc::string::String;
use alloc::vec::Vec;

use crate::apfs::object::{Expect, XidRule, too_short};
use crate::apfs::raw::object::{OBJ_VIRTUAL, OBJECT_TYPE_INTEGRITY_META};
use crate::apfs::raw::sealed::{
    APFS_HASH_SHA3_256, APFS_HASH_SHA3_384, APFS_HASH_SHA3_512, APFS_HASH_SHA256, APFS_HASH_SHA384,
    APFS_HASH_SHA512, APFS_HASH_SHA512_256, APFS_HASH_SHA512_256_OLD, APFS_SEAL_BROKEN,
    INTEGRITY_META_VERSION_HIGHEST, IntegrityMetaPhys, LEAST_ROOT_HASH_OFFSET,
};
use crate::apfs::view::View;
use crate::base::bytes::{get, len64, pod};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::ids::{Oid, Paddr, Xid};
use crate::crypto::digest::Algorithm;

const STRUCTURE: &str = "integrity_meta_phys_t";

/// The seal of a volume, as recorded. Nothing is compared yet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Seal {
    /// Version of the structure: 1 or 2 where it is sound.
    pub version: u32,
    /// Flags as stored: 1 the seal is broken.
    pub flags: u32,
    /// Number of the hash function.
    pub hash_type: u32,
    /// The hash of the root node; `None` if the function is not known or the hash is not where it can be.
    pub root_hash: Option<Vec<u8>>,
    /// Transaction that broke the seal, 0 if none did.
    pub broken_xid: Xid,
    /// What can't be true in it.
    pub flaws: Vec<Corrupt>,
    /// Block of the structure.
    pub block: Paddr,
}

/// The function of an `im_hash_type`; `None` for numbers that nobody knows.
fn algorithm_of(hash_type: u32) -> Option<Algorithm> {
    Some(match hash_type {
        APFS_HASH_SHA256 => Algorithm::Sha256,
        APFS_HASH_SHA512_256_OLD | APFS_HASH_SHA512_256 => Algorithm::Sha512Of256,
        APFS_HASH_SHA384 => Algorithm::Sha384,
        APFS_HASH_SHA512 => Algorithm::Sha512,
        APFS_HASH_SHA3_256 => Algorithm::Sha3Of256,
        APFS_HASH_SHA3_384 => Algorithm::Sha3Of384,
        APFS_HASH_SHA3_512 => Algorithm::Sha3Of512,
        _ => return None,
    })
}

/// Name of a hash function by its number, or the number.
#[must_use]
pub fn hash_name(hash_type: u32) -> String {
    algorithm_of(hash_type)
        .map_or_else(|| alloc::format!("unknown type {hash_type}"), |algorithm| algorithm.name().into())
}

impl Seal {
    /// The hash function, if it is a known one.
    #[must_use]
    pub fn algorithm(&self) -> Option<Algorithm> {
        algorithm_of(self.hash_type)
    }

    /// True if the volume says that it was changed after it was sealed.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.flags & APFS_SEAL_BROKEN != 0
    }

    /// Decodes the record.
    pub(crate) fn parse(bytes: &[u8], block: Paddr, oid: Oid) -> Result<Seal> {
        let raw: &IntegrityMetaPhys = pod(bytes).ok_or_else(|| too_short(STRUCTURE, block))?;
        let mut seal = Seal {
            version: raw.im_version.get(),
            flags: raw.im_flags.get(),
            hash_type: raw.im_hash_type.get(),
            root_hash: None,
            broken_xid: Xid(raw.im_broken_xid.get()),
            flaws: Vec::new(),
            block,
        };
        let flaw = |damage, field| Corrupt::new(damage, Place::new(STRUCTURE, field).block(block).oid(oid));
        if !(1..=INTEGRITY_META_VERSION_HIGHEST).contains(&seal.version) {
            seal.flaws.push(flaw(Damage::Range, "im_version").expected("1 or 2").found(seal.version));
        }
        if seal.flags & !APFS_SEAL_BROKEN != 0 {
            let found = alloc::format!("{:#x}", seal.flags);
            seal.flaws.push(flaw(Damage::Range, "im_flags").expected("0 or 1").found(found));
        }
        if seal.is_broken() != (seal.broken_xid != Xid(0)) {
            let contradiction = flaw(Damage::Contradiction, "im_broken_xid");
            let expected = if seal.is_broken() { "a transaction" } else { "0" };
            seal.flaws.push(contradiction.expected(expected).found(seal.broken_xid));
        }
        let Some(algorithm) = seal.algorithm() else { return Ok(seal) };
        let offset = raw.im_root_hash_offset.get();
        let place = |damage| flaw(damage, "im_root_hash_offset").found(offset);
        let hash = usize::try_from(offset).ok().and_then(|offset| get(bytes, offset, algorithm.len()));
        match hash {
            _ if offset < LEAST_ROOT_HASH_OFFSET || !offset.is_multiple_of(8) => {
                let expected = alloc::format!("a multiple of 8 from {LEAST_ROOT_HASH_OFFSET} on");
                seal.flaws.push(place(Damage::Range).expected(expected));
            }
            None => {
                let room = len64(bytes.len()).saturating_sub(len64(algorithm.len()));
                seal.flaws.push(place(Damage::Bounds).expected(alloc::format!("at most {room}")));
            }
            Some(hash) => seal.root_hash = Some(hash.to_vec()),
        }
        Ok(seal)
    }
}

impl View {
    /// What the volume records of its seal; `None` if it is not sealed.
    ///
    /// # Errors
    /// `Corrupt` if the record is missing or damaged, I/O. What only contradicts itself is in [`Seal::flaws`].
    pub fn seal(&self) -> Result<Option<Seal>> {
        if !self.superblock().is_sealed() {
            return Ok(None);
        }
        let oid = Oid(self.superblock().raw().apfs_integrity_meta_oid.get());
        let missing = || {
            let place = Place::new("apfs_superblock_t", "apfs_integrity_meta_oid").oid(oid).xid(self.xid());
            Error::damage(Damage::Missing, place.block(self.superblock().block()))
        };
        let mapping = self.volume().omap()?.lookup(oid, self.xid())?.ok_or_else(missing)?;
        let key = match mapping.is_encrypted() {
            true => Some(self.volume().key()?),
            false => None,
        };
        let expect = Expect {
            structure: STRUCTURE,
            oid,
            xid: XidRule::Exactly(mapping.xid),
            object_type: OBJECT_TYPE_INTEGRITY_META,
            storage: OBJ_VIRTUAL,
            subtype: 0,
        };
        let bytes = self.store().decrypted_object(mapping.block, &expect, key.as_deref())?;
        Seal::parse(&bytes, mapping.block, oid).map(Some)
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "offsets written by hand")]
mod tests {
    use super::*;

    /// An object of 4096 bytes: version, flags, hash type, offset of the root hash, transaction that broke the seal.
    fn parse(version: u32, flags: u32, hash_type: u32, offset: u32, broken: u64) -> Seal {
        let mut bytes = alloc::vec![0xEE; 4096];
        for (at, word) in [(0x20, version), (0x24, flags), (0x28, hash_type), (0x2C, offset)] {
            bytes[at..][..4].copy_from_slice(&word.to_le_bytes());
        }
        bytes[0x30..0x38].copy_from_slice(&broken.to_le_bytes());
        bytes[0x80..0x84].copy_from_slice(b"hash");
        Seal::parse(&bytes, Paddr(7), Oid(9)).unwrap()
    }

    fn damage(seal: &Seal) -> Vec<(Damage, &'static str)> {
        seal.flaws.iter().map(|flaw| (flaw.damage, flaw.place.field)).collect()
    }

    /// Both versions and every type; the hash is as long as its type says.
    #[test]
    fn sound() {
        for (hash_type, len) in [(1, 32), (2, 32), (3, 48), (4, 64), (5, 32), (6, 32), (7, 48), (8, 64)] {
            for version in [1, 2] {
                let seal = parse(version, 0, hash_type, 0x80, 0);
                let hash = seal.root_hash.as_ref().unwrap();
                assert!(hash.len() == len && hash.starts_with(b"hash") && seal.flaws.is_empty(), "{seal:?}");
            }
        }
        assert!(parse(1, 1, 1, 0x30, 5).is_broken());
        assert_eq!(parse(1, 0, 4, 4096 - 64, 0).flaws, []);
    }

    /// A hash that begins too early, at an odd place, or leaves the object is not taken.
    #[test]
    fn lying_places() {
        for (hash_type, offset, kind) in [
            (1, 0x28, Damage::Range),
            (1, 0x84, Damage::Range),
            (1, 4096 - 24, Damage::Bounds),
            (4, 4096 - 56, Damage::Bounds),
            (1, u32::MAX - 7, Damage::Bounds),
        ] {
            let seal = parse(2, 0, hash_type, offset, 0);
            assert_eq!(
                (seal.root_hash.as_ref(), damage(&seal)),
                (None, [(kind, "im_root_hash_offset")].into())
            );
        }
    }

    /// Unknown versions and flags, and a broken seal without a transaction or the other way round.
    #[test]
    fn contradictions() {
        assert_eq!(damage(&parse(3, 0, 1, 0x80, 0)), [(Damage::Range, "im_version")]);
        assert_eq!(damage(&parse(2, 4, 1, 0x80, 0)), [(Damage::Range, "im_flags")]);
        for (flags, xid) in [(1, 0), (0, 5)] {
            assert_eq!(damage(&parse(2, flags, 1, 0x80, xid)), [(Damage::Contradiction, "im_broken_xid")]);
        }
        let unknown = parse(2, 0, 9, 1, 0);
        assert_eq!((unknown.algorithm(), unknown.root_hash, unknown.flaws.len()), (None, None, 0));
        assert_eq!((hash_name(5), hash_name(9)), ("SHA-512/256".into(), "unknown type 9".into()));
    }
}
