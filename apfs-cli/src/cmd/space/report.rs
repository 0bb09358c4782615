//! What `apfs space` says, gathered.

use apfs_core::Error;
use apfs_core::apfs::Container;
use apfs_core::apfs::space::{Freed, Identity, Owner, Space, SpaceFinding, VolumeSpace};
use apfs_core::hfsplus::Volume;
use serde::Serialize;

use crate::exit::Outcome;
use crate::row::lossy;

/// Space of everything on an image.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    schema: &'static str,
    pub(super) image: String,
    pub(super) containers: Vec<ContainerReport>,
    pub(super) hfs: Vec<HfsReport>,
    #[serde(skip)]
    pub(super) accounted: bool,
}

/// A stored number and the counted one.
#[derive(Debug, Serialize)]
pub(super) struct IdentityRow {
    pub(super) stored: u64,
    pub(super) counted: u64,
    pub(super) holds: bool,
}

/// One container; all counts are of blocks.
#[derive(Debug, Serialize)]
pub(super) struct ContainerReport {
    pub(super) part: usize,
    xid: u64,
    pub(super) block_size: u64,
    pub(super) blocks: u64,
    pub(super) allocated: u64,
    unknown: u64,
    pub(super) container: Vec<OwnerRow>,
    pub(super) volumes: Vec<VolumeRow>,
    pub(super) leaked: u64,
    pub(super) claimed_twice: u64,
    pub(super) not_allocated: u64,
    pub(super) damaged: u64,
    pub(super) used: IdentityRow,
    pub(super) sound: bool,
    pub(super) findings: Vec<FindingRow>,
    pub(super) findings_left_out: u64,
}

/// Blocks of one owner.
#[derive(Debug, Serialize)]
pub(super) struct OwnerRow {
    pub(super) owner: &'static str,
    pub(super) blocks: u64,
}

/// Blocks of a volume.
#[derive(Debug, Serialize)]
pub(super) struct VolumeRow {
    #[serde(rename = "volume_index")]
    pub(super) index: usize,
    #[serde(rename = "volume")]
    pub(super) name: String,
    pub(super) metadata: u64,
    pub(super) metadata_kept: u64,
    pub(super) data: u64,
    pub(super) data_shared: u64,
    pub(super) data_kept: u64,
    pub(super) alloc_count: IdentityRow,
    owners: Vec<OwnerRow>,
    pub(super) snapshots: Vec<SnapshotRow>,
}

/// What deleting a snapshot alone would free.
#[derive(Debug, Serialize)]
pub(super) struct SnapshotRow {
    pub(super) name: String,
    pub(super) xid: u64,
    pub(super) frees: u64,
    frees_data: u64,
    frees_metadata: u64,
    frees_own: u64,
}

/// Blocks that are not as they should be, or what could not be read.
#[derive(Debug, Serialize)]
pub(super) struct FindingRow {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    pub(super) message: String,
}

/// An HFS+ volume by its bitmap.
#[derive(Debug, Serialize)]
pub(super) struct HfsReport {
    pub(super) part: usize,
    #[serde(rename = "volume")]
    pub(super) name: String,
    pub(super) block_size: u64,
    pub(super) blocks: u64,
    pub(super) allocated: u64,
    pub(super) free: IdentityRow,
}

impl From<Identity> for IdentityRow {
    fn from(identity: Identity) -> IdentityRow {
        IdentityRow { stored: identity.stored, counted: identity.counted, holds: identity.holds() }
    }
}

impl FindingRow {
    fn new(finding: SpaceFinding) -> FindingRow {
        let row = |kind, run: Option<apfs_core::base::ids::BlockRange>, message| FindingRow {
            kind,
            start: run.map(|run| run.start.0),
            count: run.map(|run| run.count),
            message,
        };
        match finding {
            SpaceFinding::Leaked(run) => {
                let text =
                    format!("{} blocks from {}: in use, and nothing refers to them", run.count, run.start);
                row("leaked", Some(run), text)
            }
            SpaceFinding::ClaimedTwice { run, first: (a, a_id), second: (b, b_id) } => {
                let (count, start) = (run.count, run.start);
                let text = format!("{count} blocks from {start}: owned by {a} ({a_id}) and {b} ({b_id})");
                row("claimed-twice", Some(run), text)
            }
            SpaceFinding::NotAllocated { run, owner: (owner, id) } => {
                let (count, start) = (run.count, run.start);
                let text = format!("{count} blocks from {start}: free, and owned by {owner} ({id})");
                row("not-allocated", Some(run), text)
            }
            SpaceFinding::Damaged(error) => row("damaged", None, error.to_string()),
            _ => row("other", None, "unknown".to_owned()),
        }
    }
}

