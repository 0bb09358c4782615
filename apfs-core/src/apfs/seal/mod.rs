//! Floor 5: sealed volumes (sheet apfs-08): what their seal records, and whether it holds.
//!
//! A sealed volume records a hash of its root node; index nodes record those of their children, and the records of a
//! file those of its data. Reading a sealed volume does not compare them: a node or a file that was changed together
//! with everything above it is found by [`View::verify_seal`](super::View::verify_seal) or [`SealCheck`] alone. They
//! compare the volume with itself: whether its root hash is Apple's only the boot policy of a Mac says.

mod boot;
mod check;
mod content;
mod finding;
mod pieces;
mod recorded;
mod tree;
mod verdict;

pub use check::{SealCheck, SealTally};
pub use finding::{SealEvent, SealSink, SealStep, SealedFile, SealedNode};
pub use recorded::{Seal, hash_name};
pub use verdict::{SealMismatch, SealSummary, SealVerdict};
