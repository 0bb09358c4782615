//! Which extents are encrypted while a volume's encryption is being changed (sheet corestorage, section 7).
//!
//! Nothing that is known says it, so the bytes have to. Volumes are full of runs of equal bytes, and under XTS nothing has
//! any: sixteen of them in a row that are there as stored show a plain extent, some that are there only once decrypted
//! an encrypted one. Zeros as stored show nothing, they may never have been written.

use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::device::{Device, Form};
use super::map::Extent;
use crate::base::bytes::len64;
use crate::base::error::{Error, Result};
use crate::crypto::xts::{UNIT, Xts};

/// Places of an extent that are looked at, first and last included.
const PLACES: usize = 64;
/// Places of all extents together: they are looked at before anything is read.
const ALL_PLACES: usize = 1 << 16;
/// Bytes that are looked at in each.
const PLACE: usize = 4096;

/// Looks at extents of a device, one by one.
#[derive(Clone, Copy)]
pub(super) struct Look {
    places: u64,
}

impl Look {
    /// How closely each of so many extents is looked at.
    ///
    /// # Errors
    /// `Limit` if that would take too long.
    pub(super) fn at(extents: usize) -> Result<Look> {
        let places = ALL_PLACES.checked_div(extents).unwrap_or(PLACES).min(PLACES);
        if places < 2 {
            let what = "extents of a logical volume whose encryption is being changed";
            return Err(Error::limit(what, len64(ALL_PLACES) / 2, len64(extents)));
        }
        Ok(Look { places: len64(places) })
    }

    /// What an extent looks like, with the key if there is one: plain, encrypted, or anything else.
    ///
    /// # Errors
    /// I/O.
    pub(super) fn form(self, device: &Device, extent: &Extent, key: Option<&Xts>) -> Result<Form> {
        form(device, extent, key, self.places)
    }
}

fn form(device: &Device, extent: &Extent, key: Option<&Xts>, count: u64) -> Result<Form> {
    let (mut plain, mut encrypted) = (false, false);
    let mut buffer = Zeroizing::new([0; PLACE]);
    for at in places(extent.start, extent.end, count) {
        let here = usize::try_from(extent.end.saturating_sub(at)).unwrap_or(PLACE).min(PLACE);
        let Some(bytes) = buffer.get_mut(..here) else { continue };
        device.read_stored(extent, at, bytes)?;
        let first = at.checked_div(len64(UNIT)).unwrap_or(0);
        let (sectors, _) = bytes.as_chunks_mut::<UNIT>();
        for (number, sector) in (u128::from(first)..).zip(sectors) {
            if sector.iter().all(|byte| *byte == 0) {
                continue;
            }
            let is_plain = has_runs(sector);
            plain |= is_plain;
            if let (Some(key), false) = (key, is_plain) {
                key.decrypt(number, core::slice::from_mut(sector));
                encrypted |= has_runs(sector);
            }
        }
    }
    Ok(match (plain, encrypted) {
        (true, false) => Form::Plain,
        (false, true) => Form::Encrypted,
        _ => Form::Unknown,
    })
}

/// Sixteen equal bytes in a row.
fn has_runs(sector: &[u8; UNIT]) -> bool {
    let (cells, _) = sector.as_chunks::<16>();
    cells.iter().any(|cell| cell.iter().all(|byte| Some(byte) == cell.first()))
}

/// Offsets spread over a range of bytes, at multiples of what is looked at.
fn places(start: u64, end: u64, most: u64) -> Vec<u64> {
    let size = len64(PLACE);
    let count = end.saturating_sub(start).div_ceil(size);
    let wanted = count.min(most);
    let last = count.saturating_sub(1);
    let spread = |n: u64| {
        let index =
            u128::from(n).saturating_mul(last.into()).checked_div(u128::from(wanted.saturating_sub(1)));
        u64::try_from(index.unwrap_or(0)).unwrap_or(0)
    };
    (0..wanted).map(|n| start.saturating_add(spread(n).saturating_mul(size))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Short ranges are looked at everywhere, long ones from the first to the last place.
    #[test]
    fn spread() {
        let places = |start, end| places(start, end, 64);
        assert_eq!(places(0, 0), []);
        assert_eq!(places(512, 1024), [512]);
        assert_eq!(places(0, 3 * 4096 + 1), [0, 4096, 8192, 12288]);
        let long = places(4096, 4096 + (1 << 40));
        assert_eq!((long.len(), long[0], long[63]), (64, 4096, 1 << 40));
        assert!(long.is_sorted());
    }

    /// The more extents, the fewer places of each; too many are refused.
    #[test]
    fn many_extents() {
        let places = |extents| Look::at(extents).map(|look| look.places).ok();
        assert_eq!(
            [0, 1, 1024, 2048, 32768, 32769].map(places),
            [Some(64), Some(64), Some(64), Some(32), Some(2), None]
        );
    }

    /// Only runs that begin at a cell of the cipher count.
    #[test]
    fn runs() {
        let mut sector = core::array::from_fn(|n| u8::try_from(n % 251).unwrap());
        assert!(!has_runs(&sector));
        sector[40..63].fill(7);
        assert!(!has_runs(&sector));
        sector[63] = 7;
        assert!(has_runs(&sector));
    }
}
