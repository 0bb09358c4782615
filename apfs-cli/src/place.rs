//! From paths on the command line to files, and from a directory to all that is below it.

use std::ffi::OsString;

use apfs_core::text::escape::Escaped;
use apfs_core::{AnyFs, Class, DirEntry, DirPos, Error, FileId, Fs, FsExt, Scan, Stat};
use clap::Args as ClapArgs;

use crate::exit::{Failure, Outcome};
use crate::out::Out;
use crate::session::Target;

/// Entries of a directory that are read at a time.
const BATCH: usize = 256;

/// A file that a path on the command line leads to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found<'a> {
    pub(crate) target: &'a Target,
    pub(crate) id: FileId,
    /// The path as it was given.
    given: &'a OsString,
}

impl Found<'_> {
    /// The path as it was given, from the root on, without a final slash; `/` for the root.
    pub(crate) fn path(&self) -> Vec<u8> {
        join(self.prefix(), b"/")
    }

    /// Which of several hard links the path leads to, where the volume numbers them.
    pub(crate) fn link_id(&self) -> Option<u64> {
        let path = self.target.in_volume(self.prefix());
        let slash = path.iter().rposition(|byte| *byte == b'/')?;
        let (dir, name) = path.split_at_checked(slash)?;
        let dir = self.target.view.find(dir).ok()?;
        let entry = self.target.view.lookup(dir, name.strip_prefix(b"/")?).ok()?;
        // Behind a symbolic link the path ends elsewhere.
        entry.link_id.filter(|_| entry.id == self.id)
    }

    /// The path without slashes at its ends.
    fn prefix(&self) -> &[u8] {
        let mut path = self.given.as_encoded_bytes();
        while let Some(rest) = path.strip_suffix(b"/") {
            path = rest;
        }
        path
    }
}

/// Whether a symbolic link at the end of a path is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Follow {
    Yes,
    No,
}

/// What of a volume is listed as text. JSON has everything.
#[derive(Debug, Clone, Copy, ClapArgs)]
pub(crate) struct Hidden {
    /// Also what the file system keeps for itself: the private folders and journal files of HFS+
    #[arg(short, long, help_heading = "Output")]
    pub(crate) all: bool,
}

impl Hidden {
    /// As asked for, and everything for programs.
    pub(crate) fn or_json(self, json: bool) -> Hidden {
        Hidden { all: self.all || json }
    }

    /// True if an entry of a directory is not shown.
    pub(crate) fn hides(self, view: &AnyFs, dir: FileId, name: &[u8]) -> bool {
        !self.all && view.is_private(dir, name)
    }
}

/// A file of a listing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Item<'a> {
    pub(crate) path: &'a [u8],
    pub(crate) stat: &'a Stat,
    /// Which of several hard links it is, where the volume numbers them.
    pub(crate) link_id: Option<u64>,
}

/// Every file that the paths lead to. With several volumes a path counts where it leads somewhere; one that leads
/// nowhere at all is said.
///
/// Fails if none of the paths leads anywhere.
pub(crate) fn find<'a>(
    targets: &'a [Target],
    paths: &'a [OsString],
    follow: Follow,
    outcome: &mut Outcome,
) -> Result<Vec<Found<'a>>, Failure> {
    let (mut all, mut failed) = (Vec::new(), None::<Failure>);
    for path in paths {
        let before = all.len();
        let mut missing = None;
        for target in targets {
            let bytes = path.as_encoded_bytes();
            let in_volume = target.in_volume(bytes);
            let found = match follow {
                Follow::Yes => target.view.find(in_volume),
                Follow::No => target.view.find_no_follow(in_volume),
            };
            match found {
                Ok(id) => all.push(Found { target, id, given: path }),
                Err(error) => {
                    let elsewhere = matches!(error.class(), Class::NotFound | Class::WrongKind);
                    let failure = Failure::Core(format!("{}: {}", target.title(), Escaped(bytes)), error);
                    if elsewhere {
                        missing = missing.or(Some(failure));
                    } else if let Some(earlier) = failed.replace(failure) {
                        outcome.problem(earlier);
                    }
                }
            }
        }
        if all.len() == before
            && let Some(failure) = missing
            && let Some(earlier) = failed.replace(failure)
        {
            outcome.problem(earlier);
        }
    }
    match failed {
        Some(failure) if all.is_empty() => Err(failure),
        Some(failure) => {
            outcome.problem(failure);
            Ok(all)
        }
        None => Ok(all),
    }
}

