//! Floor 1: names. Normal form, case folding, order and hash of names of APFS and HFS+, and their display.

pub mod escape;
pub mod hfs_name;
mod hfs_tables;
pub mod name;
