//! Checking an APFS container: every structure that its checkpoint leads to is read, and what is said twice is compared.
//!
//! Counts come from the other side: file extents are counted against extent references, links against directory
//! records, bitmaps against whoever claims blocks, mappings of object maps against the objects that use them.

mod catalog;
mod check;
mod checkpoint;
mod claims;
mod classify;
mod container;
mod context;
mod extents;
mod fusion;
mod keybags;
mod omap;
mod rules;
mod seal;
mod snapshots;
mod spaceman;
mod trees;
mod volume;

pub use check::check;
pub use rules::rules;
