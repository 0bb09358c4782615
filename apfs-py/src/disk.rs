//! A disk: its partitions, containers and volumes.

use std::sync::{Arc, Mutex, PoisonError};

use apfs_core::apfs::Container;
use apfs_core::image::probe::Content;
use apfs_core::{
    AnyVolume, Checksums, Corrupt, Disk, Error, Format, Limits, Observer, OpenOptions, ReadAt, Result,
    Secret, Xid,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::check::{Checking, Report};
use crate::errors::{OrRaise, exception, finding};
use crate::group::{self, GroupHandle};
use crate::secret::{KeyArg, PasswordArg};
use crate::source::{Closable, Source};
use crate::space;
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
    /// What is wrong with the disk images, which the disk lets go of.
    layer_findings: Vec<Corrupt>,
    device: Arc<Closable>,
    /// That of the other half of a Fusion pair.
    tier2: Option<Arc<Closable>>,
    containers: Vec<(usize, Container)>,
    /// Volumes that are in no APFS container.
    volumes: Vec<(usize, AnyVolume)>,
    failures: Vec<PyErr>,
    /// The same as the core gave them.
    errors: Vec<Error>,
    findings: Arc<Findings>,
    /// To open other checkpoints as the disk was opened.
    options: OpenOptions,
}

#[pymethods]
impl DiskHandle {
    #[new]
    #[pyo3(signature = (source, tier2, open_as, passwords, keys, checksums, checkpoint, no_journal, force, cache_bytes, partition))]
    #[allow(clippy::too_many_arguments, reason = "called by the typed package alone, with all of them")]
    fn new(
        source: &Bound<'_, PyAny>,
        tier2: Option<&Bound<'_, PyAny>>,
        open_as: Option<&str>,
        passwords: Vec<PasswordArg>,
        keys: Vec<KeyArg>,
        checksums: &str,
        checkpoint: Option<u64>,
        no_journal: bool,
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
            no_journal,
            force,
            secrets,
            ..OpenOptions::default()
        };
        let source = Source::new(source)?;
        let disk = py.detach(|| source.open(format, &options)).or_raise(py, None)?;
        let describe = |layer: &apfs_core::Layer| (layer.format.word(), layer.format.name(), layer.len);
        let layers = disk.layers().iter().map(describe).collect();
        let found = disk.layers().iter().flat_map(|layer| layer.image.findings());
        let layer_findings = found.cloned().collect();
        let device = Arc::new(Closable::new(disk.device().clone()));
        let disk = disk.through(|_| device.clone());
        let second = tier2.map(Source::new).transpose()?;
        let second = second.map(|second| py.detach(|| second.open(None, &options)).or_raise(py, None));
        let second = second.transpose()?;
        let (disk, tier2) = match second {
            Some(second) => {
                let device = Arc::new(Closable::new(second.device().clone()));
                let second = second.through(|_| device.clone());
                let disk = py.detach(|| disk.with_second(&second)).or_raise(py, None)?;
                (disk, Some(device))
            }
            None => (disk, None),
        };
        let found = py.detach(|| Found::on(&disk, partition, &options)).or_raise(py, None)?;
        let Found { containers, volumes, failures } = found;
        let errors = failures;
        let mut failures: Vec<PyErr> = errors.iter().map(|error| exception(py, error, None)).collect();
        match failures.pop() {
            Some(failure) if containers.is_empty() && volumes.is_empty() && failures.is_empty() => {
                return Err(failure);
            }
            Some(failure) => failures.push(failure),
            None => {}
        }
        Ok(DiskHandle {
            disk,
            layers,
            layer_findings,
            device,
            tier2,
            containers,
            volumes,
            failures,
            errors,
            findings,
            options,
        })
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

    /// The container in a partition at another checkpoint.
    fn checkpoint(&self, py: Python<'_>, partition: usize, xid: u64) -> PyResult<ContainerHandle> {
        let options = OpenOptions { checkpoint: Some(Xid(xid)), ..self.options.clone() };
        let container = py.detach(|| self.disk.container(partition, options)).or_raise(py, None)?;
        Ok(ContainerHandle { partition, container })
    }

    /// Checks all that is on the disk.
    fn check(&self, py: Python<'_>, snapshots: bool, findings_per_rule: u64) -> PyResult<Report> {
        let mut checking = Checking::new(snapshots, findings_per_rule);
        let result = py.detach(|| {
            checking.around(&self.disk, &self.layer_findings);
            for (partition, container) in &self.containers {
                checking.container(*partition, container)?;
            }
            for (partition, volume) in &self.volumes {
                checking.volume(*partition, volume)?;
            }
            self.errors.iter().for_each(|error| checking.not_opened(error));
            Ok(())
        });
        checking.report(py, result)
    }

