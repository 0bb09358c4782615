//! `apfs info`: what is on an image.

mod core_storage;
mod fusion;
mod group;
mod hfs;
mod model;
mod text;

use apfs_core::text::escape::Escaped;
use clap::Args as ClapArgs;
use serde::Serialize;

use crate::args::Common;
use crate::exit::{Failure, Outcome};
use crate::layer_row::EncryptionRow;
use crate::out::Out;
use crate::session::Session;

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  apfs info disk.img                      partitions, containers, volumes, snapshots
  apfs info --volume role:data disk.img   one volume
  apfs info --json disk.img               the same as one JSON object

Locked volumes are shown like all others, with what would open them; only their files can't be read.")]
pub(crate) struct Info {
    #[command(flatten)]
    common: Common,
}

/// What an encrypted image that can't be opened says about itself.
#[derive(Debug, Serialize)]
struct LockedImage<'a> {
    schema: &'static str,
    image: &'a str,
    format: &'static str,
    encryption: EncryptionRow,
}

fn show_locked(args: &Info) -> Result<(), Failure> {
    // The failure that led here is what is said of anything else.
    let Ok(Some(info)) = args.common.source.encryption() else { return Ok(()) };
    let (image, encryption) = (args.common.source.name(), EncryptionRow::new(&info));
    let mut out = Out::new();
    if args.common.json {
        let format = info.format.word();
        out.json(&LockedImage { schema: "apfs.info.locked/1", image: &image, format, encryption })?;
    } else {
        out.display(format_args!("{}: {}", Escaped(image.as_bytes()), info.format))?;
        out.line()?;
        text::show_encryption(&encryption, &mut out)?;
    }
    Ok(out.flush()?)
}

/// Shows everything above the level of files.
pub(crate) fn run(args: &Info) -> Result<Outcome, Failure> {
    args.common.without_backup()?;
    if args.common.snapshot.is_some() {
        return Err(Failure::Usage("info shows all snapshots: leave out --snapshot".to_owned()));
    }
    let mut outcome = Outcome::default();
    let image = args.common.source.name();
    let session = match Session::open(&args.common) {
        Ok(session) => session,
        Err(failure) => {
            show_locked(args)?;
            return Err(failure);
        }
    };
    let info = model::Image::gather(&image, &session, &mut outcome)?;
    let mut out = Out::new();
    if args.common.json {
        out.json(&info)?;
    } else {
        text::show(&info, &mut out)?;
    }
    out.flush()?;
    if info.has_volumes() {
        Ok(outcome)
    } else {
        Err(Failure::Usage(format!("{image}: no APFS container and no HFS+ volume")))
    }
}
