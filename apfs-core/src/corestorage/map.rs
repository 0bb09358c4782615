//! The address map of a logical volume: which blocks of which physical volume it is made of (sheet corestorage,
//! section 5).

use alloc::boxed::Box;
use alloc::vec::Vec;

use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use super::block::Block;
use super::header::PhysicalVolume;
use super::metadata::Metadata;
use super::raw::{
    BLK_SUBTYPE_ADDRESS_MAP, BLK_SUBTYPE_UNUSED_SPACE, BLK_TYPE_LEAF, BLK_TYPE_ROOT_LEAF, MapEntry,
    PvAddress, UnusedEntry, VolumeBlock,
};
use crate::base::bytes::{get, pod, u32_at};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::Result;

/// Name of a map in messages.
const MAP: &str = "address map";
/// Where entries begin in a leaf, behind their number.
const ENTRIES: usize = 8;

/// Bytes of a logical volume that follow one another on a physical one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Extent {
    /// First byte in the logical volume.
    pub(super) start: u64,
    /// Byte behind the last one.
    pub(super) end: u64,
    /// Where it lies.
    pub(super) address: PvAddress,
}

/// The extents of a logical volume, in order and without overlaps. There may be gaps, by damage.
#[derive(Clone, Debug, Default)]
pub(super) struct Map {
    pub(super) extents: Vec<Extent>,
    /// What addresses on physical volumes may count from, where they are not absolute.
    pub(super) base: Option<PvAddress>,
}

impl Map {
    /// The map of `volume`, whose length in bytes is `len`. Entries that lead outside of their physical volume are left
    /// out and returned as findings, as are the bytes that no entry is for.
    ///
    /// Where no leaf says that it belongs to the map, `is_only` allows to take all there are: the group has one logical
    /// volume.
    ///
    /// # Errors
    /// `Corrupt` for entries that overlap: there is no telling which one is right.
    pub(super) fn read(
        metadata: &Metadata,
        volume: &VolumeBlock,
        (len, is_only): (u64, bool),
        volumes: &[PhysicalVolume],
    ) -> Result<(Map, Vec<Corrupt>)> {
        let mut findings = Vec::new();
        let mut extents = Vec::new();
        for leaf in leaves(metadata, BLK_SUBTYPE_ADDRESS_MAP, volume.address_map.get(), is_only) {
            match entries::<MapEntry>(&leaf) {
                Ok(entries) => {
                    for entry in entries {
                        match Extent::parse(&leaf, entry, volumes) {
                            Ok(extent) => extents.extend(extent.cut(len)),
                            Err(corrupt) => findings.push(*corrupt),
                        }
                    }
                }
                Err(corrupt) => findings.push(*corrupt),
            }
        }
        extents.sort_unstable();
        extents.dedup();
        let overlap = extents.windows(2).find_map(|pair| match pair {
            [before, after] if after.start < before.end => Some(after.start),
            _ => None,
        });
        if let Some(offset) = overlap {
            return Err(Corrupt::new(Damage::Overlap, Place::new(MAP, "").offset(offset)).into());
        }
        if let Some((at, lost)) = gaps(&extents, len) {
            findings.push(missing(at).found(alloc::format!("{lost} bytes without an entry")));
        }
        let unused = leaves(metadata, BLK_SUBTYPE_UNUSED_SPACE, volume.unused_space.get(), is_only);
        Ok((Map { extents, base: unused.first().and_then(base) }, findings))
    }

    /// The same map with addresses that count from its base, if they fit there.
    pub(super) fn shifted(&self, volumes: &[PhysicalVolume]) -> Option<Map> {
        let base = self.base.filter(|base| base.block > 0)?;
        let shift = |extent: &Extent| {
            let block = extent.address.block.checked_add(base.block)?;
            let shifted = Extent { address: PvAddress { block, ..extent.address }, ..*extent };
            shifted.fits(volumes).then_some(shifted)
        };
        let extents = self.extents.iter().map(shift).collect::<Option<Vec<Extent>>>()?;
        Some(Map { extents, base: None })
    }
}

