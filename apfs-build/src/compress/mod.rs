//! Compressed bytes for tests: encoders, and the bytes to give them. They share nothing with the decoders.

mod adc;
mod crates;
pub mod decmpfs;
mod lzbitmap;
mod lzvn;
pub mod sample;

pub use adc::adc;
pub use crates::{bzip2, lzfse, lzvn_block, xz, zlib};
pub use lzbitmap::lzbitmap;
pub use lzvn::lzvn;
