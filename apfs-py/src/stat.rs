//! Metadata of a file.

use apfs_core::{Kind, Timestamp};
use pyo3::prelude::*;
use pyo3::types::PyDateTime;

use crate::text;

/// Metadata of a file: names of `os.stat_result`, and friendlier ones beside them.
#[pyclass(frozen, module = "apfs")]
#[derive(Debug)]
pub(crate) struct Stat(pub(crate) apfs_core::Stat);

fn nanoseconds(time: Option<Timestamp>) -> i64 {
    time.map_or(0, |time| time.0)
}

#[allow(clippy::as_conversions, reason = "seconds as a float lose digits by nature; the _ns names keep them")]
fn seconds(time: Option<Timestamp>) -> f64 {
    nanoseconds(time) as f64 / 1e9
}

fn datetime(py: Python<'_>, time: Option<Timestamp>) -> PyResult<Option<Bound<'_, PyDateTime>>> {
    time.map(|time| text::datetime(py, time)).transpose()
}

#[pymethods]
impl Stat {
    #[getter]
    fn st_mode(&self) -> u16 {
        self.0.mode
    }

    #[getter]
    fn st_ino(&self) -> u64 {
        self.0.id.0
    }

    #[getter]
    fn st_nlink(&self) -> u32 {
        self.0.nlink
    }

    #[getter]
    fn st_uid(&self) -> u32 {
        self.0.uid
    }

    #[getter]
    fn st_gid(&self) -> u32 {
        self.0.gid
    }

    #[getter]
    fn st_size(&self) -> u64 {
        self.0.size
    }

    #[getter]
    fn st_blocks(&self) -> u64 {
        let stored = self.0.allocated.saturating_sub(self.0.sparse_bytes.unwrap_or(0));
        stored.div_ceil(512)
    }

    #[getter]
    fn st_flags(&self) -> u32 {
        self.0.bsd_flags
    }

    #[getter]
    fn st_rdev(&self) -> u32 {
        self.0.rdev.unwrap_or(0)
    }

    #[getter]
    fn st_atime(&self) -> f64 {
        seconds(self.0.accessed)
    }

    #[getter]
    fn st_mtime(&self) -> f64 {
        seconds(self.0.modified)
    }

    #[getter]
    fn st_ctime(&self) -> f64 {
        seconds(self.0.changed)
    }

    #[getter]
    fn st_birthtime(&self) -> f64 {
        seconds(self.0.created)
    }

    #[getter]
    fn st_atime_ns(&self) -> i64 {
        nanoseconds(self.0.accessed)
    }

    #[getter]
    fn st_mtime_ns(&self) -> i64 {
        nanoseconds(self.0.modified)
    }

    #[getter]
    fn st_ctime_ns(&self) -> i64 {
        nanoseconds(self.0.changed)
    }

    #[getter]
    fn st_birthtime_ns(&self) -> i64 {
        nanoseconds(self.0.created)
    }

    #[getter]
    fn accessed<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDateTime>>> {
        datetime(py, self.0.accessed)
    }

    #[getter]
    fn modified<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDateTime>>> {
        datetime(py, self.0.modified)
    }

    #[getter]
    fn changed<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDateTime>>> {
        datetime(py, self.0.changed)
    }

    #[getter]
    fn created<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDateTime>>> {
        datetime(py, self.0.created)
    }

    #[getter]
    fn kind(&self) -> &'static str {
        self.0.kind.word()
    }

    #[getter]
    fn size(&self) -> u64 {
        self.0.size
    }

    #[getter]
    fn allocated(&self) -> u64 {
        self.0.allocated
    }

    #[getter]
    fn sparse_bytes(&self) -> Option<u64> {
        self.0.sparse_bytes
    }

    #[getter]
    fn parent_ino(&self) -> u64 {
        self.0.parent.0
    }

    #[getter]
    fn bsd_flags(&self) -> u32 {
        self.0.bsd_flags
    }

    #[getter]
    fn internal_flags(&self) -> u64 {
        self.0.internal_flags
    }

    #[getter]
    fn private_id(&self) -> u64 {
        self.0.private_id
    }

    #[getter]
    fn device(&self) -> Option<(u32, u32)> {
        self.0.rdev.map(|device| (device >> 24, device & 0x00FF_FFFF))
    }

    #[getter]
    fn document_id(&self) -> Option<u32> {
        self.0.document_id
    }

    #[getter]
    fn compression(&self) -> Option<u32> {
        self.0.compression.map(|compression| compression.kind)
    }

    #[getter]
    fn resource_size(&self) -> Option<u64> {
        self.0.resource_size
    }

    #[getter]
    fn protection_class(&self) -> u32 {
        self.0.protection_class
    }

    #[getter]
    fn is_dataless(&self) -> bool {
        self.0.is_dataless()
    }

    fn is_dir(&self) -> bool {
        self.0.kind == Kind::Dir
    }

    fn is_file(&self) -> bool {
        self.0.kind == Kind::File
    }

    fn is_symlink(&self) -> bool {
        self.0.kind == Kind::Symlink
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Stat>().is_ok_and(|other| other.get().0 == self.0)
    }

    fn __hash__(&self) -> u64 {
        self.0.id.0 ^ self.0.size.rotate_left(32)
    }

    fn __repr__(&self) -> String {
        format!(
            "Stat(st_ino={}, kind='{}', st_mode=0o{:o}, st_size={})",
            self.0.id,
            self.kind(),
            self.0.mode,
            self.0.size
        )
    }
}
