//! Where findings go that do not stop the work.

use super::damage::Corrupt;

/// What to do when a stored checksum does not match.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Checksums {
    /// Refuse the object. The default.
    #[default]
    Require,
    /// Tell the [`Observer`] and go on with the bytes as they are.
    Report,
    /// Do not look at checksums at all.
    Ignore,
}

/// Receives findings that do not stop the work; called from any thread.
pub trait Observer: Send + Sync {
    /// One finding.
    fn finding(&self, finding: &Corrupt);
}

/// Asked now and then during long work: `true` means stop with [`Error::Cancelled`](crate::Error::Cancelled).
pub type Cancel<'a> = &'a (dyn Fn() -> bool + Sync);
