//! What differs between states of a volume.

use std::sync::{Mutex, PoisonError};

use apfs_core::apfs::View;
use apfs_core::apfs::delta::{self, Delta, History, Method};
use apfs_core::{AnyFs, Error, FileId, Result};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::errors::{OrRaise, exception};
use crate::signals;
use crate::stat::Stat;
use crate::text;
use crate::view::ViewHandle;

/// Changes, or files that could not be compared, handed over at a time.
const BATCH: usize = 256;

/// The APFS view, if it is one.
fn apfs(view: &AnyFs) -> Result<&View> {
    let hint = "HFS+ volumes have one state; of a merged tree compare the volumes that it is made of";
    view.as_apfs().ok_or_else(|| Error::unsupported("states of anything but an APFS volume", hint))
}

/// What differs for one name or one file.
#[pyclass(frozen, module = "apfs")]
#[derive(Debug)]
pub(crate) struct Change(delta::Change);

#[pymethods]
impl Change {
    #[getter]
    fn op(&self) -> &'static str {
        self.0.op.word()
    }

    #[getter]
    fn path<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        text::name(py, &self.0.path)
    }

    #[getter]
    fn old_path<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyString>>> {
        self.0.old_path.as_deref().map(|path| text::name(py, path)).transpose()
    }

    #[getter]
    fn ino(&self) -> u64 {
        self.0.ino.0
    }

    #[getter]
    fn kind(&self) -> &'static str {
        self.0.kind.word()
    }

    #[getter]
    fn fields(&self) -> Vec<&'static str> {
        self.0.fields.names().collect()
    }

    #[getter]
    fn ranges(&self) -> Vec<(u64, u64)> {
        self.0.ranges.clone()
    }

    #[getter]
    fn xattrs<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let xattrs = PyDict::new(py);
        for xattr in &self.0.xattrs {
            xattrs.set_item(text::name(py, xattr.name.as_bytes())?, xattr.op.word())?;
        }
        Ok(xattrs)
    }

    #[getter]
    fn before(&self) -> Option<Stat> {
        self.0.before.clone().map(Stat)
    }

    #[getter]
    fn after(&self) -> Option<Stat> {
        self.0.after.clone().map(Stat)
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Change>().is_ok_and(|other| other.get().0 == self.0)
    }

    fn __hash__(&self) -> u64 {
        self.0.ino.0
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let path = self.path(py)?.repr()?;
        Ok(format!("Change(op='{}', path={path}, ino={})", self.0.op.word(), self.0.ino))
    }
}

/// A comparison of two states under way.
#[pyclass(frozen, module = "apfs._apfs")]
#[derive(Debug)]
pub(crate) struct DeltaHandle {
    delta: Mutex<Delta<'static>>,
}

/// Changes given, leaves and index nodes of both states, nodes of the object map, how leaves were found.
type Stats = (u64, (u64, u64), (u64, u64), u64, u64, Option<&'static str>);

impl DeltaHandle {
    pub(crate) fn new(py: Python<'_>, from: &AnyFs, to: &AnyFs) -> PyResult<DeltaHandle> {
        let delta = py.detach(|| apfs(from)?.changes(apfs(to)?)).or_raise(py, None)?;
        Ok(DeltaHandle { delta: Mutex::new(delta.cancel(&signals::interrupted)) })
    }
}

#[pymethods]
impl DeltaHandle {
    /// The next changes, and exceptions for what could not be compared, in order. None at the end.
    fn next_batch(&self, py: Python<'_>) -> PyResult<Vec<Py<PyAny>>> {
        let items: Vec<Result<delta::Change>> = py.detach(|| {
            let mut delta = self.delta.lock().unwrap_or_else(PoisonError::into_inner);
            delta.by_ref().take(BATCH).collect()
        });
        let convert = |item: Result<delta::Change>| match item {
            Ok(change) => Ok(Py::new(py, Change(change))?.into_any()),
            Err(error @ Error::Cancelled) => Err(exception(py, &error, None)),
            Err(error) => Ok(exception(py, &error, None).into_value(py).into_any()),
        };
        items.into_iter().map(convert).collect()
    }

    /// What has been read so far.
    fn stats(&self, py: Python<'_>) -> Stats {
        let stats = py.detach(|| self.delta.lock().unwrap_or_else(PoisonError::into_inner).stats());
        let method = stats.method.map(|method| match method {
            Method::Map => "map",
            _ => "trees",
        });
        let both = |[first, second]: [u64; 2]| (first, second);
        let (leaves, index_nodes) = (both(stats.leaves), both(stats.index_nodes));
        (stats.changes, leaves, index_nodes, stats.omap_nodes, stats.older_omap_nodes, method)
    }
}

/// Versions of a file under way.
#[pyclass(frozen, module = "apfs._apfs")]
#[derive(Debug)]
pub(crate) struct HistoryHandle {
    history: Mutex<History<usize>>,
}

/// Places of the states, path and metadata, what differs from the version before.
type VersionTuple<'py> = (Vec<usize>, Option<(Bound<'py, PyString>, Stat)>, Option<Change>);

#[pymethods]
impl HistoryHandle {
    #[new]
    fn new(id: u64) -> HistoryHandle {
        HistoryHandle { history: Mutex::new(History::new(FileId(id))) }
    }

    /// Adds the next state, which is called by a number.
    fn add(&self, state: usize, view: &Bound<'_, ViewHandle>) -> PyResult<()> {
        let (py, view) = (view.py(), view.get());
        let added = py.detach(|| {
            let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
            history.add(state, apfs(&view.0)?)
        });
        added.or_raise(py, None)
    }

    /// The versions so far.
    fn versions<'py>(&self, py: Python<'py>) -> PyResult<Vec<VersionTuple<'py>>> {
        let versions = py.detach(|| {
            let history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
            history.versions().to_vec()
        });
        let convert = |version: delta::Version<usize>| {
            let file = version.file.map(|file| Ok::<_, PyErr>((text::name(py, &file.0)?, Stat(file.1))));
            Ok((version.states, file.transpose()?, version.change.map(Change)))
        };
        versions.into_iter().map(convert).collect()
    }
}
