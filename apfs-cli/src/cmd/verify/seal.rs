//! Seals of volumes, all processors at work.

use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use apfs_core::apfs::seal::{SealEvent, SealMismatch, SealTally, SealedFile, SealedNode, hash_name};
use apfs_core::apfs::{SealCheck, SealSummary, SealVerdict, View};
use apfs_core::text::escape::Escaped;
use apfs_core::{Corrupt, Error, Result, Scan};
use serde::Serialize;

use crate::exit::Outcome;
use crate::out::{Out, hex};
use crate::progress::Progress;
use crate::row::lossy;
use crate::session::Target;

/// Parts for each thread, so that none waits long for the last.
const PARTS_PER_THREAD: usize = 16;
/// Most parts, whatever was asked for.
const MOST_PARTS: usize = 4096;
/// Findings that are printed as text; JSON has all that are listed.
const MOST_SHOWN: usize = 20;

/// The seal of one state of a volume.
#[derive(Debug, Serialize)]
pub(super) struct SealReport {
    part: usize,
    volume: String,
    volume_index: usize,
    snapshot: Option<String>,
    xid: u64,
    /// `intact`, `broken`, `mismatch`, `unknown` or `unreadable`.
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    root_hash: Option<String>,
    /// Transaction that broke the seal, by the volume itself; 0 if it does not say which.
    #[serde(skip_serializing_if = "Option::is_none")]
    broken_xid: Option<u64>,
    nodes: u64,
    files: u64,
    pieces: u64,
    bytes: u64,
    wrong_records: Vec<Wrong>,
    wrong_nodes: Vec<WrongNode>,
    wrong_files: Vec<WrongFile>,
    /// Findings that are not listed.
    more: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// What is wrong, and how it was found.
#[derive(Debug, Serialize)]
struct Wrong {
    #[serde(skip_serializing_if = "str::is_empty")]
    field: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<String>,
    error: String,
}

#[derive(Debug, Serialize)]
struct WrongNode {
    oid: u64,
    block: Option<u64>,
    level: u16,
    first_id: u64,
    /// Absent if all that follow are meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_id: Option<u64>,
    /// The way from the root: object, block, entry.
    path: Vec<(u64, u64, usize)>,
    #[serde(flatten)]
    wrong: Wrong,
}

#[derive(Debug, Serialize)]
struct WrongFile {
    id: u64,
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_raw: Option<String>,
    stream: u64,
    offset: u64,
    #[serde(flatten)]
    wrong: Wrong,
}

/// Verifies the seals of what a target shows: of the state itself, and if asked for that of the snapshot that the volume
/// boots from. Nothing is added for what is not sealed.
pub(super) fn verify(
    target: &Target,
    booted_too: bool,
    threads: usize,
    outcome: &mut Outcome,
    reports: &mut Vec<SealReport>,
) {
    let merged = target.view.as_merged().map(apfs_core::group::MergedView::system);
    let Some(view) = target.view.as_apfs().or(merged) else { return };
    let mut add = |view: &View| reports.extend(report(target.part, view, threads, outcome.progress()));
    add(view);
    if !booted_too || view.snapshot().is_some() {
        return;
    }
    let volume = view.volume();
    let booted = volume.boot_snapshot();
    let booted = booted.and_then(|snapshot| snapshot.map(|snapshot| volume.view_at(&snapshot)).transpose());
    match booted {
        Ok(booted) => booted.iter().for_each(add),
        Err(error) => outcome.problem(format!("{}, the snapshot that it boots from: {error}", volume.name())),
    }
}

/// Verifies the seal of a view, if it has one.
fn report(part: usize, view: &View, threads: usize, progress: &Progress) -> Option<SealReport> {
    let name = |name: &apfs_core::Name| lossy(name.as_bytes()).into_owned();
    let mut report = SealReport {
        part,
        volume: name(&view.volume().name()),
        volume_index: view.volume().slot(),
        snapshot: view.snapshot().map(|snapshot| name(&snapshot.name)),
        xid: view.xid().0,
        verdict: "unreadable",
        hash: None,
        root_hash: None,
        broken_xid: None,
        nodes: 0,
        files: 0,
        pieces: 0,
        bytes: 0,
        wrong_records: Vec::new(),
        wrong_nodes: Vec::new(),
        wrong_files: Vec::new(),
        more: 0,
        error: None,
    };
    let seal = match view.seal() {
        Ok(seal) => seal?,
        Err(error) => {
            report.error = Some(error.to_string());
            return Some(report);
        }
    };
    report.hash = Some(hash_name(seal.hash_type));
    report.root_hash = seal.root_hash.as_deref().map(hex);
    report.broken_xid = seal.is_broken().then_some(seal.broken_xid.0);
    let summary = SealSummary::new(&seal);
    let compared = match seal.algorithm() {
        Some(_) => SealCheck::new(view).and_then(|check| compare(view, &check, summary, threads, progress)),
        None => Ok((summary.verdict(), SealTally::default())),
    };
    match compared {
        Ok((verdict, tally)) => {
            (report.nodes, report.files) = (tally.nodes, tally.files);
            (report.pieces, report.bytes) = (tally.pieces, tally.bytes);
            report.verdict = verdict.word();
            if let SealVerdict::Mismatch(mismatch) = verdict {
                report.take(mismatch);
            }
        }
        Err(error) => report.error = Some(error.to_string()),
    }
    Some(report)
}

/// Compares the parts of a seal on several threads.
fn compare(
    view: &View,
    check: &SealCheck,
    summary: SealSummary,
    threads: usize,
    progress: &Progress,
) -> Result<(SealVerdict, SealTally)> {
    let nodes = usize::try_from(view.nodes()).unwrap_or(MOST_PARTS).max(1);
    let wanted = if threads == 1 { 1 } else { threads.saturating_mul(PARTS_PER_THREAD) };
    let parts = check.parts(wanted.min(MOST_PARTS).min(nodes));
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let gathered = Mutex::new((summary, SealTally::default(), None::<Error>));
    let lock = || gathered.lock().unwrap_or_else(PoisonError::into_inner);
    let take = |event| {
        match event {
            SealEvent::Hashed(bytes) => progress.read(usize::try_from(bytes).unwrap_or(usize::MAX)),
            event => lock().0.add(event),
        }
        Ok(())
    };
    let keep = |compared: Result<SealTally>| match compared {
        Ok(tally) => lock().1.merge(&tally),
        Err(error) => {
            // That the others stop is no reason of its own.
            if !stop.swap(true, Ordering::Relaxed) {
                lock().2 = Some(error);
            }
        }
    };
    let work = || {
        let cancel = || stop.load(Ordering::Relaxed);
        while let Some(part) = parts.get(next.fetch_add(1, Ordering::Relaxed)) {
            keep(check.part(part.clone(), Some(&cancel), &mut { take }));
            if cancel() {
                return;
            }
        }
    };
    keep(check.root(&mut { take }));
    thread::scope(|scope| {
        for _ in 1..threads.min(parts.len()) {
            scope.spawn(work);
        }
        work();
    });
    let (summary, tally, failed) = gathered.into_inner().unwrap_or_else(PoisonError::into_inner);
    match failed {
        Some(error) => Err(error),
        None => Ok((summary.verdict(), tally)),
    }
}

impl From<&Error> for Wrong {
    fn from(error: &Error) -> Wrong {
        match error.corrupt() {
            Some(corrupt) => Wrong::from(corrupt),
            None => Wrong { field: "", expected: None, found: None, error: error.to_string() },
        }
    }
}

impl From<&Corrupt> for Wrong {
    fn from(corrupt: &Corrupt) -> Wrong {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let (expected, found) = (text(&corrupt.expected), text(&corrupt.found));
        Wrong { field: corrupt.place.field, expected, found, error: corrupt.to_string() }
    }
}

impl From<&SealedNode> for WrongNode {
    fn from(node: &SealedNode) -> WrongNode {
        WrongNode {
            oid: node.oid.0,
            block: node.block.map(|block| block.0),
            level: node.level,
            first_id: node.ids.start,
            last_id: (node.ids.end != u64::MAX).then(|| node.ids.end.saturating_sub(1)),
            path: node.path.iter().map(|step| (step.oid.0, step.block.0, step.entry)).collect(),
            wrong: Wrong::from(&node.error),
        }
    }
}

impl From<&SealedFile> for WrongFile {
    fn from(file: &SealedFile) -> WrongFile {
        WrongFile {
            id: file.id.0,
            path: lossy(&file.path).into_owned(),
            path_raw: core::str::from_utf8(&file.path).is_err().then(|| hex(&file.path)),
            stream: file.stream,
            offset: file.offset,
            wrong: Wrong::from(&file.error),
        }
    }
}

impl SealReport {
    fn take(&mut self, mismatch: SealMismatch) {
        self.wrong_records = mismatch.recorded.iter().map(Wrong::from).collect();
        self.wrong_nodes = mismatch.nodes.iter().map(WrongNode::from).collect();
        self.wrong_files = mismatch.files.iter().map(WrongFile::from).collect();
        self.more = mismatch.more;
    }

