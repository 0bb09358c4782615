//! The encrypted metadata: the newest block of every object, put together from both copies (sheet corestorage,
//! section 5).

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::block::{Block, Rejected};
use super::header::PhysicalVolume;
use super::raw::{ADDRESS_IN_USE, AddressEntry, BLK_TYPE_ADDRESS_TABLE, METADATA_BLOCK};
use crate::base::bytes::{len64, pod, to_usize, u32_at, zeroed};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::ids::{Oid, Paddr, Xid};
use crate::base::limits::Limits;
use crate::crypto::xts::Xts;

/// Name of the metadata in messages.
const METADATA: &str = "encrypted metadata";
/// Bytes that are read together.
const READ: u64 = 1 << 20;

/// The newest block of every object.
#[derive(Debug, Default)]
pub(super) struct Metadata {
    /// Blocks by object id.
    objects: BTreeMap<u64, Vec<u8>>,
    /// The newest table of where objects lie.
    table: Option<Vec<u8>>,
    /// Some blocks were wiped on purpose.
    pub(super) has_wiped: bool,
}

/// One copy of the metadata.
pub(super) struct Copy<'a> {
    /// The physical volume that it lies on.
    pub(super) volume: &'a PhysicalVolume,
    /// Its first block there.
    pub(super) block: u64,
    /// Its length in blocks.
    pub(super) blocks: u64,
}

impl Metadata {
    /// Reads copies of the same metadata. `keys` are tried until one fits a block of a copy; that one is for all its
    /// blocks. What one copy lacks is taken from another, and reported.
    ///
    /// # Errors
    /// `Corrupt` if no copy has a sound block, `Limit` if they are too long, I/O where no copy can be read.
    pub(super) fn read(
        copies: &[Copy<'_>],
        keys: &[Xts],
        limits: &Limits,
    ) -> Result<(Metadata, Vec<Corrupt>)> {
        let mut metadata = Metadata::default();
        let mut findings = Vec::new();
        let mut states = Vec::new();
        let mut failed = None;
        for copy in copies {
            match metadata.add(copy, keys, limits) {
                Ok(sound) => states.push((copy, sound)),
                Err(error @ Error::Limit(_)) => return Err(error),
                Err(error) => {
                    findings.push(unreadable(copy, &error));
                    failed = failed.or(Some(error));
                }
            }
        }
        if metadata.objects.is_empty() && !metadata.has_wiped {
            let none = || Error::damage(Damage::Checksum, Place::new(METADATA, ""));
            return Err(failed.unwrap_or_else(none));
        }
        findings.extend(states.iter().filter_map(|(copy, sound)| lost(copy, sound, &states)));
        findings.extend(metadata.outdated());
        Ok((metadata, findings))
    }

    /// Takes the blocks of a copy that are sound and newer than what is here. Says for every block whether it is sound.
    fn add(&mut self, copy: &Copy<'_>, keys: &[Xts], limits: &Limits) -> Result<Vec<bool>> {
        let past_end = || Error::damage(Damage::PastEnd, copy.place());
        let start = copy.volume.offset_of(copy.block).ok_or_else(past_end)?;
        let len = copy.volume.offset_of(copy.blocks).ok_or_else(past_end)?;
        let device = copy.volume.device();
        if start.checked_add(len).is_none_or(|end| end > device.len()) {
            return Err(past_end());
        }
        if len > limits.image_table_bytes {
            return Err(Error::limit("bytes of CoreStorage metadata", limits.image_table_bytes, len));
        }
        let mut sound = Vec::new();
        let mut key = None;
        let mut buffer = zeroed(to_usize(READ.min(len))?)?;
        let mut at = 0u64;
        while at < len {
            let here = READ.min(len.saturating_sub(at));
            let bytes = buffer.get_mut(..to_usize(here)?).ok_or(Error::Misuse("a buffer is long enough"))?;
            let from = start.saturating_add(at);
            if device.run_at(from).is_some_and(|run| run.zeros && run.len >= here) {
                bytes.fill(0);
            } else {
                device.read_exact_at(from, bytes)?;
            }
            for block in bytes.chunks_exact_mut(METADATA_BLOCK) {
                let number = len64(sound.len());
                sound.push(self.take(number, block, keys, &mut key));
            }
            at = at.saturating_add(here);
        }
        Ok(sound)
    }

    /// Decrypts one block and keeps it if nothing newer is here. True if it is sound.
    fn take<'k>(
        &mut self,
        number: u64,
        block: &mut [u8],
        keys: &'k [Xts],
        chosen: &mut Option<&'k Xts>,
    ) -> bool {
        // What was never written is not encrypted.
        if block.iter().all(|byte| *byte == 0) {
            return false;
        }
        if chosen.is_none() {
            let fits = |key: &&Xts| {
                let mut plain = block.to_vec();
                key.decrypt_unit(number.into(), &mut plain);
                !matches!(Block::parse(&plain, Paddr(number)), Err(Rejected::Damaged(_)))
            };
            *chosen = keys.iter().find(fits);
        }
        let Some(key) = *chosen else { return false };
        key.decrypt_unit(number.into(), block);
        match Block::parse(block, Paddr(number)) {
            Ok(parsed) => {
                self.keep(&parsed);
                true
            }
            Err(Rejected::Wiped) => {
                self.has_wiped = true;
                true
            }
            Err(Rejected::Damaged(_)) => false,
        }
    }

