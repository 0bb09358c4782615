//! Floor 1: devices that give bytes, and the block cache. Nothing here can write.

pub(crate) mod bands;
pub(crate) mod cache;
#[cfg(feature = "std")]
pub mod file;
#[cfg(feature = "std")]
pub(crate) mod file_pool;
pub mod overlay;
pub mod pieces;
pub(crate) mod read_ahead;
pub mod read_at;
#[cfg(feature = "std")]
pub mod stream;
pub mod window;
