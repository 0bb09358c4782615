//! `apfs find`: files that meet conditions.

mod test;

use std::ffi::OsString;

use clap::Args as ClapArgs;
use clap_complete::engine::ArgValueCompleter;

use crate::args::Common;
use crate::complete::in_image;
use crate::exit::{Failure, Outcome};
use crate::out::Out;
use crate::parts;
use crate::place::{self, Follow, Hidden};
use crate::row::{Row, RowContext};
use crate::session::Session;
use test::{Amount, Instant, Tests, TypeLetter};

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  apfs find disk.img --name '*.plist'                   by name, quoted from the shell
  apfs find disk.img /Users --type f --size +100M       large files
  apfs find disk.img --newer 2024-05-01 --older '2024-05-02 12:00:00'
  apfs find disk.img --mtime -7                         changed in the last week
  apfs find disk.img --xattr com.apple.quarantine --json

A file must meet all conditions. Sizes count in bytes, or with k, M, G, T in powers of 1024; +N is more than N,
-N less, N exactly. Times are UTC.")]
pub(crate) struct Find {
    #[command(flatten)]
    common: Common,

    /// Where to look, with all that is below
    #[arg(value_name = "PATH", default_value = "/", add = ArgValueCompleter::new(in_image))]
    paths: Vec<OsString>,

    #[command(flatten)]
    hidden: Hidden,

    #[command(flatten)]
    conditions: Conditions,
}

#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Conditions")]
struct Conditions {
    /// The name fits a pattern with *, ?, [...] and {a,b}
    #[arg(long, value_name = "GLOB")]
    name: Option<String>,

    /// The same without regard to case
    #[arg(long, value_name = "GLOB")]
    iname: Option<String>,

    /// Kind of file: f, d, l (link), b, c (devices), p (pipe), s (socket), w (whiteout); several with commas
    #[arg(long = "type", value_enum, value_name = "LETTER", value_delimiter = ',')]
    kinds: Vec<TypeLetter>,

    /// Size of a file's content
    #[arg(long, value_name = "[+-]N[kMGT]", allow_hyphen_values = true)]
    size: Option<Amount>,

    /// Content changed after a time (2024-05-01, '2024-05-01 12:30:00')
    #[arg(long, value_name = "TIME")]
    newer: Option<Instant>,

    /// Content changed before a time
    #[arg(long, value_name = "TIME")]
    older: Option<Instant>,

    /// Content changed so many days ago; +N longer ago, -N less
    #[arg(long, value_name = "[+-]DAYS", allow_hyphen_values = true)]
    mtime: Option<Amount>,

    /// Number of the file
    #[arg(long, value_name = "N")]
    ino: Option<u64>,

    /// It has an extended attribute of this name
    #[arg(long, value_name = "NAME")]
    xattr: Option<OsString>,
}

/// Prints the paths that meet all conditions.
pub(crate) fn run(args: &Find) -> Result<Outcome, Failure> {
    let tests = Tests::new(&args.conditions)?;
    let mut outcome = Outcome::default();
    let session = Session::open(&args.common)?;
    let targets = session.targets(false, &mut outcome)?;
    let found = place::find(&targets, &args.paths, Follow::No, &mut outcome)?;
    let mut out = Out::new();
    for start in &found {
        let target = start.target;
        if targets.len() > 1 && !args.common.json {
            place::heading(&mut out, "", target)?;
        }
        let hidden = args.hidden.or_json(args.common.json);
        parts::print_below(start, hidden, &mut out, &mut outcome, &|out, item, outcome| {
            if !tests.meets(target, item.path, item.stat, outcome) {
                return Ok(());
            }
            if args.common.json {
                let row = Row::new(&RowContext { target, hash: false }, item, outcome);
                return Ok(out.json(&row)?);
            }
            out.name(item.path, item.stat.kind)?;
            Ok(out.line()?)
        })?;
    }
    out.flush()?;
    Ok(outcome)
}
