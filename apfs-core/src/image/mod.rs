//! Floor 2: what holds file systems. A device goes in, devices come out.
//!
//! Disk images (DMG, sparse images and bundles, encrypted ones) and partition tables.

pub mod asif;
#[cfg(feature = "std")]
pub mod bundle;
pub mod encrypted;
#[cfg(feature = "ewf")]
pub mod ewf;
pub mod format;
pub mod layers;
pub mod part;
#[cfg(feature = "std")]
pub mod path;
pub mod plist;
pub mod probe;
pub mod resource_fork;
pub mod sparse;
#[cfg(feature = "std")]
pub mod split;
pub mod udif;
