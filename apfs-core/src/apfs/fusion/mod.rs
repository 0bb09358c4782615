//! Fusion pairs: two devices as one container (sheet apfs-09).

mod cache;
mod facts;
pub(crate) mod half;
pub(crate) mod halves;
mod middle;

pub use cache::WriteBack;
pub use facts::Fusion;
pub use middle::MiddleTree;
