//! APFS, from raw structures (floor 3) over objects and trees (floor 4) to readable volumes (floor 5).

pub(crate) mod area;
pub mod btree;
pub mod checkpoint;
mod compressed;
pub mod container;
mod data;
pub mod extentref;
mod fs;
pub mod key_blob;
pub mod keybag;
pub mod node;
pub mod object;
pub mod omap;
mod places;
pub mod protection;
pub mod raw;
pub mod record;
pub mod scan;
pub mod snapshot;
pub mod space;
mod store;
pub mod superblock;
pub mod tree_kind;
pub mod unlock;
pub mod view;
pub mod volume;

pub use checkpoint::{Checkpoint, Rejected};
pub use container::Container;
pub use fs::ROOT_DIR;
pub use protection::{Protection, Rolling, UnlockKind, UnlockRecord};
pub use snapshot::Snapshot;
pub use superblock::Superblock;
pub use unlock::Unlocked;
pub use view::View;
pub use volume::{Encryption, Role, Volume, VolumeSuperblock, WrittenBy};
