//! Extraction into a directory: directories are tasks, several threads fill them.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::collections::HashSet;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex};

use apfs_core::text::escape::Escaped;
use apfs_core::{AnyFs, DirEntry, DirPos, FileId, Fs, Kind, Stat};
use rustix::fs::AtFlags;
use rustix::io::Errno;

use super::Options;
use super::attrs::Attrs;
use super::host::{HostDir, open_beneath};
use super::links::Links;
use super::name;
use super::queue::Queue;
use super::report::{Report, lock};
use crate::exit::Failure;

/// Entries of a directory read at a time.
const BATCH: usize = 256;

/// Threads at most: more do not help one file system.
const MAX_THREADS: usize = 8;

/// Why an entry was not made.
pub(super) enum Stop {
    /// This entry alone fails.
    Entry(String),
    /// Nothing else would work either.
    All(Failure),
}

impl From<apfs_core::Error> for Stop {
    fn from(error: apfs_core::Error) -> Stop {
        Stop::Entry(error.to_string())
    }
}

impl From<Errno> for Stop {
    fn from(error: Errno) -> Stop {
        match error {
            Errno::NOSPC | Errno::DQUOT | Errno::ROFS | Errno::IO | Errno::MFILE | Errno::NFILE => {
                Stop::All(Failure::Io("writing to the target".to_owned(), error.into()))
            }
            error => Stop::Entry(std::io::Error::from(error).to_string()),
        }
    }
}

/// One directory of the image.
struct Dir {
    stat: Stat,
    /// Host path from the root of the target.
    path: Vec<u8>,
    shown: Vec<u8>,
    /// Itself, from the root down.
    way: Arc<Way>,
}

/// A directory of the image and the way to it.
struct Way {
    id: FileId,
    depth: usize,
    above: Option<Arc<Way>>,
    /// It leads through one of several hard links to a directory: there are other ways to the same place.
    one_of_several: bool,
}

impl Way {
    fn start(id: FileId) -> Arc<Way> {
        Arc::new(Way { id, depth: 0, above: None, one_of_several: false })
    }

    /// The way to a directory in this one.
    fn down(self: &Arc<Way>, id: FileId, one_of_several: bool) -> Arc<Way> {
        let (depth, one_of_several) = (self.depth.saturating_add(1), self.one_of_several || one_of_several);
        Arc::new(Way { id, depth, above: Some(self.clone()), one_of_several })
    }

    /// True if a directory is this one or above it.
    fn passes(&self, id: FileId) -> bool {
        core::iter::successors(Some(self), |way| way.above.as_deref()).any(|way| way.id == id)
    }
}

enum Task {
    Dir(Box<Dir>),
    /// A part of a large directory.
    Entries(Arc<HostDir>, Arc<Way>, Vec<DirEntry>),
}

/// The extraction of one volume, or of a part of it.
pub(crate) struct Tree<'a> {
    pub(super) view: &'a AnyFs,
    pub(super) root: OwnedFd,
    pub(super) report: &'a Report,
    pub(super) options: Options,
    queue: Queue<Task>,
    /// Host paths of files with several names.
    links: Links<Vec<u8>>,
    /// Directories whose attributes are still to be set.
    waiting: Mutex<Vec<(Vec<u8>, Attrs)>>,
    /// Directories met: none can be in two places, but those with hard links of their own.
    seen: Mutex<HashSet<u64>>,
    /// Directories extracted again.
    repeats: AtomicU64,
    failure: Mutex<Option<Failure>>,
    owner_refused: AtomicBool,
}

