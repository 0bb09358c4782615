//! What the whole-image tests share: the image builder, damaging and counting devices, the corpus.
#![allow(
    missing_docs,
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::std_instead_of_core,
    reason = "test support: a panic is a failed test"
)]

pub mod apfs_images;
pub mod cases;
pub mod corpus;
pub mod delta;
pub mod device;
pub mod digest;
pub mod fusion;
pub mod hfs_images;
pub mod hfs_volumes;
pub mod listing;
pub mod macs;
pub mod pairs;
pub mod sample;
pub mod sealed;

pub use apfs_build as build;
pub use apfs_build::compress;
