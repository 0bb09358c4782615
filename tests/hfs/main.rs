//! Whole HFS+ volumes: other readers find what the builder put there, and so does the library.
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

mod answer;
mod check;
mod damage;
mod expect;
mod flips;
mod journal;
mod judges;
mod reads;
mod twice;
mod volumes;
