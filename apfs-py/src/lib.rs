//! Python package apfs: the compiled part, private to the package in `python/apfs/`.
//!
//! Thin handles over the core. The interpreter lock is released around everything that may read the image.

use pyo3::pymodule;

mod check;
mod delta;
mod disk;
mod entries;
mod errors;
mod file;
mod group;
mod hfs;
mod seal;
mod secret;
mod signals;
mod snapshot;
mod source;
mod space;
mod stat;
mod text;
mod view;
mod volume;

/// The module `apfs._apfs`.
#[pymodule(gil_used = false)]
mod _apfs {
    #[pymodule_export]
    use crate::delta::{Change, DeltaHandle, HistoryHandle};
    #[pymodule_export]
    use crate::disk::{ContainerHandle, DiskHandle, Partition};
    #[pymodule_export]
    use crate::entries::Entries;
    #[pymodule_export]
    use crate::file::{Extent, FileHandle};
    #[pymodule_export]
    use crate::group::GroupHandle;
    #[pymodule_export]
    use crate::hfs::{HfsInfo, Journal};
    #[pymodule_export]
    use crate::snapshot::Snapshot;
    #[pymodule_export]
    use crate::stat::Stat;
    #[pymodule_export]
    use crate::view::{Listing, ViewHandle};
    #[pymodule_export]
    use crate::volume::VolumeHandle;

    /// Words for why something is locked.
    #[pymodule_export]
    use crate::errors::lock_reasons;

    /// All rules of checks.
    #[pymodule_export]
    use crate::check::rules;

    /// Words for the formats of disk images.
    #[pymodule_export]
    use crate::disk::formats;

    /// True if this was built without optimisation.
    #[pymodule_export]
    const DEBUG_BUILD: bool = cfg!(debug_assertions);
}
