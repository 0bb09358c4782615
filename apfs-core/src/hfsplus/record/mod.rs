//! Floor 4: keys and records of the trees (sheet hfsplus, sections 4 to 6). They borrow from the node.

pub mod attribute;
pub mod catalog;
pub mod key;

pub use crate::base::flaw::Flaw;
