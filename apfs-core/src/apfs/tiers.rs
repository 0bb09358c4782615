//! The devices of a container as one address space. All but Fusion pairs have one; of a pair, block numbers with a flag
//! are on tier 2, and some of those are to be read from copies on the main device (sheet apfs-09, sections 2, 4 and 5).

use alloc::sync::Arc;
use core::fmt;

use super::moved::{Moved, Target};
use super::raw::spaceman::FUSION_TIER2_DEVICE_BYTE_ADDR;
use crate::base::bytes::{len64, to_usize};
use crate::base::damage::{Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::ids::{BlockRange, BlockSize, Paddr, Uuid};
use crate::io::read_at::ReadAt;

/// A device of a container. All but Fusion pairs have the main one alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Device {
    /// The only one, or the fast one of a Fusion pair.
    Main,
    /// The slow one of a Fusion pair.
    Tier2,
}

impl Device {
    /// Both, in the order of the space manager.
    pub const ALL: [Device; 2] = [Device::Main, Device::Tier2];

    /// One word in small letters.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Device::Main => "main",
            Device::Tier2 => "tier2",
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The bit that block numbers on the slow device have. It is told apart before anything is multiplied: at 4096 bytes
/// it is 2^50, which a byte offset shifts out of its place.
pub(crate) fn tier2_flag(block_size: BlockSize) -> u64 {
    FUSION_TIER2_DEVICE_BYTE_ADDR.checked_div(block_size.bytes()).unwrap_or(0)
}

/// The devices of a container, and how many blocks each has.
#[derive(Clone)]
pub(crate) struct Tiers {
    block_size: BlockSize,
    main: Arc<dyn ReadAt>,
    main_blocks: u64,
    tier2: Option<Tier2>,
}

/// The slow device of a Fusion pair.
#[derive(Clone)]
pub(crate) struct Tier2 {
    /// `None`: it is missing.
    pub(crate) device: Option<Arc<dyn ReadAt>>,
    pub(crate) blocks: u64,
    /// What is to be read from the main device.
    pub(crate) moved: Arc<Moved>,
    /// Container, for messages.
    pub(crate) container: Uuid,
}

impl Tiers {
    pub(crate) fn new(
        block_size: BlockSize,
        main: Arc<dyn ReadAt>,
        main_blocks: u64,
        tier2: Option<Tier2>,
    ) -> Tiers {
        Tiers { block_size, main, main_blocks, tier2 }
    }

    pub(crate) fn main(&self) -> &Arc<dyn ReadAt> {
        &self.main
    }

    pub(crate) fn block_size(&self) -> BlockSize {
        self.block_size
    }

    /// Bytes of the devices that are here, which can be more or less than the container says it has.
    pub(crate) fn len(&self) -> u64 {
        let tier2 = self.tier2.as_ref().and_then(|tier2| tier2.device.as_ref());
        self.main.len().saturating_add(tier2.map_or(0, |device| device.len()))
    }

    /// The device of a block, and its number there.
    pub(crate) fn locate(&self, block: Paddr) -> (Device, Paddr) {
        let flag = tier2_flag(self.block_size);
        match &self.tier2 {
            Some(_) if block.0 & flag != 0 => (Device::Tier2, Paddr(block.0 & !flag)),
            _ => (Device::Main, block),
        }
    }

    /// True if all blocks of a run are on one of the devices.
    pub(crate) fn holds(&self, run: BlockRange) -> bool {
        let (device, start) = self.locate(run.start);
        let blocks = match (device, &self.tier2) {
            (Device::Tier2, Some(tier2)) => tier2.blocks,
            _ => self.main_blocks,
        };
        BlockRange { start, count: run.count }.fits(blocks)
    }

    /// Blocks from a block on to the end of its device, as far as the device itself is that long.
    pub(crate) fn present_behind(&self, block: Paddr) -> u64 {
        let (device, start) = self.locate(block);
        let present = match (device, &self.tier2) {
            (Device::Tier2, Some(tier2)) => tier2.blocks,
            _ => self.main.len().div_ceil(self.block_size.bytes()),
        };
        present.saturating_sub(start.0)
    }

    /// Fills `buf` with the bytes of consecutive blocks from byte `skip` of block `first` on.
    pub(crate) fn read(&self, first: Paddr, skip: u64, buf: &mut [u8]) -> Result<()> {
        let outside = || Error::damage(Damage::PastEnd, Place::new("container", "").block(first));
        let (device, block) = self.locate(first);
        let start = self.block_size.offset_of(block).and_then(|start| start.checked_add(skip));
        let start = start.ok_or_else(outside)?;
        let end = start.checked_add(len64(buf.len())).ok_or_else(outside)?;
        match (device, &self.tier2) {
            (Device::Tier2, Some(tier2)) => match end > self.bytes(tier2.blocks) {
                true => Err(outside()),
                false => self.read_tier2(tier2, start, buf),
            },
            _ if end > self.bytes(self.main_blocks) => Err(outside()),
            _ => self.main.read_exact_at(start, buf),
        }
    }

    /// Bytes of a main device that has them in memory anyway.
    pub(crate) fn lent(&self, first: Paddr, len: usize) -> Option<&[u8]> {
        let (Device::Main, block) = self.locate(first) else { return None };
        let start = self.block_size.offset_of(block)?;
        let end = start.checked_add(len64(len))?;
        if end > self.bytes(self.main_blocks) { None } else { self.main.slice_at(start, len) }
    }

    fn bytes(&self, blocks: u64) -> u64 {
        blocks.saturating_mul(self.block_size.bytes())
    }

    /// Reads from byte `start` of tier 2 on, each part from where it is. All parts are on the device.
    fn read_tier2(&self, tier2: &Tier2, start: u64, buf: &mut [u8]) -> Result<()> {
        let (mut at, mut rest) = (start, buf);
        while !rest.is_empty() {
            let block = at.checked_div(self.block_size.bytes()).unwrap_or(0);
            let (target, until) = tier2.moved.at(block);
            let here = self.bytes(until).saturating_sub(at).min(len64(rest.len())).max(1);
            let (now, later) = rest.split_at_mut(to_usize(here)?);
            let inside = at.saturating_sub(self.bytes(block));
            // Copies are checked to be on the main device when they are taken in.
            let on_main = |copy: Paddr| self.bytes(copy.0).saturating_add(inside);
            match (target, &tier2.device) {
                (Some(Target::Newer(copy)), _) => self.main.read_exact_at(on_main(copy), now)?,
                (Some(Target::Equal(copy)), None) => self.main.read_exact_at(on_main(copy), now)?,
                (Some(Target::Unclear(flaw)), _) => {
                    let flag = tier2_flag(self.block_size);
                    let place = Place::new(flaw.structure, flaw.field).block(Paddr(block | flag));
                    return Err(Error::damage(flaw.damage, place));
                }
                (_, Some(device)) => device.read_exact_at(at, now)?,
                (None, None) => {
                    let what = alloc::format!(
                        "Fusion member missing: block {block} of tier 2, the second device of container {}",
                        tier2.container
                    );
                    return Err(Error::io(at, len64(now.len()), what));
                }
            }
            at = at.saturating_add(here);
            rest = later;
        }
        Ok(())
    }
}

impl fmt::Debug for Tiers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tiers")
            .field("block_size", &self.block_size)
            .field("main_blocks", &self.main_blocks)
            .field("tier2_blocks", &self.tier2.as_ref().map(|tier2| tier2.blocks))
            .finish_non_exhaustive()
    }
}
