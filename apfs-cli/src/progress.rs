//! A progress line on standard error, for long work on a terminal.

use core::time::Duration;
use std::io::IsTerminal;

use apfs_core::text::escape::Escaped;
use indicatif::{ProgressBar, ProgressStyle};

const TICK: Duration = Duration::from_millis(200);

/// Says how many bytes were read and which file is under way; nothing at all unless standard error is a terminal.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    line: ProgressBar,
    /// Asked once: it is asked for every file.
    hidden: bool,
}

impl From<ProgressBar> for Progress {
    fn from(line: ProgressBar) -> Progress {
        let hidden = line.is_hidden();
        Progress { line, hidden }
    }
}

impl Default for Progress {
    /// Silence.
    fn default() -> Progress {
        ProgressBar::hidden().into()
    }
}

impl Progress {
    /// A line for work whose end is not known.
    pub(crate) fn start() -> Progress {
        let line = ProgressBar::new_spinner();
        if let Ok(style) =
            ProgressStyle::with_template("{bytes} read, {bytes_per_sec}, {elapsed}  {wide_msg}")
        {
            line.set_style(style);
        }
        line.into()
    }

    /// A line for work on a known number of bytes.
    pub(crate) fn start_of(bytes: u64) -> Progress {
        let line = ProgressBar::new(bytes);
        if let Ok(style) =
            ProgressStyle::with_template("{bytes} of {total_bytes}, {bytes_per_sec}, {eta} left  {wide_bar}")
        {
            line.set_style(style);
        }
        line.into()
    }

    /// A line for work of which only its time is known; none where what it finds goes to the same terminal at once.
    pub(crate) fn working(text: &'static str, shown_as_found: bool) -> Progress {
        if shown_as_found && std::io::stdout().is_terminal() {
            return Progress::default();
        }
        let line = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed}  {wide_msg}") {
            line.set_style(style);
        }
        line.set_message(text);
        line.enable_steady_tick(TICK);
        line.into()
    }

    /// The next file.
    pub(crate) fn file(&self, path: &[u8]) {
        if !self.hidden {
            self.line.set_message(Escaped(path).to_string());
        }
    }

    /// So many more bytes were read.
    pub(crate) fn read(&self, bytes: usize) {
        if !self.hidden {
            self.line.inc(u64::try_from(bytes).unwrap_or(u64::MAX));
        }
    }

    /// Prints to standard error without disturbing the line.
    pub(crate) fn say(&self, text: &str) {
        self.line.suspend(|| crate::exit::say(text));
    }

    /// Takes the line away.
    pub(crate) fn finish(&self) {
        self.line.finish_and_clear();
    }
}
