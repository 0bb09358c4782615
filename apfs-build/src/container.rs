//! The image builder: volumes, transactions and checkpoints put together into a container.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::area::Area;
use super::bytes::put;
use super::checkpoint::{Container, Ephemeral, Position, reaper};
use super::disk::{Disk, Role};
use super::fusion::{Fusion, Pair, tier2_flag};
use super::image::{Checkpoint, Image, VolumeMap};
use super::keybag::{Member, container_keybag, volume_keybag};
use super::live::Volume;
use super::object::fix_checksum;
use super::omap::{Mapping, OMAP_MANUALLY_MANAGED, Omap};
use super::spaceman::{Spaceman, State};
use super::volume::{Segment, VolumeBuilder, VolumeOptions};

/// A container to build.
#[derive(Debug)]
pub struct ImageBuilder {
    block_size: usize,
    checkpoints: usize,
    max_records: usize,
    first_xid: u64,
    min_blocks: Option<u64>,
    sparse: bool,
    fragmented: bool,
    ring_start: Position,
    desc_blocks: u64,
    data_blocks: u64,
    block_zero: usize,
    nx_uuid: [u8; 16],
    extra_incompatible_features: u64,
    fusion: Option<Fusion>,
    volumes: Vec<VolumeBuilder>,
}

/// A checkpoint before the space manager is known.
#[derive(Debug)]
struct Planned {
    xid: u64,
    nx_omap_oid: u64,
    used: BTreeSet<u64>,
}

impl Default for ImageBuilder {
    fn default() -> Self {
        ImageBuilder::new()
    }
}

impl ImageBuilder {
    /// A container without volumes, of 4096-byte blocks, with one checkpoint.
    pub fn new() -> Self {
        ImageBuilder {
            block_size: 4096,
            checkpoints: 1,
            max_records: usize::MAX,
            first_xid: 2,
            min_blocks: None,
            sparse: false,
            fragmented: false,
            ring_start: Position::default(),
            desc_blocks: 0,
            data_blocks: 0,
            block_zero: 0,
            nx_uuid: *b"test container..",
            extra_incompatible_features: 0,
            fusion: None,
            volumes: Vec::new(),
        }
    }

    /// `nx_block_size`, 4096 to 65536.
    pub fn block_size(mut self, bytes: usize) -> Self {
        self.block_size = bytes;
        self
    }

    /// How many checkpoints, each of another transaction, the rings hold. Volumes with fewer transactions than
    /// this have their last one divided into nearly equal parts.
    pub fn checkpoints(mut self, count: usize) -> Self {
        self.checkpoints = count;
        self
    }

    /// Most records per tree node, at least 2.
    pub fn max_records_per_node(mut self, count: usize) -> Self {
        assert!(count >= 2, "an index node needs two children");
        self.max_records = count;
        self
    }

    /// Checkpoint areas of scattered blocks behind a B-tree.
    pub fn fragmented_areas(mut self, fragmented: bool) -> Self {
        self.fragmented = fragmented;
        self
    }

    /// Transaction of the first change.
    pub fn first_xid(mut self, xid: u64) -> Self {
        self.first_xid = xid;
        self
    }

    /// Smallest size of the container in blocks, 1 MiB if not given.
    pub fn min_blocks(mut self, blocks: u64) -> Self {
        self.min_blocks = Some(blocks);
        self
    }

    /// Leaves out the zeros at the end: the container may be as large as a real disk. For one checkpoint.
    pub fn sparse(mut self) -> Self {
        self.sparse = true;
        self
    }

    /// Ring indices of the oldest checkpoint, so that a later one wraps around.
    pub fn ring_start(mut self, desc: u64, data: u64) -> Self {
        self.ring_start = Position { desc, data };
        self
    }

    /// Sizes of the descriptor and data areas, when the default is not wanted.
    pub fn ring_sizes(mut self, desc: u64, data: u64) -> Self {
        (self.desc_blocks, self.data_blocks) = (desc, data);
        self
    }

