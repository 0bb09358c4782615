//! Seals: what a sealed volume records, and whether it holds.

use core::num::NonZero;
use core::ops::Range;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use apfs_core::apfs::seal::{SealEvent, SealMismatch, SealTally, SealedFile, SealedNode};
use apfs_core::apfs::{Seal, SealCheck, SealSummary, SealVerdict, View};
use apfs_core::{Error, Result};

use crate::delta::apfs;
use crate::error::apfs_error;
use crate::ptr::{Shared, apfs_bytes, share};
use crate::status::apfs_status;
use crate::view::apfs_view;

/// Bytes of the longest hash.
const MAX_HASH: usize = 64;
/// Parts for each thread: they are not equally long.
const PARTS: usize = 8;
/// Threads that are started, whatever the caller wants.
const MAX_THREADS: usize = 256;

/// What a sealed volume records of its seal. Nothing is compared.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct apfs_seal {
    /// Version of the structure: 1 or 2 where it is sound.
    pub version: u32,
    /// Flags as stored: 1 the seal is broken.
    pub flags: u32,
    /// Number of the hash function: 1 SHA-256, ...
    pub hash_type: u32,
    /// Bytes of the hash of the root node; 0 if the function is not known or the hash is not where it can be.
    pub root_hash_len: u32,
    /// The hash of the root node.
    pub root_hash: [u8; 64],
    /// Transaction that broke the seal, 0 if none did.
    pub broken_xid: u64,
    /// Block of the structure.
    pub block: u64,
}

/// What a check of a seal comes to.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum apfs_seal_verdict {
    /// Everything is what the seal says.
    Intact = 1,
    /// Everything is what the seal says, and the volume itself says that it was changed after it was sealed.
    Broken = 2,
    /// Something is not what the seal says, or could not be compared with it.
    Mismatch = 3,
    /// The hash function is not known: nothing could be compared.
    Unknown = 4,
}

/// A seal that was checked.
#[derive(Debug)]
pub struct apfs_seal_check {
    seal: Seal,
    tally: SealTally,
    verdict: SealVerdict,
    recorded: Vec<apfs_error>,
    nodes: Vec<apfs_error>,
    files: Vec<apfs_error>,
}

impl Shared for apfs_seal_check {}

/// The end of a check.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct apfs_seal_result {
    /// What it comes to.
    pub verdict: apfs_seal_verdict,
    /// Transaction that broke the seal, by the volume's own word; 0 if none did, or it does not say.
    pub broken_xid: u64,
    /// Nodes that were compared, the root included.
    pub nodes: u64,
    /// Regular files, those without data included.
    pub files: u64,
    /// Pieces of data with a hash each.
    pub pieces: u64,
    /// Bytes that were hashed.
    pub bytes: u64,
    /// Contradictions in the record of the seal, in `apfs_seal_check_recorded`.
    pub recorded_findings: usize,
    /// Nodes that are not what the seal says, in `apfs_seal_check_nodes`.
    pub node_findings: usize,
    /// Pieces of files that are not what the seal says, in `apfs_seal_check_files`.
    pub file_findings: usize,
    /// Findings that are not listed: of each kind the first thousand are.
    pub more_findings: u64,
}

/// A node of the tree that is not what the seal says, or can't be read. It belongs to the check.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct apfs_sealed_node {
    /// Its object id.
    pub oid: u64,
    /// Its block, 0 if the object map leads to none.
    pub block: u64,
    /// Its level by the node above: 0 for a leaf.
    pub level: u16,
    /// Number of the first file or stream whose records can be below it: nothing of theirs can be relied on.
    pub first_id: u64,
    /// The number behind the last one.
    pub end_id: u64,
    /// The hash differs, or why it can't be compared. Do not free it.
    pub error: *const apfs_error,
}

/// A piece of a file that is not what the seal says, or can't be read. It belongs to the check.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct apfs_sealed_file {
    /// The file.
    pub id: u64,
    /// Its path by its first link, empty if that can't be found.
    pub path: apfs_bytes,
    /// Number of the stream under which the hashes are kept.
    pub stream: u64,
    /// Where the piece begins in what a program reads.
    pub offset: u64,
    /// The hash differs, or why it can't be compared. Do not free it.
    pub error: *const apfs_error,
}

impl From<&Seal> for apfs_seal {
    fn from(seal: &Seal) -> apfs_seal {
        let mut root_hash = [0; MAX_HASH];
        let stored = seal.root_hash.as_deref().unwrap_or(&[]);
        for (to, from) in root_hash.iter_mut().zip(stored) {
            *to = *from;
        }
        apfs_seal {
            version: seal.version,
            flags: seal.flags,
            hash_type: seal.hash_type,
            root_hash_len: u32::try_from(stored.len().min(MAX_HASH)).unwrap_or(0),
            root_hash,
            broken_xid: seal.broken_xid.0,
            block: seal.block.0,
        }
    }
}

