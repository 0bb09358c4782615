//! Partition tables: lists of named byte ranges.

pub mod gpt;
