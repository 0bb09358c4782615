//! Checksums that a disk image stores.

use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use apfs_core::Error;
use apfs_core::image::layers::{Image, Layer};
use apfs_core::image::udif::{Check, Udif};
use apfs_core::text::escape::Escaped;
use serde::Serialize;

use crate::exit::Outcome;
use crate::out::Out;
use crate::progress::Progress;

/// The checksums of one layer.
#[derive(Debug, Serialize)]
pub(super) struct LayerReport {
    format: &'static str,
    checks: Vec<Row>,
    findings: Vec<String>,
}

/// One checksum.
#[derive(Debug, Serialize)]
struct Row {
    /// `data_fork`, `table` or `master`.
    what: &'static str,
    index: usize,
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    /// `ok`, `mismatch`, `absent`, `not_checked` or `unreadable`.
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    stored: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    computed: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl LayerReport {
    /// True if a checksum was compared, or could not be for a reason that is a finding.
    pub(super) fn has_verdict(&self) -> bool {
        self.checks.iter().any(|row| !matches!(row.result, "absent" | "not_checked"))
    }

    /// Says what is wrong.
    pub(super) fn say(&self, outcome: &mut Outcome) {
        for row in self.checks.iter().filter(|row| matches!(row.result, "mismatch" | "unreadable")) {
            let why = row.error.as_deref().unwrap_or("the checksum does not match");
            outcome.problem(format!("{}: {why}", row.title()));
        }
    }

    /// Prints it as text.
    pub(super) fn show(&self, image: &str, out: &mut Out) -> std::io::Result<()> {
        out.display(format_args!("{}: {}", Escaped(image.as_bytes()), self.format))?;
        out.line()?;
        for row in &self.checks {
            let result = match row.result {
                "ok" => "ok",
                "mismatch" => "WRONG",
                "absent" => "none",
                "not_checked" => "not checked",
                _ => "UNREADABLE",
            };
            let value = row.stored.as_deref().unwrap_or("");
            out.display(format_args!("  {result:<12} {value:<9} {}", row.title()))?;
            if let (Some(computed), "mismatch") = (&row.computed, row.result) {
                out.display(format_args!(" (found {computed})"))?;
            }
            out.line()?;
        }
        Ok(())
    }
}

/// The checksums of a layer, if its format has any.
pub(super) fn report(layer: &Layer, threads: usize, progress: &Progress) -> Option<LayerReport> {
    let checks = match &layer.image {
        Image::Udif(image) => check_all(image, threads, progress),
        _ => return None,
    };
    let findings = layer.image.findings().iter().map(ToString::to_string).collect();
    Some(LayerReport { format: layer.format.word(), checks, findings })
}

/// All checksums of an image, several of them at once.
fn check_all(image: &Udif, workers: usize, progress: &Progress) -> Vec<Row> {
    let segments = image.trailers().len();
    let count = segments.saturating_add(image.tables().len());
    let (next, rows) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let task = next.fetch_add(1, Ordering::Relaxed);
            if task >= count {
                return;
            }
            let row = check_one(image, task, segments, progress);
            rows.lock().unwrap_or_else(PoisonError::into_inner).push((task, row));
        }
    };
    thread::scope(|scope| {
        for _ in 1..workers.min(count) {
            scope.spawn(work);
        }
        work();
    });
    let mut rows = rows.into_inner().unwrap_or_else(PoisonError::into_inner);
    rows.sort_by_key(|(task, _)| *task);
    let master = Row::new("master", 0, String::new(), Ok(image.verify_master()));
    rows.into_iter().map(|(_, row)| row).chain([master]).collect()
}

/// The data forks of the segments come first, then the tables.
fn check_one(image: &Udif, task: usize, segments: usize, progress: &Progress) -> Row {
    let mut read = |bytes: u64| {
        progress.read(usize::try_from(bytes).unwrap_or(usize::MAX));
        Ok(())
    };
    match task.checked_sub(segments) {
        None => Row::new("data_fork", task, String::new(), image.verify_data_fork(task, &mut read)),
        Some(index) => {
            let name = image.tables().get(index).map(|table| table.name.clone()).unwrap_or_default();
            Row::new("table", index, name, image.verify_table(index, &mut read))
        }
    }
}

impl Row {
    fn new(what: &'static str, index: usize, name: String, check: Result<Check, Error>) -> Row {
        let hex = |value: u32| Some(format!("{value:08x}"));
        let (result, stored, computed, error) = match check {
            Ok(Check::Matches(value)) => ("ok", hex(value), hex(value), None),
            Ok(Check::Differs { stored, computed }) => ("mismatch", hex(stored), hex(computed), None),
            Ok(Check::Absent) => ("absent", None, None, None),
            Ok(Check::NotChecked(kind)) => ("not_checked", Some(kind.to_string()), None, None),
            Ok(_) => ("not_checked", None, None, None),
            Err(error) => ("unreadable", None, None, Some(error.to_string())),
        };
        Row { what, index, name, result, stored, computed, error }
    }

    /// What it is of.
    fn title(&self) -> String {
        match (self.what, self.name.as_str()) {
            ("data_fork", _) if self.index == 0 => "stored data".to_owned(),
            ("data_fork", _) => format!("stored data of segment {}", self.index.saturating_add(1)),
            ("table", "") => format!("table {}", self.index),
            ("table", name) => format!("table {}, {}", self.index, Escaped(name.as_bytes())),
            _ => "checksum of the checksums".to_owned(),
        }
    }
}
