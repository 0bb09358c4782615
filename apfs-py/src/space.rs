//! Which blocks of a container are in use, and whose they are.

use apfs_core::apfs::space::{Device, Freed, Space, SpaceFinding};
use apfs_core::apfs::{Container, Snapshot, Volume};
use apfs_core::{Error, Result};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::errors::{OrRaise, exception};
use crate::signals;
use crate::text;

/// Findings that are kept; a damaged image can have one for every block.
const MAX_FINDINGS: usize = 10_000;

/// Device, blocks, in use, not known, free as stored.
type DeviceTuple = (&'static str, u64, u64, u64, u64);
/// Slot of the volume, part, blocks.
type OwnerTuple = (Option<usize>, &'static str, u64);
/// Name and transaction of a snapshot, data, metadata, own blocks.
type FreedTuple<'py> = (Bound<'py, PyString>, u64, (u64, u64, u64));
/// Slot, name, count as stored and counted, metadata, that of snapshots, data, unshared, shared and kept, snapshots.
type VolumeTuple<'py> =
    (usize, Bound<'py, PyString>, (u64, u64), (u64, u64, u64), (u64, u64, u64), Vec<FreedTuple<'py>>);
/// Kind, first block, number of blocks, owners, exception.
type FindingTuple = (&'static str, Option<u64>, u64, Vec<String>, Option<Py<PyAny>>);
/// Size of a block, devices, owners, volumes, leaked, claimed twice, not allocated, damaged, used as stored and counted,
/// whether it is sound, findings.
pub(crate) type SpaceTuple<'py> = (
    u64,
    Vec<DeviceTuple>,
    Vec<OwnerTuple>,
    Vec<VolumeTuple<'py>>,
    (u64, u64, u64, u64),
    (u64, u64),
    bool,
    Vec<FindingTuple>,
);

/// Tells whose every block is.
pub(crate) fn account<'py>(py: Python<'py>, container: &Container) -> PyResult<SpaceTuple<'py>> {
    let mut findings = Vec::new();
    let space = py.detach(|| {
        container.space(&signals::interrupted, &mut |finding| {
            if findings.len() < MAX_FINDINGS {
                findings.push(finding);
            }
            Ok(())
        })
    });
    let space: Space = space.or_raise(py, None)?;
    let used = space.used();
    let devices = space.devices.iter();
    let devices =
        devices.map(|it| (it.device.name(), it.blocks, it.used, it.unknown, it.free_stored)).collect();
    let owners = space.owners.iter().map(|(owner, blocks)| (owner.volume(), owner.part(), *blocks)).collect();
    let volumes = space.volumes.iter().map(|volume| {
        let snapshots = volume.snapshots.iter().map(|(snapshot, space)| {
            Ok((text::name(py, snapshot.name.as_bytes())?, snapshot.xid.0, freed(space)))
        });
        let alloc = (volume.alloc_count.stored, volume.alloc_count.counted);
        let (blocks, data) = ((volume.metadata, volume.kept_metadata, volume.data), volume.data_use);
        let data = (data.unshared, data.shared, data.kept);
        let name = text::name(py, volume.name.as_bytes())?;
        Ok((volume.slot, name, alloc, blocks, data, snapshots.collect::<PyResult<_>>()?))
    });
    Ok((
        space.block_size,
        devices,
        owners,
        volumes.collect::<PyResult<_>>()?,
        (space.leaked, space.claimed_twice, space.not_allocated, space.damaged),
        (used.stored, used.counted),
        space.is_sound(),
        findings.into_iter().map(|finding| told(py, finding)).collect(),
    ))
}

fn told(py: Python<'_>, finding: SpaceFinding) -> FindingTuple {
    let (kind, run, owners, error) = match finding {
        SpaceFinding::Leaked(run) => ("leaked", Some(run), Vec::new(), None),
        SpaceFinding::ClaimedTwice { run, first, second } => {
            ("claimed-twice", Some(run), vec![first.0.to_string(), second.0.to_string()], None)
        }
        SpaceFinding::NotAllocated { run, owner } => {
            ("not-allocated", Some(run), vec![owner.0.to_string()], None)
        }
        SpaceFinding::Damaged(error) => ("damaged", None, Vec::new(), Some(error)),
        _ => ("other", None, Vec::new(), None),
    };
    let error = error.map(|error| exception(py, &error, None).into_value(py).into_any());
    (kind, run.map(|run| run.start.0), run.map_or(0, |run| run.count), owners, error)
}

fn freed(freed: &Freed) -> (u64, u64, u64) {
    (freed.data, freed.metadata, freed.own)
}

/// How much deleting a snapshot alone would free: data, metadata, its own blocks.
pub(crate) fn freed_by_deleting(
    py: Python<'_>,
    volume: Option<&Volume>,
    snapshot: &Snapshot,
) -> PyResult<(u64, u64, u64)> {
    let space = py.detach(|| match volume {
        Some(volume) => volume.freed_by_deleting(snapshot, &signals::interrupted),
        None => Err(Error::Misuse("only APFS volumes have snapshots")),
    });
    Ok(freed(&space.or_raise(py, None)?))
}

/// Runs of blocks in use of a device: first block and number.
pub(crate) fn allocated(py: Python<'_>, container: &Container, device: &str) -> PyResult<Vec<(u64, u64)>> {
    let device = match device {
        "main" => Device::Main,
        "tier2" => Device::Tier2,
        _ => return Err(PyValueError::new_err("device must be 'main' or 'tier2'")),
    };
    let runs: Result<Vec<(u64, u64)>> = py.detach(|| {
        let mut runs = Vec::new();
        let most = container.limits().space_runs;
        container.spaceman()?.allocated(device, &signals::interrupted, &mut |run| {
            let run = run?;
            if runs.len() >= most {
                let limit = u64::try_from(most).unwrap_or(u64::MAX);
                return Err(Error::limit("runs of blocks in use", limit, limit.saturating_add(1)));
            }
            runs.push((run.start, run.count));
            Ok(())
        })?;
        Ok(runs)
    });
    runs.or_raise(py, None)
}
