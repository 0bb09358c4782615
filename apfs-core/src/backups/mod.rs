//! Floor 6: Time Machine. What was backed up, when, and the tree of each backup (sheet time-machine).
//!
//! On HFS+ a backup is a folder of `Backups.backupdb`, most of it hard links to folders and files; on APFS it is a
//! snapshot of a volume of its own. On the disks that are backed up, APFS keeps local snapshots too. Apple documents
//! none of this: what is not known is given as it is stored.
//!
//! ```no_run
//! # fn main() -> apfs_core::Result<()> {
//! use apfs_core::{Disk, FsExt, backups};
//!
//! let disk = Disk::open_file("backup.sparsebundle")?;
//! for volume in disk.volumes(&Default::default())? {
//!     let volume = volume?;
//!     for machine in backups::find(&volume)?.machines {
//!         for backup in &machine.backups {
//!             let tree = backup.open(&volume)?;
//!             println!("{} {}: {} volumes", machine.name, backup.name, tree.fs.list(tree.root)?.len());
//!         }
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod apfs;
mod backup;
mod bplist;
mod find;
mod hfs;
mod manifest;
mod stamp;

pub use backup::{Attribute, Backup, Backups, Machine, Problem, SourceVolume, State, Store, Tree};
pub use find::find;
pub use manifest::{Amounts, Manifest};
pub use stamp::Stamp;
