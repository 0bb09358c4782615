//! Partition tables: lists of named byte ranges.

pub mod apm;
pub mod gpt;
pub mod mbr;
pub mod table;
