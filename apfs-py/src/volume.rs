//! Volumes and their snapshots.

use std::sync::Arc;

use apfs_core::apfs;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDateTime, PyString};

use crate::errors::OrRaise;
use crate::secret::{KeyArg, PasswordArg};
use crate::text;
use crate::view::ViewHandle;

/// Id, kind, bound to hardware, rounds, damaged.
type Record = (Py<PyAny>, &'static str, bool, Option<u32>, bool);
/// Which keys files have, hint, records, bound to hardware and from CoreStorage, percent and flags of a change.
type Protected = (&'static str, Option<Py<PyString>>, Vec<Record>, (bool, bool), Option<(Option<u8>, u64)>);

fn record(py: Python<'_>, record: &apfs::UnlockRecord) -> PyResult<Record> {
    let uuid = text::uuid(py, record.uuid)?.unbind();
    Ok((uuid, record.kind.name(), record.hardware_bound, record.rounds, record.damaged))
}

/// A volume of a container.
#[pyclass(frozen, module = "apfs._apfs")]
#[derive(Debug)]
pub(crate) struct VolumeHandle(pub(crate) apfs::Volume);

#[pymethods]
impl VolumeHandle {
    #[getter]
    fn index(&self) -> usize {
        self.0.slot()
    }

    #[getter]
    fn name<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        text::name(py, self.0.name().as_bytes())
    }

    #[getter]
    fn uuid<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        text::uuid(py, self.0.uuid())
    }

    #[getter]
    fn role(&self) -> String {
        self.0.role().to_string()
    }

    #[getter]
    fn group<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.0.group().map(|group| text::uuid(py, group)).transpose()
    }

    #[getter]
    fn is_encrypted(&self) -> bool {
        self.0.superblock().is_encrypted()
    }

    #[getter]
    fn is_locked(&self) -> bool {
        self.0.is_locked()
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
        let unlocked = py.detach(|| self.0.unlock(&secret)).or_raise(py, None)?;
        unlocked.record.map(|found| record(py, &found)).transpose()
    }

    /// How it is encrypted.
    fn protection(&self, py: Python<'_>) -> PyResult<Protected> {
        let protection = py.detach(|| self.0.protection()).or_raise(py, None)?;
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
        self.0.superblock().is_sealed()
    }

    #[getter]
    fn is_case_sensitive(&self) -> bool {
        let features = self.0.superblock().incompatible_features();
        !features.contains(apfs::raw::volume::VolumeIncompat::CASE_INSENSITIVE)
    }

    #[getter]
    fn used_bytes(&self) -> u64 {
        let blocks = self.0.superblock().raw().apfs_fs_alloc_count.get();
        blocks.saturating_mul(self.0.container().block_size().bytes())
    }

    /// Its snapshots, oldest first.
    fn snapshots(&self, py: Python<'_>) -> PyResult<Vec<Snapshot>> {
        let snapshots = py.detach(|| self.0.snapshots()).or_raise(py, None)?;
        Ok(snapshots.into_iter().map(Snapshot).collect())
    }

    /// The live state, or that of a snapshot.
    #[pyo3(signature = (snapshot = None))]
    fn view(&self, py: Python<'_>, snapshot: Option<&Bound<'_, Snapshot>>) -> PyResult<ViewHandle> {
        let snapshot = snapshot.map(Bound::get);
        let view = py.detach(|| match snapshot {
            Some(snapshot) => self.0.view_at(&snapshot.0),
            None => self.0.view(),
        });
        Ok(ViewHandle(Arc::new(view.or_raise(py, None)?)))
    }
}

/// A snapshot of a volume.
#[pyclass(frozen, module = "apfs")]
#[derive(Debug)]
pub(crate) struct Snapshot(apfs::Snapshot);

#[pymethods]
impl Snapshot {
    #[getter]
    fn name<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        text::name(py, self.0.name.as_bytes())
    }

    #[getter]
    fn xid(&self) -> u64 {
        self.0.xid.0
    }

    #[getter]
    fn uuid<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.0.uuid.map(|uuid| text::uuid(py, uuid)).transpose()
    }

    #[getter]
    fn created<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDateTime>> {
        text::datetime(py, self.0.created)
    }

    #[getter]
    fn create_time_ns(&self) -> i64 {
        self.0.created.0
    }

    #[getter]
    fn flags(&self) -> u32 {
        self.0.flags
    }

    #[getter]
    fn unusable_because(&self) -> Option<&'static str> {
        self.0.unusable_because()
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Snapshot>().is_ok_and(|other| other.get().0 == self.0)
    }

    fn __hash__(&self) -> u64 {
        self.0.xid.0
    }

    fn __repr__(&self) -> String {
        format!("Snapshot(name='{}', xid={})", self.0.name, self.0.xid)
    }
}
