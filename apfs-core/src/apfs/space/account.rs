//! Every block of a container, and whose it is: what is in use by the bitmaps against what is claimed
//! (sheet apfs-06, section 4).

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::super::container::Container;
use super::super::snapshot::Snapshot;
use super::super::volume::Volume;
use super::claim::{Claim, Owner};
use super::freed::{DataUse, Freed};
use super::spaceman::{Device, DeviceSpace, Spaceman};
use crate::base::bytes::len64;
use crate::base::error::{Error, Result};
use crate::base::ids::{BlockRange, Oid, Paddr};
use crate::base::report::Cancel;
use crate::fs::types::Name;

/// Something that is not as it should be.
#[derive(Debug)]
#[non_exhaustive]
pub enum SpaceFinding {
    /// Blocks that are in use by the bitmaps, and nothing refers to them.
    Leaked(BlockRange),
    /// Blocks that two owners have.
    ClaimedTwice {
        /// The blocks.
        run: BlockRange,
        /// One owner, and the object id it has them for.
        first: (Owner, Oid),
        /// The other.
        second: (Owner, Oid),
    },
    /// Blocks that someone owns and the bitmaps say are free.
    NotAllocated {
        /// The blocks.
        run: BlockRange,
        /// Who owns them, and the object id it has them for.
        owner: (Owner, Oid),
    },
    /// Something could not be read: what it owns is among the leaked blocks.
    Damaged(Error),
}

/// A number that is stored, and what it is when counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// As stored.
    pub stored: u64,
    /// As counted.
    pub counted: u64,
}

impl Identity {
    /// True if both are the same.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.stored == self.counted
    }
}

/// Blocks of a device by its bitmaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceUse {
    /// Which one.
    pub device: Device,
    /// Blocks.
    pub blocks: u64,
    /// Blocks in use by the bitmaps.
    pub used: u64,
    /// Blocks about which the bitmaps could not be read.
    pub unknown: u64,
    /// Free blocks, as the space manager says.
    pub free_stored: u64,
}

/// Blocks of a volume.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct VolumeSpace {
    /// Slot.
    pub slot: usize,
    /// Name.
    pub name: Name,
    /// The volume's own count (`apfs_fs_alloc_count`) and ours.
    pub alloc_count: Identity,
    /// Metadata of the live state.
    pub metadata: u64,
    /// Metadata that is there for snapshots.
    pub kept_metadata: u64,
    /// Data, of all states.
    pub data: u64,
    /// Data by how it is used.
    pub data_use: DataUse,
    /// Snapshots, oldest first, and what deleting each of them alone would free.
    pub snapshots: Vec<(Snapshot, Freed)>,
}

/// All blocks of a container. Counts are of blocks; one that several owners have counts for the first.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Space {
    /// Bytes of a block.
    pub block_size: u64,
    /// The devices.
    pub devices: Vec<DeviceUse>,
    /// Blocks by owner.
    pub owners: BTreeMap<Owner, u64>,
    /// The volumes that could be opened.
    pub volumes: Vec<VolumeSpace>,
    /// In use, and nothing refers to them.
    pub leaked: u64,
    /// Two owners have them.
    pub claimed_twice: u64,
    /// Owned, and free by the bitmaps.
    pub not_allocated: u64,
    /// Things that could not be read.
    pub damaged: u64,
}

impl Space {
    /// Blocks in use, by the space manager's count of free ones and as owners have them; free queues included.
    #[must_use]
    pub fn used(&self) -> Identity {
        let sum = |sum: u64, blocks: u64| sum.saturating_add(blocks);
        let stored = self.devices.iter().map(|device| device.blocks.saturating_sub(device.free_stored));
        let counted = self.owners.values().copied();
        Identity { stored: stored.fold(0, sum), counted: counted.fold(0, sum) }
    }

    /// Blocks in use by the bitmaps.
    #[must_use]
    pub fn allocated(&self) -> u64 {
        self.devices.iter().fold(0, |sum, device| sum.saturating_add(device.used))
    }

    /// Blocks of all owners for which something holds.
    #[must_use]
    pub fn sum(&self, of: impl Fn(Owner) -> bool) -> u64 {
        let blocks = self.owners.iter().filter(|(owner, _)| of(**owner)).map(|(_, blocks)| *blocks);
        blocks.fold(0, u64::saturating_add)
    }

