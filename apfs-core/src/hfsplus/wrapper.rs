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
    /// Bytes of a block of the wrapper: the embedded volume can end so much earlier.
    pub block_size: u64,
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
        Ok(Some(Wrapper { start, len, block_size: unit }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec::Vec;

    /// A classic volume whose blocks of 1,024 bytes begin in sector 16, with a volume in blocks 2 to 4.
    fn wrapper() -> Vec<u8> {
        let mut bytes = alloc::vec![0; 65_536];
        bytes[1024..1026].copy_from_slice(b"BD");
        bytes[1044..1048].copy_from_slice(&[0, 0, 4, 0]);
        bytes[1052..1054].copy_from_slice(&[0, 16]);
        bytes[1148..1154].copy_from_slice(b"H+\0\x02\0\x03");
        bytes
    }

    /// Where the embedded volume is; one that leaves the device is refused, classic HFS is named.
    #[test]
    fn embedded() {
        assert_eq!(
            Wrapper::find(&wrapper()).unwrap(),
            Some(Wrapper { start: 10_240, len: 3072, block_size: 1024 })
        );
        let mut past = wrapper();
        past[1152] = 0x10;
        assert!(Wrapper::find(&past).unwrap_err().corrupt().is_some());
        let mut classic = wrapper();
        classic[1148] = 0;
        assert!(Wrapper::find(&classic).unwrap_err().to_string().contains("classic HFS"));
        assert_eq!(Wrapper::find(&alloc::vec![0; 4096]).unwrap(), None);
        assert!(Wrapper::find(&alloc::vec![0; 1100]).is_err());
    }
}
