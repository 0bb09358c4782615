//! Device, cache, limits and checksum policy of one container: the only reader of a device in `apfs`.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use super::node::Node;
use super::object::{Expect, Header, too_short, verify_checksum};
use super::tiers::Tiers;
use super::tree_kind::TreeKind;
use crate::base::bytes::{get, len64, to_usize, zeroed};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::ids::{BlockRange, BlockSize, Paddr};
use crate::base::limits::Limits;
use crate::base::report::{Checksums, Observer};
use crate::crypto::xts::{UNIT, Xts};
use crate::io::cache::Cache;
use crate::io::read_ahead::ReadAhead;
use crate::io::read_at::past_end;

/// What every structure of a container is read through.
pub(crate) struct Store {
    tiers: Tiers,
    block_count: u64,
    limits: Limits,
    checksums: Checksums,
    observer: Option<Arc<dyn Observer>>,
    /// Each with the key that it was decrypted with: it is for no one else.
    nodes: Cache<(Arc<Node>, Option<Arc<Xts>>)>,
    read_ahead: ReadAhead,
}

impl Store {
    pub(crate) fn new(
        tiers: Tiers,
        block_count: u64,
        limits: Limits,
        checksums: Checksums,
        observer: Option<Arc<dyn Observer>>,
    ) -> Store {
        let block_size = tiers.block_size();
        let nodes = Cache::new(limits.cache_bytes, block_size.as_usize());
        let read_ahead = ReadAhead::new(block_size.as_usize());
        Store { tiers, block_count, limits, checksums, observer, nodes, read_ahead }
    }

    /// The same over devices of which more is known, with nothing cached.
    pub(crate) fn over(&self, tiers: Tiers) -> Store {
        let (limits, observer) = (self.limits.clone(), self.observer.clone());
        Store::new(tiers, self.block_count, limits, self.checksums, observer)
    }

    pub(crate) fn block_size(&self) -> BlockSize {
        self.tiers.block_size()
    }

    /// Blocks of the container, on both devices if there are two.
    pub(crate) fn block_count(&self) -> u64 {
        self.block_count
    }

    /// The devices that it reads.
    pub(crate) fn tiers(&self) -> &Tiers {
        &self.tiers
    }

    /// True if all blocks of a run are in the container, on one of its devices.
    pub(crate) fn holds(&self, run: BlockRange) -> bool {
        self.tiers.holds(run)
    }

    /// Bytes of the devices that are here, which can be more or less than the container says it has.
    pub(crate) fn device_len(&self) -> u64 {
        self.tiers.len()
    }

