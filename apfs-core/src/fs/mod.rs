//! Floor 3: the contract that every mounted file system fulfils, and what is written once on top of it.

pub mod file;
pub(crate) mod listing;
pub mod path;
pub mod scan;
pub mod space;
pub mod types;
pub mod view;
pub mod walk;
