//! Snapshots of a volume.

use apfs_core::apfs;
use pyo3::prelude::*;
use pyo3::types::{PyDateTime, PyString};

use crate::text;

/// A snapshot of a volume.
#[pyclass(frozen, module = "apfs")]
#[derive(Debug)]
pub(crate) struct Snapshot(pub(crate) apfs::Snapshot);

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
    fn changed<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDateTime>> {
        text::datetime(py, self.0.changed)
    }

    #[getter]
    fn change_time_ns(&self) -> i64 {
        self.0.changed.0
    }

    #[getter]
    fn flags(&self) -> u32 {
        self.0.flags
    }

    #[getter]
    fn map_flags(&self) -> Option<u32> {
        self.0.map_flags
    }

    #[getter]
    fn flag_names(&self) -> Vec<&'static str> {
        self.0.flag_words().collect()
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
