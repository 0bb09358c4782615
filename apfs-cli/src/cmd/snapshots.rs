//! `apfs snapshots`: the snapshots of volumes.

use apfs_core::apfs::Volume;
use apfs_core::{AnyVolume, Name};
use clap::Args as ClapArgs;
use serde::Serialize;

use crate::args::Common;
use crate::exit::{Failure, Outcome};
use crate::out::Out;
use crate::session::{Placed, Session};
use crate::snapshot_row::SnapshotRow;

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  apfs snapshots disk.img                 of every volume
  apfs snapshots --volume Data disk.img   of one volume
  apfs snapshots --space disk.img         and what deleting each of them alone would free
  apfs snapshots --json disk.img          one JSON object

HFS+ has none. A snapshot with a remark is on its way out: it is listed, and opened only with --force.")]
pub(crate) struct Snapshots {
    #[command(flatten)]
    common: Common,

    /// Also the bytes that deleting each snapshot alone would free
    #[arg(long, help_heading = "Output")]
    space: bool,
}

#[derive(Debug, Serialize)]
struct Listing {
    schema: &'static str,
    snapshots: Vec<SnapshotRow>,
}

/// Lists the snapshots of all volumes, locked ones included.
pub(crate) fn run(args: &Snapshots) -> Result<Outcome, Failure> {
    args.common.without_backup()?;
    let mut outcome = Outcome::default();
    let session = Session::open(&args.common)?;
    let mut out = Out::new();
    let mut rows = Vec::new();
    for Placed { part, volume, .. } in session.volumes(&mut outcome)? {
        let name = volume.name();
        let AnyVolume::Apfs(volume) = volume else {
            if !args.common.json {
                out.display(format_args!("{name}: no snapshots, an HFS+ volume keeps one state only"))?;
                out.line()?;
            }
            continue;
        };
        let snapshots = match &args.common.snapshot {
            Some(wanted) => volume.snapshot(wanted).map(|snapshot| vec![snapshot]),
            None => volume.snapshots(),
        };
        let snapshots = snapshots.unwrap_or_else(|error| {
            outcome.problem(format!("volume {name}: {error}"));
            Vec::new()
        });
        let mut of_volume: Vec<_> =
            snapshots.iter().map(|snapshot| SnapshotRow::new(part, &volume, snapshot)).collect();
        if args.space {
            add_space(&volume, &mut of_volume, &mut outcome);
        }
        if !args.common.json {
            show(&mut out, &name, &of_volume, args.space)?;
        }
        rows.extend(of_volume);
    }
    if args.common.json {
        out.json(&Listing { schema: "apfs.snapshots/1", snapshots: rows })?;
    }
    out.flush()?;
    Ok(outcome)
}

/// Adds what deleting each snapshot would free. Where something needed for that is damaged, nothing is said.
fn add_space(volume: &Volume, rows: &mut [SnapshotRow], outcome: &mut Outcome) {
    let mut is_sound = true;
    let mut problem = |error| {
        is_sound = false;
        outcome.problem(format!("volume {}: space of snapshots: {error}", volume.name()));
    };
    let space = volume.snapshot_space(&|| false, &mut |error| {
        problem(error);
        Ok(())
    });
    let space = match space {
        Ok(space) => space,
        Err(error) => return problem(error),
    };
    if !is_sound {
        return;
    }
    let block_size = volume.container().block_size().bytes();
    for row in rows {
        let found = space.snapshots.iter().find(|(snapshot, _)| snapshot.xid.0 == row.xid);
        row.frees_bytes = found.map(|(_, freed)| freed.total().saturating_mul(block_size));
    }
}

fn show(out: &mut Out, volume: &Name, rows: &[SnapshotRow], has_space: bool) -> std::io::Result<()> {
    out.display(format_args!("{volume}: {} snapshots", rows.len()))?;
    out.line()?;
    if !rows.is_empty() {
        out.display(format_args!(
            "{:>12}  {:<30}  {:<30}  {:<36}  ",
            "TRANSACTION", "CREATED", "CHANGED", "UUID"
        ))?;
        if has_space {
            out.display(format_args!("{:>16}  ", "FREES"))?;
        }
        out.display("NAME")?;
        out.line()?;
    }
    for row in rows {
        let uuid = row.uuid.as_deref().unwrap_or("-");
        let SnapshotRow { xid, create_time, change_time, stored_name, flag_names, .. } = row;
        out.display(format_args!("{xid:>12}  {create_time:<30}  {change_time:<30}  {uuid:<36}  "))?;
        if has_space {
            let frees = row.frees_bytes.map_or_else(|| "-".to_owned(), |bytes| bytes.to_string());
            out.display(format_args!("{frees:>16}  "))?;
        }
        out.display(stored_name)?;
        if !flag_names.is_empty() {
            out.display(format_args!(" [{}]", flag_names.join(", ")))?;
        }
        if let Some(reason) = row.reason {
            out.display(format_args!(" ({reason})"))?;
        }
        out.line()?;
    }
    Ok(())
}