    /// True if every block in use has one owner, every owned block is in use, and all stored counts are right.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let wrong = [self.leaked, self.claimed_twice, self.not_allocated, self.damaged];
        let known = self.devices.iter().all(|device| device.unknown == 0);
        let used = self.used();
        let counts = self.volumes.iter().all(|volume| volume.alloc_count.holds());
        wrong == [0; 4] && known && used.holds() && used.counted == self.allocated() && counts
    }
}

/// Receives findings, one at a time, as they are made.
pub type EachFinding<'a> = dyn FnMut(SpaceFinding) -> Result<()> + 'a;

/// A claim, kept.
#[derive(Clone, Copy, Debug)]
struct Held {
    start: u64,
    end: u64,
    owner: Owner,
    oid: Oid,
}

impl Held {
    fn of(claim: &Claim) -> Held {
        let start = claim.run.start.0;
        Held { start, end: start.saturating_add(claim.run.count), owner: claim.owner, oid: claim.oid }
    }

    fn who(&self) -> (Owner, Oid) {
        (self.owner, self.oid)
    }
}

fn blocks(start: u64, end: u64) -> BlockRange {
    BlockRange { start: Paddr(start), count: end.saturating_sub(start) }
}

/// All claims, in the end by block and without overlaps.
struct Claims {
    held: Vec<Held>,
    most: usize,
}

impl Claims {
    fn add(&mut self, claim: &Claim) -> Result<()> {
        if self.held.len() >= self.most {
            self.join();
            let most = len64(self.most);
            // Joining must be worth its time.
            if self.held.len() > self.most.checked_div(2).unwrap_or(0) {
                return Err(Error::limit("runs of blocks with owners", most, most.saturating_add(1)));
            }
        }
        self.held.push(Held::of(claim));
        Ok(())
    }

    fn sort(&mut self) {
        self.held.sort_unstable_by_key(|held| (held.start, held.owner, held.end, held.oid));
    }

    /// Makes one run of those of one owner that follow one another.
    fn join(&mut self) {
        self.sort();
        self.held.dedup_by(|next, before| {
            let follows = before.end == next.start && before.owner == next.owner;
            if follows {
                before.end = next.end;
            }
            follows
        });
    }

    /// Leaves each block to the first of its owners; tells of the others.
    fn part(&mut self, each: &mut EachFinding<'_>) -> Result<u64> {
        self.sort();
        let mut twice = 0u64;
        // The claim that reaches furthest so far, and up to where blocks were found to be claimed twice.
        let (mut furthest, mut told) = (None::<Held>, 0u64);
        for held in &mut self.held {
            let Some(before) = furthest else {
                furthest = Some(*held);
                continue;
            };
            let (start, end) = (held.start, held.end.min(before.end));
            if start < end && !before.owner.shares_with(held.owner) {
                twice = twice.saturating_add(end.saturating_sub(start.max(told)));
                told = told.max(end);
                each(SpaceFinding::ClaimedTwice {
                    run: blocks(start, end),
                    first: before.who(),
                    second: held.who(),
                })?;
            }
            if held.end > before.end {
                furthest = Some(*held);
            }
            held.start = held.start.max(before.end).min(held.end);
        }
        self.held.retain(|held| held.start < held.end);
        Ok(twice)
    }
}

/// Claims compared with the bitmaps, from the first block on.
struct Comparison<'a> {
    claims: &'a [Held],
    /// First claim that reaches into blocks not compared yet.
    at: usize,
    leaked: u64,
    not_allocated: u64,
}

impl Comparison<'_> {
    fn run(&mut self, start: u64, end: u64, used: bool, each: &mut EachFinding<'_>) -> Result<()> {
        let mut here = start;
        while let Some(claim) = self.claims.get(self.at).filter(|claim| claim.start < end) {
            let (from, to) = (claim.start.max(here), claim.end.min(end));
            if from < to {
                if used {
                    self.leak(here, from, each)?;
                } else {
                    self.not_allocated = self.not_allocated.saturating_add(to.saturating_sub(from));
                    let (run, owner) = (blocks(from, to), claim.who());
                    each(SpaceFinding::NotAllocated { run, owner })?;
                }
                here = to;
            }
            if claim.end > end {
                break;
            }
            self.at = self.at.saturating_add(1);
        }
        if used { self.leak(here, end, each) } else { Ok(()) }
    }

    fn leak(&mut self, from: u64, to: u64, each: &mut EachFinding<'_>) -> Result<()> {
        if from >= to {
            return Ok(());
        }
        self.leaked = self.leaked.saturating_add(to.saturating_sub(from));
        each(SpaceFinding::Leaked(blocks(from, to)))
    }
}

