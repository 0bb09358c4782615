//! Checking: everything that a file system says is read, and what is said twice is compared.

pub mod finding;
pub mod rule;

pub use finding::{Finding, Findings, Tally};
pub use rule::{Group, Rule, Severity};
