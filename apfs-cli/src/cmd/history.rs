//! `apfs history`: all versions of a file.

use std::ffi::OsString;

use apfs_core::apfs::delta::{History, Version};
use apfs_core::apfs::{View, Volume};
use apfs_core::{AnyVolume, Class, FileId, FsExt};
use clap::Args as ClapArgs;
use serde::Serialize;

use crate::args::Common;
use crate::change_row::{self, ChangeRow, SideRow, raw};
use crate::exit::{Failure, Outcome};
use crate::out::Out;
use crate::row::lossy;
use crate::session::{Placed, Session};
use crate::state::State;
use crate::time::push_time;

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  apfs history disk.img /etc/hosts          over snapshots, older checkpoints and the live state
  apfs history disk.img /etc/hosts --json   one JSON object a version

The file is followed by its number, through renames; the path is looked for in the live state first, then in
snapshots and checkpoints, newest first. One version a line, oldest first, with the states that have it.")]
pub(crate) struct HistoryArgs {
    #[command(flatten)]
    common: Common,

    /// The file, by its path in any state
    #[arg(value_name = "PATH")]
    path: OsString,
}

#[derive(Debug, Serialize)]
struct VersionRow<'v> {
    part: usize,
    volume_index: usize,
    volume: String,
    states: &'v [String],
    ino: u64,
    exists: bool,
    path: Option<std::borrow::Cow<'v, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_raw: Option<String>,
    stat: Option<SideRow>,
    change: Option<ChangeRow<'v>>,
}

/// Shows the versions of a file on every volume where some state has the path.
pub(crate) fn run(args: &HistoryArgs) -> Result<Outcome, Failure> {
    args.common.without_backup()?;
    let mut outcome = Outcome::default();
    let session = Session::open(&args.common)?;
    outcome.show_working("looking through all states", false);
    let mut out = Out::new();
    let mut found = false;
    for Placed { part, volume, .. } in session.volumes(&mut outcome)? {
        let AnyVolume::Apfs(volume) = volume else { continue };
        let name = volume.name().to_string();
        let states = states(&session, part, &volume, &mut outcome);
        let open = |state: &State| state.open(&session, part, &volume);
        let Some(id) = number(&states, &open, args.path.as_encoded_bytes(), &mut outcome) else { continue };
        found = true;
        let mut history = History::new(id);
        for (_, label, state) in &states {
            let added = open(state).and_then(|view| history.add(label.clone(), &view));
            if let Err(error) = added {
                outcome.problem(format!("volume {name}, {label}: {error}"));
            }
        }
        for version in history.versions() {
            if args.common.json {
                out.json(&row((part, volume.slot(), &name), id, version))?;
            } else {
                show(&mut out, version)?;
            }
        }
    }
    outcome.progress().finish();
    if !found {
        let path = args.path.to_string_lossy();
        return Err(Failure::Usage(format!("{path}: no state of any volume has it")));
    }
    out.flush()?;
    Ok(outcome)
}

/// All states of a volume, oldest first: transaction, label and how it is opened.
fn states(
    session: &Session,
    part: usize,
    volume: &Volume,
    outcome: &mut Outcome,
) -> Vec<(u64, String, State)> {
    let mut all = Vec::new();
    match volume.snapshots() {
        Ok(snapshots) => {
            for snapshot in snapshots.iter().filter(|snapshot| snapshot.unusable_because().is_none()) {
                let label = format!("snapshot {}", snapshot.name);
                all.push((snapshot.xid.0, label, State::Snapshot(snapshot.xid.0.to_string())));
            }
        }
        Err(error) => outcome.problem(format!("volume {}: snapshots: {error}", volume.name())),
    }
    let newest = volume.container().xid();
    for superblock in volume.container().checkpoints().iter().filter(|superblock| superblock.xid() < newest) {
        let xid = superblock.xid();
        let state = State::Checkpoint(xid.0, None);
        // What is left of an old checkpoint may have been written over since: that is no finding.
        if session.checkpoint(part, xid).is_ok() && state.open(session, part, volume).is_ok() {
            all.push((xid.0, format!("checkpoint {xid}"), state));
        }
    }
    all.sort_by_key(|(xid, ..)| *xid);
    all.push((newest.0, "live".to_owned(), State::Live));
    all
}

/// The file's number, by the newest state that has the path.
fn number(
    states: &[(u64, String, State)],
    open: &dyn Fn(&State) -> apfs_core::Result<View>,
    path: &[u8],
    outcome: &mut Outcome,
) -> Option<FileId> {
    for (_, label, state) in states.iter().rev() {
        match open(state).and_then(|view| view.find_no_follow(path)) {
            Ok(id) => return Some(id),
            Err(error) if matches!(error.class(), Class::NotFound | Class::WrongKind) => {}
            Err(error) => outcome.problem(format!("{label}: {error}")),
        }
    }
    None
}

/// A version of a file on a volume, by the volume's partition, index and name.
fn row<'v>(
    (part, volume_index, volume): (usize, usize, &str),
    id: FileId,
    version: &'v Version<String>,
) -> VersionRow<'v> {
    let file = version.file.as_deref();
    VersionRow {
        part,
        volume_index,
        volume: volume.to_owned(),
        states: &version.states,
        ino: id.0,
        exists: file.is_some(),
        path: file.map(|(path, _)| lossy(path)),
        path_raw: file.and_then(|(path, _)| raw(path)),
        stat: file.map(|(_, stat)| SideRow::new(stat)),
        change: version.change.as_ref().map(ChangeRow::new),
    }
}

fn show(out: &mut Out, version: &Version<String>) -> std::io::Result<()> {
    match version.file.as_deref() {
        None => out.display("absent")?,
        Some((path, stat)) => {
            if let Some(time) = stat.modified {
                push_time(out.text(), time);
            }
            out.padded(stat.size, 14);
            out.display("  ")?;
            out.name(path, stat.kind)?;
            if let Some(change) = &version.change {
                if !change.fields.is_empty() {
                    out.display(format_args!("  {}", change.fields))?;
                }
                change_row::details(out, change)?;
            }
        }
    }
    out.display(format_args!("  ({})", version.states.join(", ")))?;
    out.line()
}
