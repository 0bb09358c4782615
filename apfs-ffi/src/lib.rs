//! C interface of `apfs-core`: open a disk, list its volumes, read files.
//!
//! The header is `include/apfs.h`, the conventions are in this crate's `README.md`. In short: handles are opaque and
//! counted, `const` means that nothing is changed, results are written only on success, the last parameter of a call
//! that can fail takes an error object, and a panic never crosses the border.
//!
//! Unsafe code is in `ptr.rs`; everything else turns pointers into references, slices and places through its macros.

#![allow(non_camel_case_types, reason = "the names of the C header")]

#[macro_use]
mod ptr;

pub mod check;
pub mod container;
pub mod delta;
pub mod dir;
pub mod disk;
pub mod error;
pub mod extents;
pub mod file;
pub mod group;
mod guard;
pub mod hfs;
pub mod history;
pub mod links;
pub mod lock;
pub mod merged;
pub mod options;
pub mod problem;
pub mod protection;
pub mod scan;
pub mod seal;
pub mod secret;
pub mod snapshot;
pub mod source;
pub mod space;
pub mod status;
pub mod summary;
pub mod version;
pub mod view;
pub mod volume;
pub mod volume_info;
pub mod xattr;

pub use ptr::apfs_bytes;
