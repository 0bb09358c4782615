//! Floor 0: errors, limits, ids, checked bytes, locks, time. Imports nothing of the crate.

pub mod bytes;
pub mod damage;
pub mod error;
pub mod flaw;
pub mod ids;
pub mod limits;
pub mod options;
pub mod report;
pub mod secret;
pub mod sync;
pub mod time;
