//! HFS+ and HFSX: volumes, their trees and files (sheet hfsplus).

pub mod btree;
mod data;
mod extents;
mod facts;
mod fork;
mod fs;
pub mod header;
pub mod journal;
mod links;
pub mod node;
mod places;
pub mod raw;
pub mod record;
mod scan;
mod special;
mod store;
pub mod tree_kind;
pub mod volume;
pub mod wrapper;

pub use facts::CatalogFacts;
pub use fs::ROOT_DIR;
pub use header::{Variant, VolumeHeader};
pub use journal::{Journal, JournalState};
pub use special::SpecialFile;
pub use volume::Volume;
pub use wrapper::Wrapper;
