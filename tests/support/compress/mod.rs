//! Compressed bytes for tests: encoders, and the bytes to give them. They share nothing with the decoders.

mod crates;
pub mod decmpfs;
mod lzbitmap;
mod lzvn;
pub mod sample;

pub use crates::{lzfse, lzvn_block, zlib};
pub use lzbitmap::lzbitmap;
pub use lzvn::lzvn;
