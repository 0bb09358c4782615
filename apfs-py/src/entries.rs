//! Long listings: a thread reads ahead, a bounded channel hands over batches.

use core::time::Duration;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use apfs_core::{AnyFs, Error, FileId, Fs, FsExt, Scan, Stat as CoreStat, WalkError};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};

use crate::errors::exception;
use crate::stat::Stat;
use crate::text;

/// Batches that may wait to be taken.
const AHEAD: usize = 4;
/// How often a waiting main thread looks for signals.
const SIGNALS: Duration = Duration::from_millis(100);

#[derive(Default)]
struct Batch {
    entries: Vec<(Vec<u8>, CoreStat)>,
    errors: Vec<WalkError>,
}

enum Message {
    Batch(Batch),
    Done(apfs_core::Result<()>),
}

/// Collects entries and sends them in batches.
struct Sender {
    channel: SyncSender<Message>,
    batch: Batch,
    size: usize,
}

impl Sender {
    fn push(&mut self, item: Result<(Vec<u8>, CoreStat), WalkError>) -> apfs_core::Result<()> {
        match item {
            Ok(entry) => self.batch.entries.push(entry),
            Err(error) => self.batch.errors.push(error),
        }
        let full = self.batch.entries.len() >= self.size || self.batch.errors.len() >= self.size;
        if full { self.flush() } else { Ok(()) }
    }

    /// Fails when nobody takes batches any more: that is how a listing is given up.
    fn flush(&mut self) -> apfs_core::Result<()> {
        let batch = core::mem::take(&mut self.batch);
        self.channel.send(Message::Batch(batch)).map_err(|_| Error::Cancelled)
    }
}

/// Batches of paths with metadata, and of what could not be read.
#[pyclass(frozen, module = "apfs._apfs")]
#[derive(Debug)]
pub(crate) struct Entries {
    /// `None` after the end.
    channel: Mutex<Option<Receiver<Message>>>,
}

type BatchLists<'py> = (Bound<'py, PyList>, Bound<'py, PyList>);

impl Entries {
    pub(crate) fn scan(view: Arc<AnyFs>, private: bool, size: usize) -> PyResult<Entries> {
        // By the records the content of a directory with several links is below a private one.
        if !private && view.has_dir_links() {
            let root = view.root();
            return Entries::walk(view, root, b"/".to_vec(), false, size);
        }
        Entries::start(size, move |sender| {
            let ledger = view.scan(None, &mut |item| match item {
                Ok(entry) if entry.private && !private => Ok(()),
                item => sender.push(item.map(|entry| (entry.path.to_vec(), entry.stat.clone()))),
            });
            ledger.map(|_| ())
        })
    }

    /// `from_path` is the path of the start, put in front of all others.
    pub(crate) fn walk(
        view: Arc<AnyFs>,
        from: FileId,
        from_path: Vec<u8>,
        private: bool,
        size: usize,
    ) -> PyResult<Entries> {
        let below = move |path: Vec<u8>| match (path.as_slice(), from_path.as_slice()) {
            (_, b"/") | (b"", _) => path,
            (b"/", _) => from_path.clone(),
            _ => [from_path.as_slice(), &path].concat(),
        };
        Entries::start(size, move |sender| {
            view.walk(from).private(private).try_for_each(|item| {
                sender.push(match item {
                    Ok(entry) => Ok((below(entry.path), entry.stat)),
                    Err(error) => Err(with_path(&view, error, &below)),
                })
            })
        })
    }

    fn start<F>(size: usize, work: F) -> PyResult<Entries>
    where
        F: FnOnce(&mut Sender) -> apfs_core::Result<()> + Send + 'static,
    {
        let (channel, receiver) = sync_channel(AHEAD);
        let mut sender = Sender { channel, batch: Batch::default(), size: size.max(1) };
        thread::Builder::new().name("apfs-entries".to_owned()).spawn(move || {
            let done = work(&mut sender).and_then(|()| sender.flush());
            // Nobody waiting for the end is no error.
            let _ = sender.channel.send(Message::Done(done));
        })?;
        Ok(Entries { channel: Mutex::new(Some(receiver)) })
    }

    fn receive(&self, py: Python<'_>) -> PyResult<Option<Batch>> {
        loop {
            let message = py.detach(|| {
                let mut channel = self.channel.lock().unwrap_or_else(PoisonError::into_inner);
                let message = channel.as_ref().map(|channel| channel.recv_timeout(SIGNALS));
                if matches!(message, Some(Ok(Message::Done(_)) | Err(RecvTimeoutError::Disconnected))) {
                    *channel = None;
                }
                message
            });
            match message {
                Some(Ok(Message::Batch(batch))) => return Ok(Some(batch)),
                Some(Ok(Message::Done(Ok(())))) | None => return Ok(None),
                Some(Ok(Message::Done(Err(error)))) => return Err(exception(py, &error, None)),
                Some(Err(RecvTimeoutError::Timeout)) => py.check_signals()?,
                Some(Err(RecvTimeoutError::Disconnected)) => {
                    return Err(PyRuntimeError::new_err("the listing thread ended early"));
                }
            }
        }
    }
}

/// An error of a walk as one about the whole volume.
fn with_path(view: &AnyFs, mut error: WalkError, below: impl Fn(Vec<u8>) -> Vec<u8>) -> WalkError {
    error.path = below(error.path);
    error.error = view.lost_entry(error.id, error.error);
    error
}

#[pymethods]
impl Entries {
    /// The next batch: paths with metadata, and exceptions. `None` at the end.
    fn next_batch<'py>(&self, py: Python<'py>) -> PyResult<Option<BatchLists<'py>>> {
        let Some(batch) = self.receive(py)? else { return Ok(None) };
        let entries = batch.entries.into_iter().map(|(path, stat)| (path, Stat(stat)));
        let entries: Vec<(Bound<'_, PyString>, Stat)> =
            entries.map(|(path, stat)| Ok((text::name(py, &path)?, stat))).collect::<PyResult<_>>()?;
        let errors = batch.errors.iter().map(|error| {
            let path = (!error.path.is_empty()).then_some(error.path.as_slice());
            exception(py, &error.error, path)
        });
        let errors: Vec<_> = errors.map(|error| error.into_value(py)).collect();
        Ok(Some((PyList::new(py, entries)?, PyList::new(py, errors)?)))
    }

    /// Gives up: the thread stops at its next batch.
    fn close(&self, py: Python<'_>) {
        py.detach(|| drop(self.channel.lock().unwrap_or_else(PoisonError::into_inner).take()));
    }
}
