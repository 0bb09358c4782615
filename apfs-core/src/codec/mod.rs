//! Floor 1: decompression, as pure functions on slices: use it alone if you like.
//!
//! Every codec is one function, `decode(src, dst)`: it fills `dst` to its last byte from the start of `src`, or fails.
//! It never writes more than that, whatever `src` says. Bytes behind the end of the compressed data are ignored, since
//! real files have them.

pub mod adc;
pub mod bzip2;
pub mod fault;
pub mod xz;

pub use fault::Fault;
