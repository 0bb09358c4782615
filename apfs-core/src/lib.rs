//! Reads Apple file systems from disks and disk images, without a Mac.
//!
//! `no_std` with `alloc`, no unsafe code, nothing is ever written. Images are taken to be hostile: no byte of one
//! causes a panic, endless work or unbounded memory, and damage is an error that names its place.
//!
//! ```
//! # fn main() -> apfs_core::Result<()> {
//! # let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/../samples/demo.img");
//! use apfs_core::{Disk, Fs, FsExt};
//!
//! let disk = Disk::open_file(sample)?;                   // finds partitions and containers
//! for volume in disk.volumes(&Default::default())? {     // of APFS containers, HFS+, CoreStorage
//!     let view = volume?.view()?;
//!     for entry in view.walk(view.root()) {
//!         let entry = entry.expect("the sample is sound");
//!         println!("{:>9} {}", entry.stat.size, entry.entry.name);
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! | start at | for |
//! |---|---|
//! | [`Disk`] | a file, device node or buffer: partitions, containers, volumes |
//! | [`AnyVolume`], [`AnyFs`] | a volume and its files, of whatever kind; match on them for what one kind alone knows |
//! | [`Fs`], [`FsExt`] | what every file system can do: stat, list, read, by number or by path |
//! | [`Scan`] | everything on a volume, fastest |
//! | [`apfs::Container`], [`apfs::Volume`], [`apfs::View`] | checkpoints, roles, snapshots; files, live or at a snapshot |
//! | [`hfsplus`], [`hfsplus::Volume`] | HFS+ and HFSX: headers, journal, forks, hard links, files |
//! | [`corestorage`] | CoreStorage groups, FileVault 2 |
//! | [`check`] | rules that a file system must keep, and findings where it does not |
//! | [`group`], [`group::MergedView`] | System and Data of one macOS as one tree, firmlinks |
//! | [`backups`] | what Time Machine left on a volume, and the tree of each backup |
//! | [`apfs::btree`], [`apfs::record`], [`apfs::raw`] | trees, records and structures as they lie on disk |
//! | [`ReadAt`] | your own source of bytes |
//!
//! Numbers are bytes and nanoseconds unless they say otherwise. Errors tell whose fault it is: [`Error::class`].

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

pub mod any;
pub mod apfs;
pub mod backups;
pub mod base;
pub mod check;
pub mod codec;
pub mod corestorage;
pub mod crypto;
pub mod decmpfs;
pub mod fs;
pub mod group;
pub mod hfsplus;
pub mod image;
pub mod io;
pub mod open;
pub mod sum;
pub mod text;
pub mod tree;

pub use any::{AnyFs, AnyVolume};
pub use base::damage::{Corrupt, Damage, Place};
pub use base::error::{Class, Error, LockReason, Locked, Result};
pub use base::ids::{BlockSize, FileId, Oid, Paddr, Uuid, Xid};
pub use base::limits::Limits;
pub use base::options::OpenOptions;
pub use base::report::{Checksums, Observer};
pub use base::secret::Secret;
pub use base::time::Timestamp;
pub use fs::file::File;
pub use fs::path::FsExt;
pub use fs::scan::{Scan, ScanEntry, ScanLedger};
pub use fs::types::{
    Compression, DirEntry, DirPos, ExtentKind, ExtentRun, Kind, Name, Stat, StreamId, XattrInfo,
};
pub use fs::view::Fs;
pub use fs::walk::{Walk, WalkEntry, WalkError};
pub use image::format::Format;
pub use image::layers::Layer;
pub use io::read_at::{ReadAt, Run};
pub use open::{Disk, Partition, Scheme};

/// The example of README.md compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct ReadmeExample;
