//! Floor 4: one decoder per record of the file-system tree (sheet apfs-04). They borrow from the node.

pub mod dir;
pub mod extent;
mod flaw;
pub mod inode;
pub mod key;
pub mod other;
pub mod sibling;
pub mod xattr;
pub mod xfield;

pub use flaw::Flaw;
pub(crate) use flaw::{is_component, name};
