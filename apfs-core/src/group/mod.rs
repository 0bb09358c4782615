//! Floor 6: volume groups. System and Data of one macOS, and both as the one tree that macOS shows (sheets apfs-03,
//! sections 3 to 5, and apfs-04, section 6).
//!
//! A directory of System stands for one of Data where a firmlink says so; Data itself is at `/System/Volumes/Data`, and
//! Preboot, VM, Update and Recovery of the same container stand beside it. [`MergedView`] is an [`Fs`](crate::Fs) like any
//! volume. What is not as it should be is told, and a group that could be joined in more than one way is not joined.
//!
//! ```no_run
//! # fn main() -> apfs_core::Result<()> {
//! use apfs_core::{Disk, FsExt, group};
//!
//! let disk = Disk::open_file("mac.img")?;
//! for (_, groups) in disk.mac_groups(&Default::default()) {
//!     for group in groups?.groups {
//!         let mac = group.view(&group::MergeOptions::default())?;
//!         let id = mac.find("/Users")?;
//!         println!("{}: /Users is on {}", group.name(), mac.backing(id).unwrap().view.volume().name());
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod boot;
mod descend;
mod find;
mod finding;
mod firmlink;
mod fs;
mod list;
mod merged;
mod mount;
mod number;
mod routes;
mod scan;

pub use boot::Boot;
pub use find::{Companion, GroupProblem, Groups, VolumeGroup};
pub use finding::{Finding, Problem};
pub use firmlink::{Firmlink, Source};
pub use merged::{Backing, MergeOptions, MergedView, Reached};