impl Extent {
    fn parse(leaf: &Block<'_>, entry: &MapEntry, volumes: &[PhysicalVolume]) -> Result<Extent, Box<Corrupt>> {
        let (logical, count) = (entry.logical.get(), u64::from(entry.count.get()));
        let address = PvAddress::new(entry.address.get());
        let wrong =
            |damage, field, found: u64| Box::new(Corrupt::new(damage, leaf.place(MAP, field)).found(found));
        let volume = volumes.get(usize::from(address.pv));
        let volume = volume.ok_or_else(|| wrong(Damage::Bounds, "physical volume", address.pv.into()))?;
        let range =
            volume.offset_of(logical).zip(logical.checked_add(count).and_then(|end| volume.offset_of(end)));
        let (start, end) = range.filter(|_| count > 0).ok_or_else(|| wrong(Damage::Range, "count", count))?;
        let extent = Extent { start, end, address };
        if extent.fits(volumes) { Ok(extent) } else { Err(wrong(Damage::PastEnd, "block", address.block)) }
    }

    /// The part that lies in a volume of `len` bytes; its last block may reach over the end.
    fn cut(self, len: u64) -> Option<Extent> {
        (self.start < len).then_some(Extent { end: self.end.min(len), ..self })
    }

    /// True if it lies on its physical volume.
    fn fits(&self, volumes: &[PhysicalVolume]) -> bool {
        let end = volumes.get(usize::from(self.address.pv)).and_then(|volume| {
            let end =
                volume.offset_of(self.address.block)?.checked_add(self.end.saturating_sub(self.start))?;
            Some(end <= volume.len())
        });
        end == Some(true)
    }
}

/// The leaves of a tree, by what they say of themselves.
fn leaves(metadata: &Metadata, subtype: u8, root: u64, is_only: bool) -> Vec<Block<'_>> {
    let is_leaf = |block: &Block<'_>| matches!(block.kind(), (BLK_TYPE_LEAF | BLK_TYPE_ROOT_LEAF, kind) if kind == subtype);
    let is_own = |block: &Block<'_>| block.vaddr() == root || block.header.mh_blk_owner.get() == root;
    let all = || metadata.blocks().filter(is_leaf);
    let own: Vec<Block<'_>> = all().filter(is_own).collect();
    if own.is_empty() && is_only { all().collect() } else { own }
}

/// The records of a leaf.
fn entries<'a, T>(leaf: &Block<'a>) -> Result<impl Iterator<Item = &'a T> + use<'a, T>, Box<Corrupt>>
where
    T: FromBytes + KnownLayout + Immutable + Unaligned + 'a,
{
    let count = u32_at(leaf.body, 0).unwrap_or(0);
    let len = usize::try_from(count).ok().and_then(|count| count.checked_mul(size_of::<T>()));
    let bytes = len.and_then(|len| get(leaf.body, ENTRIES, len));
    let bytes =
        bytes.ok_or_else(|| Box::new(Corrupt::new(Damage::Bounds, leaf.place(MAP, "count")).found(count)))?;
    Ok(bytes.chunks_exact(size_of::<T>()).filter_map(pod::<T>))
}

/// The first entry of a tree of unused space, read as the number of blocks of a volume and where they begin.
fn base(leaf: &Block<'_>) -> Option<PvAddress> {
    let entry = entries::<UnusedEntry>(leaf).ok()?.next()?;
    Some(PvAddress::new(entry.second.get()))
}

/// Bytes that no extent covers are damage; the error names the first one.
pub(super) fn missing(at: u64) -> Corrupt {
    Corrupt::new(Damage::Missing, Place::new(MAP, "entry").offset(at))
}

/// First byte of a volume that no extent covers, and how many of them there are in all.
pub(super) fn gaps(extents: &[Extent], len: u64) -> Option<(u64, u64)> {
    let covered =
        extents.iter().fold(0u64, |sum, extent| sum.saturating_add(extent.end.saturating_sub(extent.start)));
    let mut end = 0;
    for extent in extents {
        if extent.start > end {
            break;
        }
        end = extent.end;
    }
    let lost = len.saturating_sub(covered);
    (lost > 0).then_some((end, lost))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first gap and the size of all of them, wherever they are.
    #[test]
    fn gaps_of_a_map() {
        let extent = |start, end| Extent { start, end, address: PvAddress::new(0) };
        assert_eq!(gaps(&[extent(0, 5), extent(5, 9)], 9), None);
        assert_eq!(gaps(&[extent(0, 5), extent(6, 9)], 10), Some((5, 2)));
        assert_eq!(gaps(&[extent(2, 5)], 5), Some((0, 2)));
        assert_eq!(gaps(&[], 7), Some((0, 7)));
    }
}
