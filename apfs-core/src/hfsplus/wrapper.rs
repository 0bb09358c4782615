//! A classic HFS volume that holds nothing but an HFS+ volume (sheet hfsplus, section 1.1).

use super::raw::volume::{HEADER_OFFSET, HFS, HFS_PLUS, HFSMasterDirectoryBlock, HFSX};
use crate::base::bytes::pod;
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::io::read_at::ReadAt;

const STRUCTURE: &str = "HFSMasterDirectoryBlock";
const SECTOR: u64 = 512;

/// Where the embedded volume lies in its wrapper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Wrapper {
    /// First byte of the embedded volume, from the start of the wrapper.
    pub start: u64,
    /// Length of the embedded volume in bytes.
    pub len: u64,
}

impl Wrapper {
    /// Looks whether a device holds a wrapper; `None` if it begins with something else.
    ///
    /// # Errors
    /// `Unsupported` for a classic HFS volume with files of its own, `Corrupt` for a wrapper that leads nowhere.
    pub fn find(device: &dyn ReadAt) -> Result<Option<Wrapper>> {
        let mut bytes = [0; size_of::<HFSMasterDirectoryBlock>()];
        device.read_exact_at(HEADER_OFFSET, &mut bytes)?;
        let place = |field| Place::new(STRUCTURE, field).offset(HEADER_OFFSET);
        let block: &HFSMasterDirectoryBlock =
            pod(&bytes).ok_or_else(|| Error::damage(Damage::Bounds, place("")))?;
        if block.drSigWord != HFS {
            return Ok(None);
        }
        if ![HFS_PLUS, HFSX].contains(&block.drEmbedSigWord) {
            return Err(Error::unsupported("classic HFS volume", "copy its files out with hfsutils"));
        }
        let unit = u64::from(block.drAlBlkSiz.get());
        if unit == 0 || !unit.is_multiple_of(SECTOR) {
            return Err(Corrupt::new(Damage::Range, place("drAlBlkSiz")).found(unit).into());
        }
        let first = u64::from(block.drAlBlSt.get()).saturating_mul(SECTOR);
        let start = first.saturating_add(u64::from(block.drEmbedExtentStartBlock.get()).saturating_mul(unit));
        let len = u64::from(block.drEmbedExtentBlockCount.get()).saturating_mul(unit);
        if len == 0 || start.checked_add(len).is_none_or(|end| end > device.len()) {
            let found = alloc::format!("{len} bytes from byte {start} on");
            return Err(Corrupt::new(Damage::PastEnd, place("drEmbedExtent")).found(found).into());
        }
        Ok(Some(Wrapper { start, len }))
    }
}
