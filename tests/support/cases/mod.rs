//! Damage cases: a sound image, edits by recipe, and what a check must say of them (`tests/damage/README.md`).

pub mod apfs;
pub mod bases;
pub mod change;
pub mod form;
pub mod hfs;

pub use bases::Base;
pub use form::{Case, Expect};
