//! `apfs ls`: names, metadata, content hashes.

use std::ffi::OsString;
use std::slice;

use apfs_core::text::escape::Escaped;
use apfs_core::{Fs, Kind, Stat};
use clap::Args as ClapArgs;
use clap_complete::engine::ArgValueCompleter;

use crate::args::Common;
use crate::complete::in_image;
use crate::digest;
use crate::exit::{Failure, Outcome};
use crate::out::Out;
use crate::parts;
use crate::place::{self, Follow, Found, Hidden, Item, join};
use crate::row::{Row, RowContext};
use crate::session::{Session, Target};
use crate::time::push_time;

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  apfs ls disk.img                        the root directory of every volume
  apfs ls -l disk.img /Users              with mode, owner, size and time
  apfs ls -lR disk.img                    everything, full paths, fastest
  apfs ls -a disk.img                     of HFS+ also private folders and journal files
  apfs ls --merged mac.img /Users         System and Data of one macOS as one tree
  apfs ls -R --hash --json disk.img       one JSON object a line, with SHA-256 of all content")]
pub(crate) struct Ls {
    #[command(flatten)]
    common: Common,

    /// Directory or file to list
    #[arg(value_name = "PATH", default_value = "/", add = ArgValueCompleter::new(in_image))]
    path: OsString,

    #[command(flatten)]
    hidden: Hidden,

    /// Mode, links, owner, group, size, time of last change
    #[arg(short, long, help_heading = "Output")]
    long: bool,

    /// Everything below, with full paths; order is that of the disk
    #[arg(short = 'R', long, help_heading = "Output")]
    recursive: bool,

    /// SHA-256 of the content of files, and of attributes with --json
    #[arg(long, help_heading = "Output")]
    hash: bool,

    /// Also everything in each usable snapshot
    #[arg(long, help_heading = "Which state of which volume")]
    snapshots: bool,
}

/// Lists what was asked for.
pub(crate) fn run(args: &Ls) -> Result<Outcome, Failure> {
    let mut outcome = Outcome::default();
    let session = Session::open(&args.common)?;
    let targets = session.targets(args.snapshots, &mut outcome)?;
    let found = place::find(&targets, slice::from_ref(&args.path), Follow::Yes, &mut outcome)?;
    if args.hash {
        outcome.show_progress();
    }
    let hidden = args.hidden.or_json(args.common.json);
    let mut out = Out::new();
    for start in &found {
        if targets.len() > 1 && !args.common.json {
            place::heading(&mut out, "", start.target)?;
        }
        let target = start.target;
        if args.recursive {
            parts::print_below(start, hidden, &mut out, &mut outcome, &|out, item, outcome| {
                Listing { args, target, out }.entry(item, item.path, outcome)
            })?;
        } else {
            Listing { args, target, out: &mut out }.list_one(start, hidden, &mut outcome)?;
        }
    }
    out.flush()?;
    Ok(outcome)
}

struct Listing<'a> {
    args: &'a Ls,
    target: &'a Target,
    out: &'a mut Out,
}

impl Listing<'_> {
    /// One directory, sorted by name, or one file.
    fn list_one(&mut self, start: &Found<'_>, hidden: Hidden, outcome: &mut Outcome) -> Result<(), Failure> {
        let (view, path) = (&self.target.view, start.path());
        let stat = view.stat(start.id).map_err(Failure::core(Escaped(&path)))?;
        if stat.kind != Kind::Dir {
            let item = Item { path: &path, stat: &stat, link_id: start.link_id() };
            return self.entry(&item, &path, outcome);
        }
        let prefix = if path == b"/" { &[] } else { path.as_slice() };
        for entry in place::entries(self.target, start.id, &path, hidden, outcome) {
            let path = join(prefix, &[b"/", entry.name.as_bytes()].concat());
            match view.stat_entry(start.id, &entry) {
                Ok(stat) => {
                    let item = Item { path: &path, stat: &stat, link_id: entry.link_id };
                    self.entry(&item, entry.name.as_bytes(), outcome)?;
                }
                Err(error) => outcome.problem(format!("{}: {error}", Escaped(&path))),
            }
        }
        Ok(())
    }

    fn entry(&mut self, item: &Item<'_>, shown: &[u8], outcome: &mut Outcome) -> Result<(), Failure> {
        let Item { path, stat, .. } = *item;
        outcome.progress().file(path);
        if self.args.common.json {
            let context = RowContext { target: self.target, hash: self.args.hash };
            let row = Row::new(&context, item, outcome);
            return Ok(self.out.json(&row)?);
        }
        if self.args.long {
            self.long(stat)?;
        }
        if self.args.hash {
            let hash = match stat.kind {
                Kind::File => digest::data(&self.target.view, stat, outcome.progress()),
                _ => Ok("-".repeat(64)),
            };
            let hash = hash.unwrap_or_else(|error| {
                outcome.problem(format!("{}: {error}", Escaped(path)));
                "?".repeat(64)
            });
            self.out.text().extend_from_slice(hash.as_bytes());
            self.out.text().extend_from_slice(b"  ");
        }
        self.out.name(shown, stat.kind)?;
        if self.args.long && stat.kind == Kind::Symlink {
            match self.target.view.read_link(stat.id) {
                Ok(target) => self.out.display(format_args!(" -> {target}"))?,
                Err(error) => outcome.problem(format!("{}: {error}", Escaped(path))),
            }
        }
        Ok(self.out.line()?)
    }

    fn long(&mut self, stat: &Stat) -> Result<(), Failure> {
        self.out.text().extend_from_slice(&mode_text(stat));
        self.out.padded(stat.nlink, 4);
        self.out.padded(stat.uid, 6);
        self.out.padded(stat.gid, 6);
        match stat.rdev {
            Some(rdev) => self.out.display(format_args!(" {:>5}, {:>6}", rdev >> 24, rdev & 0xFF_FFFF))?,
            None => self.out.padded(stat.size, 14),
        }
        self.out.text().push(b' ');
        match stat.modified {
            Some(time) => push_time(self.out.text(), time),
            // HFS+ can leave a date out.
            None => self.out.display(format_args!("{:>19}", "-"))?,
        }
        self.out.text().push(b' ');
        Ok(())
    }
}

/// Type and permission bits as `ls -l` shows them.
pub(crate) fn mode_text(stat: &Stat) -> [u8; 10] {
    let kind = match stat.kind {
        Kind::Dir => b'd',
        Kind::Symlink => b'l',
        Kind::CharDevice => b'c',
        Kind::BlockDevice => b'b',
        Kind::Fifo => b'p',
        Kind::Socket => b's',
        Kind::Whiteout => b'w',
        Kind::File => b'-',
        _ => b'?',
    };
    let bit = |mask: u16, letter: u8| if stat.mode & mask != 0 { letter } else { b'-' };
    let special =
        |exec: u16, mask: u16, both: u8, alone: u8| match (stat.mode & mask != 0, stat.mode & exec != 0) {
            (true, true) => both,
            (true, false) => alone,
            (false, true) => b'x',
            (false, false) => b'-',
        };
    [
        kind,
        bit(0o400, b'r'),
        bit(0o200, b'w'),
        special(0o100, 0o4000, b's', b'S'),
        bit(0o040, b'r'),
        bit(0o020, b'w'),
        special(0o010, 0o2000, b's', b'S'),
        bit(0o004, b'r'),
        bit(0o002, b'w'),
        special(0o001, 0o1000, b't', b'T'),
    ]
}
