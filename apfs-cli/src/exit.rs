//! Exit status: what was said on standard error decides it.

use core::fmt::{self, Display};
use core::sync::atomic::{AtomicBool, Ordering};
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use apfs_core::{Corrupt, Error, Layer};

use crate::progress::Progress;

/// Why a command could not do its work at all.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The library's error, with what was being done.
    Core(String, Error),
    /// The operating system's error, with what was being done.
    Io(String, std::io::Error),
    /// A wrong request, with advice.
    Usage(String),
}

impl Failure {
    pub(crate) fn core(what: impl Display) -> impl FnOnce(Error) -> Failure {
        move |error| Failure::Core(what.to_string(), error)
    }

    pub(crate) fn io(what: impl Display) -> impl FnOnce(std::io::Error) -> Failure {
        move |error| Failure::Io(what.to_string(), error)
    }

    /// The reader of our output has gone: that is no failure (`apfs ls ... | head`).
    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, Failure::Io(_, error) if error.kind() == ErrorKind::BrokenPipe)
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Core(what, error) => write!(f, "{what}: {error}"),
            Failure::Io(what, error) => write!(f, "{what}: {error}"),
            Failure::Usage(text) => f.write_str(text),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        Failure::Io("writing output".to_owned(), error)
    }
}

/// Collects what went wrong beside the main work: each problem is one line on standard error, and makes the exit
/// status 1.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    problems: u64,
    progress: Progress,
}

impl Outcome {
    /// Says a problem and goes on.
    pub(crate) fn problem(&mut self, text: impl Display) {
        self.problems = self.problems.saturating_add(1);
        self.progress.say(&format!("apfs: {text}"));
    }

    /// What was compared differs, and the exit status is to say so. Nothing is printed.
    pub(crate) fn differs(&mut self) {
        self.problems = self.problems.saturating_add(1);
    }

    /// Says what is wrong with the disk images around a disk, where that does not stop reading.
    pub(crate) fn layer_findings(&mut self, layers: &[Layer]) {
        for layer in layers {
            for finding in layer.image.findings() {
                self.problem(format_args!("{}: {finding}", layer.format));
            }
        }
    }

    /// An outcome for a worker of the same command: problems are said at once and counted by [`Outcome::add`].
    pub(crate) fn of_worker(&self) -> Outcome {
        Outcome { problems: 0, progress: self.progress.clone() }
    }

    /// Counts the problems of a worker.
    pub(crate) fn add(&mut self, worker: &Outcome) {
        self.problems = self.problems.saturating_add(worker.problems);
    }

    /// So many problems were shown as the output of the command.
    pub(crate) fn shown(&mut self, count: u64) {
        self.problems = self.problems.saturating_add(count);
    }

    pub(crate) fn problems(&self) -> u64 {
        self.problems
    }

    /// Shows progress from now on.
    pub(crate) fn show_progress(&mut self) {
        self.progress = Progress::start();
    }

    /// Shows from now on that work goes on; `shown_as_found`: what it finds is printed at once.
    pub(crate) fn show_working(&mut self, text: &'static str, shown_as_found: bool) {
        self.progress = Progress::working(text, shown_as_found);
    }

    /// Shows progress towards a known number of bytes from now on.
    pub(crate) fn show_progress_of(&mut self, bytes: u64) {
        self.progress = Progress::start_of(bytes);
    }

    /// Where long work says how far it is.
    pub(crate) fn progress(&self) -> &Progress {
        &self.progress
    }
}

/// Set by [`note`].
static NOTED: AtomicBool = AtomicBool::new(false);

/// Set by [`needs_secret`].
static NEEDS_SECRET: AtomicBool = AtomicBool::new(false);

/// Set by [`be_quiet`].
static QUIET: AtomicBool = AtomicBool::new(false);

/// How a secret is given, said once and last.
const HOW_TO_GIVE: &str = "a password is given with --password-file, --password-fd or the variable APFS_PASSWORD, a raw \
                           key with --key-file; `apfs unlock` shows what opens it";

/// Remembers that something is locked for which no password or key was given.
pub(crate) fn needs_secret() {
    NEEDS_SECRET.store(true, Ordering::Relaxed);
}

/// Says a finding that does not stop the work, from any thread.
pub(crate) fn note(finding: &Corrupt) {
    NOTED.store(true, Ordering::Relaxed);
    say(format_args!("apfs: noted: {finding}"));
}

/// From now on says nothing and asks nothing.
pub(crate) fn be_quiet() {
    QUIET.store(true, Ordering::Relaxed);
}

/// True if nothing may be said or asked.
pub(crate) fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

/// Prints a line to standard error. That nobody reads it is no reason to stop.
pub(crate) fn say(line: impl Display) {
    if is_quiet() {
        return;
    }
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Turns the result of a command into the exit status.
pub(crate) fn finish(result: Result<Outcome, Failure>) -> ExitCode {
    let code = status(result);
    if NEEDS_SECRET.load(Ordering::Relaxed) {
        say(format_args!("apfs: {HOW_TO_GIVE}"));
    }
    code
}

fn status(result: Result<Outcome, Failure>) -> ExitCode {
    match result {
        Ok(outcome) => {
            outcome.progress.finish();
            ExitCode::from(u8::from(outcome.problems() > 0 || NOTED.load(Ordering::Relaxed)))
        }
        Err(failure) if failure.is_broken_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            say(format_args!("apfs: {failure}"));
            ExitCode::from(2)
        }
    }
}