    fn keep(&mut self, block: &Block<'_>) {
        let is_newer = |kept: &Vec<u8>| Block::verified(kept).is_none_or(|kept| kept.txg() < block.txg());
        let vaddr = block.vaddr();
        if vaddr != 0 && self.objects.get(&vaddr).is_none_or(is_newer) {
            self.objects.insert(vaddr, block.bytes.to_vec());
        }
        if block.kind() == (BLK_TYPE_ADDRESS_TABLE, 0) && self.table.as_ref().is_none_or(is_newer) {
            self.table = Some(block.bytes.to_vec());
        }
    }

    /// The newest block of an object.
    pub(super) fn get(&self, vaddr: u64) -> Option<Block<'_>> {
        Block::verified(self.objects.get(&vaddr)?)
    }

    /// The newest blocks of all objects.
    pub(super) fn blocks(&self) -> impl Iterator<Item = Block<'_>> {
        self.objects.values().filter_map(|bytes| Block::verified(bytes))
    }

    /// Objects whose newest block is not the one that the table of addresses names: that one is damaged in every copy,
    /// and what is shown is older.
    fn outdated(&self) -> Option<Corrupt> {
        let table = Block::verified(self.table.as_deref()?)?;
        let entries = table.body.get(size_of::<u32>()..)?.chunks_exact(size_of::<AddressEntry>());
        let count = to_usize(u32_at(table.body, 0)?.into()).ok()?;
        let mut stale = (0u64..).zip(entries.take(count)).filter_map(|(vaddr, entry)| {
            let stored = pod::<AddressEntry>(entry)?.laddr.get();
            let laddr = stored ^ ADDRESS_IN_USE;
            let block = self.get(vaddr)?;
            let is_stale = stored & ADDRESS_IN_USE != 0 && block.header.mh_laddr.get() != laddr;
            // Tables are written last: a block of a later transaction was never finished.
            (is_stale && block.txg() <= table.txg()).then_some((vaddr, laddr))
        });
        let (vaddr, laddr) = stale.next()?;
        let place = Place::new(METADATA, "").oid(Oid(vaddr)).xid(Xid(table.txg()));
        let found = alloc::format!("an older state of {} objects", stale.count().saturating_add(1));
        Some(Corrupt::new(Damage::Missing, place).expected(alloc::format!("block {laddr}")).found(found))
    }
}

impl Copy<'_> {
    fn place(&self) -> Place {
        Place::new(METADATA, "").block(Paddr(self.block))
    }
}

fn unreadable(copy: &Copy<'_>, error: &Error) -> Corrupt {
    match error {
        Error::Corrupt(corrupt) => (**corrupt).clone(),
        error => Corrupt::new(Damage::Missing, copy.place()).found(error),
    }
}

/// What a copy lacks that another one has. Blocks that are sound in none are what is left of older things.
fn lost(copy: &Copy<'_>, sound: &[bool], states: &[(&Copy<'_>, Vec<bool>)]) -> Option<Corrupt> {
    let is_sound = |sound: &[bool], number: usize| sound.get(number).copied() == Some(true);
    let numbers = 0..states.iter().map(|(_, sound)| sound.len()).max().unwrap_or(0);
    let has = |number: usize| states.iter().any(|(_, other)| is_sound(other, number));
    let mut lost = numbers.filter(|number| !is_sound(sound, *number) && has(*number));
    let first = lost.next()?;
    let place = copy.place().offset(len64(first.saturating_mul(METADATA_BLOCK)));
    let found = alloc::format!("{} damaged blocks, which the other copy has", lost.count().saturating_add(1));
    Some(Corrupt::new(Damage::Checksum, place).found(found))
}
