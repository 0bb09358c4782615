//! Builds HFS+ and HFSX volumes from a description, without any code of the library under test.
//!
//! ```no_run
//! use apfs_build::hfs::HfsBuilder;
//!
//! let image = HfsBuilder::new("Disk").dir("/a").file("/a/x", b"text").hardlink("/a/x", "/y").build();
//! ```
//!
//! Paths are absolute and given as they lie on the disk, decomposed; `:` stands for a stored `/`, U+2400 for a stored
//! NUL. Output depends on nothing but the description.

pub mod attributes;
pub mod btree;
pub mod builder;
pub mod bytes;
pub mod catalog;
pub mod disk;
pub mod fold;
pub mod fork;
pub mod header;
pub mod hot_files;
pub mod image;
pub mod item;
pub mod journal;
pub mod links;
pub mod model;
pub mod time_machine;
pub mod wrapper;
pub mod write;

pub use btree::{Shape, Tree};
pub use builder::{Alternate, HfsBuilder, HfsOptions, JournalState};
pub use fork::{Extent, Fork};
pub use image::{HfsImage, HfsPlace, HfsRole};
pub use item::{Content, Item, Kind, Xattr, XattrForm};
pub use journal::{Change, Journal};
pub use model::Entry;

#[cfg(test)]
mod tests;
