//! Names, ids and times on their way to Python and back.

use apfs_core::{Timestamp, Uuid};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDateTime, PyString, PyTzInfo};

/// Name or path as text. Bytes that are not UTF-8 become lone surrogates, as in `os.fsdecode`.
pub(crate) fn name<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyString>> {
    match core::str::from_utf8(bytes) {
        Ok(text) => Ok(PyString::new(py, text)),
        Err(_) => {
            let text = PyBytes::new(py, bytes).call_method1("decode", ("utf-8", "surrogateescape"))?;
            Ok(text.cast_into()?)
        }
    }
}

/// A name or path from Python as the bytes that are stored: the reverse of [`name`].
#[derive(Debug)]
pub(crate) struct NameArg(pub(crate) Vec<u8>);

impl<'py> FromPyObject<'_, 'py> for NameArg {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<NameArg> {
        if let Ok(bytes) = object.cast::<PyBytes>() {
            return Ok(NameArg(bytes.as_bytes().to_vec()));
        }
        let text = object.cast::<PyString>()?;
        match text.to_str() {
            Ok(text) => Ok(NameArg(text.as_bytes().to_vec())),
            Err(_) => Ok(NameArg(text.call_method1("encode", ("utf-8", "surrogateescape"))?.extract()?)),
        }
    }
}

/// A `uuid.UUID`.
pub(crate) fn uuid(py: Python<'_>, uuid: Uuid) -> PyResult<Bound<'_, PyAny>> {
    py.import("uuid")?.getattr("UUID")?.call1((py.None(), PyBytes::new(py, &uuid.0)))
}

/// A datetime in UTC, rounded down to microseconds. Every stored time is in its range.
pub(crate) fn datetime(py: Python<'_>, time: Timestamp) -> PyResult<Bound<'_, PyDateTime>> {
    in_zone(py, time, Some(&*PyTzInfo::utc(py)?))
}

/// A datetime of a time zone that is not known.
pub(crate) fn local_datetime(py: Python<'_>, time: Timestamp) -> PyResult<Bound<'_, PyDateTime>> {
    in_zone(py, time, None)
}

fn in_zone<'py>(
    py: Python<'py>,
    time: Timestamp,
    zone: Option<&Bound<'py, PyTzInfo>>,
) -> PyResult<Bound<'py, PyDateTime>> {
    let (year, month, day, hour, minute, second) = time.civil();
    let small = |n: u32| u8::try_from(n).unwrap_or(0);
    PyDateTime::new(
        py,
        i32::try_from(year)?,
        small(month),
        small(day),
        small(hour),
        small(minute),
        small(second),
        time.subsec_nanos() / 1000,
        zone,
    )
}