impl Container {
    /// Tells whose every block is. Works on encrypted volumes without a key. What is not as it should be is given to
    /// `each`; damage costs only what it hides.
    ///
    /// # Errors
    /// `Corrupt` if the space manager can't be read; `Cancelled`; `Limit` for more runs than
    /// [`Limits::space_runs`](crate::Limits::space_runs); whatever `each` returns.
    pub fn space(&self, cancel: Cancel<'_>, each: &mut EachFinding<'_>) -> Result<Space> {
        let spaceman = self.spaceman()?;
        let mut damaged = 0u64;
        let mut each = |finding| {
            if matches!(finding, SpaceFinding::Damaged(_)) {
                damaged = damaged.saturating_add(1);
            }
            each(finding)
        };
        let mut claims = Claims { held: Vec::new(), most: self.limits().space_runs };
        self.each_claim(cancel, &mut |claim| match claim {
            Ok(claim) => claims.add(&claim),
            Err(error @ Error::Limit(_)) => Err(error),
            Err(error) => each(SpaceFinding::Damaged(error)),
        })?;
        let claimed_twice = claims.part(&mut each)?;
        let mut owners = BTreeMap::new();
        for held in &claims.held {
            let blocks: &mut u64 = owners.entry(held.owner).or_default();
            *blocks = blocks.saturating_add(held.end.saturating_sub(held.start));
        }
        let mut comparison = Comparison { claims: &claims.held, at: 0, leaked: 0, not_allocated: 0 };
        let mut devices = Vec::new();
        for space in spaceman.devices() {
            devices.push(compare(&spaceman, space, cancel, &mut comparison, &mut each)?);
        }
        let (leaked, not_allocated) = (comparison.leaked, comparison.not_allocated);
        drop(claims);
        let mut space = Space {
            block_size: self.block_size().bytes(),
            devices,
            owners,
            volumes: Vec::new(),
            leaked,
            claimed_twice,
            not_allocated,
            damaged,
        };
        for (slot, volume) in self.volumes() {
            if let Ok(volume) = volume {
                let volume = space.volume(slot, &volume, cancel)?;
                space.volumes.push(volume);
            }
        }
        Ok(space)
    }
}

impl Space {
    fn volume(&self, slot: usize, volume: &Volume, cancel: Cancel<'_>) -> Result<VolumeSpace> {
        let of =
            |wanted: &dyn Fn(Owner) -> bool| self.sum(|owner| owner.volume() == Some(slot) && wanted(owner));
        // What is damaged was told when its claims were looked for.
        let snapshots = match volume.snapshot_space(cancel, &mut |_| Ok(())) {
            Ok(space) => space,
            Err(error @ (Error::Cancelled | Error::Limit(_))) => return Err(error),
            Err(_) => Default::default(),
        };
        let stored = volume.superblock().raw().apfs_fs_alloc_count.get();
        Ok(VolumeSpace {
            slot,
            name: volume.name(),
            alloc_count: Identity { stored, counted: of(&Owner::is_counted) },
            metadata: of(&|owner| !owner.is_data() && !owner.is_kept()),
            kept_metadata: of(&Owner::is_kept),
            data: of(&Owner::is_data),
            data_use: snapshots.data,
            snapshots: snapshots.snapshots,
        })
    }
}

fn compare(
    spaceman: &Spaceman,
    space: &DeviceSpace,
    cancel: Cancel<'_>,
    comparison: &mut Comparison<'_>,
    each: &mut EachFinding<'_>,
) -> Result<DeviceUse> {
    let device = space.device;
    let (mut used, mut known) = (0u64, 0u64);
    spaceman.each_block_run(device, cancel, &mut |run| match run {
        Ok(run) => {
            known = known.saturating_add(run.count);
            used = used.saturating_add(if run.used { run.count } else { 0 });
            let start = spaceman.address(device, run.start).0;
            comparison.run(start, start.saturating_add(run.count), run.used, each)
        }
        Err(error) => each(SpaceFinding::Damaged(error)),
    })?;
    let blocks = space.block_count;
    let unknown = blocks.saturating_sub(known);
    Ok(DeviceUse { device, blocks, used, unknown, free_stored: space.free_count })
}
