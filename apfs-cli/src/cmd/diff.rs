//! `apfs diff`: what differs between two states of a volume.

use std::ffi::OsString;

use apfs_core::apfs::View;
use apfs_core::apfs::delta::{Change, DeltaStats, Op};
use apfs_core::text::name::NameRule;
use apfs_core::{AnyVolume, Class, Error, FsExt};
use clap::Args as ClapArgs;
use serde::Serialize;

use crate::args::Common;
use crate::change_row::{self, ChangeRow};
use crate::exit::{Failure, Outcome};
use crate::out::Out;
use crate::session::{Placed, Session, is_ambiguous};
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

    /// Only what is at or below this path, in either state
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
    part: usize,
    volume_index: usize,
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

/// A change and where it is.
#[derive(Debug, Serialize)]
struct PlacedRow<'c> {
    part: usize,
    volume_index: usize,
    volume: &'c str,
    #[serde(flatten)]
    change: ChangeRow<'c>,
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
    outcome.show_working("comparing", !args.stat);
    let mut out = Out::new();
    let volumes = session.volumes(&mut outcome)?;
    let has_several = volumes.len() > 1;
    let (mut missing, mut compared, mut differs) = (None, false, false);
    for Placed { part, volume, .. } in volumes {
        let AnyVolume::Apfs(volume) = volume else { continue };
        let what = format!("volume {}", volume.name());
        let states = args.from.open(&session, part, &volume).and_then(|from| {
            let to = args.to.open(&session, part, &volume)?;
            let filter = Filter::new(args.path.as_ref(), [&from, &to])?;
            Ok((from, to, filter))
        });
        let (from, to, filter) = match states {
            Ok(states) => states,
            // Another volume may have it.
            Err(Error::NotFound(text)) if !is_ambiguous(&text) => {
                missing = missing.or(Some(Failure::Core(what, Error::NotFound(text))));
                continue;
            }
            Err(error) => {
                outcome.problem(format!("{what}: {error}"));
                compared = true;
                continue;
            }
        };
        compared = true;
        let mut counts = Counts {
            part,
            volume_index: volume.slot(),
            volume: volume.name().to_string(),
            ..Counts::default()
        };
        let mut delta = match from.changes(&to) {
            Ok(delta) => delta,
            Err(error) => {
                outcome.problem(format!("{what}: {error}"));
                continue;
            }
        };
        if has_several && !args.stat && !args.common.json {
            out.display(format_args!("{}:", volume.name()))?;
            out.line()?;
        }
        for change in &mut delta {
            match change {
                Ok(change) if filter.wants(&change) => {
                    counts.add(&change);
                    if args.stat {
                    } else if args.common.json {
                        out.json(&PlacedRow {
                            part,
                            volume_index: counts.volume_index,
                            volume: &counts.volume,
                            change: ChangeRow::new(&change),
                        })?;
                    } else {
                        change_row::line(&mut out, &change)?;
                    }
                }
                Ok(_) => {}
                Err(error @ (Error::Limit(_) | Error::Cancelled)) => return Err(Failure::Core(what, error)),
                Err(error) => outcome.problem(format!("{what}: {error}")),
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
    outcome.progress().finish();
    if let (false, Some(failure)) = (compared, missing) {
        return Err(failure);
    }
    if !compared {
        return Err(Failure::Usage("no APFS volume: HFS+ keeps one state only".to_owned()));
    }
    out.flush()?;
    if args.exit_code && differs {
        outcome.differs();
    }
    Ok(outcome)
}

/// The part of a volume that was asked for.
struct Filter {
    /// Components of the path; none for all of it.
    base: Vec<Vec<u8>>,
    rule: NameRule,
}

impl Filter {
    /// A path counts that either state has.
    fn new(path: Option<&OsString>, views: [&View; 2]) -> apfs_core::Result<Filter> {
        let rule = views[0].name_rule();
        let Some(path) = path.map(|path| path.as_encoded_bytes()) else {
            return Ok(Filter { base: Vec::new(), rule });
        };
        let mut found = false;
        for view in views {
            match view.find_no_follow(path) {
                Ok(_) => found = true,
                Err(error) if matches!(error.class(), Class::NotFound | Class::WrongKind) => {}
                Err(error) => return Err(error),
            }
        }
        if !found {
            let text = format!("{}: neither state has it", String::from_utf8_lossy(path));
            return Err(Error::not_found(text));
        }
        Ok(Filter { base: components(path).map(<[u8]>::to_vec).collect(), rule })
    }

    /// True if a change is at or below the path, on either side, or if what is there was renamed with a directory above.
    fn wants(&self, change: &Change) -> bool {
        let paths = [Some(&change.path), change.old_path.as_ref()];
        paths.into_iter().flatten().any(|path| {
            let mut names = components(path);
            for wanted in &self.base {
                match names.next() {
                    Some(name) if self.rule.same(name, wanted) => {}
                    Some(_) => return false,
                    None => return change.op == Op::Renamed,
                }
            }
            true
        })
    }
}

/// Names in a path.
fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').filter(|name| !name.is_empty() && *name != b".")
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
