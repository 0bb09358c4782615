//! What an extraction tells: problems as they come, progress, and the sum at the end. Shared by all its threads.

use core::fmt::{self, Display};
use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use apfs_core::text::escape::Escaped;
use serde::Serialize;

use crate::exit::Outcome;
use crate::progress::Progress;
use crate::row::lossy;

/// A number that several threads add to.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Something that did not keep its name.
#[derive(Debug, Serialize)]
pub(crate) struct Renamed {
    from: String,
    to: String,
}

/// Collects what happens.
#[derive(Debug)]
pub(crate) struct Report {
    outcome: Mutex<Outcome>,
    renamed: Mutex<Vec<Renamed>>,
    keep_renamed: bool,
    progress: Progress,
    pub(crate) files: Counter,
    pub(crate) dirs: Counter,
    pub(crate) symlinks: Counter,
    pub(crate) hardlinks: Counter,
    pub(crate) special: Counter,
    pub(crate) bytes: Counter,
    pub(crate) apple_double: Counter,
    pub(crate) left_out: Counter,
    pub(crate) partial: Counter,
}

/// The sum, as JSON.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    schema: &'static str,
    files: u64,
    dirs: u64,
    symlinks: u64,
    hardlinks: u64,
    special: u64,
    bytes: u64,
    apple_double: u64,
    partial: u64,
    left_out: u64,
    renamed: Vec<Renamed>,
}

impl Report {
    /// A report; `keep_renamed` if [`Summary::renamed`] will be asked for.
    pub(crate) fn new(mut outcome: Outcome, keep_renamed: bool) -> Report {
        outcome.show_progress();
        let progress = outcome.progress().clone();
        Report {
            outcome: Mutex::new(outcome),
            renamed: Mutex::default(),
            keep_renamed,
            progress,
            files: Counter::default(),
            dirs: Counter::default(),
            symlinks: Counter::default(),
            hardlinks: Counter::default(),
            special: Counter::default(),
            bytes: Counter::default(),
            apple_double: Counter::default(),
            left_out: Counter::default(),
            partial: Counter::default(),
        }
    }

    /// Says a problem: the exit status will be 1.
    pub(crate) fn problem(&self, path: &[u8], why: impl Display) {
        lock(&self.outcome).problem(format_args!("{}: {why}", Escaped(path)));
    }

    /// Says what is different from usual though nothing is lost.
    pub(crate) fn note(&self, path: &[u8], what: impl Display) {
        self.progress.say(&format!("apfs: {}: {what}", Escaped(path)));
    }

    /// Says why something is not extracted.
    pub(crate) fn left_out(&self, path: &[u8], why: impl Display) {
        self.left_out.add(1);
        self.problem(path, format_args!("left out: {why}"));
    }

    /// Says that something got another name.
    pub(crate) fn renamed(&self, from: &[u8], to: &[u8], why: &str) {
        self.problem(from, format_args!("{why}, extracted as {}", Escaped(to)));
        if self.keep_renamed {
            let pair = Renamed { from: lossy(from).into_owned(), to: lossy(to).into_owned() };
            lock(&self.renamed).push(pair);
        }
    }

    /// Shows that bytes were written.
    pub(crate) fn written(&self, bytes: u64) {
        self.bytes.add(bytes);
        self.progress.read(usize::try_from(bytes).unwrap_or(usize::MAX));
    }

    /// The sum of it all, and what decides the exit status.
    pub(crate) fn finish(self) -> (Summary, Outcome) {
        self.progress.finish();
        let summary = Summary {
            schema: "apfs.extract/1",
            files: self.files.value(),
            dirs: self.dirs.value(),
            symlinks: self.symlinks.value(),
            hardlinks: self.hardlinks.value(),
            special: self.special.value(),
            bytes: self.bytes.value(),
            apple_double: self.apple_double.value(),
            partial: self.partial.value(),
            left_out: self.left_out.value(),
            renamed: self.renamed.into_inner().unwrap_or_else(PoisonError::into_inner),
        };
        (summary, self.outcome.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary { files, dirs, symlinks, hardlinks, bytes, .. } = self;
        write!(f, "{files} files ({bytes} bytes), {dirs} directories, {symlinks} symbolic links")?;
        let rest = [
            (*hardlinks, "hard links"),
            (self.special, "special files"),
            (self.apple_double, "AppleDouble files"),
            (self.partial, "partial files"),
        ];
        for (count, what) in rest.into_iter().filter(|(count, _)| *count > 0) {
            write!(f, ", {count} {what}")?;
        }
        if self.left_out > 0 {
            write!(f, "; {} left out", self.left_out)?;
        }
        Ok(())
    }
}

/// A lock whose holder panicked protects plain values only: they can still be used.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
