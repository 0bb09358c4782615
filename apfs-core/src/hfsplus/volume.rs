//! A mounted HFS+ volume.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use super::header::{Headers, VolumeHeader};
use super::wrapper::Wrapper;
use crate::base::damage::Corrupt;
use crate::base::error::{Error, Result};
use crate::base::ids::FileId;
use crate::base::limits::Limits;
use crate::base::options::OpenOptions;
use crate::fs::types::Name;
use crate::io::read_at::ReadAt;

/// An HFS+ or HFSX volume. Cheap to clone, shared between threads.
#[derive(Clone)]
pub struct Volume {
    inner: Arc<Inner>,
}

struct Inner {
    header: VolumeHeader,
    wrapper: Option<Wrapper>,
    limits: Limits,
    findings: Vec<Corrupt>,
}

impl Volume {
    /// Opens the volume that fills a device, or that is embedded in a classic one that does.
    ///
    /// # Errors
    /// `Corrupt` if neither header leads to the files, `Unsupported` for classic HFS.
    pub fn open(device: Arc<dyn ReadAt>, options: OpenOptions) -> Result<Volume> {
        let wrapper = Wrapper::find(&*device)?;
        let headers = Headers::read(&*device)?;
        let header =
            headers.valid.into_iter().next().ok_or_else(|| Error::not_found("volume header"))?.header;
        Ok(Volume {
            inner: Arc::new(Inner { header, wrapper, limits: options.limits, findings: headers.findings }),
        })
    }

    /// Name of the root folder.
    #[must_use]
    pub fn name(&self) -> Name {
        Name::default()
    }

    /// The volume header that is used.
    #[must_use]
    pub fn header(&self) -> &VolumeHeader {
        &self.inner.header
    }

    /// The classic volume around it, if there is one.
    #[must_use]
    pub fn wrapper(&self) -> Option<&Wrapper> {
        self.inner.wrapper.as_ref()
    }

    /// What is wrong with the headers and the journal, where that does not stop reading.
    #[must_use]
    pub fn findings(&self) -> &[Corrupt] {
        &self.inner.findings
    }

    /// Every name of a file or folder: folder and name of each hard link.
    ///
    /// # Errors
    /// `NotFound` if there is no such file; damage.
    pub fn links(&self, _id: FileId) -> Result<Vec<(FileId, Name)>> {
        Err(Error::Cancelled)
    }

    /// Path of a file or folder by its first link, from the root.
    ///
    /// # Errors
    /// As [`Volume::links`].
    pub fn path_of(&self, _id: FileId) -> Result<Vec<u8>> {
        Err(Error::Cancelled)
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.inner.limits
    }
}

impl fmt::Debug for Volume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Volume").field("name", &self.name()).finish_non_exhaustive()
    }
}