impl ContainerReport {
    /// Accounts for a container; keeps at most so many findings.
    pub(super) fn make(part: usize, container: &Container, most: usize) -> Result<ContainerReport, Error> {
        let (mut findings, mut findings_left_out) = (Vec::new(), 0u64);
        let space = container.space(&|| false, &mut |finding| {
            if findings.len() < most {
                findings.push(FindingRow::new(finding));
            } else {
                findings_left_out = findings_left_out.saturating_add(1);
            }
            Ok(())
        })?;
        let sum = |sum: u64, blocks: u64| sum.saturating_add(blocks);
        Ok(ContainerReport {
            part,
            xid: container.xid().0,
            block_size: space.block_size,
            blocks: space.devices.iter().map(|device| device.blocks).fold(0, sum),
            allocated: space.allocated(),
            unknown: space.devices.iter().map(|device| device.unknown).fold(0, sum),
            container: owners(&space, None),
            volumes: space.volumes.iter().map(|volume| VolumeRow::new(&space, volume)).collect(),
            leaked: space.leaked,
            claimed_twice: space.claimed_twice,
            not_allocated: space.not_allocated,
            damaged: space.damaged,
            used: space.used().into(),
            sound: space.is_sound(),
            findings,
            findings_left_out,
        })
    }
}

fn owners(space: &Space, volume: Option<usize>) -> Vec<OwnerRow> {
    let of = space.owners.iter().filter(|(owner, _)| owner.volume() == volume);
    of.map(|(owner, blocks)| OwnerRow { owner: Owner::part(*owner), blocks: *blocks }).collect()
}

impl VolumeRow {
    fn new(space: &Space, volume: &VolumeSpace) -> VolumeRow {
        let snapshots = volume.snapshots.iter().map(|(snapshot, freed)| {
            let Freed { data, metadata, own, .. } = *freed;
            SnapshotRow {
                name: lossy(snapshot.name.as_bytes()).into_owned(),
                xid: snapshot.xid.0,
                frees: freed.total(),
                frees_data: data,
                frees_metadata: metadata,
                frees_own: own,
            }
        });
        VolumeRow {
            index: volume.slot,
            name: lossy(volume.name.as_bytes()).into_owned(),
            metadata: volume.metadata,
            metadata_kept: volume.kept_metadata,
            data: volume.data,
            data_shared: volume.data_use.shared,
            data_kept: volume.data_use.kept,
            alloc_count: volume.alloc_count.into(),
            owners: owners(space, Some(volume.slot)),
            snapshots: snapshots.collect(),
        }
    }
}

impl HfsReport {
    /// Counts the blocks of a volume by its bitmap.
    pub(super) fn make(part: usize, volume: &Volume) -> Result<HfsReport, Error> {
        let (blocks, counted) = (u64::from(volume.header().total_blocks()), volume.count_free_blocks()?);
        let raw = volume.header().raw();
        Ok(HfsReport {
            part,
            name: lossy(volume.name().as_bytes()).into_owned(),
            block_size: u64::from(raw.blockSize.get()),
            blocks,
            allocated: blocks.saturating_sub(counted),
            free: Identity { stored: u64::from(raw.freeBlocks.get()), counted }.into(),
        })
    }
}

impl Report {
    pub(super) fn new(image: String) -> Report {
        Report { schema: "apfs.space/1", image, containers: Vec::new(), hfs: Vec::new(), accounted: false }
    }

    /// Says what is wrong, on standard error, in a line each.
    pub(super) fn say_problems(&self, outcome: &mut Outcome) {
        for found in self.containers.iter().filter(|found| !found.sound) {
            outcome.problem(format!("partition {}: blocks and owners do not agree", found.part));
        }
        for found in self.hfs.iter().filter(|found| !found.free.holds) {
            let IdentityRow { stored, counted, .. } = found.free;
            let part = found.part;
            outcome.problem(format!(
                "partition {part}: {stored} free blocks by the header, {counted} by the bitmap"
            ));
        }
    }
}
