//! Hard links: which files with several names were made already, and where.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use apfs_core::FileId;

use super::report::lock;

/// Locks, so that threads wait for one another only at the same file or by chance.
const STRIPES: usize = 64;

/// Where the first name of each file stands; `None` if it could not be made.
type Made<P> = HashMap<u64, Option<P>>;

/// Files with several names, shared between threads. `P` is a place in the target.
#[derive(Debug)]
pub(crate) struct Links<P>(Vec<Mutex<Made<P>>>);

impl<P> Links<P> {
    pub(crate) fn new() -> Links<P> {
        Links((0..STRIPES).map(|_| Mutex::default()).collect())
    }

    /// Locks a file until the guard goes: two threads never make it twice.
    pub(crate) fn lock(&self, id: FileId) -> Option<MutexGuard<'_, Made<P>>> {
        let stripe = usize::try_from(id.0).unwrap_or(0).checked_rem(STRIPES)?;
        self.0.get(stripe).map(lock)
    }
}
