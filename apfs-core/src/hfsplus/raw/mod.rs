//! Structures of HFS+ as they lie on disk, with Apple's names: big-endian, packed to two bytes (sheet hfsplus).
#![allow(non_snake_case, reason = "the names of Apple's headers, to be found by")]

pub mod attribute;
pub mod btree;
pub mod catalog;
pub mod journal;
pub mod volume;
