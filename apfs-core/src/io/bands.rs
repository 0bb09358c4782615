//! Reads cut at the borders of bands of equal length, as sparse images store them.

use super::read_at::past_end;
use crate::base::bytes::{len64, to_usize};
use crate::base::error::Result;

/// Fills `buf` from `offset` of a device of `len` bytes. `read` fills what is in one band: it is given the band's number
/// and the offset inside of it.
pub(crate) fn read_by_band(
    (len, band_len): (u64, u64),
    offset: u64,
    mut buf: &mut [u8],
    mut read: impl FnMut(u64, u64, &mut [u8]) -> Result<()>,
) -> Result<()> {
    if offset.checked_add(len64(buf.len())).is_none_or(|end| end > len) {
        return Err(past_end(offset, buf.len(), len));
    }
    let band_len = band_len.max(1);
    let mut at = offset;
    while !buf.is_empty() {
        let (number, inside) = (at.checked_div(band_len).unwrap_or(0), at.checked_rem(band_len).unwrap_or(0));
        let here = to_usize(band_len.saturating_sub(inside).min(len64(buf.len())))?;
        let (now, later) = buf.split_at_mut(here);
        read(number, inside, now)?;
        at = at.saturating_add(len64(here));
        buf = later;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// A read is cut at every border and nowhere else; one that passes the end reads nothing.
    #[test]
    fn borders() {
        let mut cuts = Vec::new();
        let mut cut = |number, inside, part: &mut [u8]| {
            cuts.push((number, inside, part.len()));
            Ok(())
        };
        read_by_band((100, 10), 8, &mut [0; 25], &mut cut).unwrap();
        assert!(read_by_band((100, 10), 90, &mut [0; 11], &mut cut).is_err());
        assert!(read_by_band((100, 10), u64::MAX, &mut [0; 2], &mut cut).is_err());
        read_by_band((100, 10), 100, &mut [], &mut cut).unwrap();
        assert_eq!(cuts, [(0, 8, 2), (1, 0, 10), (2, 0, 10), (3, 0, 3)]);
    }
}
