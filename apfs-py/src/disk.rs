//! A disk: its partitions and containers.

use std::sync::{Arc, Mutex, PoisonError};

use apfs_core::apfs::Container;
use apfs_core::image::probe::Content;
use apfs_core::{
    Checksums, Corrupt, Disk, Error, Format, Limits, Observer, OpenOptions, ReadAt, Secret, Xid,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::errors::{OrRaise, exception, finding};
use crate::secret::{KeyArg, PasswordArg};
use crate::source::{Closable, Source};
use crate::text;
use crate::volume::VolumeHandle;

/// Findings that are kept; a damaged image can have one for every block.
const MAX_FINDINGS: usize = 10_000;

/// Keeps what is wrong but does not stop the work.
#[derive(Default)]
struct Findings(Mutex<Vec<Corrupt>>);

impl Observer for Findings {
    fn finding(&self, finding: &Corrupt) {
        let mut findings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if findings.len() < MAX_FINDINGS {
            findings.push(finding.clone());
        }
    }
}

/// An open disk.
#[pyclass(frozen, module = "apfs._apfs")]
pub(crate) struct DiskHandle {
    disk: Disk,
    layers: Vec<(&'static str, &'static str, u64)>,
    device: Arc<Closable>,
    containers: Vec<(usize, Container)>,
    failures: Vec<PyErr>,
    findings: Arc<Findings>,
}

#[pymethods]
impl DiskHandle {
    #[new]
    #[pyo3(signature = (source, open_as, passwords, keys, checksums, checkpoint, force, cache_bytes, partition))]
    #[allow(clippy::too_many_arguments, reason = "called by the typed package alone, with all of them")]
    fn new(
        source: &Bound<'_, PyAny>,
        open_as: Option<&str>,
        passwords: Vec<PasswordArg>,
        keys: Vec<KeyArg>,
        checksums: &str,
        checkpoint: Option<u64>,
        force: bool,
        cache_bytes: Option<usize>,
        partition: Option<usize>,
    ) -> PyResult<DiskHandle> {
        let py = source.py();
        let checksums = match checksums {
            "require" => Checksums::Require,
            "report" => Checksums::Report,
            "ignore" => Checksums::Ignore,
            _ => return Err(PyValueError::new_err("checksums must be 'require', 'report' or 'ignore'")),
        };
        let format = open_as.map(str::parse::<Format>).transpose();
        let format = format.map_err(|error| PyValueError::new_err(format!("open_as must be {error}")))?;
        let passwords = passwords.into_iter().map(|password| password.0);
        let secrets: Vec<Secret> = passwords.chain(keys.into_iter().map(|key| key.0)).collect();
        let mut limits = Limits::default();
        limits.cache_bytes = cache_bytes.unwrap_or(limits.cache_bytes);
        let findings = Arc::new(Findings::default());
        let observer: Arc<dyn Observer> = findings.clone();
        let checkpoint = checkpoint.map(Xid);
        let options = OpenOptions {
            limits,
            checksums,
            observer: Some(observer),
            checkpoint,
            force,
            secrets,
            ..OpenOptions::default()
        };
        let source = Source::new(source)?;
        let disk = py.detach(|| source.open(format, &options)).or_raise(py, None)?;
        let describe = |layer: &apfs_core::Layer| (layer.format.word(), layer.format.name(), layer.len);
        let layers = disk.layers().iter().map(describe).collect();
        let device = Arc::new(Closable::new(disk.device().clone()));
        let disk = disk.through(|_| device.clone());
        let (mut containers, mut failures) = (Vec::new(), Vec::new());
        for index in wanted(&disk, partition).or_raise(py, None)? {
            match py.detach(|| disk.container(index, options.clone())) {
                Ok(container) => containers.push((index, container)),
                Err(error) => failures.push(exception(py, &error, None)),
            }
        }
        match failures.pop() {
            Some(failure) if containers.is_empty() && failures.is_empty() => return Err(failure),
            Some(failure) => failures.push(failure),
            None => {}
        }
        Ok(DiskHandle { disk, layers, device, containers, failures, findings })
    }

    /// Word, name and length of every disk image around the disk.
    #[getter]
    fn layers(&self) -> Vec<(&'static str, &'static str, u64)> {
        self.layers.clone()
    }

    #[getter]
    fn scheme(&self) -> &'static str {
        self.disk.scheme().word()
    }

    #[getter]
    fn size(&self) -> u64 {
        self.device.len()
    }

    #[getter]
    fn partitions(&self, py: Python<'_>) -> PyResult<Vec<Partition>> {
        let convert = |partition: &apfs_core::Partition| {
            let type_guid = partition.type_guid.map(|guid| text::uuid(py, guid)).transpose()?;
            Ok(Partition {
                index: partition.index,
                start: partition.start,
                length: partition.len,
                type_guid: type_guid.map(Bound::unbind),
                type_name: partition.type_name,
                label: partition.label.clone(),
                type_text: partition.type_text.clone(),
                type_byte: partition.type_byte,
                content: match partition.content {
                    Content::Apfs => "APFS",
                    Content::HfsPlus => "HFS+",
                    Content::HfsX => "HFSX",
                    Content::Unknown => "",
                    other => other.name(),
                },
            })
        };
        self.disk.partitions().iter().map(convert).collect()
    }

    #[getter]
    fn containers(&self) -> Vec<ContainerHandle> {
        let containers = self.containers.iter();
        containers
            .map(|(partition, container)| ContainerHandle {
                partition: *partition,
                container: container.clone(),
            })
            .collect()
    }

    /// Exceptions of the containers that could not be opened.
    #[getter]
    fn failures(&self, py: Python<'_>) -> Vec<Py<PyAny>> {
        self.failures.iter().map(|error| error.value(py).clone().into_any().unbind()).collect()
    }

    /// What was found wrong so far and did not stop the work.
    #[getter]
    fn findings(&self, py: Python<'_>) -> PyResult<Vec<Py<PyAny>>> {
        let observed = self.findings.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let all = self.disk.findings().iter().chain(&observed);
        all.map(|corrupt| Ok(finding(py, corrupt)?.into_value(py).into_any())).collect()
    }

    #[getter]
    fn closed(&self) -> bool {
        self.device.is_closed()
    }

    fn close(&self) {
        self.device.close();
    }
}

