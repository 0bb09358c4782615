//! Device numbers.

use apfs_core::Stat;

/// Major and minor number of a device. Darwin keeps the major one in the top 8 bits.
pub(crate) fn device(stat: &Stat) -> (u32, u32) {
    let number = stat.rdev.unwrap_or(0);
    (number >> 24, number & 0x00FF_FFFF)
}
