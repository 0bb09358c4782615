//! Which blocks of a container are in use, and what for (sheet apfs-06).
//!
//! [`Container::spaceman`](super::Container::spaceman) gives the space manager: chunks, runs of blocks in use, the
//! internal pool and the free queues.

mod chunks;
mod pool;
mod queue;
mod spaceman;

pub use chunks::{Chunk, InfoBlock};
pub use pool::Pool;
pub use queue::{FreeEntry, FreeQueue};
pub use spaceman::{Device, DeviceSpace, Spaceman};