    /// True if hashes were compared, or could not be for a reason that is a finding.
    pub(super) fn has_verdict(&self) -> bool {
        self.verdict != "unknown"
    }

    fn title(&self) -> String {
        let volume = Escaped(self.volume.as_bytes());
        match &self.snapshot {
            Some(snapshot) => format!("{volume} at {}", Escaped(snapshot.as_bytes())),
            None => volume.to_string(),
        }
    }

    /// The verdict as text.
    fn words(&self) -> String {
        let hash = self.hash.as_deref().unwrap_or("");
        let broken = match self.broken_xid {
            Some(0) => "broken by no known transaction; ".to_owned(),
            Some(xid) => format!("broken by transaction {xid}; "),
            None => String::new(),
        };
        match self.verdict {
            "intact" => format!("intact ({hash})"),
            "broken" => format!("{broken}all hashes match ({hash})"),
            "mismatch" => {
                let count = |what: &str, count: usize| (count > 0).then(|| format!("{count} {what}"));
                let counts = [
                    count("contradictions in its record", self.wrong_records.len()),
                    count("nodes", self.wrong_nodes.len()),
                    count("pieces of files", self.wrong_files.len()),
                    (self.more > 0).then(|| format!("{} findings more", self.more)),
                ];
                let counts: Vec<String> = counts.into_iter().flatten().collect();
                format!("{broken}MISMATCH: {} ({hash})", counts.join(", "))
            }
            "unknown" => format!("{broken}not checked: hash of {hash}"),
            _ => format!("UNREADABLE: {}", self.error.as_deref().unwrap_or("")),
        }
    }

