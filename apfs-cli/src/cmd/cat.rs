//! `apfs cat`: the content of files on standard output.

use core::str::FromStr;
use std::ffi::OsString;
use std::io::{self, IsTerminal};

use apfs_core::text::escape::Escaped;
use apfs_core::{Error, Fs, Kind, Name, Stat, StreamId};
use clap::Args as ClapArgs;
use clap_complete::engine::ArgValueCompleter;

use crate::args::Common;
use crate::complete::in_image;
use crate::content::Reader;
use crate::exit::{Failure, Outcome};
use crate::out::Out;
use crate::place::{self, Follow, Hidden, Item};
use crate::session::{Session, Target};

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  apfs cat disk.img /etc/hosts            one file
  apfs cat disk.img /a /b > both          several, one after another
  apfs cat -R disk.img / | wc -c          everything, in the order of the disk
  apfs cat --stream rsrc disk.img /Icon   the resource fork
  apfs cat --stream xattr:user.note disk.img /a

A file that can't be read is said on standard error, and the rest follows.")]
pub(crate) struct Cat {
    #[command(flatten)]
    common: Common,

    /// Files; with -R also directories
    #[arg(value_name = "PATH", required = true, add = ArgValueCompleter::new(in_image))]
    paths: Vec<OsString>,

    #[command(flatten)]
    hidden: Hidden,

    /// The content of every file below a directory
    #[arg(short = 'R', long, help_heading = "Output")]
    recursive: bool,

    /// Which bytes: data as programs read it, raw as stored, rsrc the resource fork, xattr:NAME an attribute
    #[arg(long, value_name = "STREAM", default_value = "data", help_heading = "Output")]
    stream: Stream,
}

/// A stream by its word on the command line.
#[derive(Debug, Clone)]
struct Stream(StreamId);

impl FromStr for Stream {
    type Err = &'static str;

    fn from_str(word: &str) -> Result<Stream, &'static str> {
        Ok(Stream(match (word, word.strip_prefix("xattr:")) {
            ("data", _) => StreamId::Data,
            ("raw", _) => StreamId::Raw,
            ("rsrc", _) => StreamId::ResourceFork,
            (_, Some(name)) if !name.is_empty() => StreamId::Xattr(Name::from(name)),
            _ => return Err("one of data, raw, rsrc, xattr:NAME"),
        }))
    }
}

/// Prints the content of what was asked for.
pub(crate) fn run(args: &Cat) -> Result<Outcome, Failure> {
    if args.common.json {
        return Err(Failure::Usage("cat prints content as it is: leave out --json".to_owned()));
    }
    let mut outcome = Outcome::default();
    let session = Session::open(&args.common)?;
    let targets = session.targets(false, &mut outcome)?;
    let found = place::find(&targets, &args.paths, Follow::Yes, &mut outcome)?;
    if !args.recursive {
        place::one_volume_each(&found)?;
    } else if !io::stdout().is_terminal() {
        outcome.show_progress();
    }
    let (stream, recursive) = (&args.stream.0, args.recursive);
    let mut printer = Printer { stream, recursive, reader: Reader::default(), out: Out::new() };
    for start in &found {
        if args.recursive {
            let mut each = |item: &Item<'_>, outcome: &mut Outcome| {
                if item.stat.kind == Kind::File {
                    printer.print(start.target, item.path, item.stat, outcome)
                } else {
                    Ok(())
                }
            };
            place::each_below(start, args.hidden, &mut outcome, &mut each)?;
        } else {
            let path = start.path();
            match start.target.view.stat(start.id) {
                Ok(stat) => printer.print(start.target, &path, &stat, &mut outcome)?,
                Err(error) => outcome.problem(format!("{}: {error}", Escaped(&path))),
            }
        }
    }
    printer.out.flush()?;
    Ok(outcome)
}

struct Printer<'a> {
    stream: &'a StreamId,
    recursive: bool,
    reader: Reader,
    out: Out,
}

impl Printer<'_> {
    fn print(
        &mut self,
        target: &Target,
        path: &[u8],
        stat: &Stat,
        outcome: &mut Outcome,
    ) -> Result<(), Failure> {
        let progress = outcome.progress();
        progress.file(path);
        let out = &mut self.out;
        let length = match self.stream {
            StreamId::Data => Ok(stat.size),
            stream => target.view.stream_len(stat.id, stream),
        };
        let read = match length {
            Ok(len) => self.reader.each_chunk(&target.view, (stat, self.stream), len, |chunk| {
                progress.read(chunk.len());
                out.bytes(chunk)
            })?,
            // Most files have no resource fork, and none has every attribute.
            Err(Error::NotFound(_)) if self.recursive => return Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = read {
            outcome.problem(format!("{}: {error}", Escaped(path)));
        }
        Ok(())
    }
}
