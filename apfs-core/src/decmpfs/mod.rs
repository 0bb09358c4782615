//! Floor 3: transparently compressed files (`com.apple.decmpfs`), of APFS and HFS+ alike; use it alone if you like.
//!
//! Such a file has no data of its own: an extended attribute holds a header and sometimes the compressed data; where
//! it does not, chunks of 64 KiB lie in the resource fork. [`Compressed`] reads both at any offset, chunk by chunk.
//! Facts: sheet decmpfs.

pub mod cache;
mod chunk;
pub mod file;
pub mod header;
pub mod method;
mod table;

pub use cache::ChunkCache;
pub use file::Compressed;
pub use header::DecmpfsHeader;
pub use method::{Codec, Method, kind_name};