    /// Block 0 is a copy of the superblock this many checkpoints before the newest.
    pub fn block_zero_lags(mut self, checkpoints: usize) -> Self {
        self.block_zero = checkpoints;
        self
    }

    /// `nx_uuid`.
    pub fn uuid(mut self, uuid: [u8; 16]) -> Self {
        self.nx_uuid = uuid;
        self
    }

    /// Bits of `nx_incompatible_features` beside version 2.
    pub fn extra_incompatible_features(mut self, bits: u64) -> Self {
        self.extra_incompatible_features = bits;
        self
    }

    /// Makes it a Fusion pair.
    pub fn fusion(mut self, fusion: Fusion) -> Self {
        self.fusion = Some(fusion);
        self
    }

    /// Adds a volume.
    pub fn volume(mut self, volume: VolumeBuilder) -> Self {
        self.volumes.push(volume);
        self
    }

    /// Writes the image.
    pub fn build(self) -> Image {
        assert!(!self.sparse || self.checkpoints == 1, "a sparse container has one checkpoint");
        let mut disk = Disk::new(self.block_size, self.first_xid, self.max_records);
        disk.alloc(1);
        if self.fusion.is_some() {
            disk.tier2 = Some(vec![0; self.block_size]);
        }
        let (desc, data) = self.areas(&mut disk);
        let (nx_spaceman_oid, nx_reaper_oid) = (disk.alloc_oid(), disk.alloc_oid());
        let mut fixed: BTreeSet<u64> =
            [desc.all_blocks(), data.all_blocks(), vec![0]].concat().into_iter().collect();
        if self.fusion.is_some() {
            fixed.insert(tier2_flag(self.block_size));
        }

        let (count, mut pending) = transactions(self.volumes, self.checkpoints);
        let options: Vec<_> = pending.iter().map(|(options, _)| options.clone()).collect();
        let keybags = write_keybags(self.nx_uuid, &options, &mut disk);
        fixed.extend(&keybags);
        let mut volumes: Vec<Volume> = Vec::new();
        for (index, (options, _)) in pending.iter().enumerate() {
            volumes.push(Volume::new(index, options.clone(), &mut disk));
        }
        let mut planned = Vec::new();
        for transaction in 0..count {
            disk.xid = self.first_xid + transaction as u64;
            for (volume, (_, segments)) in volumes.iter_mut().zip(&mut pending) {
                if let Some(segment) = segments.pop_front() {
                    volume.run(segment, &mut disk);
                }
            }
            if transaction + self.checkpoints >= count {
                planned.push(plan(&mut volumes, &fixed, &mut disk));
            }
        }

        let pair = self.fusion.as_ref().map(|fusion| Pair::write(fusion, &mut disk));
        for plan in &mut planned {
            plan.used.extend(pair.iter().flat_map(|pair| &pair.blocks));
        }
        let min_blocks = self.min_blocks.unwrap_or((1 << 20) / self.block_size as u64);
        let tier2_blocks = self.fusion.as_ref().map_or(0, |fusion| fusion.min_blocks);
        let spaceman = Spaceman::layout(nx_spaceman_oid, (min_blocks, tier2_blocks), self.sparse, &mut disk);
        let bytes = spaceman.block_count() * self.block_size as u64;
        let large = bytes >= 128 << 20;
        let container = Container {
            nx_uuid: self.nx_uuid,
            nx_block_count: spaceman.block_count(),
            nx_max_file_systems: bytes.div_ceil(512 << 20).clamp(volumes.len().max(1) as u64, 100) as u32,
            min_block_count: if large { 8 } else { spaceman.node_limit(0) },
            nx_spaceman_oid,
            nx_reaper_oid,
            nx_fs_oid: volumes.iter().map(|volume| volume.oid).collect(),
            desc,
            data,
            extra_incompatible_features: self.extra_incompatible_features,
            nx_keylocker: keybags.first().copied(),
            fusion: pair.as_ref().map(|pair| pair.fields),
        };
        let ephemeral = pair.as_ref().map_or(&[][..], |pair| &pair.ephemeral);
        let checkpoints =
            write_checkpoints(&container, &spaceman, (&planned, ephemeral), self.ring_start, &mut disk);
        let zero = &checkpoints[checkpoints.len() - 1 - self.block_zero];
        disk.checkpoint = None;
        let copy = disk.blocks(zero.superblock, 1).to_vec();
        disk.xid = zero.xid;
        disk.write(0, &copy, Role::BlockZero, super::checkpoint::OID_NX_SUPERBLOCK);
        if let Some(fusion) = &self.fusion {
            let mut copy = disk.blocks(0, 1).to_vec();
            put(&mut copy, 0x500, fusion.second_uuid());
            fix_checksum(&mut copy);
            disk.blocks_mut(tier2_flag(self.block_size), 1).copy_from_slice(&copy);
        }
        let mut encrypted = encrypt(&options, &volumes, &mut disk);
        if let Some(pair) = &pair {
            pair.fill(&mut disk);
        }
        encrypted.extend(keybags);
        Image {
            block_size: self.block_size,
            block_count: spaceman.block_count(),
            encrypted,
            bytes: disk.bytes,
            tier2: disk.tier2.unwrap_or_default(),
            places: disk.places,
            checkpoints,
            volumes: volumes.iter().map(VolumeMap::of).collect(),
        }
    }