/// Refuses a path that leads to files on several volumes, where only one can be meant.
pub(crate) fn one_volume_each(found: &[Found<'_>]) -> Result<(), Failure> {
    for pair in found.windows(2) {
        if let [a, b] = pair
            && core::ptr::eq(a.given, b.given)
        {
            let (path, a, b) = (a.path(), a.target.title(), b.target.title());
            let text = format!("{} is on {a} and on {b}: choose one with --volume", Escaped(&path));
            return Err(Failure::Usage(text));
        }
    }
    Ok(())
}

/// A line that says which volume comes now, where there are several.
pub(crate) fn heading(out: &mut Out, mark: &str, target: &Target) -> std::io::Result<()> {
    out.display(format_args!("{mark}{}:", target.title()))?;
    out.line()
}

/// What is called for each file.
pub(crate) type Each<'a> = dyn FnMut(&Item<'_>, &mut Outcome) -> Result<(), Failure> + 'a;

/// True if everything below a place is found by going through the records of its volume, which is fastest. Below hard
/// links to directories it would show nothing, unless they lead to something hidden that is shown too.
pub(crate) fn is_scanned(found: &Found<'_>, hidden: Hidden) -> bool {
    let view = &found.target.view;
    found.id == view.root() && (hidden.all || !view.has_dir_links())
}

/// Everything from a place down, itself included: a whole volume in the order of the disk, anything else depth first.
pub(crate) fn each_below(
    found: &Found<'_>,
    hidden: Hidden,
    outcome: &mut Outcome,
    each: &mut Each<'_>,
) -> Result<(), Failure> {
    if is_scanned(found, hidden) {
        return each_of_volume(found.target, hidden, outcome, each);
    }
    let prefix = found.prefix();
    for item in found.target.view.walk(found.id) {
        match item {
            Ok(entry) => {
                let link_id = if entry.depth == 0 { found.link_id() } else { entry.entry.link_id };
                each(&Item { path: &join(prefix, &entry.path), stat: &entry.stat, link_id }, outcome)?;
            }
            Err(error) => {
                let path = join(prefix, &error.path);
                outcome.problem(format!("{}: {}: {}", found.target.title(), Escaped(&path), error.error));
            }
        }
    }
    Ok(())
}

fn each_of_volume(
    target: &Target,
    hidden: Hidden,
    outcome: &mut Outcome,
    each: &mut Each<'_>,
) -> Result<(), Failure> {
    let mut failed = None;
    let ended = target.view.scan(None, &mut |item| {
        match item {
            Ok(entry) if entry.private && !hidden.all => {}
            Ok(entry) => {
                let item = Item { path: entry.path, stat: entry.stat, link_id: entry.link_id };
                if let Err(failure) = each(&item, outcome) {
                    failed = Some(failure);
                    return Err(Error::Cancelled);
                }
            }
            Err(error) => outcome.problem(format!("{}: {error}", target.title())),
        }
        Ok(())
    });
    match (failed, ended) {
        (Some(failure), _) => Err(failure),
        (None, Err(error)) => Err(Failure::Core(target.title(), error)),
        (None, Ok(_)) => Ok(()),
    }
}

/// The entries of a directory that are shown, by name. What can't be read is said; the others come all the same.
pub(crate) fn entries(
    target: &Target,
    dir: FileId,
    path: &[u8],
    hidden: Hidden,
    outcome: &mut Outcome,
) -> Vec<DirEntry> {
    let (mut entries, mut pos) = (Vec::new(), DirPos::default());
    loop {
        let before = entries.len();
        match target.view.read_dir(dir, &mut pos, &mut entries, BATCH) {
            Ok(()) if entries.len() == before => break,
            Ok(()) => {}
            Err(error) => {
                outcome.problem(format!("{}: {}: {error}", target.title(), Escaped(path)));
                if pos.is_end() {
                    break;
                }
            }
        }
    }
    entries.retain(|entry| !hidden.hides(&target.view, dir, entry.name.as_bytes()));
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    entries
}

/// A path and what is below it, as one path from the root on. `below` begins with a slash; alone it adds nothing.
pub(crate) fn join(prefix: &[u8], below: &[u8]) -> Vec<u8> {
    let below = if below == b"/" && !prefix.is_empty() { &[] } else { below };
    let mut path = Vec::with_capacity(prefix.len().saturating_add(below.len()).saturating_add(1));
    if !prefix.is_empty() && !prefix.starts_with(b"/") {
        path.push(b'/');
    }
    path.extend_from_slice(prefix);
    path.extend_from_slice(below);
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Paths begin with one slash, however they were given, and end without one.
    #[test]
    fn joined() {
        let text =
            |prefix: &str, below: &str| String::from_utf8(join(prefix.as_bytes(), below.as_bytes())).unwrap();
        assert_eq!(text("", "/"), "/");
        assert_eq!(text("", "/a"), "/a");
        assert_eq!(text("a/b", "/"), "/a/b");
        assert_eq!(text("/a", "/b"), "/a/b");
    }
}
