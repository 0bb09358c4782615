//! The files of a volume against a list of their sums, all processors at work.

use std::ffi::OsString;
use std::sync::{Mutex, PoisonError};

use apfs_core::Kind;
use apfs_core::text::escape::Escaped;
use serde::Serialize;

use super::list::List;
use crate::digest;
use crate::exit::{Failure, Outcome};
use crate::out::{Out, hex};
use crate::parts;
use crate::place::{self, Follow, Hidden};
use crate::row::lossy;
use crate::session::Target;

/// What the comparison comes to.
#[derive(Debug, Serialize)]
pub(super) struct ManifestReport {
    volume: String,
    snapshot: Option<String>,
    /// Files on the list.
    listed: usize,
    matching: u64,
    /// In the order of their paths.
    findings: Vec<Row>,
}

/// A file that is not as the list says.
#[derive(Debug, Serialize)]
struct Row {
    #[serde(skip)]
    bytes: Vec<u8>,
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_raw: Option<String>,
    /// `missing`, `additional`, `differs` or `unreadable`.
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Row {
    fn new(path: &[u8], result: &'static str) -> Row {
        let path_raw = core::str::from_utf8(path).is_err().then(|| hex(path));
        let (bytes, path) = (path.to_vec(), lossy(path).into_owned());
        Row { bytes, path, path_raw, result, expected: None, found: None, error: None }
    }
}

/// Compares the files of one target with a list.
pub(super) fn compare(
    targets: &[Target],
    list: &List,
    threads: usize,
    outcome: &mut Outcome,
) -> Result<ManifestReport, Failure> {
    let root = [OsString::from("/")];
    let found = place::find(targets, &root, Follow::Yes, outcome)?;
    let Some(start) = found.first() else { return Err(Failure::Usage("no volume to compare".to_owned())) };
    let target = start.target;
    let name = |name: &apfs_core::Name| lossy(name.as_bytes()).into_owned();
    let expected = list.of_volume(&name(&target.volume_name()));
    let gathered = Mutex::new((0u64, Vec::new()));
    let hidden = Hidden { all: list.has_private };
    let mut nothing = Out::new();
    parts::print_below_on(threads, start, hidden, &mut nothing, outcome, &|_, item, outcome| {
        if item.stat.kind != Kind::File {
            return Ok(());
        }
        let row = match expected.get(item.path) {
            None => Some(Row::new(item.path, "additional")),
            Some(expected) => {
                expected.see();
                outcome.progress().file(item.path);
                match digest::data(&target.view, item.stat, outcome.progress()) {
                    Ok(sum) if sum == expected.sum => None,
                    Ok(sum) => {
                        let (expected, found) = (Some(expected.sum.clone()), Some(sum));
                        Some(Row { expected, found, ..Row::new(item.path, "differs") })
                    }
                    Err(error) => {
                        let (expected, error) = (Some(expected.sum.clone()), Some(error.to_string()));
                        Some(Row { expected, error, ..Row::new(item.path, "unreadable") })
                    }
                }
            }
        };
        let mut gathered = gathered.lock().unwrap_or_else(PoisonError::into_inner);
        match row {
            Some(row) => gathered.1.push(row),
            None => gathered.0 = gathered.0.saturating_add(1),
        }
        Ok(())
    })?;
    let (matching, mut findings) = gathered.into_inner().unwrap_or_else(PoisonError::into_inner);
    for (path, expected) in expected.iter().filter(|(_, expected)| !expected.was_seen()) {
        findings.push(Row { expected: Some(expected.sum.clone()), ..Row::new(path, "missing") });
    }
    findings.sort_by(|one, other| one.bytes.cmp(&other.bytes));
    Ok(ManifestReport {
        volume: name(&target.volume_name()),
        snapshot: target.snapshot_name().map(name),
        listed: expected.len(),
        matching,
        findings,
    })
}

impl ManifestReport {
    fn count(&self, result: &str) -> usize {
        self.findings.iter().filter(|row| row.result == result).count()
    }

    /// The counts as text.
    fn words(&self) -> String {
        let [differ, missing, additional, unreadable] =
            ["differs", "missing", "additional", "unreadable"].map(|result| self.count(result));
        format!(
            "{} of {} listed files match, {differ} differ, {missing} missing, {unreadable} unreadable, \
             {additional} additional",
            self.matching, self.listed
        )
    }

    /// Prints it as text.
    pub(super) fn show(&self, out: &mut Out) -> std::io::Result<()> {
        out.display(format_args!("{}: {}", Escaped(self.volume.as_bytes()), self.words()))?;
        out.line()?;
        for row in &self.findings {
            out.display(format_args!("  {:<11} {}", row.result, Escaped(&row.bytes)))?;
            if let (Some(expected), Some(found)) = (&row.expected, &row.found) {
                out.display(format_args!(" (expected {expected}, found {found})"))?;
            }
            if let Some(error) = &row.error {
                out.display(format_args!(": {error}"))?;
            }
            out.line()?;
        }
        Ok(())
    }

    /// Says it if something is not as the list says.
    pub(super) fn say(&self, outcome: &mut Outcome) {
        if !self.findings.is_empty() {
            outcome.problem(format!("{}: {}", Escaped(self.volume.as_bytes()), self.words()));
        }
    }
}
