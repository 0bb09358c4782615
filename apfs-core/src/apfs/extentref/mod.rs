//! Which runs of blocks hold file data of a volume, and how often each is used: never encrypted, and the same for the
//! live state and all snapshots.

mod counts;
mod record;
mod tree;

pub use counts::{References, Segment};
pub use record::{ExtentKind, PhysicalExtent};
pub use tree::{ExtentItem, ExtentTree};
