//! One mutex for both worlds: std's where there is one, a spin lock elsewhere.

#[cfg(not(feature = "std"))]
use spin as lock;
#[cfg(feature = "std")]
use std::sync as lock;

/// Mutual exclusion. A panic of another holder does not poison it: what it guards is a cache.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(lock::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Mutex<T> {
        Mutex(lock::Mutex::new(value))
    }

    /// Runs `work` while holding the lock.
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        #[cfg(feature = "std")]
        let mut guard = self.0.lock().unwrap_or_else(lock::PoisonError::into_inner);
        #[cfg(not(feature = "std"))]
        let mut guard = self.0.lock();
        work(&mut guard)
    }
}