    /// Nodes that all trees together can have, with room for states that share some. A walk over many trees that sees more
    /// goes round in a hostile image.
    pub(crate) fn most_nodes(&self) -> u64 {
        let there = self.device_len().checked_div(self.block_size().bytes()).unwrap_or(0);
        there.min(self.block_count).saturating_mul(4)
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Tells the observer about damage that does not stop the work.
    pub(crate) fn report(&self, finding: &Corrupt) {
        if let Some(observer) = &self.observer {
            observer.finding(finding);
        }
    }

    /// Fills `buf` with the bytes of consecutive blocks from byte `skip` of block `first` on.
    pub(crate) fn read(&self, first: Paddr, skip: u64, buf: &mut [u8]) -> Result<()> {
        self.tiers.read(first, skip, buf)
    }

    /// Fills `buf` as [`Store::read`] does, and decrypts it. `tweak` is the number that the first block has for the
    /// cipher.
    pub(crate) fn read_encrypted(
        &self,
        first: Paddr,
        tweak: u64,
        skip: u64,
        key: &Xts,
        buf: &mut [u8],
    ) -> Result<()> {
        let unit = len64(UNIT);
        let number =
            |at: u64| self.unit_of(tweak).wrapping_add(u128::from(at.checked_div(unit).unwrap_or(0)));
        // A unit that is wanted in part is decrypted beside.
        let part = |at: u64, inside: usize, out: &mut [u8]| {
            let mut whole = [[0; UNIT]];
            self.read(first, at, whole.as_flattened_mut())?;
            key.decrypt(number(at), &mut whole);
            let wanted = get(whole.as_flattened(), inside, out.len());
            out.copy_from_slice(wanted.ok_or(Error::Misuse("a part lies within its unit"))?);
            Ok(())
        };
        let mut at = skip;
        let mut rest = buf;
        let inside = skip.checked_rem(unit).unwrap_or(0);
        if inside != 0 {
            let left = to_usize(unit.saturating_sub(inside))?;
            let (now, later) = rest.split_at_mut(left.min(rest.len()));
            part(at.saturating_sub(inside), to_usize(inside)?, now)?;
            at = at.saturating_add(len64(now.len()));
            rest = later;
        }
        let (units, tail) = rest.as_chunks_mut::<UNIT>();
        if !units.is_empty() {
            self.read(first, at, units.as_flattened_mut())?;
            key.decrypt(number(at), units);
            at = at.saturating_add(len64(units.as_flattened().len()));
        }
        if tail.is_empty() { Ok(()) } else { part(at, 0, tail) }
    }

    /// Decrypts whole blocks in place, `tweak` being the number that the first one has for the cipher.
    pub(crate) fn decrypt(&self, key: &Xts, tweak: u64, blocks: &mut [u8]) {
        key.decrypt(self.unit_of(tweak), blocks.as_chunks_mut().0);
    }

    /// Number of the first unit of a block.
    fn unit_of(&self, tweak: u64) -> u128 {
        let units = self.block_size().bytes().checked_div(len64(UNIT)).unwrap_or(1);
        u128::from(tweak).saturating_mul(u128::from(units))
    }

    /// The bytes of `count` consecutive blocks, unchecked.
    pub(crate) fn blocks(&self, first: Paddr, count: usize) -> Result<Vec<u8>> {
        // Before memory is taken for what cannot be there.
        let len = self.block_size().as_usize().saturating_mul(count);
        if count > 1 && len64(count) > self.tiers.present_behind(first) {
            let start = self.block_size().offset_of(first).unwrap_or(u64::MAX);
            return Err(past_end(start, len, self.device_len()));
        }
        if let Some(lent) = self.tiers.lent(first, len) {
            return Ok(lent.to_vec());
        }
        let mut bytes = zeroed(len)?;
        self.read(first, 0, &mut bytes)?;
        Ok(bytes)
    }

    /// Checks the checksum of an object by the policy.
    pub(crate) fn checksum(&self, bytes: &[u8], place: Place) -> Result<()> {
        if self.checksums == Checksums::Ignore {
            return Ok(());
        }
        match verify_checksum(bytes, place) {
            Ok(()) => Ok(()),
            Err(finding) if self.checksums == Checksums::Report => {
                self.report(&finding);
                Ok(())
            }
            Err(finding) => Err(finding.into()),
        }
    }

    /// An object of one block: checksum, id, type and transaction checked.
    pub(crate) fn object(&self, block: Paddr, expect: &Expect) -> Result<Vec<u8>> {
        self.decrypted_object(block, expect, None)
    }

    /// The same of an object that is encrypted, if there is a key.
    pub(crate) fn decrypted_object(
        &self,
        block: Paddr,
        expect: &Expect,
        key: Option<&Xts>,
    ) -> Result<Vec<u8>> {
        let mut bytes = self.blocks(block, 1)?;
        if let Some(key) = key {
            self.decrypt(key, block.0, &mut bytes);
        }
        self.check_object(&bytes, block, expect)?;
        Ok(bytes)
    }

    /// Header of any object of one block, its checksum being right.
    pub(crate) fn header(&self, block: Paddr, structure: &'static str, key: Option<&Xts>) -> Result<Header> {
        let mut bytes = self.blocks(block, 1)?;
        if let Some(key) = key {
            self.decrypt(key, block.0, &mut bytes);
        }
        self.checksum(&bytes, Place::new(structure, "o_cksum").block(block))?;
        Header::parse(&bytes).ok_or_else(|| too_short(structure, block))
    }

    /// Checks the header and checksum of an object's bytes.
    pub(crate) fn check_object(&self, bytes: &[u8], block: Paddr, expect: &Expect) -> Result<()> {
        let header = Header::parse(bytes).ok_or_else(|| too_short(expect.structure, block))?;
        self.checksum(bytes, expect.place("o_cksum", block))?;
        expect.check(&header, block)
    }

    /// A node, from the cache if it is there.
    pub(crate) fn node(&self, request: &NodeRequest<'_>) -> Result<Arc<Node>> {
        let block = request.block;
        let same_key = |key: Option<&Arc<Xts>>| match (key, request.key) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (a, b) => a.is_none() && b.is_none(),
        };
        let node = match self.nodes.get(block.0) {
            Some((node, key)) if core::ptr::eq(node.kind(), request.kind) && same_key(key.as_ref()) => node,
            _ => {
                let is_kept = |block| {
                    let outside = !self.holds(BlockRange { start: Paddr(block), count: 1 });
                    outside || self.nodes.contains(block)
                };
                let read = |first, buf: &mut [u8]| self.read(Paddr(first), 0, buf);
                let mut bytes = match self.tiers.lent(block, self.block_size().as_usize()) {
                    Some(lent) => lent.to_vec(),
                    None => self.read_ahead.block(block.0, is_kept, read)?,
                };
                if let Some(key) = request.key {
                    self.decrypt(key, block.0, &mut bytes);
                }
                if !request.headerless {
                    self.checksum(&bytes, request.expect.place("o_cksum", block))?;
                }
                let node = Arc::new(Node::parse(bytes, block, request.kind)?);
                self.nodes.insert(block.0, (node.clone(), request.key.cloned()));
                node
            }
        };
        // On every use, cached or not: the same block may be reached through a reference that promises otherwise.
        if node.is_root() != request.root || node.is_headerless() != request.headerless {
            return Err(Corrupt::new(Damage::Contradiction, node.place("btn_flags")).into());
        }
        if !request.headerless {
            request.expect.check(node.header(), block)?;
        } else if *node.header() != Header::default() {
            return Err(Corrupt::new(Damage::Contradiction, node.place("btn_o")).into());
        }
        Ok(node)
    }
}

/// Which node is wanted and what the reference to it promises.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NodeRequest<'k> {
    pub(crate) block: Paddr,
    pub(crate) kind: &'static TreeKind,
    pub(crate) expect: Expect,
    pub(crate) root: bool,
    pub(crate) headerless: bool,
    /// What it is encrypted with.
    pub(crate) key: Option<&'k Arc<Xts>>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("block_size", &self.block_size())
            .field("block_count", &self.block_count)
            .field("checksums", &self.checksums)
            .finish_non_exhaustive()
    }
}
