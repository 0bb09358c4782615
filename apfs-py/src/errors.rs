//! Core errors as Python exceptions. The classes are defined in `apfs._errors`.

use apfs_core::{Corrupt, Error, LockReason};
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::{signals, text};

/// Words for why something is locked.
#[pyfunction]
pub(crate) fn lock_reasons() -> Vec<&'static str> {
    LockReason::ALL.iter().map(|reason| reason.word()).collect()
}

/// The exception for a core error; `path` is the path inside the image that it is about.
pub(crate) fn exception(py: Python<'_>, error: &Error, path: Option<&[u8]>) -> PyErr {
    match build(py, error, path) {
        Ok(exception) => exception,
        Err(failed) => failed,
    }
}

/// Turns the error side of a core result into an exception.
pub(crate) trait OrRaise<T> {
    /// The value, or the exception about `path`.
    fn or_raise(self, py: Python<'_>, path: Option<&[u8]>) -> PyResult<T>;
}

impl<T> OrRaise<T> for apfs_core::Result<T> {
    fn or_raise(self, py: Python<'_>, path: Option<&[u8]>) -> PyResult<T> {
        self.map_err(|error| exception(py, &error, path))
    }
}

/// Name of the class in `apfs._errors`.
fn class_name(error: &Error) -> &'static str {
    match error {
        Error::Io(_) => "ReadError",
        Error::Corrupt(_) => "CorruptError",
        Error::Unsupported(_) => "UnsupportedError",
        Error::Locked(_) => "LockedError",
        Error::Limit(_) => "LimitError",
        Error::NotFound(_) => "NotFoundError",
        Error::NotADirectory => "NotADirectoryError",
        Error::IsADirectory => "IsADirectoryError",
        Error::NotASymlink => "NotASymlinkError",
        Error::TooManyLinks => "TooManyLinksError",
        Error::Misuse(_) => "MisuseError",
        _ => "ApfsError",
    }
}

fn build(py: Python<'_>, error: &Error, path: Option<&[u8]>) -> PyResult<PyErr> {
    if let Some(raised) = signals::raised(error) {
        return Ok(raised);
    }
    let details = PyDict::new(py);
    let mut raised_by_source = None;
    match error {
        Error::Corrupt(corrupt) => describe(&details, corrupt)?,
        Error::Io(io) => {
            details.set_item("offset", io.offset)?;
            details.set_item("length", io.len)?;
            raised_by_source = io.cause.downcast_ref::<PyErr>().map(|cause| cause.clone_ref(py));
        }
        Error::Unsupported(unsupported) => {
            details.set_item("what", &unsupported.what)?;
            details.set_item("hint", unsupported.hint)?;
        }
        Error::Locked(locked) => {
            details.set_item("what", &locked.what)?;
            details.set_item("reason", locked.why.word())?;
            if let LockReason::Converting(percent) = locked.why {
                details.set_item("percent", percent)?;
            }
        }
        Error::Limit(hit) => {
            details.set_item("what", hit.what)?;
            details.set_item("limit", hit.limit)?;
            details.set_item("found", hit.found)?;
        }
        _ => {}
    }
    // KeyboardInterrupt and the like are no errors of the image.
    if let Some(cause) = raised_by_source.as_ref().filter(|cause| !cause.is_instance_of::<PyException>(py)) {
        return Ok(cause.clone_ref(py));
    }
    let exception = instance(py, class_name(error), &error.to_string(), path, details)?;
    if let Some(cause) = raised_by_source {
        exception.set_cause(py, Some(cause));
    }
    Ok(exception)
}

/// An exception for a finding that did not stop the work.
pub(crate) fn finding(py: Python<'_>, corrupt: &Corrupt) -> PyResult<PyErr> {
    let details = PyDict::new(py);
    describe(&details, corrupt)?;
    instance(py, "CorruptError", &format!("damaged: {corrupt}"), None, details)
}

fn describe(details: &Bound<'_, PyDict>, corrupt: &Corrupt) -> PyResult<()> {
    let place = &corrupt.place;
    details.set_item("damage", corrupt.damage.code())?;
    details.set_item("reason", corrupt.damage.to_string())?;
    details.set_item("structure", place.structure)?;
    details.set_item("field", place.field)?;
    details.set_item("offset", place.offset)?;
    details.set_item("block", place.block.map(|block| block.0))?;
    details.set_item("oid", place.oid.map(|oid| oid.0))?;
    details.set_item("xid", place.xid.map(|xid| xid.0))?;
    details.set_item("node", place.node)?;
    details.set_item("cnid", place.cnid)?;
    details.set_item("expected", &*corrupt.expected)?;
    details.set_item("found", &*corrupt.found)
}

fn instance(
    py: Python<'_>,
    class: &str,
    message: &str,
    path: Option<&[u8]>,
    details: Bound<'_, PyDict>,
) -> PyResult<PyErr> {
    let path = path.map(|path| text::name(py, path)).transpose()?;
    let built = py.import("apfs._errors")?.getattr("build")?.call1((class, message, path, details))?;
    Ok(PyErr::from_value(built))
}
