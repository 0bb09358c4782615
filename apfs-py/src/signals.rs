//! Ctrl-C during long work in the core, which asks now and then whether to stop.

use core::cell::{Cell, RefCell};
use core::time::Duration;
use std::time::Instant;

use apfs_core::Error;
use pyo3::prelude::*;

/// How often signals are looked for.
const EVERY: Duration = Duration::from_millis(100);

thread_local! {
    static LOOKED: Cell<Option<Instant>> = const { Cell::new(None) };
    static RAISED: RefCell<Option<PyErr>> = const { RefCell::new(None) };
}

/// True if a signal handler raised an exception in this thread, as the one for Ctrl-C does in the main thread. To be
/// asked where the interpreter lock is not held.
pub(crate) fn interrupted() -> bool {
    let now = Instant::now();
    match LOOKED.get() {
        Some(before) if now.duration_since(before) < EVERY => return false,
        // What is done before the first look is short.
        None => {
            LOOKED.set(Some(now));
            return false;
        }
        Some(_) => LOOKED.set(Some(now)),
    }
    match Python::attach(|py| py.check_signals()) {
        Ok(()) => false,
        Err(raised) => {
            RAISED.set(Some(raised));
            true
        }
    }
}

/// What a signal handler raised, if that is why the core stopped.
pub(crate) fn raised(error: &Error) -> Option<PyErr> {
    if matches!(error, Error::Cancelled) { RAISED.take() } else { None }
}
