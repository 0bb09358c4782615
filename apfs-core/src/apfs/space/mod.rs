//! Which blocks of a container are in use, and what for (sheet apfs-06).
//!
//! [`Container::spaceman`](super::Container::spaceman) gives the space manager: chunks, runs of blocks in use, the
//! internal pool and the free queues. [`Container::each_claim`](super::Container::each_claim) gives everything that owns
//! blocks, and [`Container::space`](super::Container::space) compares the two.
//! [`Volume::snapshot_space`](super::Volume::snapshot_space) tells what deleting a snapshot would free.

mod account;
mod chunks;
mod claim;
mod claims;
mod freed;
mod pool;
mod queue;
mod spaceman;
mod volume_claims;

pub use account::{DeviceUse, EachFinding, Identity, Space, SpaceFinding, VolumeSpace};
pub use chunks::{Chunk, InfoBlock};
pub use claim::{Claim, ContainerPart, Owner, VolumePart};
pub use claims::EachClaim;
pub use freed::{DataUse, Freed, SnapshotSpace};
pub use pool::Pool;
pub use queue::{FreeEntry, FreeQueue};
pub use spaceman::{Device, DeviceSpace, Spaceman};
