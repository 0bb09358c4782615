//! HFS+ and HFSX: volumes, their trees and files (sheet hfsplus).
//!
//! | start at | for |
//! |---|---|
//! | [`Volume`] | files, by [`Fs`](crate::Fs) and [`Scan`](crate::Scan); hard links with all their paths |
//! | [`Volume::journal`] | what was replayed; [`OpenOptions::no_journal`](crate::OpenOptions) leaves it alone |
//! | [`Volume::facts`] | what only HFS+ says of a file: catalog flags, Finder info, text encoding |
//! | [`StreamId::ResourceFork`](crate::StreamId) | resource forks, [`Stat::resource_size`](crate::Stat) bytes long |
//! | [`SpecialFile`], [`Volume::each_block_run`] | the volume's own files; which blocks are in use |
//! | [`btree`], [`record`], [`raw`] | trees, records and structures as they lie on disk |
//!
//! What a Mac does not show, the folders behind hard links and the journal's files, [`Fs::is_private`](crate::Fs) marks.

pub mod btree;
mod data;
pub(crate) mod extents;
mod facts;
pub(crate) mod fork;
mod fs;
pub mod header;
pub mod journal;
pub(crate) mod links;
pub mod node;
mod places;
pub mod raw;
pub mod record;
mod scan;
mod special;
pub(crate) mod store;
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
