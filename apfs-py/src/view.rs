//! A volume at one transaction: everything by file number.

use std::sync::{Arc, Mutex, PoisonError};

use apfs_core::{AnyFs, DirEntry, DirPos, FileId, Fs, FsExt, Kind, Result};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::delta::DeltaHandle;
use crate::entries::Entries;
use crate::errors::OrRaise;
use crate::file::FileHandle;
use crate::group;
use crate::seal;
use crate::stat::Stat;
use crate::text::{self, NameArg};

/// A live volume or a snapshot.
#[pyclass(frozen, module = "apfs._apfs")]
#[derive(Debug)]
pub(crate) struct ViewHandle(pub(crate) Arc<AnyFs>);

#[pymethods]
impl ViewHandle {
    #[getter]
    fn xid(&self) -> Option<u64> {
        self.0.as_apfs().map(|view| view.xid().0)
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
        stat.map_err(|error| self.0.lost_entry(FileId(id), error)).or_raise(py, Some(&path.0)).map(Stat)
    }

    /// Which of several hard links a path is, as its directory says.
    fn link_id(&self, py: Python<'_>, path: NameArg) -> PyResult<Option<u64>> {
        py.detach(|| link_id(&self.0, &path.0)).or_raise(py, Some(&path.0))
    }

    /// Begins to list a directory, what the file system keeps for itself included or not.
    fn list(&self, py: Python<'_>, id: u64, path: NameArg, private: bool) -> PyResult<Listing> {
        let stat = py.detach(|| self.0.stat(FileId(id))).or_raise(py, Some(&path.0))?;
        if stat.kind != Kind::Dir {
            return Err(apfs_core::Error::NotADirectory).or_raise(py, Some(&path.0));
        }
        let pos = Mutex::new(DirPos::default());
        Ok(Listing { view: self.0.clone(), dir: FileId(id), private, pos, path: path.0 })
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

    /// What differs between this state and another one.
    fn changes(&self, other: &Bound<'_, ViewHandle>) -> PyResult<DeltaHandle> {
        DeltaHandle::new(other.py(), &self.0, &other.get().0)
    }

    /// What the volume records of its seal.
    fn seal<'py>(&self, py: Python<'py>) -> PyResult<Option<seal::Recorded<'py>>> {
        seal::recorded(py, &self.0)
    }

    /// Compares everything with the seal, on so many threads, 0 for as many as the machine has.
    fn verify_seal<'py>(&self, py: Python<'py>, threads: usize) -> PyResult<Option<seal::Verdict<'py>>> {
        seal::verify(py, &self.0, threads)
    }

    /// Of a merged tree: how the state of System was chosen.
    #[getter]
    fn boot(&self, py: Python<'_>) -> PyResult<&'static str> {
        group::boot(py, &self.0)
    }

    /// Of a merged tree: path, target and source of the firmlinks that are followed.
    #[getter]
    fn firmlinks<'py>(&self, py: Python<'py>) -> PyResult<Vec<group::Firmlink<'py>>> {
        group::firmlinks(py, &self.0)
    }

    /// Of a merged tree: what is not as it should be.
    #[getter]
    fn findings<'py>(&self, py: Python<'py>) -> PyResult<Vec<group::Finding<'py>>> {
        group::findings(py, &self.0)
    }

    /// Of a merged tree: what a file is on its volume.
    fn backing<'py>(&self, py: Python<'py>, id: u64, path: NameArg) -> PyResult<Option<group::Backing<'py>>> {
        group::backing(py, &self.0, id, &path)
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
    fn scan(&self, batch: usize, private: bool) -> PyResult<Entries> {
        Entries::scan(self.0.clone(), private, batch)
    }

    /// Everything from a file down, depth first.
    fn walk(&self, id: u64, path: NameArg, batch: usize, private: bool) -> PyResult<Entries> {
        Entries::walk(self.0.clone(), FileId(id), path.0, private, batch)
    }
}

fn link_id(view: &AnyFs, path: &[u8]) -> Result<Option<u64>> {
    let at = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
    let (parent, name) = path.split_at_checked(at).unwrap_or_default();
    match name.strip_prefix(b"/").unwrap_or(name) {
        b"" | b".." => Ok(None),
        name => Ok(view.lookup(view.find(parent)?, name)?.link_id),
    }
}

/// Name, number and type of one directory entry.
type EntryTuple<'py> = (Bound<'py, PyString>, u64, &'static str);

/// A directory listing under way.
#[pyclass(frozen, module = "apfs._apfs")]
#[derive(Debug)]
pub(crate) struct Listing {
    view: Arc<AnyFs>,
    dir: FileId,
    private: bool,
    pos: Mutex<DirPos>,
    path: Vec<u8>,
}

#[pymethods]
impl Listing {
    /// The next entries, at most `max`; none at the end.
    fn next_batch<'py>(&self, py: Python<'py>, max: usize) -> PyResult<Vec<EntryTuple<'py>>> {
        let entries = py.detach(|| self.next(max)).or_raise(py, Some(&self.path))?;
        let entries = entries.iter();
        entries
            .map(|entry| Ok((text::name(py, entry.name.as_bytes())?, entry.id.0, entry.kind.word())))
            .collect()
    }
}

impl Listing {
    fn next(&self, max: usize) -> Result<Vec<DirEntry>> {
        let mut pos = self.pos.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let mut entries = Vec::new();
            self.view.read_dir(self.dir, &mut pos, &mut entries, max)?;
            let is_end = entries.is_empty();
            if !self.private {
                entries.retain(|entry| !self.view.is_private(self.dir, entry.name.as_bytes()));
            }
            if is_end || !entries.is_empty() {
                return Ok(entries);
            }
        }
    }
}
