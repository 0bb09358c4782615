//! Groups of volumes, and each of them as one tree.

use std::sync::Arc;

use apfs_core::group::{GroupProblem, Groups, MergeOptions, MergedView, Reached, VolumeGroup};
use apfs_core::{AnyFs, AnyVolume, FileId, Fs, apfs};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::errors::OrRaise;
use crate::snapshot::Snapshot;
use crate::text::{self, NameArg};
use crate::view::ViewHandle;
use crate::volume::VolumeHandle;

/// Word and text.
pub(crate) type Problem = (&'static str, String);
/// Path, word, text, whether it is usual.
pub(crate) type Finding<'py> = (Bound<'py, PyString>, &'static str, String, bool);
/// Path, target, source.
pub(crate) type Firmlink<'py> = (Bound<'py, PyString>, Bound<'py, PyString>, &'static str);
/// Slot, number there, transaction, name of the snapshot, how it is reached, place, target, source.
pub(crate) type Backing<'py> = (
    usize,
    u64,
    u64,
    Option<Bound<'py, PyString>>,
    &'static str,
    Option<Bound<'py, PyString>>,
    Option<Bound<'py, PyString>>,
    Option<&'static str>,
);

fn problems(found: &[GroupProblem]) -> Vec<Problem> {
    found.iter().map(|problem| (problem.word(), problem.to_string())).collect()
}

/// The groups of a container, and the problems that concern no single one.
pub(crate) fn find(container: &apfs::Container, partition: usize) -> (Vec<GroupHandle>, Vec<Problem>) {
    let found = Groups::find(container);
    let told = problems(&found.problems);
    (found.groups.into_iter().map(|group| GroupHandle { group, partition }).collect(), told)
}

/// The volumes of one macOS.
#[pyclass(frozen, module = "apfs._apfs")]
#[derive(Debug)]
pub(crate) struct GroupHandle {
    group: VolumeGroup,
    partition: usize,
}

impl GroupHandle {
    fn handles(&self, volumes: &[apfs::Volume]) -> Vec<VolumeHandle> {
        volumes.iter().map(|volume| self.handle(volume)).collect()
    }

    fn handle(&self, volume: &apfs::Volume) -> VolumeHandle {
        VolumeHandle { volume: AnyVolume::Apfs(volume.clone()), partition: self.partition }
    }
}

#[pymethods]
impl GroupHandle {
    #[getter]
    fn id<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        text::uuid(py, self.group.id)
    }

    #[getter]
    fn name<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        text::name(py, self.group.name().as_bytes())
    }

    #[getter]
    fn systems(&self) -> Vec<VolumeHandle> {
        self.handles(&self.group.systems)
    }

    #[getter]
    fn data(&self) -> Vec<VolumeHandle> {
        self.handles(&self.group.data)
    }

    #[getter]
    fn others(&self) -> Vec<VolumeHandle> {
        self.handles(&self.group.others)
    }

    #[getter]
    fn companions(&self) -> Vec<(&'static str, VolumeHandle)> {
        let companions = self.group.companions.iter();
        companions.map(|companion| (companion.directory, self.handle(&companion.volume))).collect()
    }

    #[getter]
    fn problems(&self) -> Vec<Problem> {
        problems(&self.group.problems)
    }

    /// System and Data as one tree.
    #[pyo3(signature = (system, system_live, data, without_data))]
    fn view(
        &self,
        py: Python<'_>,
        system: Option<&Bound<'_, Snapshot>>,
        system_live: bool,
        data: Option<&Bound<'_, Snapshot>>,
        without_data: bool,
    ) -> PyResult<ViewHandle> {
        let inner = |snapshot: Option<&Bound<'_, Snapshot>>| snapshot.map(|it| it.get().0.clone());
        let options = MergeOptions { system: inner(system), system_live, data: inner(data), without_data };
        let merged = py.detach(|| self.group.view(&options)).or_raise(py, None)?;
        Ok(ViewHandle(Arc::new(AnyFs::Merged(merged))))
    }
}

fn merged(view: &AnyFs) -> apfs_core::Result<&MergedView> {
    view.as_merged().ok_or(apfs_core::Error::Misuse("the view is no merged tree"))
}

/// How the state of System was chosen.
pub(crate) fn boot(py: Python<'_>, view: &AnyFs) -> PyResult<&'static str> {
    Ok(merged(view).or_raise(py, None)?.boot().word())
}

/// The firmlinks of a merged tree that are followed.
pub(crate) fn firmlinks<'py>(py: Python<'py>, view: &AnyFs) -> PyResult<Vec<Firmlink<'py>>> {
    let links = merged(view).or_raise(py, None)?.firmlinks().iter();
    let name = |name: &apfs_core::Name| text::name(py, name.as_bytes());
    links.map(|link| Ok((name(&link.path)?, name(&link.target)?, link.source.word()))).collect()
}

/// What is not as it should be with a merged tree.
pub(crate) fn findings<'py>(py: Python<'py>, view: &AnyFs) -> PyResult<Vec<Finding<'py>>> {
    let findings = merged(view).or_raise(py, None)?.findings().iter();
    findings
        .map(|finding| {
            let problem = &finding.problem;
            let path = text::name(py, finding.path.as_bytes())?;
            Ok((path, problem.word(), problem.to_string(), problem.is_usual()))
        })
        .collect()
}

/// What a file of a merged tree is on its volume; `None` for a directory that no volume has.
pub(crate) fn backing<'py>(
    py: Python<'py>,
    view: &AnyFs,
    id: u64,
    path: &NameArg,
) -> PyResult<Option<Backing<'py>>> {
    let id = FileId(id);
    let found = py.detach(|| {
        let merged = merged(view)?;
        merged.stat(id)?;
        Ok(merged.backing(id).zip(Some(merged.reached(id)?)))
    });
    let Some((backing, reached)) = found.or_raise(py, Some(&path.0))? else { return Ok(None) };
    let name = |name: &[u8]| text::name(py, name).map(Some);
    let (by, at, target, source) = match reached {
        Reached::Firmlink(link) => {
            let (at, target) = (name(link.path.as_bytes())?, name(link.target.as_bytes())?);
            ("firmlink", at, target, Some(link.source.word()))
        }
        Reached::Mount(at) => ("mount", name(at)?, None, None),
        Reached::MadeUp => return Ok(None),
        _ => ("system", None, None, None),
    };
    let snapshot = backing.view.snapshot().map(|snapshot| text::name(py, snapshot.name.as_bytes()));
    let (slot, xid) = (backing.view.volume().slot(), backing.view.xid().0);
    Ok(Some((slot, backing.id.0, xid, snapshot.transpose()?, by, at, target, source)))
}
