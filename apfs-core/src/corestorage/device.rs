//! The bytes of a logical volume: put together from physical volumes, decrypted as they are read (sheet corestorage,
//! sections 5 and 7).

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

use super::header::PhysicalVolume;
use super::map::{Extent, missing};
use crate::base::bytes::{get, len64, to_usize};
use crate::base::damage::{Damage, Place};
use crate::base::error::{Error, LockReason, Result};
use crate::crypto::xts::{UNIT, Xts};
use crate::io::read_at::{ReadAt, Run, past_end};

/// Bytes that share a tweak.
const SECTOR: u64 = 512;

/// How the bytes of an extent are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Plain,
    Encrypted,
    /// There is no telling. They are not handed out.
    Unknown,
}

/// A logical volume's bytes.
#[derive(Clone)]
pub(super) struct Device {
    pub(super) volumes: Arc<[PhysicalVolume]>,
    /// In order, without overlaps.
    pub(super) extents: Vec<(Extent, Form)>,
    pub(super) len: u64,
    /// For extents that are encrypted.
    pub(super) key: Option<Arc<Xts>>,
}

impl Device {
    /// The extent that a byte lies in.
    fn find(&self, at: u64) -> Result<&(Extent, Form)> {
        let index = self.extents.partition_point(|(extent, _)| extent.end <= at);
        let extent = self.extents.get(index).filter(|(extent, _)| extent.start <= at);
        extent.ok_or_else(|| missing(at).into())
    }

    /// Where a byte of an extent is stored.
    fn home(&self, extent: &Extent, at: u64) -> Result<(&dyn ReadAt, u64)> {
        let outside = || Error::damage(Damage::PastEnd, Place::new("address map", "block").offset(at));
        let volume = self.volumes.get(usize::from(extent.address.pv)).ok_or_else(outside)?;
        let start = volume.offset_of(extent.address.block);
        let offset = start.and_then(|start| start.checked_add(at.checked_sub(extent.start)?));
        Ok((&**volume.device(), offset.ok_or_else(outside)?))
    }

    /// The stored bytes of an extent, as they are.
    pub(super) fn read_stored(&self, extent: &Extent, at: u64, buf: &mut [u8]) -> Result<()> {
        let (device, offset) = self.home(extent, at)?;
        device.read_exact_at(offset, buf)
    }

    /// Whole sectors of an encrypted extent, decrypted where they are wanted.
    fn read_sectors(&self, extent: &Extent, at: u64, buf: &mut [u8]) -> Result<()> {
        let key = self.key.as_ref().ok_or(Error::Misuse("an encrypted extent has a key"))?;
        self.read_stored(extent, at, buf)?;
        let (sectors, _) = buf.as_chunks_mut::<UNIT>();
        key.decrypt(at.checked_div(SECTOR).unwrap_or(0).into(), sectors);
        Ok(())
    }

    /// Bytes of an encrypted extent; returns how many were read, at least one.
    fn read_encrypted(&self, extent: &Extent, at: u64, buf: &mut [u8]) -> Result<usize> {
        let inside = to_usize(at.checked_rem(SECTOR).unwrap_or(0))?;
        let whole = buf.len().saturating_sub(buf.len().checked_rem(UNIT).unwrap_or(0));
        if inside == 0 && whole > 0 {
            let sectors = buf.get_mut(..whole).ok_or(Error::Misuse("a part is no longer than the whole"))?;
            self.read_sectors(extent, at, sectors)?;
            return Ok(whole);
        }
        let mut sector = Zeroizing::new([0; UNIT]);
        self.read_sectors(extent, at.saturating_sub(len64(inside)), &mut *sector)?;
        let len = UNIT.saturating_sub(inside).min(buf.len());
        let (wanted, part) = (get(&*sector, inside, len), buf.get_mut(..len));
        let (Some(wanted), Some(part)) = (wanted, part) else {
            return Err(Error::Misuse("a part is no longer than the whole"));
        };
        part.copy_from_slice(wanted);
        Ok(len)
    }
}

impl ReadAt for Device {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, offset: u64, mut buf: &mut [u8]) -> Result<()> {
        if offset.checked_add(len64(buf.len())).is_none_or(|end| end > self.len) {
            return Err(past_end(offset, buf.len(), self.len));
        }
        let mut at = offset;
        while !buf.is_empty() {
            let (extent, form) = self.find(at)?;
            let here = to_usize(extent.end.saturating_sub(at).min(len64(buf.len())))?;
            let now = buf.get_mut(..here).ok_or(Error::Misuse("a part is no longer than the whole"))?;
            let done = match form {
                Form::Plain => self.read_stored(extent, at, now).map(|()| here)?,
                Form::Encrypted => self.read_encrypted(extent, at, now)?,
                Form::Unknown => {
                    let what = alloc::format!("bytes {} to {} of a logical volume", extent.start, extent.end);
                    return Err(Error::locked(what, LockReason::Converting(None)));
                }
            };
            buf = buf.get_mut(done..).unwrap_or_default();
            at = at.saturating_add(len64(done));
        }
        Ok(())
    }

    fn slice_at(&self, offset: u64, len: usize) -> Option<&[u8]> {
        let end = offset.checked_add(len64(len)).filter(|end| *end <= self.len)?;
        let (extent, form) = self.find(offset).ok()?;
        let (device, from) = self.home(extent, offset).ok()?;
        if *form == Form::Plain && end <= extent.end { device.slice_at(from, len) } else { None }
    }

    fn run_at(&self, offset: u64) -> Option<Run> {
        let left = self.len.checked_sub(offset).filter(|left| *left > 0)?;
        let Ok((extent, form)) = self.find(offset) else {
            // Up to the next extent nothing can be read.
            let index = self.extents.partition_point(|(extent, _)| extent.start <= offset);
            let next = self.extents.get(index).map(|(extent, _)| extent.start.saturating_sub(offset));
            let gap = next.unwrap_or(left);
            return Some(Run { len: gap.min(left), zeros: false });
        };
        let rest = extent.end.saturating_sub(offset);
        let stored = match form {
            Form::Plain => self.home(extent, offset).ok().and_then(|(device, from)| device.run_at(from)),
            Form::Encrypted | Form::Unknown => None,
        };
        Some(stored.map_or(Run { len: rest, zeros: false }, |run| Run { len: run.len.min(rest), ..run }))
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Device")
            .field("len", &self.len)
            .field("extents", &self.extents.len())
            .field("key", &self.key.is_some())
            .finish()
    }
}
