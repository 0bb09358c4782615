//! Where the bytes come from: paths, memory, Python file objects.

use core::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use apfs_core::{Disk, Error, Format, OpenOptions, ReadAt, Result, Run};
use pyo3::exceptions::{PyOSError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyMemoryView, PySlice};

/// Whatever was given to `apfs.open`.
pub(crate) enum Source {
    /// A file, device node or folder.
    Path(PathBuf),
    /// Bytes from Python.
    Device(Arc<dyn ReadAt>),
}

impl Source {
    /// Looks what was given. A path that can't be opened is the `OSError` that Python itself would raise.
    pub(crate) fn new(source: &Bound<'_, PyAny>) -> PyResult<Source> {
        if let Ok(bytes) = source.cast::<PyBytes>() {
            return Ok(Source::Device(Arc::new(BytesDevice(bytes.clone().into()))));
        }
        if let Ok(view) = PyMemoryView::from(source) {
            return Ok(Source::Device(Arc::new(MemoryDevice::new(&view)?)));
        }
        if source.hasattr("read")? && source.hasattr("seek")? {
            return Ok(Source::Device(Arc::new(ObjectDevice::new(source)?)));
        }
        let path: PathBuf = source.extract().map_err(|_| {
            PyTypeError::new_err("expected a path, bytes-like object or seekable binary file object")
        })?;
        check_path(source.py(), &path)?;
        Ok(Source::Path(path))
    }

    /// Opens the disk in it, as an image of a given format or by looking.
    pub(crate) fn open(self, format: Option<Format>, options: &OpenOptions) -> Result<Disk> {
        match self {
            Source::Path(path) => Disk::open_path_as(path, format, options),
            Source::Device(device) => Disk::open_as(device, format, options),
        }
    }
}

/// Folders can only be sparse bundles, which have a property list.
fn check_path(py: Python<'_>, path: &Path) -> PyResult<()> {
    let is_bundle = |path: &Path| ["Info.plist", "Info.bckup"].iter().any(|name| path.join(name).exists());
    let checked = py.detach(|| match File::open(path)?.metadata()?.is_dir() {
        true if !is_bundle(path) => Err(std::io::ErrorKind::IsADirectory.into()),
        _ => Ok(()),
    });
    checked.map_err(|error: std::io::Error| {
        let number = match (error.raw_os_error(), error.kind()) {
            (None, std::io::ErrorKind::IsADirectory) => errno(py, "EISDIR"),
            (number, _) => number.map_or_else(|| errno(py, "EIO"), Ok),
        };
        // OSError picks its own subclass by the number.
        match number.and_then(|number| Ok((number, strerror(py, number)?))) {
            Ok((number, message)) => PyOSError::new_err((number, message, path.to_path_buf())),
            Err(failed) => failed,
        }
    })
}

fn errno(py: Python<'_>, name: &str) -> PyResult<i32> {
    py.import("errno")?.getattr(name)?.extract()
}

fn strerror(py: Python<'_>, number: i32) -> PyResult<String> {
    py.import("os")?.call_method1("strerror", (number,))?.extract()
}

/// A device that can be let go of while others still hold it.
pub(crate) struct Closable {
    device: RwLock<Option<Arc<dyn ReadAt>>>,
    len: u64,
}

impl Closable {
    pub(crate) fn new(device: Arc<dyn ReadAt>) -> Closable {
        Closable { len: device.len(), device: RwLock::new(Some(device)) }
    }

    /// Lets go of the device. Reads that have begun finish first.
    pub(crate) fn close(&self) {
        let device = self.device.write().unwrap_or_else(PoisonError::into_inner).take();
        drop(device);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.device.read().unwrap_or_else(PoisonError::into_inner).is_none()
    }
}

