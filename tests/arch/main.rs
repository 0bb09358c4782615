//! The architecture: who may use whom, and how long a file may be.
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

mod floors;
mod imports;
mod rules;
mod sources;
