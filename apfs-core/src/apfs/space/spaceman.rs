//! The space manager of a checkpoint: its devices and where their chunks are described (sheet apfs-06, section 1).

use alloc::vec::Vec;
use core::fmt;

use super::super::container::Container;
use super::super::object::too_short;
use super::super::raw::spaceman::{SpacemanDevice, SpacemanPhys};
use super::super::tiers::tier2_flag;
use super::pool::Pool;
use crate::base::bytes::{get, len64, pod, to_usize, u64_at};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::ids::{BlockRange, Oid, Paddr};

pub use super::super::tiers::Device;

pub(super) const STRUCTURE: &str = "spaceman_phys_t";
/// Bytes of a chunk info block before its infos, and of a block of addresses before those.
pub(super) const CIB_HEAD: u64 = 40;
/// Bytes of a chunk info.
pub(super) const CHUNK_INFO: u64 = 32;
/// Bytes of an address.
const ADDRESS: u64 = 8;

/// What the space manager says of one device. Its counts fit one another.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceSpace {
    /// Which one.
    pub device: Device,
    /// Blocks (`sm_block_count`).
    pub block_count: u64,
    /// Chunks (`sm_chunk_count`).
    pub chunk_count: u64,
    /// Blocks that are free, as stored (`sm_free_count`).
    pub free_count: u64,
    /// Chunk info blocks (`sm_cib_count`).
    pub cib_count: u64,
    /// Blocks that list the addresses of the chunk info blocks (`sm_cab_count`); 0 if the space manager lists them.
    pub cab_count: u64,
    /// Addresses in the space manager: of chunk info blocks, or of the blocks that list those.
    pub addresses: Vec<Paddr>,
}

/// The space manager of a checkpoint.
///
/// ```
/// # fn main() -> apfs_core::Result<()> {
/// # let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/../samples/demo.img");
/// # let device = std::sync::Arc::new(apfs_core::io::file::FileDevice::open(sample)?);
/// # let container = apfs_core::apfs::Container::open(device, apfs_core::OpenOptions::default())?;
/// use apfs_core::apfs::space::Device;
///
/// let spaceman = container.spaceman()?;
/// let mut used = 0;
/// spaceman.allocated(Device::Main, &|| false, &mut |run| {
///     used += run?.count;
///     Ok(())
/// })?;
/// let main = spaceman.device(Device::Main).expect("every container has a main device");
/// assert_eq!(used, main.block_count - main.free_count);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Spaceman {
    pub(super) container: Container,
    bytes: Vec<u8>,
    raw: SpacemanPhys,
    devices: Vec<DeviceSpace>,
    pool: Pool,
}

impl Spaceman {
    fn open(container: &Container) -> Result<Spaceman> {
        let oid = Oid(container.superblock().raw().nx_spaceman_oid.get());
        let bytes = container.ephemeral(oid)?;
        let raw: SpacemanPhys = *pod(&bytes).ok_or_else(|| too_short(STRUCTURE, Paddr(0)))?;
        check_sizes(container, &raw)?;
        let mut devices = Vec::new();
        for (device, found) in Device::ALL.into_iter().zip(&raw.sm_dev) {
            // Without a slow device its part is zeros but for an offset.
            if device == Device::Main || found.sm_block_count.get() != 0 {
                devices.push(device_space(container, &bytes, device, found)?);
            }
        }
        let total = devices.iter().fold(0u64, |sum, device| sum.saturating_add(device.block_count));
        let expected = container.superblock().block_count();
        if total != expected {
            let finding = Corrupt::new(Damage::Contradiction, place(container, "sm_block_count"));
            return Err(finding.expected(expected).found(total).into());
        }
        let pool = Pool::parse(container, &raw)?;
        Ok(Spaceman { container: container.clone(), bytes, raw, devices, pool })
    }

    /// All fields as stored.
    #[must_use]
    pub fn raw(&self) -> &SpacemanPhys {
        &self.raw
    }

    /// The container.
    #[must_use]
    pub fn container(&self) -> &Container {
        &self.container
    }

    /// The devices that it describes.
    #[must_use]
    pub fn devices(&self) -> &[DeviceSpace] {
        &self.devices
    }

    /// One of the devices, if it is there.
    #[must_use]
    pub fn device(&self, device: Device) -> Option<&DeviceSpace> {
        self.devices.iter().find(|space| space.device == device)
    }

    /// The internal pool, where the space manager keeps its own blocks.
    #[must_use]
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// The whole object.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The address that the rest of the container has for a block of a device.
    #[must_use]
    pub fn address(&self, device: Device, block: u64) -> Paddr {
        match device {
            Device::Main => Paddr(block),
            Device::Tier2 => Paddr(block | tier2_flag(self.container.block_size())),
        }
    }

    /// True if all blocks of a run are on one of the devices.
    #[must_use]
    pub fn holds(&self, run: BlockRange) -> bool {
        let flag = tier2_flag(self.container.block_size());
        let (device, start) = match run.start.0 & flag {
            0 => (Device::Main, run.start),
            _ => (Device::Tier2, Paddr(run.start.0 & !flag)),
        };
        let space = self.device(device);
        space.is_some_and(|space| BlockRange { start, count: run.count }.fits(space.block_count))
    }

