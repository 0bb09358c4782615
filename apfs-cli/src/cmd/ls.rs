//! `apfs ls`: names, metadata, content hashes.

use apfs_core::text::escape::Escaped;
use apfs_core::{FileId, Fs, FsExt, Kind, Stat};

use crate::args::Ls;
use crate::exit::{Failure, Outcome};
use crate::out::Out;
use crate::row::{Row, RowContext};
use crate::session::{Session, Target};
use crate::time::push_time;

/// Lists what was asked for.
pub(crate) fn run(args: &Ls) -> Result<Outcome, Failure> {
    let mut outcome = Outcome::default();
    let session = Session::open(&args.common)?;
    let targets = session.targets(args.snapshots, &mut outcome)?;
    let several = targets.len() > 1;
    let (mut out, mut found) = (Out::new(), false);
    for target in &targets {
        let start = match target.view.find(&args.path) {
            Ok(start) => start,
            Err(error) => {
                outcome.problem(format!("{}: {}: {error}", target.volume_name(), args.path));
                continue;
            }
        };
        found = true;
        if several && !args.common.json {
            heading(&mut out, target)?;
        }
        let mut listing = Listing { args, target, out: &mut out, outcome: &mut outcome, hash: Vec::new() };
        listing.list(start)?;
    }
    out.flush()?;
    if found { Ok(outcome) } else { Err(Failure::Usage(format!("{}: nothing to list", args.path))) }
}

fn heading(out: &mut Out, target: &Target) -> Result<(), Failure> {
    match target.snapshot_name() {
        Some(snapshot) => out.display(format_args!("{} at {snapshot}:", target.volume_name()))?,
        None => out.display(format_args!("{}:", target.volume_name()))?,
    }
    Ok(out.line()?)
}

struct Listing<'a> {
    args: &'a Ls,
    target: &'a Target,
    out: &'a mut Out,
    outcome: &'a mut Outcome,
    hash: Vec<u8>,
}

impl Listing<'_> {
    fn list(&mut self, start: FileId) -> Result<(), Failure> {
        let view = &self.target.view;
        if !self.args.recursive {
            return self.list_one(start);
        }
        if start == view.root() {
            return self.scan();
        }
        let prefix = trimmed(&self.args.path);
        for item in view.walk(start) {
            match item {
                Ok(entry) => {
                    let path = join(prefix, &entry.path);
                    self.entry(&path, &path, &entry.stat)?;
                }
                Err(error) => self.outcome.problem(format!("{}{error}", Escaped(prefix))),
            }
        }
        Ok(())
    }

    /// Everything, in the order of the disk.
    fn scan(&mut self) -> Result<(), Failure> {
        let view = self.target.view.clone();
        let mut failed = None;
        let ended = view.scan(None, &mut |item| {
            match item {
                Ok(entry) => {
                    if let Err(failure) = self.entry(entry.path, entry.path, entry.stat) {
                        failed = Some(failure);
                        return Err(apfs_core::Error::Cancelled);
                    }
                }
                Err(error) => self.outcome.problem(format!("{}: {error}", self.target.volume_name())),
            }
            Ok(())
        });
        match (failed, ended) {
            (Some(failure), _) => Err(failure),
            (None, Err(error)) => Err(Failure::Core(self.target.volume_name().to_string(), error)),
            (None, Ok(_)) => Ok(()),
        }
    }

    /// One directory, sorted by name, or one file.
    fn list_one(&mut self, start: FileId) -> Result<(), Failure> {
        let view = &self.target.view;
        let stat = view.stat(start).map_err(Failure::core(&self.args.path))?;
        if stat.kind != Kind::Dir {
            let path = self.args.path.as_bytes().to_vec();
            return self.entry(&path, &path, &stat);
        }
        let (mut entries, mut pos) = (Vec::new(), apfs_core::DirPos::default());
        loop {
            let before = entries.len();
            match view.read_dir(start, &mut pos, &mut entries, 256) {
                Ok(()) if entries.len() == before => break,
                Ok(()) => {}
                Err(error) => {
                    self.outcome.problem(format!("{}: {error}", self.args.path));
                    if pos.is_end() {
                        break;
                    }
                }
            }
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        let prefix = trimmed(&self.args.path).to_vec();
        for entry in entries {
            let path = join(&prefix, &[b"/", entry.name.as_bytes()].concat());
            match view.stat(entry.id) {
                Ok(stat) => self.entry(&path, entry.name.as_bytes(), &stat)?,
                Err(error) => self.outcome.problem(format!("{}: {error}", Escaped(&path))),
            }
        }
        Ok(())
    }

    fn entry(&mut self, path: &[u8], shown: &[u8], stat: &Stat) -> Result<(), Failure> {
        if self.args.common.json {
            let context = RowContext { target: self.target, hash: self.args.hash };
            let row = Row::new(&context, path, stat, self.outcome);
            return Ok(self.out.json(&row)?);
        }
        if self.args.long {
            self.long(stat)?;
        }
        if self.args.hash {
            self.hash.clear();
            let text = match stat.kind {
                Kind::File => match crate::digest::data(&self.target.view, stat) {
                    Ok(hash) => hash,
                    Err(error) => {
                        self.outcome.problem(format!("{}: {error}", Escaped(path)));
                        "?".repeat(64)
                    }
                },
                _ => "-".repeat(64),
            };
            self.out.text().extend_from_slice(text.as_bytes());
            self.out.text().extend_from_slice(b"  ");
        }
        push_escaped(self.out, shown)?;
        if self.args.long && stat.kind == Kind::Symlink {
            if let Ok(target) = self.target.view.read_link(stat.id) {
                self.out.display(format_args!(" -> {target}"))?;
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
        push_time(self.out.text(), stat.modified.unwrap_or_default());
        self.out.text().push(b' ');
        Ok(())
    }
}

/// A name as text; nearly all of them need no escaping.
fn push_escaped(out: &mut Out, name: &[u8]) -> Result<(), Failure> {
    if name.iter().all(|byte| matches!(byte, 0x20..=0x5B | 0x5D..=0x7E)) {
        out.text().extend_from_slice(name);
        return Ok(());
    }
    Ok(out.display(Escaped(name))?)
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

/// A path without its final slashes, so that names can be joined to it.
fn trimmed(path: &str) -> &[u8] {
    path.trim_end_matches('/').as_bytes()
}

fn join(prefix: &[u8], below: &[u8]) -> Vec<u8> {
    let below = if below == b"/" && !prefix.is_empty() { &[] } else { below };
    let mut path = Vec::with_capacity(prefix.len().saturating_add(below.len()).saturating_add(1));
    if !prefix.is_empty() && !prefix.starts_with(b"/") {
        path.push(b'/');
    }
    path.extend_from_slice(prefix);
    path.extend_from_slice(below);
    path
}
