//! Floor 6: a volume or file system of any kind, for those who do not care, and for those who want to know which.

use alloc::vec::Vec;
use core::ops::Range;

use crate::apfs;
use crate::base::damage::Place;
use crate::base::error::Result;
use crate::base::ids::FileId;
use crate::base::limits::Limits;
use crate::base::report::Cancel;
use crate::fs::scan::{Scan, ScanLedger, ScanSink};
use crate::fs::types::{DirEntry, DirPos, ExtentRun, Name, Stat, StreamId, XattrInfo};
use crate::fs::view::{Fs, sealed};
use crate::group::MergedView;
use crate::hfsplus;

/// A volume of any kind, found on a disk.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AnyVolume {
    /// A volume of an APFS container; its states are the live one and its snapshots.
    Apfs(apfs::Volume),
    /// An HFS+ or HFSX volume, which has only one state.
    Hfs(hfsplus::Volume),
}

impl AnyVolume {
    /// Name of the volume.
    #[must_use]
    pub fn name(&self) -> Name {
        match self {
            AnyVolume::Apfs(volume) => volume.name(),
            AnyVolume::Hfs(volume) => volume.name(),
        }
    }

    /// Number of the volume in its partition: the slot in an APFS container, 0 on HFS+.
    #[must_use]
    pub fn index(&self) -> usize {
        match self {
            AnyVolume::Apfs(volume) => volume.slot(),
            AnyVolume::Hfs(_) => 0,
        }
    }

    /// The live state, ready to be read.
    ///
    /// # Errors
    /// As [`apfs::Volume::view`]; none for HFS+.
    pub fn view(&self) -> Result<AnyFs> {
        match self {
            AnyVolume::Apfs(volume) => volume.view().map(AnyFs::Apfs),
            AnyVolume::Hfs(volume) => Ok(AnyFs::Hfs(volume.clone())),
        }
    }
}

/// A readable file system of any kind. It is an [`Fs`] like what it holds; match on it for what only one kind knows.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AnyFs {
    /// An APFS volume, live or at a snapshot.
    Apfs(apfs::View),
    /// An HFS+ or HFSX volume.
    Hfs(hfsplus::Volume),
    /// System and Data of one macOS as one tree.
    Merged(MergedView),
}

impl AnyFs {
    /// Name of the volume; of a merged tree that of its System volume.
    #[must_use]
    pub fn volume_name(&self) -> Name {
        match self {
            AnyFs::Apfs(view) => view.volume().name(),
            AnyFs::Hfs(volume) => volume.name(),
            AnyFs::Merged(merged) => merged.system().volume().name(),
        }
    }

    /// Number of the volume in its partition, as [`AnyVolume::index`].
    #[must_use]
    pub fn volume_index(&self) -> usize {
        match self {
            AnyFs::Apfs(view) => view.volume().slot(),
            AnyFs::Hfs(_) => 0,
            AnyFs::Merged(merged) => merged.system().volume().slot(),
        }
    }

    /// Name of the snapshot that is shown; `None` for a live state, and for a merged tree, which is made of several.
    #[must_use]
    pub fn snapshot_name(&self) -> Option<&Name> {
        self.as_apfs()?.snapshot().map(|snapshot| &snapshot.name)
    }

    /// The APFS view, if it is one.
    #[must_use]
    pub fn as_apfs(&self) -> Option<&apfs::View> {
        match self {
            AnyFs::Apfs(view) => Some(view),
            AnyFs::Hfs(_) | AnyFs::Merged(_) => None,
        }
    }

    /// The merged tree, if it is one.
    #[must_use]
    pub fn as_merged(&self) -> Option<&MergedView> {
        match self {
            AnyFs::Merged(merged) => Some(merged),
            AnyFs::Apfs(_) | AnyFs::Hfs(_) => None,
        }
    }

    /// Number of a file in its own volume: what it is called by there. In all but merged trees that is its number.
    #[must_use]
    pub fn own_number(&self, id: FileId) -> FileId {
        self.as_merged().and_then(|merged| merged.backing(id)).map_or(id, |backing| backing.id)
    }

    /// The HFS+ volume, if it is one.
    #[must_use]
    pub fn as_hfs(&self) -> Option<&hfsplus::Volume> {
        match self {
            AnyFs::Apfs(_) | AnyFs::Merged(_) => None,
            AnyFs::Hfs(volume) => Some(volume),
        }
    }

