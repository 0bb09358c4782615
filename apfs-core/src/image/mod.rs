//! Floor 2: what holds file systems. A device goes in, devices come out.
//!
//! Partition tables are here; disk images (DMG, sparse bundles, encrypted ones) will be other files of this floor.

pub mod part;
pub mod probe;