fn missing(view: &View) -> Error {
    Error::not_found(format!("seal of volume {}", view.volume().name()))
}

/// Compares everything with the seal, on several threads.
fn check(view: &View, threads: usize) -> Result<apfs_seal_check> {
    let seal = view.seal()?.ok_or_else(|| missing(view))?;
    let mut found = Found { summary: SealSummary::new(&seal), tally: SealTally::default(), error: None };
    if seal.algorithm().is_some() {
        found = Work::new(SealCheck::new(view)?, threads, found).finish();
    }
    if let Some(error) = found.error {
        return Err(error);
    }
    let mut verdict = found.summary.verdict();
    let (mut recorded, mut nodes, mut files) = (Vec::new(), Vec::new(), Vec::new());
    if let SealVerdict::Mismatch(mismatch) = &mut verdict {
        // Threads find in no order.
        mismatch.nodes.sort_by_key(|node| (node.ids.start, node.level));
        mismatch.files.sort_by_key(|file| (file.id, file.offset));
        recorded.extend(mismatch.recorded.iter().map(apfs_error::from));
        nodes.extend(mismatch.nodes.iter().map(|node| apfs_error::from(&node.error)));
        files.extend(mismatch.files.iter().map(|file| apfs_error::from(&file.error)));
    }
    Ok(apfs_seal_check { seal, tally: found.tally, verdict, recorded, nodes, files })
}

/// What the threads of a check have found together.
struct Found {
    summary: SealSummary,
    tally: SealTally,
    error: Option<Error>,
}

/// The parts of a check, shared out to threads.
struct Work {
    check: SealCheck,
    threads: usize,
    parts: Vec<Range<u64>>,
    next: AtomicUsize,
    stopped: AtomicBool,
    found: Mutex<Found>,
}

impl Work {
    fn new(check: SealCheck, threads: usize, found: Found) -> Work {
        let threads = match threads {
            0 => thread::available_parallelism().map_or(1, NonZero::get),
            threads => threads.min(MAX_THREADS),
        };
        let parts = check.parts(threads.saturating_mul(PARTS));
        let (next, stopped) = (AtomicUsize::new(0), AtomicBool::new(false));
        Work { check, threads, parts, next, stopped, found: Mutex::new(found) }
    }

    fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does the work, in the calling thread and others. No scope: its handle of a foreign thread looks lost to Valgrind.
    fn finish(self) -> Found {
        let work = Arc::new(self);
        let others = 1..work.threads.min(work.parts.len().saturating_add(1));
        // A thread that can't be started leaves its work to the others.
        let started = others.map_while(|_| {
            let work = work.clone();
            thread::Builder::new().name("apfs-seal".to_owned()).spawn(move || work.run()).ok()
        });
        let started: Vec<_> = started.collect();
        work.run();
        for thread in started {
            if let Err(payload) = thread.join() {
                resume_unwind(payload);
            }
        }
        let done = || Found {
            summary: SealSummary::new(work.check.seal()),
            tally: SealTally::default(),
            error: None,
        };
        core::mem::replace(&mut *work.found(), done())
    }

    fn run(&self) {
        loop {
            let nth = self.next.fetch_add(1, Ordering::Relaxed);
            let mut sink = |event| {
                if !matches!(event, SealEvent::Hashed(_)) {
                    self.found().summary.add(event);
                }
                Ok(())
            };
            let is_stopped = || self.stopped.load(Ordering::Relaxed);
            let compared = match nth.checked_sub(1).map(|nth| self.parts.get(nth)) {
                None => self.check.root(&mut sink),
                Some(Some(part)) if !is_stopped() => {
                    self.check.part(part.clone(), Some(&is_stopped), &mut sink)
                }
                Some(_) => return,
            };
            let mut found = self.found();
            match compared {
                Ok(tally) => found.tally.merge(&tally),
                Err(error) => {
                    self.stopped.store(true, Ordering::Relaxed);
                    // The others are only told to stop.
                    found.error.get_or_insert(error);
                }
            }
        }
    }
}

impl apfs_seal_check {
    fn mismatch(&self) -> Option<&SealMismatch> {
        match &self.verdict {
            SealVerdict::Mismatch(mismatch) => Some(mismatch),
            _ => None,
        }
    }

