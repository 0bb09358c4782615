//! `apfs hash`: SHA-256 sums of files.

use std::borrow::Cow;
use std::ffi::OsString;

use apfs_core::text::escape::Escaped;
use apfs_core::{Kind, Stat};
use clap::Args as ClapArgs;
use clap_complete::engine::ArgValueCompleter;
use serde::Serialize;

use crate::args::Common;
use crate::complete::in_image;
use crate::digest;
use crate::exit::{Failure, Outcome};
use crate::out::{Out, hex};
use crate::parts;
use crate::place::{self, Follow, Hidden, Item};
use crate::row::{lossy, lossy_path};
use crate::session::{Session, Target};

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  apfs hash disk.img                      every file of every volume, in the order of the disk
  apfs hash disk.img /etc/hosts           one file
  apfs hash --snapshot before disk.img /Users > before.sha256
  apfs hash disk.img | sed 's|  /|  |' | (cd extracted && sha256sum -c)

Lines are those of sha256sum: sum, two spaces, path; a path with escaped characters has a backslash before the sum.")]
pub(crate) struct Hash {
    #[command(flatten)]
    common: Common,

    /// Files, or directories with all that is below
    #[arg(value_name = "PATH", default_value = "/", add = ArgValueCompleter::new(in_image))]
    paths: Vec<OsString>,

    #[command(flatten)]
    hidden: Hidden,
}

#[derive(Debug, Serialize)]
struct HashRow<'a> {
    part: usize,
    volume: Cow<'a, str>,
    volume_index: usize,
    snapshot: Option<Cow<'a, str>>,
    path: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_raw: Option<String>,
    size: u64,
    sha256: String,
}

/// Hashes all files that were asked for; one that can't be read is said and left out.
pub(crate) fn run(args: &Hash) -> Result<Outcome, Failure> {
    let mut outcome = Outcome::default();
    let session = Session::open(&args.common)?;
    let targets = session.targets(false, &mut outcome)?;
    let found = place::find(&targets, &args.paths, Follow::Yes, &mut outcome)?;
    outcome.show_progress();
    let mut out = Out::new();
    for start in &found {
        if targets.len() > 1 && !args.common.json {
            // sha256sum passes over lines that begin like this.
            place::heading(&mut out, "# ", start.target)?;
        }
        let target = start.target;
        let hidden = args.hidden.or_json(args.common.json);
        parts::print_below(start, hidden, &mut out, &mut outcome, &|out, item, outcome| {
            let Item { path, stat, .. } = *item;
            if stat.kind != Kind::File {
                return Ok(());
            }
            outcome.progress().file(path);
            match digest::data(&target.view, stat, outcome.progress()) {
                Ok(hash) if args.common.json => row(out, target, path, stat, hash)?,
                Ok(hash) => line(out, path, &hash)?,
                Err(error) => outcome.problem(format!("{}: {error}", Escaped(path))),
            }
            Ok(())
        })?;
    }
    out.flush()?;
    Ok(outcome)
}

fn line(out: &mut Out, path: &[u8], hash: &str) -> std::io::Result<()> {
    let text = Escaped(path).to_string();
    if text.as_bytes() != path {
        out.text().push(b'\\');
    }
    out.display(format_args!("{hash}  {text}"))?;
    out.line()
}

fn row(out: &mut Out, target: &Target, path: &[u8], stat: &Stat, sha256: String) -> std::io::Result<()> {
    let name = target.volume_name();
    out.json(&HashRow {
        part: target.part,
        volume: lossy(name.as_bytes()),
        volume_index: target.index,
        snapshot: target.snapshot_name().map(|name| lossy(name.as_bytes())),
        path: lossy_path(&target.view, path),
        path_raw: core::str::from_utf8(path).is_err().then(|| hex(path)),
        size: stat.size,
        sha256,
    })
}
