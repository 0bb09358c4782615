//! `apfs info`: what is on an image.

mod model;
mod text;

use clap::Args as ClapArgs;

use crate::args::Common;
use crate::exit::{Failure, Outcome};
use crate::out::Out;
use crate::session::Session;

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  apfs info disk.img                      partitions, containers, volumes, snapshots
  apfs info --volume role:data disk.img   one volume
  apfs info --json disk.img               the same as one JSON object

Locked volumes are shown like all others; only their files can't be read.")]
pub(crate) struct Info {
    #[command(flatten)]
    common: Common,
}

/// Shows everything above the level of files.
pub(crate) fn run(args: &Info) -> Result<Outcome, Failure> {
    if args.common.snapshot.is_some() {
        return Err(Failure::Usage("info shows all snapshots: leave out --snapshot".to_owned()));
    }
    let mut outcome = Outcome::default();
    let session = Session::open(&args.common)?;
    let image = args.common.source.image.display().to_string();
    let info = model::Image::gather(&image, &session, &mut outcome)?;
    let mut out = Out::new();
    if args.common.json {
        out.json(&info)?;
    } else {
        text::show(&info, &mut out)?;
    }
    out.flush()?;
    if info.has_container() {
        Ok(outcome)
    } else {
        Err(Failure::Usage(format!("{image}: no APFS container")))
    }
}
