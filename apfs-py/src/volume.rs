//! Volumes and their snapshots.

use std::sync::Arc;

use apfs_core::hfsplus::Variant;
use apfs_core::{AnyFs, AnyVolume, Error, Name, Result, apfs};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::check::{Checking, Report};
use crate::errors::OrRaise;
use crate::hfs::HfsInfo;
use crate::secret::{KeyArg, PasswordArg};
use crate::snapshot::Snapshot;
use crate::space;
use crate::text::{self, NameArg};
use crate::view::ViewHandle;

/// Id, kind, bound to hardware, rounds, damaged.
type Record = (Py<PyAny>, &'static str, bool, Option<u32>, bool);
/// Which keys files have, hint, records, bound to hardware and from CoreStorage, percent and flags of a change.
type Protected = (&'static str, Option<Py<PyString>>, Vec<Record>, (bool, bool), Option<(Option<u8>, u64)>);

fn record(py: Python<'_>, record: &apfs::UnlockRecord) -> PyResult<Record> {
    let uuid = text::uuid(py, record.uuid)?.unbind();
    Ok((uuid, record.kind.name(), record.hardware_bound, record.rounds, record.damaged))
}

/// A volume of any kind.
#[pyclass(frozen, module = "apfs._apfs")]
#[derive(Debug)]
pub(crate) struct VolumeHandle {
    pub(crate) volume: AnyVolume,
    pub(crate) partition: usize,
}

impl VolumeHandle {
    fn apfs(&self) -> Option<&apfs::Volume> {
        match &self.volume {
            AnyVolume::Apfs(volume) => Some(volume),
            _ => None,
        }
    }

    /// What an APFS volume says of itself; what every other one would say if not.
    fn say<T: Default>(&self, say: impl FnOnce(&apfs::Volume) -> T) -> T {
        self.apfs().map(say).unwrap_or_default()
    }
}

#[pymethods]
impl VolumeHandle {
    #[getter]
    fn partition(&self) -> usize {
        self.partition
    }

    #[getter]
    fn kind(&self) -> &'static str {
        match &self.volume {
            AnyVolume::Apfs(_) => "apfs",
            AnyVolume::Hfs(volume) => match volume.header().variant() {
                Variant::HfsPlus => "hfs+",
                Variant::HfsX => "hfsx",
            },
            _ => "unknown",
        }
    }

    #[getter]
    fn index(&self) -> usize {
        self.volume.index()
    }

    #[getter]
    fn name<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        text::name(py, self.volume.name().as_bytes())
    }

    #[getter]
    fn uuid<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let uuid = match &self.volume {
            AnyVolume::Apfs(volume) => Some(volume.uuid()),
            AnyVolume::Hfs(volume) => volume.header().uuid(),
            _ => None,
        };
        uuid.map(|uuid| text::uuid(py, uuid)).transpose()
    }

    #[getter]
    fn role(&self) -> String {
        self.apfs().map_or_else(|| "none".to_owned(), |volume| volume.role().to_string())
    }

    #[getter]
    fn group<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.say(apfs::Volume::group).map(|group| text::uuid(py, group)).transpose()
    }

    #[getter]
    fn is_encrypted(&self) -> bool {
        self.say(|volume| volume.superblock().is_encrypted())
    }

    #[getter]
    fn is_locked(&self) -> bool {
        self.say(apfs::Volume::is_locked)
    }

    /// What only HFS+ volumes have.
    #[getter]
    fn hfs(&self, py: Python<'_>) -> PyResult<Option<HfsInfo>> {
        match &self.volume {
            AnyVolume::Hfs(volume) => HfsInfo::new(py, volume).map(Some),
            _ => Ok(None),
        }
    }

    /// Opens it with one secret; the record that a password opened.
    #[pyo3(signature = (password, key))]
    fn unlock(
        &self,
        py: Python<'_>,
        password: Option<PasswordArg>,
        key: Option<KeyArg>,
    ) -> PyResult<Option<Record>> {
        let secret = password.map(|password| password.0).or(key.map(|key| key.0));
        let secret = secret.ok_or_else(|| PyTypeError::new_err("unlock needs a password or a key"))?;
        let unlocked = py.detach(|| match self.apfs() {
            Some(volume) => volume.unlock(&secret),
            None => Err(Error::Misuse("a volume that is not encrypted needs no unlocking")),
        });
        let unlocked = unlocked.or_raise(py, None)?;
        unlocked.record.map(|found| record(py, &found)).transpose()
    }

    /// How it is encrypted.
    fn protection(&self, py: Python<'_>) -> PyResult<Protected> {
        let Some(volume) = self.apfs() else { return Ok(("none", None, Vec::new(), (false, false), None)) };
        let protection = py.detach(|| volume.protection()).or_raise(py, None)?;
        let encryption = match protection.encryption {
            apfs::Encryption::None => "none",
            apfs::Encryption::VolumeKey => "volume-key",
            apfs::Encryption::FileKeys => "file-keys",
            _ => "unknown",
        };
        let hint = protection.hint.as_ref().map(|hint| text::name(py, hint.as_bytes())).transpose()?;
        let records = protection.records.iter().map(|found| record(py, found));
        let rolling = protection.rolling.map(|rolling| (rolling.percent, rolling.flags));
        let flags = (protection.hardware_bound, protection.from_core_storage);
        Ok((encryption, hint.map(Bound::unbind), records.collect::<PyResult<_>>()?, flags, rolling))
    }

    #[getter]
    fn is_sealed(&self) -> bool {
        self.say(|volume| volume.superblock().is_sealed())
    }

    #[getter]
    fn is_case_sensitive(&self) -> bool {
        match &self.volume {
            AnyVolume::Apfs(volume) => {
                let features = volume.superblock().incompatible_features();
                !features.contains(apfs::raw::volume::VolumeIncompat::CASE_INSENSITIVE)
            }
            AnyVolume::Hfs(volume) => volume.is_case_sensitive(),
            _ => true,
        }
    }

    #[getter]
    fn used_bytes(&self) -> u64 {
        match &self.volume {
            AnyVolume::Apfs(volume) => {
                let blocks = volume.superblock().raw().apfs_fs_alloc_count.get();
                blocks.saturating_mul(volume.container().block_size().bytes())
            }
            AnyVolume::Hfs(volume) => {
                let header = volume.header();
                let used = header.total_blocks().saturating_sub(header.raw().freeBlocks.get());
                u64::from(used).saturating_mul(header.block_size().into())
            }
            _ => 0,
        }
    }

    /// Checks an HFS+ volume by itself, of an APFS volume its container.
    fn check(&self, py: Python<'_>, snapshots: bool, findings_per_rule: u64) -> PyResult<Report> {
        let mut checking = Checking::new(snapshots, findings_per_rule);
        let result = py.detach(|| checking.volume(self.partition, &self.volume));
        checking.report(py, result)
    }

    /// Its snapshots, oldest first.
    fn snapshots(&self, py: Python<'_>) -> PyResult<Vec<Snapshot>> {
        let snapshots = py.detach(|| self.apfs().map_or_else(|| Ok(Vec::new()), apfs::Volume::snapshots));
        let snapshots = snapshots.or_raise(py, None)?;
        Ok(snapshots.into_iter().map(Snapshot).collect())
    }

    /// How much deleting a snapshot alone would free: data, metadata, its own blocks.
    fn freed_by_deleting(&self, py: Python<'_>, snapshot: &Bound<'_, Snapshot>) -> PyResult<(u64, u64, u64)> {
        space::freed_by_deleting(py, self.apfs(), &snapshot.get().0)
    }

    /// The snapshot that a text means: by name, UUID, transaction or time.
    fn snapshot(&self, py: Python<'_>, wanted: NameArg) -> PyResult<Snapshot> {
        let found = py.detach(|| match self.apfs() {
            Some(volume) => volume.snapshot(&wanted.0),
            None => Err(Error::not_found(format!("snapshot {}", Name::from(&*wanted.0)))),
        });
        found.or_raise(py, None).map(Snapshot)
    }

    /// The live state, or that of a snapshot.
    #[pyo3(signature = (snapshot = None))]
    fn view(&self, py: Python<'_>, snapshot: Option<&Bound<'_, Snapshot>>) -> PyResult<ViewHandle> {
        let snapshot = snapshot.map(|snapshot| &snapshot.get().0);
        let view = py.detach(|| self.state(snapshot)).or_raise(py, None)?;
        Ok(ViewHandle(Arc::new(view)))
    }
}

impl VolumeHandle {
    fn state(&self, snapshot: Option<&apfs::Snapshot>) -> Result<AnyFs> {
        match (snapshot, self.apfs()) {
            (None, _) => self.volume.view(),
            (Some(snapshot), Some(volume)) => volume.view_at(snapshot).map(AnyFs::Apfs),
            (Some(_), None) => Err(Error::Misuse("only APFS volumes have snapshots")),
        }
    }
}
