//! Floor 4: one decoder per record of the file-system tree (sheet apfs-04). They borrow from the node.

pub mod dir;
pub mod extent;
pub mod inode;
pub mod key;
mod name;
pub mod other;
pub mod sibling;
pub mod xattr;
pub mod xfield;

pub use crate::base::flaw::Flaw;
pub(crate) use name::{is_component, name};
