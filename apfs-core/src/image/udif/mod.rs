//! UDIF, the usual `.dmg`: a disk cut into chunks, each stored raw, compressed or not at all (sheet dmg).
//!
//! ```no_run
//! # fn main() -> apfs_core::Result<()> {
//! use std::sync::Arc;
//! use apfs_core::ReadAt;
//! use apfs_core::image::udif::Udif;
//! use apfs_core::io::file::FileDevice;
//!
//! let image = Udif::open(Arc::new(FileDevice::open("disk.dmg")?), &Default::default())?;
//! let mut sector = [0; 512];
//! image.read_exact_at(0, &mut sector)?;
//! # Ok(())
//! # }
//! ```

mod cache;
mod chunk;
mod device;
mod map;
mod segment;
mod table;
mod trailer;
mod verify;

pub use chunk::ChunkKind;
pub use device::{Expanded, Udif};
pub use table::Table;
pub use trailer::{Checksum, Trailer};
pub use verify::{Check, Progress};