    /// Volumes that are in no container.
    #[getter]
    fn volumes(&self) -> Vec<VolumeHandle> {
        let volumes = self.volumes.iter();
        volumes
            .map(|(partition, volume)| VolumeHandle { volume: volume.clone(), partition: *partition })
            .collect()
    }

    /// Exceptions of the containers and volumes that could not be opened.
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
        if let Some(tier2) = &self.tier2 {
            tier2.close();
        }
    }
}

/// What is on a disk.
#[derive(Default)]
struct Found {
    containers: Vec<(usize, Container)>,
    volumes: Vec<(usize, AnyVolume)>,
    failures: Vec<Error>,
}

impl Found {
    /// Looks in one partition, or in all that hold something.
    fn on(disk: &Disk, partition: Option<usize>, options: &OpenOptions) -> Result<Found> {
        let mut found = Found::default();
        let all = disk.partitions().iter().map(|partition| partition.index);
        let looked: Vec<usize> = partition.map_or_else(|| all.collect(), |one| vec![one]);
        for index in looked {
            let is_apfs = disk.apfs_partitions().contains(&index);
            let volumes = if is_apfs { None } else { disk.volumes_in(index, options) };
            match volumes {
                Some(Ok(volumes)) => {
                    for volume in volumes {
                        found.add(index, volume);
                    }
                }
                Some(Err(error)) => found.failures.push(error),
                // Of a partition that was asked for it is said why there is nothing.
                None if is_apfs || partition.is_some() => match disk.container(index, options.clone()) {
                    Ok(container) => found.containers.push((index, container)),
                    Err(error) => found.failures.push(error),
                },
                None => {}
            }
        }
        let is_empty = found.containers.is_empty() && found.volumes.is_empty() && found.failures.is_empty();
        if is_empty { Err(disk.no_volume()) } else { Ok(found) }
    }

    /// A volume on a logical volume can be one of an APFS container, which is what is kept.
    fn add(&mut self, index: usize, volume: Result<AnyVolume>) {
        match volume {
            Ok(AnyVolume::Apfs(volume)) => {
                let container = volume.container();
                let is_known = |(_, known): &(usize, Container)| known.uuid() == container.uuid();
                if !self.containers.iter().any(is_known) {
                    self.containers.push((index, container.clone()));
                }
            }
            Ok(volume) => self.volumes.push((index, volume)),
            Err(error) => self.failures.push(error),
        }
    }
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

/// Ids, blocks, bytes of tier 2, findings, how many there are.
type FusionTuple<'py> =
    ((Bound<'py, PyAny>, Bound<'py, PyAny>), (u64, u64), Option<u64>, Vec<Py<PyAny>>, u64);

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

    /// Checks the container with all its volumes.
    fn check(&self, py: Python<'_>, snapshots: bool, findings_per_rule: u64) -> PyResult<Report> {
        let mut checking = Checking::new(snapshots, findings_per_rule);
        let result = py.detach(|| checking.container(self.partition, &self.container));
        checking.report(py, result)
    }

    /// Whose every block is.
    fn space<'py>(&self, py: Python<'py>) -> PyResult<space::SpaceTuple<'py>> {
        space::account(py, &self.container)
    }

    /// First block and number of all runs of blocks in use of a device.
    fn allocated(&self, py: Python<'_>, device: &str) -> PyResult<Vec<(u64, u64)>> {
        space::allocated(py, &self.container, device)
    }

    /// Of a Fusion pair: ids and blocks of both devices, bytes of tier 2, what is wrong, and how many of that.
    fn fusion<'py>(&self, py: Python<'py>) -> PyResult<Option<FusionTuple<'py>>> {
        let Some(fusion) = self.container.fusion() else { return Ok(None) };
        let findings = fusion.findings.iter();
        let findings = findings.map(|error| exception(py, error, None).into_value(py).into_any()).collect();
        let ids = (text::uuid(py, fusion.main_uuid)?, text::uuid(py, fusion.tier2_uuid)?);
        let blocks = (fusion.main_blocks, fusion.tier2_blocks);
        Ok(Some((ids, blocks, fusion.tier2_len, findings, fusion.finding_count)))
    }

    /// Its volume groups, and word and text of the problems that concern no single one.
    fn groups(&self, py: Python<'_>) -> (Vec<GroupHandle>, Vec<group::Problem>) {
        py.detach(|| group::find(&self.container, self.partition))
    }

    fn volumes(&self, py: Python<'_>) -> VolumesAndFailures {
        let (mut volumes, mut failures) = (Vec::new(), Vec::new());
        for (_, volume) in py.detach(|| self.container.volumes()) {
            match volume {
                Ok(volume) => {
                    volumes.push(VolumeHandle { volume: AnyVolume::Apfs(volume), partition: self.partition })
                }
                Err(error) => failures.push(exception(py, &error, None).into_value(py).into_any()),
            }
        }
        (volumes, failures)
    }
}
