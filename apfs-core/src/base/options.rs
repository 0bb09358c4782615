//! How disks, containers and volumes are opened.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use super::ids::Xid;
use super::limits::Limits;
use super::report::{Checksums, Observer};
use super::secret::Secret;

/// How a disk and the file systems on it are opened. The defaults suit everyone who has no special wish.
#[derive(Clone, Default)]
pub struct OpenOptions {
    /// Ceilings against hostile images.
    pub limits: Limits,
    /// APFS: what to do when a checksum does not match.
    pub checksums: Checksums,
    /// Receives findings that do not stop the work.
    pub observer: Option<Arc<dyn Observer>>,
    /// Passwords and keys to try on encrypted disk images and volumes.
    pub secrets: Vec<Secret>,
    /// APFS: open this checkpoint instead of the newest.
    pub checkpoint: Option<Xid>,
    /// HFS+: show the volume as it is stored, without what its journal would change.
    pub no_journal: bool,
    /// Fusion pairs: the devices are what they are given as, whatever their ids say.
    pub fusion_as_given: bool,
    /// Go on in spite of features that this version does not know. Answers may be wrong.
    pub force: bool,
}

impl fmt::Debug for OpenOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenOptions")
            .field("limits", &self.limits)
            .field("checksums", &self.checksums)
            .field("observer", &self.observer.is_some())
            .field("secrets", &self.secrets.len())
            .field("checkpoint", &self.checkpoint)
            .field("no_journal", &self.no_journal)
            .field("fusion_as_given", &self.fusion_as_given)
            .field("force", &self.force)
            .finish()
    }
}
