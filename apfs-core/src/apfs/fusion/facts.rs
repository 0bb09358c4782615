//! What is known of a Fusion pair, and where its blocks are read (sheet apfs-09).

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::super::checkpoint::{Checkpoint, EphemeralObjects};
use super::super::moved::Layers;
use super::super::raw::spaceman::SpacemanPhys;
use super::super::store::Store;
use super::super::tiers::{Tier2, Tiers};
use super::cache::{self, WriteBack};
use super::half::Half;
use super::middle::{self, MiddleTree};
use crate::base::bytes::pod;
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::ids::{Oid, Uuid};
use crate::io::read_at::ReadAt;

/// Most findings that are kept; all are counted.
const MOST_FINDINGS: usize = 1000;

/// A Fusion pair: two devices that are one container.
#[derive(Debug)]
#[non_exhaustive]
pub struct Fusion {
    /// `nx_fusion_uuid` of the main device.
    pub main_uuid: Uuid,
    /// `nx_fusion_uuid` of tier 2; what it should be if that is missing.
    pub tier2_uuid: Uuid,
    /// Blocks of the main device, as the space manager says, or as the device has if that can't be read.
    pub main_blocks: u64,
    /// Blocks of tier 2.
    pub tier2_blocks: u64,
    /// True if the sizes are those that the space manager says.
    pub sizes_known: bool,
    /// Bytes of the main device.
    pub main_len: u64,
    /// Bytes of tier 2; `None` if it is missing: data on it can't be read then, everything else can.
    pub tier2_len: Option<u64>,
    /// Copies of blocks of tier 2 on the main device.
    pub middle_tree: MiddleTree,
    /// Recently written data whose place is on tier 2.
    pub write_back: WriteBack,
    /// What is wrong, the missing device among it, as far as it is kept. What depends on it can't be read.
    pub findings: Vec<Error>,
    /// How many findings there are.
    pub finding_count: u64,
}

/// Gathers what is wrong.
#[derive(Debug, Default)]
pub(super) struct Findings {
    kept: Vec<Error>,
    count: u64,
}

impl Findings {
    pub(super) fn add(&mut self, error: Error) {
        self.count = self.count.saturating_add(1);
        if self.kept.len() < MOST_FINDINGS {
            self.kept.push(error);
        }
    }

    pub(super) fn corrupt(&mut self, corrupt: Corrupt) {
        self.add(corrupt.into());
    }
}

impl Fusion {
    /// True if tier 2 is here.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.tier2_len.is_some()
    }

    /// Reads what the checkpoint says of the pair. Returns the devices with it: where each block is read.
    /// `force` reads what is unclear from tier 2.
    pub(crate) fn open(
        store: &Arc<Store>,
        halves: (Half, Option<Half>),
        tier2: Option<Arc<dyn ReadAt>>,
        checkpoint: &Checkpoint,
        ephemeral: &Result<EphemeralObjects>,
        force: bool,
    ) -> Result<(Fusion, Tiers)> {
        let superblock = checkpoint.superblock();
        let raw = superblock.raw();
        let read = |oid: Oid| match ephemeral {
            Ok(objects) => objects.read(checkpoint, oid),
            Err(_) => Err(Error::damage(Damage::Missing, superblock.place("nx_xp_data_base").oid(oid))),
        };
        let mut findings = Findings::default();
        let (half, other) = halves;
        if tier2.is_none() {
            let what = alloc::format!("Fusion member missing: tier 2 of container {}", half.container);
            findings.corrupt(Corrupt::new(Damage::Missing, superblock.place("nx_fusion_uuid")).found(what));
        }
        let (main, tier2_len) = (store.tiers().main().clone(), tier2.as_ref().map(|device| device.len()));
        let sizes =
            read(Oid(raw.nx_spaceman_oid.get())).and_then(|bytes| sizes(&bytes, superblock.block_count()));
        let (sizes_known, (main_blocks, tier2_blocks)) = match sizes {
            Ok(sizes) => (true, sizes),
            Err(error) => {
                findings.add(error);
                let blocks = |len: u64| len.checked_div(store.block_size().bytes()).unwrap_or(0);
                let main_blocks = blocks(main.len()).min(superblock.block_count());
                let rest = superblock.block_count().saturating_sub(main_blocks);
                (
                    false,
                    (main_blocks, tier2_len.map_or(rest, |len| blocks(len).min(superblock.block_count()))),
                )
            }
        };
        let with = |moved| {
            let (device, container) = (tier2.clone(), half.container);
            let tier2 = Tier2 { device, blocks: tier2_blocks, moved, container };
            Tiers::new(store.block_size(), main.clone(), main_blocks, Some(tier2))
        };
        let sized = Arc::new(store.over(with(Arc::default())));
        let mut layers = Layers::default();
        let root = Oid(raw.nx_fusion_mt_oid.get());
        let middle_tree = middle::load(&sized, root, superblock.xid(), &mut layers, &mut findings)?;
        let cache = Oid(raw.nx_fusion_wbc_oid.get());
        let write_back = cache::load(&sized, cache, checkpoint, &read, &mut layers, &mut findings)?;
        if force {
            layers.drop_unclear();
        }
        for finding in findings.kept.iter().filter_map(Error::corrupt) {
            store.report(finding);
        }
        let fusion = Fusion {
            main_uuid: half.fusion,
            tier2_uuid: other.map_or(half.other(), |other| other.fusion),
            main_blocks,
            tier2_blocks,
            sizes_known,
            main_len: main.len(),
            tier2_len,
            middle_tree,
            write_back,
            findings: findings.kept,
            finding_count: findings.count,
        };
        Ok((fusion, with(Arc::new(layers.finish()))))
    }
}

/// Blocks of both devices by the space manager.
fn sizes(spaceman: &[u8], total: u64) -> Result<(u64, u64)> {
    let place = Place::new("spaceman_phys_t", "sm_block_count");
    let short = || Error::damage(Damage::Bounds, place.clone());
    let raw: &SpacemanPhys = pod(spaceman).ok_or_else(short)?;
    let [main, tier2] = raw.sm_dev.map(|device| device.sm_block_count.get());
    match main.checked_add(tier2) == Some(total) {
        true => Ok((main, tier2)),
        false => {
            let found = alloc::format!("{main} and {tier2}");
            Err(Corrupt::new(Damage::Contradiction, place).expected(total).found(found).into())
        }
    }
}