impl ReadAt for Closable {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        // Only the pointer is taken under the lock: a read may have to wait for the interpreter.
        let device = self.device.read().unwrap_or_else(PoisonError::into_inner).clone();
        let device = device.ok_or(Error::Misuse("the disk is closed"))?;
        device.read_exact_at(offset, buf)
    }

    fn run_at(&self, offset: u64) -> Option<Run> {
        let device = self.device.read().unwrap_or_else(PoisonError::into_inner).clone();
        device?.run_at(offset)
    }
}

/// Immutable bytes, read without the interpreter lock.
struct BytesDevice(PyBackedBytes);

impl ReadAt for BytesDevice {
    fn len(&self) -> u64 {
        ReadAt::len(&*self.0)
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        (*self.0).read_exact_at(offset, buf)
    }
}

/// Memory that Python may change (`bytearray`, `mmap`, arrays): copied under the interpreter lock.
struct MemoryDevice {
    view: Py<PyAny>,
    len: u64,
}

impl MemoryDevice {
    fn new(view: &Bound<'_, PyMemoryView>) -> PyResult<MemoryDevice> {
        let view = view.call_method1("cast", ("B",))?;
        Ok(MemoryDevice { len: u64::try_from(view.len()?)?, view: view.unbind() })
    }

    fn copy(&self, offset: u64, buf: &mut [u8]) -> PyResult<()> {
        Python::attach(|py| {
            let start = isize::try_from(offset)?;
            let end = start.checked_add(isize::try_from(buf.len())?);
            let end = end.ok_or_else(|| PyValueError::new_err("read past the end"))?;
            let part = self.view.bind(py).get_item(PySlice::new(py, start, end, 1))?;
            let part: PyBackedBytes = part.call_method0("tobytes")?.extract()?;
            fill(buf, &part)
        })
    }
}

impl ReadAt for MemoryDevice {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        let len = u64::try_from(buf.len()).unwrap_or(u64::MAX);
        self.copy(offset, buf).map_err(|cause| Error::io(offset, len, cause))
    }
}

fn fill(buf: &mut [u8], bytes: &[u8]) -> PyResult<()> {
    if bytes.len() != buf.len() {
        return Err(PyValueError::new_err(format!("{} bytes instead of {}", bytes.len(), buf.len())));
    }
    buf.copy_from_slice(bytes);
    Ok(())
}

/// A Python file object. Seek and read belong together, so reads take turns.
///
/// The turn is always taken while detached from the interpreter, so waiting for it blocks nobody.
struct ObjectDevice {
    object: Mutex<Py<PyAny>>,
    len: u64,
}

impl ObjectDevice {
    fn new(object: &Bound<'_, PyAny>) -> PyResult<ObjectDevice> {
        let end = object.call_method1("seek", (0, 2))?;
        // Some file objects return nothing from seek.
        let end = if end.is_none() { object.call_method0("tell")? } else { end };
        Ok(ObjectDevice { len: end.extract()?, object: Mutex::new(object.clone().unbind()) })
    }
}

fn read_object(object: &Bound<'_, PyAny>, offset: u64, buf: &mut [u8]) -> PyResult<()> {
    object.call_method1("seek", (offset,))?;
    let mut rest = buf;
    while !rest.is_empty() {
        let part = object.call_method1("read", (rest.len(),))?;
        let part: PyBackedBytes = part
            .extract()
            .map_err(|_| PyTypeError::new_err("read() returned no bytes; the file object must be binary"))?;
        if part.is_empty() {
            return Err(PyValueError::new_err("the file object ended early"));
        }
        let (now, later) = rest
            .split_at_mut_checked(part.len())
            .ok_or_else(|| PyValueError::new_err("read() returned more than asked for"))?;
        now.copy_from_slice(&part);
        rest = later;
    }
    Ok(())
}

impl ReadAt for ObjectDevice {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        let len = u64::try_from(buf.len()).unwrap_or(u64::MAX);
        let object = self.object.lock().unwrap_or_else(PoisonError::into_inner);
        Python::attach(|py| read_object(object.bind(py), offset, buf))
            .map_err(|cause| Error::io(offset, len, cause))
    }
}

impl fmt::Debug for Closable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Closable").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}
