//! Floor 1: searching any B-tree, whatever its nodes look like on disk.

pub mod cursor;
pub(crate) mod descent;
pub mod node;
pub(crate) mod walk;
