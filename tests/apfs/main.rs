//! Whole images that are sound, or sound enough: what is read must be what was written.
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

mod check;
mod checkpoint;
mod compressed;
mod delta;
mod delta_damage;
mod encrypted;
mod features;
mod fusion;
mod fusion_built;
mod group;
mod group_firmlinks;
mod judges;
mod locked;
mod names;
mod partition;
mod reads;
mod sample;
mod scan;
mod sealed;
mod sealed_check;
mod sealed_judges;
mod space;
mod threads;
mod trees;
mod variants;
