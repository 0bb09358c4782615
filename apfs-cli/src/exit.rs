//! Exit status: what was said on standard error decides it.

use std::fmt::{self, Display};
use std::io::ErrorKind;
use std::process::ExitCode;

use apfs_core::Error;

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
}

impl Outcome {
    /// Says a problem and goes on.
    pub(crate) fn problem(&mut self, text: impl Display) {
        self.problems = self.problems.saturating_add(1);
        eprintln!("apfs: {text}");
    }

    pub(crate) fn problems(&self) -> u64 {
        self.problems
    }
}

/// Turns the result of a command into the exit status.
pub(crate) fn finish(result: Result<Outcome, Failure>) -> ExitCode {
    match result {
        Ok(outcome) if outcome.problems() == 0 => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(1),
        Err(failure) if failure.is_broken_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("apfs: {failure}");
            ExitCode::from(2)
        }
    }
}
