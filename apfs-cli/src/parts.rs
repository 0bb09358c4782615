//! Everything below a place as lines of output, a whole volume on all processors.
//!
//! The volume is cut into parts. Each worker takes the next part, turns it into text, and the texts are printed in the
//! order of the parts: the output is the same however many workers there are.

use core::num::NonZero;
use core::ops::Range;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use apfs_core::{Error, Fs, Scan, ScanEntry, ScanLedger, Stat, WalkError};

use crate::exit::{Failure, Outcome};
use crate::out::Out;
use crate::place::{Found, each_below};
use crate::session::Target;

/// Nodes of a volume's tree in one part: some ten thousand files.
const NODES_PER_PART: u64 = 256;
/// Most parts, whatever the tree says of itself.
const MOST_PARTS: usize = 1024;

/// Appends the lines of one file: its path, its metadata.
pub(crate) type Lines<'a> = dyn Fn(&mut Out, &[u8], &Stat, &mut Outcome) -> Result<(), Failure> + Sync + 'a;

/// Prints the lines of everything from a place down, itself included.
pub(crate) fn print_below(
    found: &Found<'_>,
    out: &mut Out,
    outcome: &mut Outcome,
    lines: &Lines<'_>,
) -> Result<(), Failure> {
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    if workers == 1 || found.id != found.target.view.root() {
        return each_below(found, outcome, &mut |path, stat, outcome| lines(out, path, stat, outcome));
    }
    print_volume(found.target, workers, out, outcome, lines)
}

/// What a worker makes of a part.
struct Page {
    index: usize,
    text: Out,
    outcome: Outcome,
    ended: Result<ScanLedger, Failure>,
}

/// The parts that workers take from.
struct Queue<'a> {
    parts: &'a [Range<u64>],
    next: &'a AtomicUsize,
    stop: &'a AtomicBool,
}

fn print_volume(
    target: &Target,
    workers: usize,
    out: &mut Out,
    outcome: &mut Outcome,
    lines: &Lines<'_>,
) -> Result<(), Failure> {
    let nodes = target.view.tree().info().map_or(0, |info| info.bt_node_count.get());
    let wanted = usize::try_from(nodes / NODES_PER_PART).unwrap_or(MOST_PARTS).clamp(1, MOST_PARTS);
    let parts = target.view.scan_parts(wanted);
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (sender, receiver) = sync_channel::<Page>(workers);
    let blank = (out.new_page(), outcome.of_worker());
    let ledger = thread::scope(|scope| {
        for _ in 0..workers {
            let (sender, queue, blank) =
                (sender.clone(), Queue { parts: &parts, next: &next, stop: &stop }, &blank);
            scope.spawn(move || work(target, &queue, &sender, blank, lines));
        }
        drop(sender);
        let printed = print_in_order(receiver, out, outcome);
        // A worker that waits to hand over its page finds nobody there, the others stop at the next look.
        stop.store(true, Ordering::Relaxed);
        printed
    })?;
    let mut failed = None;
    let reconciled =
        target.view.reconcile(&ledger, &mut |item| give(item, target, out, outcome, lines, &mut failed));
    match (failed, reconciled) {
        (Some(failure), _) => Err(failure),
        (None, Err(error)) => Err(Failure::Core(target.title(), error)),
        (None, Ok(_)) => Ok(()),
    }
}

fn work(
    target: &Target,
    queue: &Queue<'_>,
    sender: &SyncSender<Page>,
    (page, outcome): &(Out, Outcome),
    lines: &Lines<'_>,
) {
    loop {
        let index = queue.next.fetch_add(1, Ordering::Relaxed);
        let Some(part) = queue.parts.get(index) else { return };
        let (mut text, mut outcome, mut failed) = (page.new_page(), outcome.of_worker(), None);
        let cancel = || queue.stop.load(Ordering::Relaxed);
        let ended = target.view.scan_range(part.clone(), Some(&cancel), &mut |item| {
            give(item, target, &mut text, &mut outcome, lines, &mut failed)
        });
        let ended = match failed {
            Some(failure) => Err(failure),
            None => ended.map_err(|error| Failure::Core(target.title(), error)),
        };
        if sender.send(Page { index, text, outcome, ended }).is_err() {
            return;
        }
    }
}

/// Hands one item of a scan on; a failure is kept aside, since the scan knows only its own errors.
fn give(
    item: Result<ScanEntry<'_>, WalkError>,
    target: &Target,
    out: &mut Out,
    outcome: &mut Outcome,
    lines: &Lines<'_>,
    failed: &mut Option<Failure>,
) -> Result<(), Error> {
    match item {
        Ok(entry) => {
            if let Err(failure) = lines(out, entry.path, entry.stat, outcome) {
                *failed = Some(failure);
                return Err(Error::Cancelled);
            }
        }
        Err(error) => outcome.problem(format!("{}: {error}", target.title())),
    }
    Ok(())
}

fn print_in_order(
    pages: Receiver<Page>,
    out: &mut Out,
    outcome: &mut Outcome,
) -> Result<ScanLedger, Failure> {
    let (mut waiting, mut wanted, mut ledger) = (BTreeMap::new(), 0usize, ScanLedger::default());
    for page in pages {
        waiting.insert(page.index, page);
        while let Some(page) = waiting.remove(&wanted) {
            out.page(&page.text)?;
            outcome.add(&page.outcome);
            ledger.merge(&page.ended?);
            wanted = wanted.saturating_add(1);
        }
    }
    Ok(ledger)
}
