//! Seals: what a sealed volume records, and whether it holds.

use core::num::NonZero;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use apfs_core::apfs::seal::{SealEvent, SealTally, hash_name};
use apfs_core::apfs::{Seal, SealCheck, SealSummary, SealVerdict, View};
use apfs_core::{AnyFs, Error, Result};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors::{OrRaise, exception, finding};
use crate::signals;

/// Parts for each thread: they are not equally long.
const PARTS: usize = 8;
/// Threads that are started, whatever the caller wants.
const MAX_THREADS: usize = 256;

/// Version, flags, hash type, name of the hash, root hash, transaction that broke it, block.
pub(crate) type Recorded<'py> = (u32, u32, u32, String, Option<Bound<'py, PyBytes>>, u64, u64);
/// Object id, block, level, first number and the one behind the last, exception.
type Node = (u64, Option<u64>, u16, u64, u64, Py<PyAny>);
/// Number, path, stream, offset, exception.
type File<'py> = (u64, Option<Bound<'py, pyo3::types::PyString>>, u64, u64, Py<PyAny>);
/// Word, transaction that broke it, nodes, files, pieces and bytes, findings of each kind, those not listed.
pub(crate) type Verdict<'py> =
    (&'static str, Option<u64>, (u64, u64, u64, u64), (Vec<Py<PyAny>>, Vec<Node>, Vec<File<'py>>), u64);

fn apfs(view: &AnyFs) -> Result<&View> {
    let hint = "of a merged tree verify the System volume";
    view.as_apfs().ok_or_else(|| Error::unsupported("seals of anything but an APFS volume", hint))
}

/// What a volume records of its seal; `None` if it is not sealed.
pub(crate) fn recorded<'py>(py: Python<'py>, view: &AnyFs) -> PyResult<Option<Recorded<'py>>> {
    let seal = py.detach(|| view.as_apfs().map_or(Ok(None), View::seal)).or_raise(py, None)?;
    Ok(seal.map(|seal| {
        let root_hash = seal.root_hash.as_deref().map(|hash| PyBytes::new(py, hash));
        let name = hash_name(seal.hash_type);
        (seal.version, seal.flags, seal.hash_type, name, root_hash, seal.broken_xid.0, seal.block.0)
    }))
}

/// Compares everything with the seal; `None` if the volume is not sealed.
pub(crate) fn verify<'py>(py: Python<'py>, view: &AnyFs, threads: usize) -> PyResult<Option<Verdict<'py>>> {
    let checked = py.detach(|| {
        let view = apfs(view)?;
        view.seal()?.map(|seal| check(view, seal, threads)).transpose()
    });
    let Some((seal, tally, verdict)) = checked.or_raise(py, None)? else { return Ok(None) };
    let broken = seal.is_broken().then_some(seal.broken_xid.0);
    let error = |error: &Error| exception(py, error, None).into_value(py).into_any();
    let (mut flaws, mut nodes, mut files, mut more) = (Vec::new(), Vec::new(), Vec::new(), 0);
    let word = verdict.word();
    if let SealVerdict::Mismatch(mut found) = verdict {
        // Threads find in no order.
        found.nodes.sort_by_key(|node| (node.ids.start, node.level));
        found.files.sort_by_key(|file| (file.id, file.offset));
        for flaw in &found.recorded {
            flaws.push(finding(py, flaw)?.into_value(py).into_any());
        }
        for node in &found.nodes {
            let block = node.block.map(|block| block.0);
            nodes.push((node.oid.0, block, node.level, node.ids.start, node.ids.end, error(&node.error)));
        }
        for file in &found.files {
            let path = (!file.path.is_empty()).then(|| crate::text::name(py, &file.path)).transpose()?;
            files.push((file.id.0, path, file.stream, file.offset, error(&file.error)));
        }
        more = found.more;
    }
    let compared = (tally.nodes, tally.files, tally.pieces, tally.bytes);
    Ok(Some((word, broken, compared, (flaws, nodes, files), more)))
}

/// What the threads of a check have found together.
struct Found {
    summary: SealSummary,
    tally: SealTally,
    error: Option<Error>,
}

fn check(view: &View, seal: Seal, threads: usize) -> Result<(Seal, SealTally, SealVerdict)> {
    let mut found = Found { summary: SealSummary::new(&seal), tally: SealTally::default(), error: None };
    if seal.algorithm().is_some() {
        found = compare(&SealCheck::new(view)?, threads, found);
    }
    match found.error {
        Some(error) => Err(error),
        None => Ok((seal, found.tally, found.summary.verdict())),
    }
}

/// Shares the parts of a check out to threads, of which the calling one is the first and looks for signals.
fn compare(check: &SealCheck, threads: usize, found: Found) -> Found {
    let threads = match threads {
        0 => thread::available_parallelism().map_or(1, NonZero::get),
        threads => threads.min(MAX_THREADS),
    };
    let parts = check.parts(threads.saturating_mul(PARTS));
    let (next, stopped, found) = (AtomicUsize::new(0), AtomicBool::new(false), Mutex::new(found));
    let with = |change: &mut dyn FnMut(&mut Found)| {
        change(&mut found.lock().unwrap_or_else(PoisonError::into_inner));
    };
    let work = |cancel: &(dyn Fn() -> bool + Sync)| {
        let mut sink = |event| {
            let mut event = Some(event);
            if !matches!(event, Some(SealEvent::Hashed(_))) {
                with(&mut |found| event.take().into_iter().for_each(|event| found.summary.add(event)));
            }
            Ok(())
        };
        loop {
            let nth = next.fetch_add(1, Ordering::Relaxed);
            let result = match nth.checked_sub(1).map(|nth| parts.get(nth)) {
                None => check.root(&mut sink),
                Some(Some(part)) if !cancel() => check.part(part.clone(), Some(cancel), &mut sink),
                Some(_) => return,
            };
            let mut result = Some(result);
            with(&mut |found| match result.take() {
                Some(Ok(tally)) => found.tally.merge(&tally),
                Some(Err(error)) => {
                    stopped.store(true, Ordering::Relaxed);
                    // The others were only told to stop.
                    if found.error.is_none() {
                        found.error = Some(error);
                    }
                }
                None => {}
            });
        }
    };
    let is_stopped = || stopped.load(Ordering::Relaxed);
    let is_interrupted = || {
        if signals::interrupted() {
            stopped.store(true, Ordering::Relaxed);
            with(&mut |found| found.error = Some(Error::Cancelled));
        }
        is_stopped()
    };
    thread::scope(|scope| {
        for _ in 1..threads.min(parts.len().saturating_add(1)) {
            scope.spawn(|| work(&is_stopped));
        }
        work(&is_interrupted);
    });
    found.into_inner().unwrap_or_else(PoisonError::into_inner)
}
