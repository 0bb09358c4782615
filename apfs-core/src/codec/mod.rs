//! Floor 1: decompression, as pure functions on slices: use it alone if you like.
//!
//! Every codec is one function, `decode(src, dst)`: it fills `dst` to its last byte from the start of `src`, or fails.
//! It never writes more than that, whatever `src` says; a stream that would is a fault. Bytes behind the end of the
//! compressed data are ignored, since real files have them. After a fault `dst` holds anything.

pub mod adc;
pub mod bzip2;
pub mod fault;
pub mod lzbitmap;
pub mod lzfse;
pub mod lzvn;
mod output;
pub mod xz;
pub mod zlib;

pub use fault::Fault;
