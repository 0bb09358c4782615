//! Foreign images: what macOS and Linux wrote, against what independent readers say is in it.
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

mod check_apfs;
mod check_hfs;
mod corestorage;
mod delta;
mod disks;
mod hfs;
mod images;
mod journal;
mod lab;
mod large;
mod partitions;
mod readers;
mod space;
mod udif;
