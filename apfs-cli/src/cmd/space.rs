//! `apfs space`: whose every block of a container is.

mod report;
mod text;

use std::io;

use apfs_core::Error;
use apfs_core::apfs::Container;
use apfs_core::apfs::space::Device;
use apfs_core::hfsplus::Volume;
use clap::Args as ClapArgs;
use serde::Serialize;

use crate::args::Common;
use crate::exit::{Failure, Outcome};
use crate::held::Held;
use crate::out::Out;
use crate::session::Session;

use report::{ContainerReport, HfsReport, Report};

/// Findings that are shown unless all are wanted.
const SHOWN: usize = 20;

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  apfs space disk.img                     blocks by owner, and what deleting each snapshot would free
  apfs space --json disk.img              one JSON object
  apfs space --all disk.img               every block that is lost or has two owners, not only the first
  apfs space --map disk.img               runs of blocks in use: first block and count
  apfs space --map --json disk.img        the same, one JSON object a line

Works on locked volumes. Exit status 1: blocks are lost, have two owners, or stored counts are wrong.")]
pub(crate) struct Space {
    #[command(flatten)]
    common: Common,

    /// Show the runs of blocks in use instead
    #[arg(long, help_heading = "Output")]
    map: bool,

    /// Show all findings, not only the first
    #[arg(long, help_heading = "Output")]
    all: bool,
}

/// Accounts for the blocks of every container and every HFS+ volume.
pub(crate) fn run(args: &Space) -> Result<Outcome, Failure> {
    args.common.without_backup()?;
    if args.common.snapshot.is_some() || args.common.volume.is_some() {
        let text = "space is about whole containers: leave out --snapshot and --volume";
        return Err(Failure::Usage(text.to_owned()));
    }
    let mut outcome = Outcome::default();
    let session = Session::open(&args.common)?;
    outcome.show_working("looking for whose every block is", args.map);
    let mut out = Out::new();
    let mut report = Report::new(args.common.source.name());
    let mut failed = None;
    for (part, held) in session.held(&mut outcome)? {
        let done = match held {
            Ok(Held::Container(container)) if args.map => {
                container_map(part, &container, args.common.json, &mut out, &mut outcome)
            }
            Ok(Held::Container(container)) => {
                let most = if args.all { usize::MAX } else { SHOWN };
                ContainerReport::make(part, &container, most).map(|found| report.containers.push(found))
            }
            Ok(Held::Hfs(volume)) if args.map => hfs_map(part, &volume, args.common.json, &mut out),
            Ok(Held::Hfs(volume)) => HfsReport::make(part, &volume).map(|found| report.hfs.push(found)),
            Ok(Held::CoreStorage(..)) => {
                outcome.problem(format!("partition {part}: space of CoreStorage volumes is not accounted"));
                continue;
            }
            Err(error) => Err(error),
        };
        match done {
            Ok(()) => report.accounted = true,
            // The reader of our output has gone.
            Err(Error::Cancelled) => return Ok(outcome),
            Err(error) => {
                outcome.problem(format!("partition {part}: {error}"));
                failed = failed.or(Some(error));
            }
        }
    }
    outcome.progress().finish();
    if !report.accounted {
        return Err(session.nothing(failed));
    }
    if !args.map {
        report.say_problems(&mut outcome);
        if args.common.json { out.json(&report)? } else { text::show(&report, &mut out)? }
    }
    out.flush()?;
    Ok(outcome)
}

/// A run of blocks in use.
#[derive(Debug, Serialize)]
struct RunRow {
    part: usize,
    device: &'static str,
    start: u64,
    count: u64,
}

fn container_map(
    part: usize,
    container: &Container,
    json: bool,
    out: &mut Out,
    outcome: &mut Outcome,
) -> Result<(), Error> {
    let spaceman = container.spaceman()?;
    for device in spaceman.devices().iter().map(|space| space.device) {
        spaceman.allocated(device, &|| false, &mut |run| match run {
            Ok(run) => {
                // The address that the rest of the container has for it: on tier 2 with a flag.
                let start = spaceman.address(device, run.start).0;
                gone(row(out, json, part, device.name(), start, run.count))
            }
            Err(error) => {
                outcome.problem(format!("partition {part}: {error}"));
                Ok(())
            }
        })?;
    }
    Ok(())
}

fn hfs_map(part: usize, volume: &Volume, json: bool, out: &mut Out) -> Result<(), Error> {
    volume.each_block_run(|run| match run.used {
        true => gone(row(out, json, part, Device::Main.name(), run.start, run.count)),
        false => Ok(()),
    })
}

fn row(
    out: &mut Out,
    json: bool,
    part: usize,
    device: &'static str,
    start: u64,
    count: u64,
) -> io::Result<()> {
    if json {
        return out.json(&RunRow { part, device, start, count });
    }
    match device {
        "main" => out.display(format_args!("{start} {count}"))?,
        device => out.display(format_args!("{device} {start} {count}"))?,
    }
    out.line()
}

/// Output that can't be written ends the walk.
fn gone(written: io::Result<()>) -> Result<(), Error> {
    written.map_err(|_| Error::Cancelled)
}
