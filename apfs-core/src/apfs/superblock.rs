//! The container superblock as a checked value (sheet apfs-01, section 5).

use super::object::{Expect, Header, XidRule, too_short};
use super::raw::container::{NX_MAGIC, NX_XP_FRAGMENTED, NxIncompat, NxSuperblock};
use super::raw::object::{OBJ_EPHEMERAL, OBJECT_TYPE_NX_SUPERBLOCK};
use crate::base::bytes::{get, pod};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::ids::{BlockSize, Oid, Paddr, Uuid, Xid};

const STRUCTURE: &str = "nx_superblock_t";

/// A container superblock whose block size, counts and magic are valid. The checksum is checked where it is read.
#[derive(Clone, Debug)]
pub struct Superblock {
    raw: NxSuperblock,
    block_size: BlockSize,
    block: Paddr,
}

impl Superblock {
    /// True if a block begins like a superblock.
    pub(crate) fn has_magic(bytes: &[u8]) -> bool {
        get(bytes, 0x20, 4) == Some(&NX_MAGIC)
    }

    /// Reads a superblock from its block.
    ///
    /// # Errors
    /// `Corrupt` for a wrong magic, block size or number of blocks.
    pub(crate) fn parse(bytes: &[u8], block: Paddr) -> Result<Superblock> {
        let raw: NxSuperblock = *pod(bytes).ok_or_else(|| too_short(STRUCTURE, block))?;
        let place = |field| {
            Place::new(STRUCTURE, field)
                .block(block)
                .oid(Oid(raw.nx_o.o_oid.get()))
                .xid(Xid(raw.nx_o.o_xid.get()))
        };
        if raw.nx_magic != NX_MAGIC {
            return Err(Corrupt::new(Damage::Magic, place("nx_magic")).expected("NXSB").into());
        }
        let stored = raw.nx_block_size.get();
        let block_size = BlockSize::new(stored).ok_or_else(|| {
            Corrupt::new(Damage::Range, place("nx_block_size"))
                .expected("a power of two from 4096 to 65536")
                .found(stored)
        })?;
        let count = raw.nx_block_count.get();
        if count == 0 || count.checked_mul(block_size.bytes()).is_none() {
            return Err(Corrupt::new(Damage::Range, place("nx_block_count")).found(count).into());
        }
        let expect = Expect {
            structure: STRUCTURE,
            oid: Oid(1),
            xid: XidRule::Any,
            object_type: OBJECT_TYPE_NX_SUPERBLOCK,
            storage: OBJ_EPHEMERAL,
            subtype: 0,
        };
        expect.check(&Header::parse(bytes).ok_or_else(|| too_short(STRUCTURE, block))?, block)?;
        Ok(Superblock { raw, block_size, block })
    }

    /// Refuses what this version can't read, by name. `force` lets everything pass but other formats.
    pub(crate) fn check_features(&self, force: bool) -> Result<()> {
        let bits = self.raw.nx_incompatible_features.get();
        let features = NxIncompat::from_bits_retain(bits);
        if features.contains(NxIncompat::VERSION1) || !features.contains(NxIncompat::VERSION2) {
            let what = "APFS format of a macOS 10.12 prerelease (NX_INCOMPAT_VERSION1)";
            return Err(Error::unsupported(what, "only macOS 10.12 can read it"));
        }
        if force {
            return Ok(());
        }
        match bits & !NxIncompat::all().bits() {
            0 => Ok(()),
            unknown => {
                let what = alloc::format!("unknown incompatible container features {unknown:#x}");
                Err(Error::unsupported(what, "forcing may give wrong answers"))
            }
        }
    }

    /// True if the superblock lies where its own container keeps superblocks: one of a container inside a file of
    /// this one does not.
    pub(crate) fn is_in_its_ring(&self) -> bool {
        let (len, base) = (self.raw.nx_xp_desc_blocks.get(), self.raw.nx_xp_desc_base.get());
        let scattered = len & NX_XP_FRAGMENTED != 0;
        scattered || self.block.0.checked_sub(base).is_some_and(|index| index < u64::from(len))
    }

    /// All fields as stored.
    #[must_use]
    pub fn raw(&self) -> &NxSuperblock {
        &self.raw
    }

    /// Bytes in a block.
    #[must_use]
    pub fn block_size(&self) -> BlockSize {
        self.block_size
    }

    /// Blocks in the container.
    #[must_use]
    pub fn block_count(&self) -> u64 {
        self.raw.nx_block_count.get()
    }

    /// Block that it was read from.
    #[must_use]
    pub fn block(&self) -> Paddr {
        self.block
    }

    /// Transaction that it closes.
    #[must_use]
    pub fn xid(&self) -> Xid {
        Xid(self.raw.nx_o.o_xid.get())
    }

    /// Id of the container.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        Uuid(self.raw.nx_uuid)
    }

    pub(crate) fn place(&self, field: &'static str) -> Place {
        Place::new(STRUCTURE, field).block(self.block).xid(self.xid())
    }
}