    fn areas(&self, disk: &mut Disk) -> (Area, Area) {
        let count = self.checkpoints as u64;
        let desc = if self.desc_blocks > 0 { self.desc_blocks } else { (2 * count).max(8) };
        let data = if self.data_blocks > 0 { self.data_blocks } else { (8 * count).max(52) };
        let area = if self.fragmented { Area::fragmented } else { Area::contiguous };
        (area(desc, disk), area(data, disk))
    }
}

/// Writes the keybags of all encrypted volumes; gives their blocks, the container's first.
fn write_keybags(nx_uuid: [u8; 16], volumes: &[VolumeOptions], disk: &mut Disk) -> Vec<u64> {
    let encrypted = volumes.iter().zip(0..).filter_map(|(options, index)| {
        options.encryption.as_ref().map(|encryption| (options.uuid(index), encryption))
    });
    let encrypted: Vec<_> = encrypted.collect();
    if encrypted.is_empty() {
        return Vec::new();
    }
    let first = disk.alloc(1 + encrypted.len() as u64);
    let members: Vec<_> = encrypted
        .into_iter()
        .zip(first + 1..)
        .map(|((uuid, encryption), keybag)| Member { uuid, encryption, keybag })
        .collect();
    let (xid, block_size) = (disk.xid, disk.block_size);
    disk.write(first, &container_keybag(nx_uuid, first, xid, &members, block_size), Role::Keybag, 0);
    for member in &members {
        disk.write(member.keybag, &volume_keybag(member, xid, block_size), Role::Keybag, 0);
    }
    (first..).take(members.len() + 1).collect()
}

/// Encrypts what encrypted volumes have written; gives the blocks.
fn encrypt(options: &[VolumeOptions], volumes: &[Volume], disk: &mut Disk) -> BTreeSet<u64> {
    // Extents that say their tweak themselves.
    let extents = volumes.iter().flat_map(|volume| volume.content.streams.values()).flat_map(|s| &s.extents);
    let stated: BTreeMap<u64, u64> = extents
        .filter(|extent| extent.crypto_id != 0)
        .flat_map(|extent| (extent.block..).zip(extent.crypto_id..).take(extent.count as usize))
        .collect();
    let mut blocks = BTreeSet::new();
    let places = core::mem::take(&mut disk.places);
    for place in &places {
        let options = place.volume.and_then(|index| options[index].encryption.as_ref());
        let Some(encryption) = options else { continue };
        for block in place.block..place.block + place.count {
            let tweak = match place.role {
                Role::FsNode | Role::SnapMetaExt => block,
                Role::Data => stated.get(&block).copied().unwrap_or_else(|| encryption.tweak_of(block)),
                _ => continue,
            };
            let size = disk.block_size;
            encryption.encrypt(tweak, size, disk.blocks_mut(block, 1));
            blocks.insert(block);
        }
    }
    disk.places = places;
    blocks
}

