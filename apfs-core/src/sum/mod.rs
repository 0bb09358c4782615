//! Floor 1: checksums over slices.

pub mod crc32;
pub mod fletcher64;
pub mod journal;
