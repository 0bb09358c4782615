//! `apfs diff`: what differs between two states of a volume.

use std::ffi::OsString;

use apfs_core::apfs::delta::{Change, DeltaStats, Op};
use apfs_core::{AnyVolume, Class, Error};
use clap::Args as ClapArgs;
use serde::Serialize;

use crate::args::Common;
use crate::change_row::{self, ChangeRow};
use crate::exit::{Failure, Outcome};
use crate::out::Out;
use crate::session::{Placed, Session};
use crate::state::State;

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  apfs diff disk.img yesterday live                 since a snapshot, by name
  apfs diff disk.img 2024-05-01 2024-05-08 /Users   between two days, below one directory
  apfs diff disk.img 41 0x2f --json                 snapshots by transaction, JSON lines
  apfs diff disk.img checkpoint:1203 live           since an older checkpoint
  apfs diff disk.img a b --stat                     only counts

A state is `live`, a snapshot (name, UUID, transaction, or a date or time: the newest until then), or
checkpoint:XID, with /SNAPSHOT for a snapshot of that time. Lines begin with C (created), D (deleted),
R (renamed) or M (modified), then what of the metadata differs, the path, [offset+length ...] of data,
and attributes (+ created, - deleted, ~ changed). What is in a renamed directory is not listed.
Exit status: 0 also with differences, 1 with --exit-code and differences or if something is damaged, 2 could not.")]
pub(crate) struct Diff {
    #[command(flatten)]
    common: Common,

    /// First state
    #[arg(value_name = "A")]
    from: State,

    /// Second state
    #[arg(value_name = "B")]
    to: State,

    /// Only what is at or below this path, on either side
    #[arg(value_name = "PATH")]
    path: Option<OsString>,

    /// Only how much differs, and what was read for it
    #[arg(long, help_heading = "Output")]
    stat: bool,

    /// Exit with status 1 if anything differs
    #[arg(long, help_heading = "Output")]
    exit_code: bool,
}

/// How much differs.
#[derive(Debug, Default, Serialize)]
struct Counts {
    volume: String,
    created: u64,
    deleted: u64,
    renamed: u64,
    modified: u64,
    changed_bytes: u64,
    leaves: [u64; 2],
    index_nodes: [u64; 2],
    omap_nodes: u64,
    omap_nodes_passed: u64,
}

impl Counts {
    fn add(&mut self, change: &Change) {
        let count = match change.op {
            Op::Created => &mut self.created,
            Op::Deleted => &mut self.deleted,
            Op::Renamed => &mut self.renamed,
            Op::Modified => &mut self.modified,
        };
        *count = count.saturating_add(1);
        for (_, len) in &change.ranges {
            self.changed_bytes = self.changed_bytes.saturating_add(*len);
        }
    }

    fn read(&mut self, stats: DeltaStats) {
        self.leaves = stats.leaves;
        self.index_nodes = stats.index_nodes;
        self.omap_nodes = stats.omap_nodes;
        self.omap_nodes_passed = stats.older_omap_nodes;
    }

    fn any(&self) -> bool {
        [self.created, self.deleted, self.renamed, self.modified].iter().any(|count| *count > 0)
    }
}

/// Compares two states of every volume that has both.
pub(crate) fn run(args: &Diff) -> Result<Outcome, Failure> {
    args.common.without_backup()?;
    let mut outcome = Outcome::default();
    let session = Session::open(&args.common)?;
    let mut out = Out::new();
    let (mut missing, mut compared, mut differs) = (None, false, false);
    for Placed { part, volume, .. } in session.volumes(&mut outcome)? {
        let AnyVolume::Apfs(volume) = volume else { continue };
        let states = args.from.open(&session, part, &volume).and_then(|from| {
            let to = args.to.open(&session, part, &volume)?;
            Ok((from, to))
        });
        let name = volume.name().to_string();
        let (from, to) = match states {
            Ok(states) => states,
            Err(error) if error.class() == Class::NotFound => {
                missing = missing.or(Some(Failure::Core(format!("volume {name}"), error)));
                continue;
            }
            Err(error) => {
                outcome.problem(format!("volume {name}: {error}"));
                compared = true;
                continue;
            }
        };
        compared = true;
        let mut counts = Counts { volume: name.clone(), ..Counts::default() };
        let mut delta = from.changes(&to).map_err(Failure::core(format!("volume {name}")))?;
        for change in &mut delta {
            match change {
                Ok(change) if is_below(&change, args.path.as_ref()) => {
                    counts.add(&change);
                    if args.stat {
                    } else if args.common.json {
                        out.json(&ChangeRow::new(&change))?;
                    } else {
                        change_row::line(&mut out, &change)?;
                    }
                }
                Ok(_) => {}
                Err(error @ (Error::Limit(_) | Error::Cancelled)) => {
                    return Err(Failure::Core(format!("volume {name}"), error));
                }
                Err(error) => outcome.problem(format!("volume {name}: {error}")),
            }
        }
        counts.read(delta.stats());
        differs |= counts.any();
        if args.stat && args.common.json {
            out.json(&counts)?;
        } else if args.stat {
            summary(&mut out, &counts)?;
        }
    }
    if let (false, Some(failure)) = (compared, missing) {
        return Err(failure);
    }
    out.flush()?;
    if args.exit_code && differs {
        outcome.differs();
    }
    Ok(outcome)
}

/// True if a change is at or below a path, on either side.
fn is_below(change: &Change, path: Option<&OsString>) -> bool {
    let Some(path) = path else { return true };
    let trimmed = path.as_encoded_bytes().trim_ascii_end();
    let mut base = trimmed;
    while let Some(rest) = base.strip_suffix(b"/") {
        base = rest;
    }
    let base = base.strip_prefix(b"/").unwrap_or(base);
    let is_in = |path: &[u8]| {
        let rest = path.strip_prefix(b"/").and_then(|path| path.strip_prefix(base));
        base.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
    };
    is_in(&change.path) || change.old_path.as_deref().is_some_and(is_in)
}

fn summary(out: &mut Out, counts: &Counts) -> std::io::Result<()> {
    let Counts { volume, created, deleted, renamed, modified, changed_bytes, .. } = counts;
    out.display(format_args!(
        "{volume}: {created} created, {deleted} deleted, {renamed} renamed, {modified} modified, \
         {changed_bytes} bytes of kept files differ"
    ))?;
    out.line()?;
    let Counts { leaves: [a, b], index_nodes: [c, d], omap_nodes, omap_nodes_passed, .. } = counts;
    out.display(format_args!(
        "read: {a} + {b} leaves, {c} + {d} index nodes, {omap_nodes} newer nodes of the object map, \
         {omap_nodes_passed} older ones passed over"
    ))?;
    out.line()
}
