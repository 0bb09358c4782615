//! Passwords and keys on their way from Python: copied once, wiped when dropped, never shown.

use apfs_core::Secret;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyString;

use crate::text::NameArg;

/// A password: text, or bytes as they are.
pub(crate) struct PasswordArg(pub(crate) Secret);

impl<'py> FromPyObject<'_, 'py> for PasswordArg {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<PasswordArg> {
        Ok(PasswordArg(Secret::password(object.extract::<NameArg>()?.0)))
    }
}

/// A key: bytes, or text in hexadecimal.
pub(crate) struct KeyArg(pub(crate) Secret);

impl<'py> FromPyObject<'_, 'py> for KeyArg {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<KeyArg> {
        let Ok(text) = object.cast::<PyString>() else {
            let bytes: PyBackedBytes = object.extract()?;
            return Ok(KeyArg(Secret::key(&*bytes)));
        };
        let key = Secret::key_from_hex(text.to_str()?);
        // What was given is not repeated: it may be a key with a slip in it.
        key.map(KeyArg).ok_or_else(|| PyValueError::new_err("key must be bytes, or text in hexadecimal"))
    }
}
