//! Checking HFS+ volumes: trees, records, links and blocks, each counted from two sides (sheet hfsplus, section 12).
//!
//! What is said twice is compared by sums while the trees pass by. Only where a sum does not come out each record is
//! looked up, so that a sound volume costs one pass and little memory.

mod attributes;
mod bitmap;
mod catalog;
mod claims;
mod cross;
mod extents;
mod forks;
mod header;
mod journal;
mod links;
mod map;
mod place;
mod rules;
mod run;
mod sums;
mod walk;

pub use rules::RULES;
pub use run::{check, unreadable};