    pub(super) fn place(&self, field: &'static str) -> Place {
        place(&self.container, field)
    }

    /// `count` numbers of 16 bits from a byte offset of the object.
    pub(super) fn shorts(&self, offset: u32, count: u64, field: &'static str) -> Result<Vec<u16>> {
        let bytes = self.array(offset, count.saturating_mul(2), field)?;
        Ok(bytes.as_chunks().0.iter().map(|pair| u16::from_le_bytes(*pair)).collect())
    }

    fn array(&self, offset: u32, len: u64, field: &'static str) -> Result<&[u8]> {
        array(&self.bytes, offset, len).ok_or_else(|| Error::damage(Damage::Bounds, self.place(field)))
    }
}

fn place(container: &Container, field: &'static str) -> Place {
    let superblock = container.superblock();
    Place::new(STRUCTURE, field).oid(Oid(superblock.raw().nx_spaceman_oid.get())).xid(superblock.xid())
}

fn array(bytes: &[u8], offset: u32, len: u64) -> Option<&[u8]> {
    get(bytes, to_usize(u64::from(offset)).ok()?, to_usize(len).ok()?)
}

/// What one block holds: bits, chunk infos, addresses.
pub(super) fn per_block(container: &Container) -> (u64, u64, u64) {
    let size = container.block_size().bytes();
    let body = size.saturating_sub(CIB_HEAD);
    let holds = |len| body.checked_div(len).unwrap_or(1).max(1);
    (size.saturating_mul(8), holds(CHUNK_INFO), holds(ADDRESS))
}

fn check_sizes(container: &Container, raw: &SpacemanPhys) -> Result<()> {
    let (blocks, chunks, cibs) = per_block(container);
    let fields = [
        ("sm_block_size", container.block_size().bytes(), raw.sm_block_size),
        ("sm_blocks_per_chunk", blocks, raw.sm_blocks_per_chunk),
        ("sm_chunks_per_cib", chunks, raw.sm_chunks_per_cib),
        ("sm_cibs_per_cab", cibs, raw.sm_cibs_per_cab),
    ];
    for (field, expected, found) in fields {
        if u64::from(found.get()) != expected {
            let finding = Corrupt::new(Damage::Range, place(container, field));
            return Err(finding.expected(expected).found(found.get()).into());
        }
    }
    Ok(())
}

fn device_space(
    container: &Container,
    bytes: &[u8],
    device: Device,
    raw: &SpacemanDevice,
) -> Result<DeviceSpace> {
    let (per_chunk, per_cib, per_cab) = per_block(container);
    let block_count = raw.sm_block_count.get();
    let chunk_count = block_count.div_ceil(per_chunk);
    let cib_count = chunk_count.div_ceil(per_cib);
    let cab_count = u64::from(raw.sm_cab_count.get());
    let check = |field, expected: u64, found: u64| match found == expected {
        true => Ok(()),
        false => {
            let finding = Corrupt::new(Damage::Contradiction, place(container, field));
            Err(Error::from(finding.expected(expected).found(found)))
        }
    };
    check("sm_chunk_count", chunk_count, raw.sm_chunk_count.get())?;
    check("sm_cib_count", cib_count, u64::from(raw.sm_cib_count.get()))?;
    if cab_count != 0 {
        check("sm_cab_count", cib_count.div_ceil(per_cab), cab_count)?;
    }
    let free_count = raw.sm_free_count.get();
    if free_count > block_count {
        let finding = Corrupt::new(Damage::Range, place(container, "sm_free_count"));
        return Err(finding.expected(alloc::format!("at most {block_count}")).found(free_count).into());
    }
    let count = if cab_count == 0 { cib_count } else { cab_count };
    let listed = array(bytes, raw.sm_addr_offset.get(), count.saturating_mul(ADDRESS));
    let listed = listed.ok_or_else(|| Error::damage(Damage::Bounds, place(container, "sm_addr_offset")))?;
    let addresses = listed.as_chunks::<8>().0.iter().map(|address| Paddr(u64::from_le_bytes(*address)));
    let addresses = addresses.collect();
    Ok(DeviceSpace { device, block_count, chunk_count, free_count, cib_count, cab_count, addresses })
}

/// The addresses in a block of addresses.
pub(super) fn addresses(bytes: &[u8], count: u64) -> Option<Vec<Paddr>> {
    let at = |index: u64| {
        let offset = to_usize(CIB_HEAD.checked_add(index.checked_mul(ADDRESS)?)?).ok()?;
        u64_at(bytes, offset).map(Paddr)
    };
    // Before memory is taken for what cannot be there.
    if count > len64(bytes.len()) {
        return None;
    }
    (0..count).map(at).collect()
}

impl fmt::Debug for Spaceman {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spaceman")
            .field("container", &self.container)
            .field("devices", &self.devices.len())
            .finish_non_exhaustive()
    }
}

impl Container {
    /// Its space manager: which blocks are in use at this checkpoint.
    ///
    /// # Errors
    /// `Corrupt` if it is missing or damaged, or its counts do not fit one another.
    pub fn spaceman(&self) -> Result<Spaceman> {
        Spaceman::open(self)
    }
}
