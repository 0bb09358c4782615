//! Floor 1: names. Normal form, case folding and hash of APFS names, and their display.

pub mod escape;
pub mod name;
