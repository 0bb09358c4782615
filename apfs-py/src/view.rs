//! A volume at one transaction: everything by file number.

use std::sync::{Arc, Mutex, PoisonError};

use apfs_core::apfs::View;
use apfs_core::{DirPos, FileId, Fs, FsExt, Kind};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::entries::Entries;
use crate::errors::{OrRaise, missing_is_damage};
use crate::file::FileHandle;
use crate::stat::Stat;
use crate::text::{self, NameArg};

/// A live volume or a snapshot.
#[pyclass(frozen, module = "apfs._apfs")]
#[derive(Debug)]
pub(crate) struct ViewHandle(pub(crate) Arc<View>);

#[pymethods]
impl ViewHandle {
    #[getter]
    fn xid(&self) -> u64 {
        self.0.xid().0
    }

    #[getter]
    fn root(&self) -> u64 {
        self.0.root().0
    }

    /// Number and type of the file at a path.
    fn find(&self, py: Python<'_>, path: NameArg, follow: bool) -> PyResult<u64> {
        let found = py.detach(|| if follow { self.0.find(&path.0) } else { self.0.find_no_follow(&path.0) });
        Ok(found.or_raise(py, Some(&path.0))?.0)
    }

    /// Metadata of a file that a directory leads to; `path` is for messages.
    fn stat(&self, py: Python<'_>, id: u64, path: NameArg) -> PyResult<Stat> {
        let stat = py.detach(|| self.0.stat(FileId(id)));
        stat.map_err(|error| missing_is_damage(error, FileId(id))).or_raise(py, Some(&path.0)).map(Stat)
    }

    /// Begins to list a directory.
    fn list(&self, py: Python<'_>, id: u64, path: NameArg) -> PyResult<Listing> {
        let stat = py.detach(|| self.0.stat(FileId(id))).or_raise(py, Some(&path.0))?;
        if stat.kind != Kind::Dir {
            return Err(apfs_core::Error::NotADirectory).or_raise(py, Some(&path.0));
        }
        let pos = Mutex::new(DirPos::default());
        Ok(Listing { view: self.0.clone(), dir: FileId(id), pos, path: path.0 })
    }

    /// Target of a symbolic link.
    fn read_link<'py>(&self, py: Python<'py>, id: u64, path: NameArg) -> PyResult<Bound<'py, PyString>> {
        let target = py.detach(|| self.0.read_link(FileId(id))).or_raise(py, Some(&path.0))?;
        text::name(py, target.as_bytes())
    }

    /// Names, lengths and flags of the extended attributes.
    fn xattrs<'py>(
        &self,
        py: Python<'py>,
        id: u64,
        path: NameArg,
    ) -> PyResult<Vec<(Bound<'py, PyString>, u64, u16)>> {
        let xattrs = py.detach(|| self.0.xattrs(FileId(id))).or_raise(py, Some(&path.0))?;
        let xattrs = xattrs.iter();
        xattrs.map(|xattr| Ok((text::name(py, xattr.name.as_bytes())?, xattr.size, xattr.flags))).collect()
    }

    /// The whole value of an extended attribute.
    fn xattr(&self, py: Python<'_>, id: u64, name: NameArg, path: NameArg) -> PyResult<Py<PyAny>> {
        let value = py.detach(|| self.0.xattr(FileId(id), &name.0)).or_raise(py, Some(&path.0))?;
        Ok(pyo3::types::PyBytes::new(py, &value).into_any().unbind())
    }

    /// Opens a stream of a file: `data`, `raw`, `resource_fork`, or `xattr` with a name.
    #[pyo3(signature = (id, stream, xattr, path))]
    fn open(
        &self,
        py: Python<'_>,
        id: u64,
        stream: &str,
        xattr: Option<NameArg>,
        path: NameArg,
    ) -> PyResult<FileHandle> {
        FileHandle::open(py, self.0.clone(), id, stream, xattr, path.0)
    }

    /// All paths that lead to a file.
    fn names<'py>(&self, py: Python<'py>, id: u64) -> PyResult<Vec<(u64, Bound<'py, PyString>)>> {
        let links = py.detach(|| self.0.links(FileId(id))).or_raise(py, None)?;
        links.iter().map(|(parent, name)| Ok((parent.0, text::name(py, name.as_bytes())?))).collect()
    }

    /// Path from the root to a file, by its primary link.
    fn path_of<'py>(&self, py: Python<'py>, id: u64) -> PyResult<Bound<'py, PyString>> {
        let path = py.detach(|| self.0.path_of(FileId(id))).or_raise(py, None)?;
        text::name(py, &path)
    }

    /// The whole volume in record order.
    fn scan(&self, batch: usize) -> PyResult<Entries> {
        Entries::scan(self.0.clone(), batch)
    }

    /// Everything from a file down, depth first.
    fn walk(&self, id: u64, path: NameArg, batch: usize) -> PyResult<Entries> {
        Entries::walk(self.0.clone(), FileId(id), path.0, batch)
    }
}

/// Name, number and type of one directory entry.
type EntryTuple<'py> = (Bound<'py, PyString>, u64, &'static str);

/// A directory listing under way.
#[pyclass(frozen, module = "apfs._apfs")]
#[derive(Debug)]
pub(crate) struct Listing {
    view: Arc<View>,
    dir: FileId,
    pos: Mutex<DirPos>,
    path: Vec<u8>,
}

#[pymethods]
impl Listing {
    /// The next entries, at most `max`; none at the end.
    fn next_batch<'py>(&self, py: Python<'py>, max: usize) -> PyResult<Vec<EntryTuple<'py>>> {
        let mut entries = Vec::new();
        let listed = py.detach(|| {
            let mut pos = self.pos.lock().unwrap_or_else(PoisonError::into_inner);
            self.view.read_dir(self.dir, &mut pos, &mut entries, max)
        });
        listed.or_raise(py, Some(&self.path))?;
        let entries = entries.iter();
        entries
            .map(|entry| Ok((text::name(py, entry.name.as_bytes())?, entry.id.0, entry.kind.word())))
            .collect()
    }
}