    /// Prints it as text.
    pub(super) fn show(&self, out: &mut Out) -> std::io::Result<()> {
        let mut line = |text: String| {
            out.display(text)?;
            out.line()
        };
        line(format!("{}: seal {}", self.title(), self.words()))?;
        if !matches!(self.verdict, "unknown" | "unreadable") {
            let SealReport { nodes, files, pieces, bytes, .. } = self;
            line(format!("  compared {nodes} nodes, {pieces} pieces of {files} files, {bytes} bytes"))?;
        }
        for wrong in self.wrong_records.iter().take(MOST_SHOWN) {
            line(format!("  record: {}", wrong.error))?;
        }
        for node in self.wrong_nodes.iter().take(MOST_SHOWN) {
            let ids = match node.last_id {
                Some(last) => format!("files {} to {last}", node.first_id),
                None => format!("files from {} on", node.first_id),
            };
            line(format!("  node {} of level {} ({ids}): {}", node.oid, node.level, node.wrong.error))?;
        }
        for file in self.wrong_files.iter().take(MOST_SHOWN) {
            let path = match file.path.as_str() {
                "" => format!("file {}", file.id),
                path => Escaped(path.as_bytes()).to_string(),
            };
            line(format!("  {path} at byte {}: {}", file.offset, file.wrong.error))?;
        }
        let hidden = |len: usize| u64::try_from(len.saturating_sub(MOST_SHOWN)).unwrap_or(u64::MAX);
        let lists = [self.wrong_records.len(), self.wrong_nodes.len(), self.wrong_files.len()];
        let more = lists.into_iter().map(hidden).fold(self.more, u64::saturating_add);
        if more > 0 {
            line(format!("  and {more} findings more"))?;
        }
        Ok(())
    }

    /// Says it if it is not intact.
    pub(super) fn say(&self, outcome: &mut Outcome) {
        if self.verdict != "intact" {
            outcome.problem(format!("{}: seal {}", self.title(), self.words()));
        }
    }
}
