//! Device, limits and findings of one volume: the only reader of a device in `hfsplus`.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use core::fmt;

use super::header::VolumeHeader;
use crate::base::bytes::len64;
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::ids::Paddr;
use crate::base::limits::Limits;
use crate::base::report::Observer;
use crate::base::sync::Mutex;
use crate::io::read_at::ReadAt;

/// Findings that are remembered, so that each is told once.
const MOST_TOLD: usize = 4096;

/// What everything of a volume is read through.
pub(crate) struct Store {
    device: Arc<dyn ReadAt>,
    block_size: u32,
    blocks: u32,
    limits: Limits,
    observer: Option<Arc<dyn Observer>>,
    told: Mutex<BTreeSet<(Option<u32>, Option<u32>)>>,
}

impl Store {
    pub(super) fn new(
        device: Arc<dyn ReadAt>,
        header: &VolumeHeader,
        limits: Limits,
        observer: Option<Arc<dyn Observer>>,
    ) -> Store {
        let (block_size, blocks) = (header.block_size(), header.total_blocks());
        Store { device, block_size, blocks, limits, observer, told: Mutex::new(BTreeSet::new()) }
    }

    pub(crate) fn block_size(&self) -> u64 {
        u64::from(self.block_size)
    }

    pub(crate) fn blocks(&self) -> u32 {
        self.blocks
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Tells the observer about damage that does not stop the work, once for each file and node.
    pub(super) fn report(&self, finding: &Corrupt) {
        let Some(observer) = &self.observer else { return };
        let about = (finding.place.cnid, finding.place.node);
        let is_new = self.told.with(|told| told.len() < MOST_TOLD && told.insert(about));
        if is_new {
            observer.finding(finding);
        }
    }

    /// Fills `buf` with the bytes of consecutive blocks from byte `skip` of block `first` on.
    pub(super) fn read(&self, first: u32, skip: u64, buf: &mut [u8]) -> Result<()> {
        let place = || Place::new("HFSPlusExtentDescriptor", "startBlock").block(Paddr(u64::from(first)));
        let start = u64::from(first).saturating_mul(self.block_size()).saturating_add(skip);
        let end = start.saturating_add(len64(buf.len()));
        if end > u64::from(self.blocks).saturating_mul(self.block_size()) {
            return Err(Error::damage(Damage::PastEnd, place()));
        }
        self.device.read_exact_at(start, buf)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("block_size", &self.block_size)
            .field("blocks", &self.blocks)
            .finish_non_exhaustive()
    }
}