    /// Every name of a file: directory and name of each hard link.
    ///
    /// # Errors
    /// `NotFound` if there is no such file; damage.
    pub fn links(&self, id: FileId) -> Result<Vec<(FileId, Name)>> {
        match self {
            AnyFs::Apfs(view) => view.links(id),
            AnyFs::Hfs(volume) => volume.links(id),
            AnyFs::Merged(merged) => merged.links(id),
        }
    }

    /// Path of a file by its first link, from the root.
    ///
    /// # Errors
    /// As [`AnyFs::links`].
    pub fn path_of(&self, id: FileId) -> Result<Vec<u8>> {
        match self {
            AnyFs::Apfs(view) => view.path_of(id),
            AnyFs::Hfs(volume) => volume.path_of(id),
            AnyFs::Merged(merged) => merged.path_of(id),
        }
    }

    fn fs(&self) -> &dyn Scan {
        match self {
            AnyFs::Apfs(view) => view,
            AnyFs::Hfs(volume) => volume,
            AnyFs::Merged(merged) => merged,
        }
    }
}

impl From<apfs::View> for AnyFs {
    fn from(view: apfs::View) -> AnyFs {
        AnyFs::Apfs(view)
    }
}

impl From<hfsplus::Volume> for AnyFs {
    fn from(volume: hfsplus::Volume) -> AnyFs {
        AnyFs::Hfs(volume)
    }
}

impl From<MergedView> for AnyFs {
    fn from(merged: MergedView) -> AnyFs {
        AnyFs::Merged(merged)
    }
}

impl sealed::Sealed for AnyFs {}

impl Fs for AnyFs {
    fn root(&self) -> FileId {
        self.fs().root()
    }

    fn limits(&self) -> &Limits {
        self.fs().limits()
    }

    fn stat(&self, id: FileId) -> Result<Stat> {
        self.fs().stat(id)
    }

    fn stat_entry(&self, dir: FileId, entry: &DirEntry) -> Result<Stat> {
        self.fs().stat_entry(dir, entry)
    }

    fn entry_place(&self, id: FileId) -> Place {
        self.fs().entry_place(id)
    }

    fn is_private(&self, dir: FileId, name: &[u8]) -> bool {
        self.fs().is_private(dir, name)
    }

    fn has_dir_links(&self) -> bool {
        self.fs().has_dir_links()
    }

    fn above(&self, dir: FileId) -> Option<Vec<FileId>> {
        self.fs().above(dir)
    }

    fn lookup(&self, dir: FileId, name: &[u8]) -> Result<DirEntry> {
        self.fs().lookup(dir, name)
    }

    fn read_dir(&self, dir: FileId, pos: &mut DirPos, out: &mut Vec<DirEntry>, max: usize) -> Result<()> {
        self.fs().read_dir(dir, pos, out, max)
    }

    fn stream_len(&self, id: FileId, stream: &StreamId) -> Result<u64> {
        self.fs().stream_len(id, stream)
    }

    fn read_at(&self, id: FileId, stream: &StreamId, offset: u64, buf: &mut [u8]) -> Result<usize> {
        self.fs().read_at(id, stream, offset, buf)
    }

    fn read_file(&self, stat: &Stat, offset: u64, buf: &mut [u8]) -> Result<usize> {
        self.fs().read_file(stat, offset, buf)
    }

    fn extents(
        &self,
        id: FileId,
        stream: &StreamId,
        from: u64,
        out: &mut Vec<ExtentRun>,
        max: usize,
    ) -> Result<()> {
        self.fs().extents(id, stream, from, out, max)
    }

    fn xattrs(&self, id: FileId) -> Result<Vec<XattrInfo>> {
        self.fs().xattrs(id)
    }

    fn read_link(&self, id: FileId) -> Result<Name> {
        self.fs().read_link(id)
    }
}

impl Scan for AnyFs {
    fn nodes(&self) -> u64 {
        self.fs().nodes()
    }

    fn scan_parts(&self, parts: usize) -> Vec<Range<u64>> {
        self.fs().scan_parts(parts)
    }

    fn scan_range(
        &self,
        part: Range<u64>,
        cancel: Option<Cancel<'_>>,
        sink: &mut ScanSink<'_>,
    ) -> Result<ScanLedger> {
        self.fs().scan_range(part, cancel, sink)
    }

    fn reconcile(&self, ledger: &ScanLedger, sink: &mut ScanSink<'_>) -> Result<u64> {
        self.fs().reconcile(ledger, sink)
    }
}
