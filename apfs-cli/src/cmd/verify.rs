//! `apfs verify`: the checksums that a disk image carries.

use core::num::NonZero;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use apfs_core::Error;
use apfs_core::image::layers::{Image, Layer};
use apfs_core::image::udif::{Check, Udif};
use apfs_core::text::escape::Escaped;
use clap::Args as ClapArgs;
use serde::Serialize;

use crate::args::Source;
use crate::exit::{Failure, Outcome};
use crate::out::Out;
use crate::progress::Progress;

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  apfs verify disk.dmg                    each stored checksum, and whether it is right
  apfs verify --json disk.dmg             one JSON object

Exit status 1: a checksum is wrong, or what it is of can't be read. An image without a checksum that is
computed here (CRC-32) can't be verified: exit status 2.")]
pub(crate) struct Verify {
    #[command(flatten)]
    source: Source,

    /// Print JSON
    #[arg(long, help_heading = "Output")]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    schema: &'static str,
    image: String,
    layers: Vec<LayerReport>,
}

#[derive(Debug, Serialize)]
struct LayerReport {
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

/// Compares every checksum of every layer.
pub(crate) fn run(args: &Verify) -> Result<Outcome, Failure> {
    let mut outcome = Outcome::default();
    let unwrapped = args.source.unwrap()?;
    outcome.show_progress();
    let layers: Vec<_> =
        unwrapped.layers.iter().filter_map(|layer| report(layer, outcome.progress())).collect();
    outcome.progress().finish();
    let report = Report { schema: "apfs.verify/1", image: args.source.name(), layers };
    let mut out = Out::new();
    if args.json {
        out.json(&report)?;
    } else {
        show(&report, &mut out)?;
    }
    out.flush()?;
    let rows = || report.layers.iter().flat_map(|layer| &layer.checks);
    if rows().all(|row| matches!(row.result, "absent" | "not_checked")) {
        return Err(Failure::Usage(format!("{}: no checksum that can be verified", report.image)));
    }
    for row in rows().filter(|row| matches!(row.result, "mismatch" | "unreadable")) {
        let why = row.error.as_deref().unwrap_or("the checksum does not match");
        outcome.problem(format!("{}: {why}", row.title()));
    }
    outcome.layer_findings(&unwrapped.layers);
    Ok(outcome)
}

/// The checksums of a layer, if its format has any.
fn report(layer: &Layer, progress: &Progress) -> Option<LayerReport> {
    let checks = match &layer.image {
        Image::Udif(image) => check_all(image, progress),
        _ => return None,
    };
    let findings = layer.image.findings().iter().map(ToString::to_string).collect();
    Some(LayerReport { format: layer.format.word(), checks, findings })
}

/// All checksums of an image, several of them at once.
fn check_all(image: &Udif, progress: &Progress) -> Vec<Row> {
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
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
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

fn show(report: &Report, out: &mut Out) -> std::io::Result<()> {
    for layer in &report.layers {
        out.display(format_args!("{}: {}", Escaped(report.image.as_bytes()), layer.format))?;
        out.line()?;
        for row in &layer.checks {
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
    }
    Ok(())
}