/// The partitions to look for containers in.
fn wanted(disk: &Disk, partition: Option<usize>) -> Result<Vec<usize>, Error> {
    if let Some(partition) = partition {
        return Ok(vec![partition]);
    }
    let found = disk.apfs_partitions();
    if !found.is_empty() {
        return Ok(found);
    }
    Err(disk.no_volume())
}

/// Words for the formats of disk images.
#[pyfunction]
pub(crate) fn formats() -> Vec<&'static str> {
    Format::ALL.iter().map(|format| format.word()).collect()
}

/// One partition of a disk.
#[pyclass(frozen, module = "apfs", get_all)]
#[derive(Debug)]
pub(crate) struct Partition {
    index: usize,
    start: u64,
    length: u64,
    type_guid: Option<Py<PyAny>>,
    type_text: Option<String>,
    type_byte: Option<u8>,
    type_name: &'static str,
    label: String,
    content: &'static str,
}

#[pymethods]
impl Partition {
    fn __repr__(&self) -> String {
        let Partition { index, start, length, content, .. } = self;
        format!("Partition(index={index}, start={start}, length={length}, content='{content}')")
    }
}

/// An APFS container at one checkpoint.
#[pyclass(frozen, module = "apfs._apfs")]
#[derive(Debug)]
pub(crate) struct ContainerHandle {
    partition: usize,
    container: Container,
}

/// Volumes that can be opened, and exceptions of those that can't.
type VolumesAndFailures = (Vec<VolumeHandle>, Vec<Py<PyAny>>);

#[pymethods]
impl ContainerHandle {
    #[getter]
    fn partition(&self) -> usize {
        self.partition
    }

    #[getter]
    fn uuid<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        text::uuid(py, self.container.uuid())
    }

    #[getter]
    fn xid(&self) -> u64 {
        self.container.xid().0
    }

    #[getter]
    fn block_size(&self) -> u64 {
        self.container.block_size().bytes()
    }

    #[getter]
    fn block_count(&self) -> u64 {
        self.container.superblock().block_count()
    }

    #[getter]
    fn checkpoints(&self) -> Vec<u64> {
        self.container.checkpoints().iter().map(|superblock| superblock.xid().0).collect()
    }

    fn volumes(&self, py: Python<'_>) -> VolumesAndFailures {
        let (mut volumes, mut failures) = (Vec::new(), Vec::new());
        for (_, volume) in py.detach(|| self.container.volumes()) {
            match volume {
                Ok(volume) => volumes.push(VolumeHandle(volume)),
                Err(error) => failures.push(exception(py, &error, None).into_value(py).into_any()),
            }
        }
        (volumes, failures)
    }
}
