//! Checking: everything that a file system says is read, and what is said twice is compared.

pub mod apfs;
pub mod disk;
pub mod finding;
pub mod hfs;
pub mod options;
pub mod report;
pub mod rule;
pub mod summary;

pub use disk::rules;
pub use finding::{Finding, Findings, Tally};
pub use options::CheckOptions;
pub use report::Report;
pub use rule::{Group, Rule, Severity};
pub use summary::{Summary, Unchecked};
