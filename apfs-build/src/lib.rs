//! Builds APFS containers from a description, without any code of the library under test.
//!
//! ```no_run
//! use apfs_build::{ImageBuilder, VolumeBuilder};
//!
//! let volume = VolumeBuilder::new("Data").dir("/a").file("/a/x", b"old").snapshot("s1").overwrite("/a/x", 0, b"new");
//! let image = ImageBuilder::new().block_size(16384).checkpoints(2).volume(volume).build();
//! ```
//!
//! A volume is a list of changes, cut into transactions by snapshots and commits; the n-th transactions of all
//! volumes share one transaction id. Output depends on nothing but the description.

#![allow(
    missing_docs,
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::std_instead_of_core,
    reason = "a description that makes no sense is a mistake of the caller: a panic says which"
)]

pub mod apm;
pub mod area;
pub mod asif;
pub mod bundle;
pub mod bytes;
pub mod catalog;
pub mod checkpoint;
pub mod cipher;
pub mod compress;
pub mod container;
pub mod content;
pub mod corestorage;
pub mod damage;
pub mod disk;
pub mod edit;
pub mod encrypted_image;
pub mod encryption;
pub mod ewf;
pub mod fstree;
pub mod fusion;
pub mod gpt;
pub mod hfs;
pub mod image;
pub mod keybag;
pub mod live;
pub mod mbr;
pub mod namehash;
pub mod node;
pub mod object;
pub mod omap;
pub mod records;
pub mod resource_fork;
pub mod seal;
pub mod snapshot;
pub mod spaceman;
pub mod sparse_image;
pub mod stream;
pub mod superblock;
pub mod tree;
pub mod udif;
pub mod volume;

pub use apm::Apm;
pub use asif::Asif;
pub use container::ImageBuilder;
pub use content::{Content, Inode, Link, Xattr};
pub use disk::{Disk, Place, Role};
pub use encrypted_image::EncryptedImage;
pub use encryption::{Encryption, Unlock};
pub use fstree::Protection;
pub use fusion::Fusion;
pub use gpt::Gpt;
pub use image::{Checkpoint, Image, VolumeMap};
pub use mbr::Mbr;
pub use namehash::Keys;
pub use object::fix_checksum;
pub use seal::Seal;
pub use sparse_image::SparseImage;
pub use stream::{Extent, Stream};
pub use volume::{VolumeBuilder, VolumeOptions};

#[cfg(test)]
mod tests;