    fn result(&self) -> apfs_seal_result {
        apfs_seal_result {
            verdict: match &self.verdict {
                SealVerdict::Intact => apfs_seal_verdict::Intact,
                SealVerdict::BrokenFlag { .. } => apfs_seal_verdict::Broken,
                SealVerdict::Mismatch(_) => apfs_seal_verdict::Mismatch,
                _ => apfs_seal_verdict::Unknown,
            },
            broken_xid: if self.seal.is_broken() { self.seal.broken_xid.0 } else { 0 },
            nodes: self.tally.nodes,
            files: self.tally.files,
            pieces: self.tally.pieces,
            bytes: self.tally.bytes,
            recorded_findings: self.recorded.len(),
            node_findings: self.nodes.len(),
            file_findings: self.files.len(),
            more_findings: self.mismatch().map_or(0, |mismatch| mismatch.more),
        }
    }
}

fn sealed_node((node, error): (&SealedNode, &apfs_error)) -> apfs_sealed_node {
    apfs_sealed_node {
        oid: node.oid.0,
        block: node.block.map_or(0, |block| block.0),
        level: node.level,
        first_id: node.ids.start,
        end_id: node.ids.end,
        error,
    }
}

fn sealed_file((file, error): (&SealedFile, &apfs_error)) -> apfs_sealed_file {
    apfs_sealed_file {
        id: file.id.0,
        path: file.path.as_slice().into(),
        stream: file.stream,
        offset: file.offset,
        error,
    }
}

/// What a sealed volume records of its seal. APFS_STATUS_NOT_FOUND if it is not sealed.
///
/// # Safety
/// `view` is a handle; `out` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_view_get_seal(
    view: *const apfs_view,
    out: *mut apfs_seal,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (view, out) = (given!(view), out!(out));
        let view = apfs(view)?;
        out.put((&view.seal()?.ok_or_else(|| missing(view))?).into());
        Ok(())
    })
}

/// Checks the seal of a view: the root hash, every node, the data of every file, on so many threads (0 for as many as the
/// machine has). Returns when all is compared; what is not as the seal says is no failure of the call but its answer. It
/// compares the volume with itself: whether its root hash is Apple's only the boot policy of a Mac says.
/// APFS_STATUS_NOT_FOUND if the volume is not sealed.
///
/// # Safety
/// `view` is a handle; `out` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_seal_check_open(
    view: *const apfs_view,
    threads: usize,
    out: *mut *const apfs_seal_check,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (view, out) = (given!(view), out!(out));
        out.put(share(check(apfs(view)?, threads)?));
        Ok(())
    })
}

/// What a check comes to.
///
/// # Safety
/// `check` is a handle; `out` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_seal_check_get(
    check: *const apfs_seal_check,
    out: *mut apfs_seal_result,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (check, out) = (given!(check), out!(out));
        out.put(check.result());
        Ok(())
    })
}

/// Lists the nodes that are not what the seal says, from number `first` on: up to `cap` into `out`, how many into `n`.
/// None written means the end.
///
/// # Safety
/// `check` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_seal_check_nodes(
    check: *const apfs_seal_check,
    first: usize,
    out: *mut apfs_sealed_node,
    cap: usize,
    n: *mut usize,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (check, out, n) = (given!(check), slots!(out, cap), out!(n));
        let nodes = check.mismatch().map_or(&[][..], |mismatch| &mismatch.nodes);
        n.put(out.fill(nodes.iter().zip(&check.nodes).skip(first).map(sealed_node)));
        Ok(())
    })
}

/// Lists the pieces of files that are not what the seal says, from number `first` on: up to `cap` into `out`, how many
/// into `n`. None written means the end.
///
/// # Safety
/// `check` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_seal_check_files(
    check: *const apfs_seal_check,
    first: usize,
    out: *mut apfs_sealed_file,
    cap: usize,
    n: *mut usize,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (check, out, n) = (given!(check), slots!(out, cap), out!(n));
        let files = check.mismatch().map_or(&[][..], |mismatch| &mismatch.files);
        n.put(out.fill(files.iter().zip(&check.files).skip(first).map(sealed_file)));
        Ok(())
    })
}

/// Lists the contradictions in the record of the seal, from number `first` on: up to `cap` into `out`, how many into `n`.
/// None written means the end. They belong to the check: do not free them.
///
/// # Safety
/// `check` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_seal_check_recorded(
    check: *const apfs_seal_check,
    first: usize,
    out: *mut *const apfs_error,
    cap: usize,
    n: *mut usize,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (check, out, n) = (given!(check), slots!(out, cap), out!(n));
        n.put(out.fill(check.recorded.iter().skip(first).map(|error| -> *const apfs_error { error })));
        Ok(())
    })
}

/// Frees a check. NULL is allowed.
///
/// # Safety
/// `check` is NULL or a handle that is not yet freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_seal_check_free(check: *const apfs_seal_check) {
    free_shared!(check);
}