impl<'a> Tree<'a> {
    /// Extraction of a view into an open directory.
    pub(crate) fn new(view: &'a AnyFs, root: OwnedFd, report: &'a Report, options: Options) -> Tree<'a> {
        Tree {
            view,
            root,
            report,
            options,
            queue: Queue::new(),
            links: Links::new(),
            waiting: Mutex::default(),
            seen: Mutex::default(),
            repeats: AtomicU64::new(0),
            failure: Mutex::default(),
            owner_refused: AtomicBool::new(false),
        }
    }

    /// Extracts what is below a directory, or one file under its name.
    pub(crate) fn extract(&self, start: FileId, shown: &[u8]) -> Result<(), Failure> {
        let stat = self.view.stat(start).map_err(Failure::core(Escaped(shown)))?;
        if stat.kind != Kind::Dir {
            let (above, name) = split(shown);
            let dir = HostDir::open(self.root(), Vec::new(), above.to_vec(), self.options.overwrite);
            let dir = dir.map_err(|error| Failure::Io("target".to_owned(), error.into()))?;
            let done = self.entry(&dir, &Way::start(start), name, (stat, false), &mut Vec::new());
            return done.or_else(|stop| self.entry_failed(shown, stop));
        }
        lock(&self.seen).insert(start.0);
        let shown = shown.strip_suffix(b"/").unwrap_or(shown).to_vec();
        let dir = Dir { stat, path: Vec::new(), shown, way: Way::start(start) };
        self.queue.push(Task::Dir(Box::new(dir)));
        let threads = std::thread::available_parallelism().map_or(2, usize::from).clamp(2, MAX_THREADS);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    let mut buffer = Vec::new();
                    self.queue.work(|task| self.task(task, &mut buffer));
                });
            }
        });
        if let Some(failure) = lock(&self.failure).take() {
            return Err(failure);
        }
        self.finish_dirs();
        Ok(())
    }

    pub(super) fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    fn task(&self, task: Task, buffer: &mut Vec<u8>) {
        let done = match task {
            Task::Dir(dir) => {
                let shown = dir.shown.clone();
                self.dir(*dir, buffer).or_else(|stop| self.entry_failed(&shown, stop))
            }
            Task::Entries(dir, way, entries) => self.entries(&dir, &way, &entries, buffer),
        };
        if let Err(failure) = done {
            lock(&self.failure).get_or_insert(failure);
            self.queue.stop();
        }
    }

    fn entry_failed(&self, shown: &[u8], stop: Stop) -> Result<(), Failure> {
        match stop {
            Stop::Entry(why) => {
                self.report.left_out(shown, why);
                Ok(())
            }
            Stop::All(failure) => Err(failure),
        }
    }

    fn dir(&self, dir: Dir, buffer: &mut Vec<u8>) -> Result<(), Stop> {
        let overwrite = self.options.overwrite;
        let host = Arc::new(HostDir::open(self.root(), dir.path, dir.shown, overwrite)?);
        self.report.dirs.add(1);
        self.dir_xattrs(&host, &dir.stat)?;
        let (mut pos, mut batch) = (DirPos::default(), Vec::new());
        loop {
            batch.clear();
            if let Err(error) = self.view.read_dir(dir.stat.id, &mut pos, &mut batch, BATCH) {
                self.report.left_out(&host.shown, format_args!("entries of this directory: {error}"));
                if pos.is_end() && batch.is_empty() {
                    break;
                }
            } else if batch.is_empty() {
                break;
            }
            let full = batch.len() == BATCH;
            let is_private = |entry: &DirEntry| self.view.is_private(dir.stat.id, entry.name.as_bytes());
            let entries: Vec<_> =
                batch.drain(..).filter(|entry| self.options.all || !is_private(entry)).collect();
            if full && self.queue.is_hungry() {
                host.keep_open();
                self.queue.push(Task::Entries(host.clone(), dir.way.clone(), entries));
            } else {
                self.entries(&host, &dir.way, &entries, buffer).map_err(Stop::All)?;
            }
        }
        let attrs = Attrs::of(&dir.stat, self.options);
        if host.is_kept_open() || host.path.is_empty() {
            lock(&self.waiting).push((host.path.clone(), attrs));
        } else {
            self.give(&host, &attrs)?;
        }
        Ok(())
    }

    fn entries(
        &self,
        dir: &HostDir,
        way: &Arc<Way>,
        entries: &[DirEntry],
        buffer: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        for entry in entries {
            let name = entry.name.as_bytes();
            let done = self
                .view
                .stat_entry(way.id, entry)
                .map_err(Stop::from)
                .and_then(|stat| self.entry(dir, way, name, (stat, entry.link_id.is_some()), buffer));
            if let Err(stop) = done {
                self.entry_failed(&dir.shown_of(name), stop)?;
            }
        }
        Ok(())
    }

    /// One entry of a directory: its metadata, and whether it is one of several hard links.
    fn entry(
        &self,
        dir: &HostDir,
        way: &Arc<Way>,
        name: &[u8],
        (stat, is_link): (Stat, bool),
        buffer: &mut Vec<u8>,
    ) -> Result<(), Stop> {
        if !name::is_stored_component(name) {
            return Err(Stop::Entry("the name would lead elsewhere".to_owned()));
        }
        if stat.kind == Kind::Dir {
            return self.subdir(dir, way, name, stat, is_link);
        }
        let id = stat.id;
        if stat.nlink < 2 {
            return self.node(dir, name, &stat, buffer).map(drop);
        }
        let Some(mut made) = self.links.lock(id) else { return Ok(()) };
        dir.keep_open();
        if let Some(first) = made.get(&id.0) {
            let Some(first) = first else {
                return Err(Stop::Entry("another name of a file that was left out".to_owned()));
            };
            match self.link(dir, name, first) {
                Ok(()) => return Ok(()),
                Err(Stop::Entry(why)) => {
                    let shown = dir.shown_of(name);
                    self.report.problem(&shown, format_args!("a copy instead of a hard link: {why}"));
                }
                Err(stop) => return Err(stop),
            }
        }
        made.insert(id.0, None);
        let host_name = self.node(dir, name, &stat, buffer)?;
        made.insert(id.0, host_name.map(|name| dir.path_of(&name)));
        Ok(())
    }

    /// Everything but directories. Gives the name on the host, `None` if it is not complete.
    fn node(
        &self,
        dir: &HostDir,
        name: &[u8],
        stat: &Stat,
        buffer: &mut Vec<u8>,
    ) -> Result<Option<Vec<u8>>, Stop> {
        match stat.kind {
            Kind::File => self.file(dir, name, stat, buffer),
            Kind::Symlink => self.symlink(dir, name, stat).map(Some),
            _ => self.special(dir, name, stat).map(Some),
        }
    }

    fn subdir(
        &self,
        dir: &HostDir,
        way: &Arc<Way>,
        name: &[u8],
        stat: Stat,
        is_link: bool,
    ) -> Result<(), Stop> {
        let limit = self.view.limits().directory_depth;
        if way.depth >= limit {
            return Err(Stop::Entry(format!("more than {limit} directories inside one another")));
        }
        // What hard links to directories lead to is kept in a private folder.
        let one_of_several = is_link || self.view.is_private(way.id, name);
        if !lock(&self.seen).insert(stat.id.0) {
            if !way.one_of_several && !one_of_several {
                return Err(Stop::Entry("damaged: the directory is in another place too".to_owned()));
            }
            if way.passes(stat.id) {
                return Err(Stop::Entry("a hard link to a directory that it lies in".to_owned()));
            }
            let limit = self.view.limits().repeated_dirs;
            if self.repeats.fetch_add(1, Ordering::Relaxed) >= limit {
                return Err(Stop::Entry(format!("more than {limit} directories met again by hard links")));
            }
        }
        dir.keep_open();
        let new = dir.make_dir(name)?;
        self.say_renamed(dir, name, &new.name, new.renamed);
        let (path, shown) = (dir.path_of(&new.name), dir.shown_of(name));
        let way = way.down(stat.id, one_of_several);
        self.queue.push(Task::Dir(Box::new(Dir { stat, path, shown, way })));
        Ok(())
    }

    fn link(&self, dir: &HostDir, name: &[u8], first: &[u8]) -> Result<(), Stop> {
        let (above, first_name) = split(first);
        let from = open_beneath(self.root(), above)?;
        let new =
            dir.make(name, |name| rustix::fs::linkat(&from, first_name, dir, name, AtFlags::empty()))?;
        self.say_renamed(dir, name, &new.name, new.renamed);
        self.report.hardlinks.add(1);
        Ok(())
    }

    pub(super) fn say_renamed(&self, dir: &HostDir, name: &[u8], to: &[u8], why: Option<&str>) {
        if let Some(why) = why {
            self.report.renamed(&dir.shown_of(name), &dir.path_of(to), why);
        }
    }

    /// Attributes of a directory; what does not fit goes beside it.
    fn dir_xattrs(&self, host: &HostDir, stat: &Stat) -> Result<(), Stop> {
        let wanted = self.wanted_xattrs(stat, &host.shown);
        let rest = self.xattrs(host, &wanted, stat, &host.shown);
        if rest.is_empty() {
            return Ok(());
        }
        let (above, name) = split(&host.path);
        let beside = HostDir::open(self.root(), above.to_vec(), split(&host.shown).0.to_vec(), false)?;
        self.apple_double(&beside, if name.is_empty() { b"." } else { name }, stat, &rest, &host.shown)
    }

    /// Owner, permissions and times of directories, the deepest first: those above must stay open to enter.
    fn finish_dirs(&self) {
        let mut waiting = core::mem::take(&mut *lock(&self.waiting));
        waiting.sort_by_cached_key(|(path, _)| {
            let depth = path.iter().filter(|byte| **byte == b'/').count();
            core::cmp::Reverse((depth, path.len()))
        });
        for (path, attrs) in waiting {
            let given = open_beneath(self.root(), &path).and_then(|dir| self.give(dir, &attrs));
            if let Err(error) = given {
                self.report.problem(&path, format_args!("attributes: {}", std::io::Error::from(error)));
            }
        }
    }

    /// Sets owner, permissions and times of an open file or directory.
    pub(super) fn give(&self, file: impl AsFd, attrs: &Attrs) -> rustix::io::Result<()> {
        if self.options.preserve_special {
            self.owner_given(attrs.give_owner(&file))?;
        }
        rustix::fs::fchmod(&file, attrs.mode())?;
        rustix::fs::futimens(&file, &attrs.times())
    }

    /// Says once if owners can't be set.
    pub(super) fn owner_given(&self, given: rustix::io::Result<()>) -> rustix::io::Result<()> {
        match given {
            Err(Errno::PERM) => {
                if !self.owner_refused.swap(true, Ordering::Relaxed) {
                    self.report.problem(b"/", "owners are not kept: only root may set them");
                }
                Ok(())
            }
            given => given,
        }
    }
}

/// A path as directory and name.
pub(super) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => {
            let name = path.get(slash.saturating_add(1)..).unwrap_or(&[]);
            (path.get(..slash).unwrap_or(&[]), name)
        }
        None => (&[], path),
    }
}
