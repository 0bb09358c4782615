//! What stands around file systems: partition tables, disk images.
#![allow(
    missing_docs,
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    clippy::std_instead_of_core,
    reason = "a panic is a failed test"
)]

mod asif;
mod bundle;
mod corestorage;
mod encrypted;
#[cfg(feature = "ewf")]
mod ewf;
mod partition;
mod probe;
mod shared;
mod sparse;
mod split;
mod udif;
mod udif_damage;