type Pending = Vec<(VolumeOptions, VecDeque<Segment>)>;

/// The transactions of each volume and how many there are.
fn transactions(volumes: Vec<VolumeBuilder>, checkpoints: usize) -> (usize, Pending) {
    let mut pending: Pending = Vec::new();
    for VolumeBuilder { options, mut segments } in volumes {
        // Nothing after the last snapshot or commit is no transaction.
        if segments.len() > 1 {
            segments.pop_if(|last| last.changes.is_empty());
        }
        pending.push((options, segments.into()));
    }
    let count = pending.iter().map(|(_, segments)| segments.len()).max().unwrap_or(1);
    let parts = (checkpoints + 1).saturating_sub(count).max(1);
    for (_, segments) in pending.iter_mut().filter(|(_, segments)| segments.len() == count) {
        let Segment { changes, snapshot } = segments.pop_back().unwrap();
        let total = changes.len();
        let mut changes = changes.into_iter();
        for part in 0..parts {
            let len = total * (part + 1) / parts - total * part / parts;
            segments.push_back(Segment { changes: changes.by_ref().take(len).collect(), snapshot: None });
        }
        segments.back_mut().unwrap().snapshot = snapshot;
    }
    (count + parts - 1, pending)
}

/// Commits all volumes and writes the container's object map.
fn plan(volumes: &mut [Volume], fixed: &BTreeSet<u64>, disk: &mut Disk) -> Planned {
    let mut omap = Omap { om_flags: OMAP_MANUALLY_MANAGED, ..Omap::default() };
    let mut used = fixed.clone();
    for volume in volumes {
        let committed = volume.commit(disk);
        omap.set(volume.oid, committed.xid, Mapping { ov_flags: 0, ov_paddr: committed.superblock });
        used.extend(committed.blocks);
    }
    let (nx_omap_oid, blocks) = omap.write(disk, Role::ContainerOmap, Role::ContainerOmapNode);
    used.extend(blocks);
    Planned { xid: disk.xid, nx_omap_oid, used }
}

fn write_checkpoints(
    container: &Container,
    spaceman: &Spaceman,
    (planned, ephemeral): (&[Planned], &[Ephemeral]),
    start: Position,
    disk: &mut Disk,
) -> Vec<Checkpoint> {
    let mut at = start;
    let mut freed: Vec<(u64, u64)> = Vec::new();
    let mut checkpoints = Vec::new();
    for (number, plan) in planned.iter().enumerate() {
        disk.xid = plan.xid;
        disk.checkpoint = Some(number);
        if let Some(before) = number.checked_sub(1).map(|n| &planned[n]) {
            freed.extend(before.used.difference(&plan.used).map(|block| (plan.xid, *block)));
        }
        let used: BTreeSet<u64> = plan.used.iter().copied().chain(spaceman.pool_blocks()).collect();
        let state = State { number: number as u64, used: &used, freed: &freed, is_first: number == 0 };
        let mut objects = spaceman.write(&state, disk);
        objects.insert(1, reaper(container.nx_reaper_oid, disk.block_size));
        objects.extend_from_slice(ephemeral);
        let volumes = container.nx_fs_oid.len();
        let (superblock, next) = container.write_checkpoint(at, objects, plan.nx_omap_oid, volumes, disk);
        at = next;
        checkpoints.push(Checkpoint { xid: plan.xid, superblock, nx_omap_oid: plan.nx_omap_oid, used });
    }
    checkpoints
}
