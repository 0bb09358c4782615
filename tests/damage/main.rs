//! Damaged images: every answer is right, or an error that says where the damage is.
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

mod cases;
mod ceilings;
mod contents;
mod flips;
mod flips_checked;
mod judges;
mod nodes;
mod truncated;
