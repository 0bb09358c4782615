//! One stream of one file, open for positioned reads.

use std::sync::Arc;

use apfs_core::{AnyFs, ExtentKind, ExtentRun, File, FileId, Fs, Name, StreamId};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors::OrRaise;
use crate::text::NameArg;

/// Runs asked for at a time.
const BATCH: usize = 256;

/// One run of a stream.
#[pyclass(frozen, module = "apfs", get_all)]
#[derive(Debug)]
pub(crate) struct Extent {
    logical: u64,
    length: u64,
    physical: Option<u64>,
    kind: &'static str,
    crypto_id: u64,
}

#[pymethods]
impl Extent {
    fn __repr__(&self) -> String {
        let physical = self.physical.map_or_else(|| "None".to_owned(), |at| at.to_string());
        let Extent { logical, length, kind, .. } = self;
        format!("Extent(logical={logical}, length={length}, physical={physical}, kind='{kind}')")
    }
}

impl From<ExtentRun> for Extent {
    fn from(run: ExtentRun) -> Extent {
        let (kind, physical) = match run.kind {
            ExtentKind::Data(at) => ("data", Some(at)),
            ExtentKind::Hole => ("hole", None),
            ExtentKind::Unwritten => ("unwritten", None),
            _ => ("unknown", None),
        };
        Extent { logical: run.logical, length: run.len, physical, kind, crypto_id: run.crypto_id }
    }
}

/// An open stream.
#[pyclass(frozen, module = "apfs._apfs")]
#[derive(Debug)]
pub(crate) struct FileHandle {
    view: Arc<AnyFs>,
    stream: StreamId,
    file: File<Arc<AnyFs>>,
    path: Vec<u8>,
}

impl FileHandle {
    pub(crate) fn open(
        py: Python<'_>,
        view: Arc<AnyFs>,
        id: u64,
        stream: &str,
        xattr: Option<NameArg>,
        path: Vec<u8>,
    ) -> PyResult<FileHandle> {
        let stream = match (stream, xattr) {
            ("data", None) => StreamId::Data,
            ("raw", None) => StreamId::Raw,
            ("resource_fork", None) => StreamId::ResourceFork,
            ("xattr", Some(name)) => StreamId::Xattr(Name::from(name.0)),
            _ => return Err(PyValueError::new_err("no such stream: use data, raw or resource_fork")),
        };
        let opened = py.detach(|| File::open(view.clone(), FileId(id), stream.clone()));
        let file = opened.or_raise(py, Some(&path))?;
        Ok(FileHandle { view, stream, file, path })
    }
}

#[pymethods]
impl FileHandle {
    #[getter]
    fn size(&self) -> u64 {
        self.file.len()
    }

    /// Up to `length` bytes from `offset` on, less only at the end.
    fn read_at<'py>(&self, py: Python<'py>, offset: u64, length: u64) -> PyResult<Bound<'py, PyBytes>> {
        let wanted = usize::try_from(length.min(self.file.len().saturating_sub(offset)))?;
        let mut got = 0;
        let bytes = PyBytes::new_with(py, wanted, |buf| {
            got = py.detach(|| self.file.read_at(offset, buf)).or_raise(py, Some(&self.path))?;
            Ok(())
        })?;
        match bytes.as_bytes().get(..got) {
            Some(part) if got < wanted => Ok(PyBytes::new(py, part)),
            _ => Ok(bytes),
        }
    }

    /// The runs of the stream in order.
    fn extents(&self, py: Python<'_>) -> PyResult<Vec<Extent>> {
        let runs = py.detach(|| {
            let (mut runs, mut from) = (Vec::new(), 0);
            loop {
                let before = runs.len();
                self.view.extents(self.file.id(), &self.stream, from, &mut runs, BATCH)?;
                match runs.last() {
                    Some(last) if runs.len() > before => from = last.logical.saturating_add(last.len),
                    _ => return Ok(runs),
                }
            }
        });
        Ok(runs.or_raise(py, Some(&self.path))?.into_iter().map(Extent::from).collect())
    }
}
