//! `apfs tree`: directories drawn as a tree.

use std::collections::HashSet;
use std::ffi::OsString;
use std::slice;

use apfs_core::text::escape::Escaped;
use apfs_core::{DirEntry, FileId, Fs, Kind};
use clap::Args as ClapArgs;
use clap_complete::engine::ArgValueCompleter;

use crate::args::Common;
use crate::complete::in_image;
use crate::exit::{Failure, Outcome};
use crate::out::Out;
use crate::place::{self, Follow, Found, Hidden, Item, join};
use crate::row::{Row, RowContext};
use crate::session::{Session, Target};

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  apfs tree disk.img                      everything
  apfs tree -L 2 disk.img /Users          two levels below one directory
  apfs tree -d disk.img                   directories only
  apfs tree --json disk.img               rows as of ls, in the order of the tree")]
pub(crate) struct Tree {
    #[command(flatten)]
    common: Common,

    /// Directory to begin with
    #[arg(value_name = "PATH", default_value = "/", add = ArgValueCompleter::new(in_image))]
    path: OsString,

    #[command(flatten)]
    hidden: Hidden,

    /// Go down at most so many levels
    #[arg(short = 'L', long, value_name = "LEVELS", help_heading = "Output")]
    level: Option<usize>,

    /// Directories only
    #[arg(short, long, help_heading = "Output")]
    directories: bool,
}

/// Draws the trees of all volumes that have the path.
pub(crate) fn run(args: &Tree) -> Result<Outcome, Failure> {
    let mut outcome = Outcome::default();
    let session = Session::open(&args.common)?;
    let targets = session.targets(false, &mut outcome)?;
    let found = place::find(&targets, slice::from_ref(&args.path), Follow::Yes, &mut outcome)?;
    let mut out = Out::new();
    for start in &found {
        if targets.len() > 1 && !args.common.json {
            place::heading(&mut out, "", start.target)?;
        }
        let hidden = args.hidden.or_json(args.common.json);
        let drawing = Drawing {
            args,
            hidden,
            target: start.target,
            out: &mut out,
            opens_links: !hidden.all || start.id != start.target.view.root(),
            met: HashSet::new(),
            repeats: 0,
            dirs: 0,
            others: 0,
        };
        drawing.draw(start, &mut outcome)?;
    }
    out.flush()?;
    Ok(outcome)
}

/// A directory whose entries are being drawn.
struct Level {
    dir: FileId,
    entries: std::vec::IntoIter<DirEntry>,
    path: Vec<u8>,
    /// One of several hard links leads here, or to a directory above: what is in it can be met again too.
    below_link: bool,
}

struct Drawing<'a> {
    args: &'a Tree,
    hidden: Hidden,
    target: &'a Target,
    out: &'a mut Out,
    /// Hard links to directories are opened: their content is not shown where it is kept.
    opens_links: bool,
    /// Directories drawn: each once, but for those with several hard links.
    met: HashSet<FileId>,
    /// Directories drawn again.
    repeats: u64,
    dirs: u64,
    others: u64,
}

impl Drawing<'_> {
    fn draw(mut self, start: &Found<'_>, outcome: &mut Outcome) -> Result<(), Failure> {
        let path = start.path();
        let stat = self.target.view.stat(start.id).map_err(Failure::core(Escaped(&path)))?;
        self.entry(&Item { path: &path, stat: &stat, link_id: start.link_id() }, &path, outcome)?;
        let mut levels = Vec::new();
        if stat.kind == Kind::Dir {
            let prefix = if path == b"/" { Vec::new() } else { path };
            self.open(&mut levels, start.id, false, prefix, outcome);
        }
        while let Some(level) = levels.last_mut() {
            let Some(entry) = level.entries.next() else {
                levels.pop();
                continue;
            };
            let path = join(&level.path, &[b"/", entry.name.as_bytes()].concat());
            let stat = self.target.view.stat_entry(level.dir, &entry);
            if !self.args.common.json {
                self.lines(&levels)?;
            }
            match stat {
                Ok(stat) => {
                    let item = Item { path: &path, stat: &stat, link_id: entry.link_id };
                    self.entry(&item, entry.name.as_bytes(), outcome)?;
                    if stat.kind == Kind::Dir {
                        self.dirs = self.dirs.saturating_add(1);
                        self.open(&mut levels, entry.id, entry.link_id.is_some(), path, outcome);
                    } else {
                        self.others = self.others.saturating_add(1);
                    }
                }
                Err(error) => {
                    outcome.problem(format!("{}: {error}", Escaped(&path)));
                    if !self.args.common.json {
                        self.out.display(format_args!("{} [not readable]", entry.name))?;
                        self.out.line()?;
                    }
                }
            }
        }
        if !self.args.common.json {
            let (dirs, others) = (self.dirs, self.others);
            self.out.display(format_args!("\n{dirs} directories, {others} files"))?;
            self.out.line()?;
        }
        Ok(())
    }

    /// Reads a directory, unless it is deeper than was asked for, lies inside itself, or was met before without having
    /// several hard links.
    fn open(
        &mut self,
        levels: &mut Vec<Level>,
        dir: FileId,
        is_link: bool,
        path: Vec<u8>,
        outcome: &mut Outcome,
    ) {
        let below_link = is_link || levels.last().is_some_and(|level| level.below_link);
        if self.args.level.is_some_and(|limit| levels.len() >= limit) || is_link && !self.opens_links {
            return;
        }
        if levels.iter().any(|level| level.dir == dir) {
            return outcome
                .problem(format!("{}: damaged: this directory lies inside itself", Escaped(&path)));
        }
        if !self.met.insert(dir) {
            self.repeats = self.repeats.saturating_add(1);
            let limit = self.target.view.limits().repeated_dirs;
            let path = Escaped(&path);
            if !below_link {
                return outcome.problem(format!("{path}: damaged: this directory is elsewhere too"));
            }
            if self.repeats > limit {
                return outcome
                    .problem(format!("{path}: more than {limit} directories met again by hard links"));
            }
        }
        let deepest = self.target.view.limits().directory_depth;
        if levels.len() >= deepest {
            return outcome.problem(format!("{}: more than {deepest} directories deep", Escaped(&path)));
        }
        let mut entries = place::entries(self.target, dir, &path, self.hidden, outcome);
        if self.args.directories {
            entries.retain(|entry| entry.kind == Kind::Dir);
        }
        levels.push(Level { dir, entries: entries.into_iter(), path, below_link });
    }

    /// The lines to the left of an entry of the last level.
    fn lines(&mut self, levels: &[Level]) -> std::io::Result<()> {
        let Some((last, above)) = levels.split_last() else { return Ok(()) };
        let more = |level: &Level| level.entries.len() > 0;
        for level in above {
            self.out.display(if more(level) { "│   " } else { "    " })?;
        }
        self.out.display(if more(last) { "├── " } else { "└── " })
    }

    fn entry(&mut self, item: &Item<'_>, shown: &[u8], outcome: &mut Outcome) -> Result<(), Failure> {
        let Item { path, stat, .. } = *item;
        if self.args.common.json {
            let row = Row::new(&RowContext { target: self.target, hash: false }, item, outcome);
            return Ok(self.out.json(&row)?);
        }
        self.out.name(shown, stat.kind)?;
        if stat.kind == Kind::Symlink {
            match self.target.view.read_link(stat.id) {
                Ok(target) => self.out.display(format_args!(" -> {target}"))?,
                Err(error) => outcome.problem(format!("{}: {error}", Escaped(path))),
            }
        }
        Ok(self.out.line()?)
    }
}
