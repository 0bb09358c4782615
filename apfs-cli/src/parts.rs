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

use apfs_core::{Error, Scan, ScanEntry, ScanLedger, WalkError};

use crate::exit::{Failure, Outcome};
use crate::out::Out;
use crate::place::{Found, Hidden, Item, each_below, is_scanned};
use crate::session::Target;

/// Nodes of a volume's tree in one part: some ten thousand files.
const NODES_PER_PART: u64 = 256;
/// Most parts, whatever the tree says of itself.
const MOST_PARTS: usize = 1024;

/// Appends the lines of one file.
pub(crate) type Lines<'a> = dyn Fn(&mut Out, &Item<'_>, &mut Outcome) -> Result<(), Failure> + Sync + 'a;

/// Prints the lines of everything from a place down, itself included.
pub(crate) fn print_below(
    found: &Found<'_>,
    hidden: Hidden,
    out: &mut Out,
    outcome: &mut Outcome,
    lines: &Lines<'_>,
) -> Result<(), Failure> {
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    print_below_on(workers, found, hidden, out, outcome, lines)
}

/// The same on so many threads.
pub(crate) fn print_below_on(
    workers: usize,
    found: &Found<'_>,
    hidden: Hidden,
    out: &mut Out,
    outcome: &mut Outcome,
    lines: &Lines<'_>,
) -> Result<(), Failure> {
    if workers == 1 || !is_scanned(found, hidden) {
        return each_below(found, hidden, outcome, &mut |item, outcome| lines(out, item, outcome));
    }
    Volume { target: found.target, hidden, lines }.print(workers, out, outcome)
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

/// A whole volume that is printed.
struct Volume<'a> {
    target: &'a Target,
    hidden: Hidden,
    lines: &'a Lines<'a>,
}

impl Volume<'_> {
    fn print(&self, workers: usize, out: &mut Out, outcome: &mut Outcome) -> Result<(), Failure> {
        let view = &self.target.view;
        let wanted =
            usize::try_from(view.nodes() / NODES_PER_PART).unwrap_or(MOST_PARTS).clamp(1, MOST_PARTS);
        let parts = view.scan_parts(wanted);
        let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
        let (sender, receiver) = sync_channel::<Page>(workers);
        let blank = (out.new_page(), outcome.of_worker());
        let ledger = thread::scope(|scope| {
            for _ in 0..workers {
                let (sender, queue, blank) =
                    (sender.clone(), Queue { parts: &parts, next: &next, stop: &stop }, &blank);
                scope.spawn(move || self.work(&queue, &sender, blank));
            }
            drop(sender);
            let printed = print_in_order(receiver, out, outcome);
            // A worker that waits to hand over its page finds nobody there, the others stop at the next look.
            stop.store(true, Ordering::Relaxed);
            printed
        })?;
        let mut failed = None;
        let reconciled = view.reconcile(&ledger, &mut |item| self.give(item, out, outcome, &mut failed));
        match (failed, reconciled) {
            (Some(failure), _) => Err(failure),
            (None, Err(error)) => Err(Failure::Core(self.target.title(), error)),
            (None, Ok(_)) => Ok(()),
        }
    }

    fn work(&self, queue: &Queue<'_>, sender: &SyncSender<Page>, (page, outcome): &(Out, Outcome)) {
        loop {
            let index = queue.next.fetch_add(1, Ordering::Relaxed);
            let Some(part) = queue.parts.get(index) else { return };
            let (mut text, mut outcome, mut failed) = (page.new_page(), outcome.of_worker(), None);
            let cancel = || queue.stop.load(Ordering::Relaxed);
            let ended = self.target.view.scan_range(part.clone(), Some(&cancel), &mut |item| {
                self.give(item, &mut text, &mut outcome, &mut failed)
            });
            let ended = match failed {
                Some(failure) => Err(failure),
                None => ended.map_err(|error| Failure::Core(self.target.title(), error)),
            };
            if sender.send(Page { index, text, outcome, ended }).is_err() {
                return;
            }
        }
    }

    /// Hands one item of a scan on; a failure is kept aside, since the scan knows only its own errors.
    fn give(
        &self,
        item: Result<ScanEntry<'_>, WalkError>,
        out: &mut Out,
        outcome: &mut Outcome,
        failed: &mut Option<Failure>,
    ) -> Result<(), Error> {
        match item {
            Ok(entry) if entry.private && !self.hidden.all => {}
            Ok(entry) => {
                let item = Item { path: entry.path, stat: entry.stat, link_id: entry.link_id };
                if let Err(failure) = (self.lines)(out, &item, outcome) {
                    *failed = Some(failure);
                    return Err(Error::Cancelled);
                }
            }
            Err(error) => outcome.problem(format!("{}: {error}", self.target.title())),
        }
        Ok(())
    }
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
