//! Floor 3: APFS structures as they lie on disk, with Apple's names. No logic.
//!
//! Everything is little-endian and unaligned. Offsets and meanings: sheets apfs-01 to apfs-09.

pub mod btree;
pub mod container;
pub mod extentref;
pub mod fs;
pub mod fusion;
pub mod keybag;
pub mod object;
pub mod omap;
pub mod rolling;
pub mod sealed;
pub mod snapshot;
pub mod spaceman;
pub mod volume;
