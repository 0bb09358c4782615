//! Floor 2: what holds file systems. A device goes in, devices come out.
//!
//! Disk images (DMG, sparse images and bundles, encrypted ones) and partition tables.

pub mod encrypted;
pub mod format;
pub mod layers;
pub mod part;
pub mod plist;
pub mod probe;
pub mod resource_fork;
pub mod sparse;
pub mod udif;
