//! Extraction into a tar archive, in one pass: nothing is kept but what was promised to be unique.

use core::hash::BuildHasher;
use core::ops::Range;
use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet};
use std::io::Write;

use apfs_core::text::escape::Escaped;
use apfs_core::{AnyFs, Error, FileId, Fs, FsExt, Kind, Stat, WalkEntry};
use tar::EntryType;

use super::apple_double::AppleDouble;
use super::content::{CHUNK, Content};
use super::pax::{Archive, Entry};
use super::report::Report;
use super::xattrs::{self, Attribute};
use super::{Options, name, special};
use crate::exit::Failure;

/// Longest attribute value that goes into a header.
const MAX_VALUE: u64 = 65_536;

/// Stretches of data of one file that are kept in memory.
const MAX_RUNS: usize = 1 << 20;

/// Why an entry is not in the archive.
enum Stop {
    Entry(String),
    /// The archive can't be written.
    All(Failure),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Stop {
        Stop::Entry(error.to_string())
    }
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Stop {
        Stop::All(Failure::Io("writing the archive".to_owned(), error))
    }
}

/// A directory that the walk is in.
#[derive(Default)]
struct Level {
    /// Path in the archive.
    path: Vec<u8>,
    /// Hashes of the names given out in it.
    names: HashSet<u64>,
}

/// The extraction of one volume, or of a part of it.
pub(crate) struct TarTree<'a, W: Write> {
    view: &'a AnyFs,
    archive: &'a mut Archive<W>,
    report: &'a Report,
    options: Options,
    hasher: RandomState,
    levels: Vec<Level>,
    /// Paths of files with several names, `None` for those that are left out.
    links: HashMap<u64, Option<Vec<u8>>>,
    seen: HashSet<u64>,
    buffer: Vec<u8>,
    data: Vec<u8>,
}

impl<'a, W: Write> TarTree<'a, W> {
    pub(crate) fn new(
        view: &'a AnyFs,
        archive: &'a mut Archive<W>,
        report: &'a Report,
        options: Options,
    ) -> TarTree<'a, W> {
        TarTree {
            view,
            archive,
            report,
            options,
            hasher: RandomState::new(),
            levels: Vec::new(),
            links: HashMap::new(),
            seen: HashSet::new(),
            buffer: Vec::new(),
            data: Vec::new(),
        }
    }

    /// Writes what is below a directory, or one file under its name. `prefix` is a folder in the archive.
    pub(crate) fn extract(&mut self, start: FileId, shown: &[u8], prefix: &[u8]) -> Result<(), Failure> {
        self.levels.push(Level { path: prefix.to_vec(), ..Level::default() });
        let shown = shown.strip_suffix(b"/").unwrap_or(shown);
        self.below(start, shown, false)?;
        if self.options.all && start == self.view.root() {
            self.private(shown)?;
        }
        Ok(())
    }

    /// Writes what the file system keeps for itself in its root.
    fn private(&mut self, shown: &[u8]) -> Result<(), Failure> {
        self.levels.truncate(1);
        let entries = match self.view.list(self.view.root()) {
            Ok(entries) => entries,
            // Said by the walk already.
            Err(_) => return Ok(()),
        };
        for entry in entries {
            let name = entry.name.as_bytes();
            if !self.view.is_private(self.view.root(), name) {
                continue;
            }
            let shown = [shown, b"/", name].concat();
            if entry.kind != Kind::Dir {
                self.below(entry.id, &shown, true)?;
                continue;
            }
            let path = self.free_path(name, &shown);
            let above = core::mem::replace(&mut self.levels, vec![Level { path, ..Level::default() }]);
            self.below(entry.id, &shown, true)?;
            self.levels = above;
        }
        Ok(())
    }

    /// Writes everything from a place down. If `again`, directories were met elsewhere already.
    fn below(&mut self, start: FileId, prefix: &[u8], again: bool) -> Result<(), Failure> {
        // Depth of the outermost directory with several hard links that the walk is in.
        let mut link_depth = if again { Some(0) } else { None };
        let view = self.view;
        let mut walk = view.walk(start);
        while let Some(item) = walk.next() {
            let entry = match item {
                Ok(entry) => entry,
                Err(error) => {
                    self.report.left_out(&[prefix, &error.path].concat(), error.error);
                    continue;
                }
            };
            let below = if entry.path == b"/" { &[][..] } else { &entry.path };
            let shown = [prefix, below].concat();
            if link_depth.is_some_and(|depth| entry.depth <= depth && depth > 0) {
                link_depth = None;
            }
            if link_depth.is_none() && entry.entry.link_id.is_some() && entry.stat.kind == Kind::Dir {
                link_depth = Some(entry.depth);
            }
            // The walk itself sees to it that hard links to directories do not lead in circles.
            let is_new = entry.stat.kind != Kind::Dir || self.seen.insert(entry.stat.id.0);
            if !is_new && link_depth.is_none() {
                self.report.left_out(&shown, "damaged: the directory is in another place too");
                walk.skip_content();
                continue;
            }
            match self.entry(&entry, &shown) {
                Ok(()) => {}
                Err(Stop::Entry(why)) => {
                    self.report.left_out(&shown, why);
                    if entry.stat.kind == Kind::Dir {
                        walk.skip_content();
                    }
                }
                Err(Stop::All(failure)) => return Err(failure),
            }
        }
        Ok(())
    }

    fn entry(&mut self, entry: &WalkEntry, shown: &[u8]) -> Result<(), Stop> {
        let stat = &entry.stat;
        let is_dir = stat.kind == Kind::Dir;
        if is_dir && entry.depth == 0 {
            let path = self.levels.first().map(|level| level.path.clone()).unwrap_or_default();
            let path = if path.is_empty() { b".".to_vec() } else { path };
            return self.dir(stat, &path, shown);
        }
        let base = shown.rsplit(|byte| *byte == b'/').next().unwrap_or(&[]);
        if !name::is_stored_component(base) {
            return Err(Stop::Entry("the name would lead elsewhere".to_owned()));
        }
        self.levels.truncate(entry.depth.max(1));
        let path = self.free_path(base, shown);
        if is_dir {
            self.dir(stat, &path, shown)?;
            self.levels.push(Level { path, ..Level::default() });
            return Ok(());
        }
        if stat.nlink < 2 {
            return self.node(stat, &path, shown).map(drop);
        }
        match self.links.get(&stat.id.0).cloned() {
            Some(Some(first)) => {
                let entry = self.header(EntryType::Link, stat, &path);
                self.archive.begin(&Entry { link: &first, ..entry })?;
                self.report.hardlinks.add(1);
                Ok(())
            }
            Some(None) => Err(Stop::Entry("another name of a file that was left out".to_owned())),
            None => {
                self.links.insert(stat.id.0, None);
                if self.node(stat, &path, shown)? {
                    self.links.insert(stat.id.0, Some(path));
                }
                Ok(())
            }
        }
    }

    /// A path in the innermost directory that no other entry has.
    fn free_path(&mut self, base: &[u8], shown: &[u8]) -> Vec<u8> {
        let hasher = &self.hasher;
        let plain = name::without_nul(base);
        let has_nul = plain.is_some();
        let base = plain.unwrap_or_else(|| base.to_vec());
        let mut candidate = base.clone();
        let Some(level) = self.levels.last_mut() else { return candidate };
        let mut number = 1u32;
        while !level.names.insert(hasher.hash_one(&candidate)) {
            number = number.saturating_add(1);
            candidate = name::numbered(&base, number);
        }
        let path = match level.path.is_empty() {
            true => candidate,
            false => [&level.path, &b"/"[..], &candidate].concat(),
        };
        if number > 1 {
            self.report.renamed(shown, &path, "another entry has this name here");
        } else if has_nul {
            self.report.renamed(shown, &path, name::HAS_NUL);
        }
        path
    }

    /// The header of an entry, with what its metadata says.
    fn header<'p>(&self, kind: EntryType, stat: &Stat, path: &'p [u8]) -> Entry<'p> {
        let owner = self.options.preserve_special;
        Entry {
            kind,
            path,
            link: &[],
            mode: self.options.mode(stat.mode),
            uid: if owner { stat.uid } else { 0 },
            gid: if owner { stat.gid } else { 0 },
            size: 0,
            device: (0, 0),
            modified: stat.modified,
            accessed: stat.accessed,
            created: stat.created,
        }
    }

    fn dir(&mut self, stat: &Stat, path: &[u8], shown: &[u8]) -> Result<(), Stop> {
        let rest = self.xattrs(stat, shown)?;
        let header = self.header(EntryType::Directory, stat, path);
        self.archive.begin(&header)?;
        self.report.dirs.add(1);
        self.apple_double(stat, path, &rest, shown)
    }

    /// Everything but directories; false if it is not complete.
    fn node(&mut self, stat: &Stat, path: &[u8], shown: &[u8]) -> Result<bool, Stop> {
        let kind = match stat.kind {
            Kind::File => return self.file(stat, path, shown),
            Kind::Symlink => EntryType::Symlink,
            kind if !self.options.preserve_special => {
                return Err(Stop::Entry(format!("{}; --preserve-special extracts it", kind.word())));
            }
            Kind::Fifo => EntryType::Fifo,
            Kind::CharDevice => EntryType::Char,
            Kind::BlockDevice => EntryType::Block,
            kind => return Err(Stop::Entry(format!("an archive can't hold a {}", kind.word()))),
        };
        let target = if kind == EntryType::Symlink { Some(self.view.read_link(stat.id)?) } else { None };
        let rest = self.xattrs(stat, shown)?;
        let header = self.header(kind, stat, path);
        let link = target.as_ref().map_or(&[][..], |target| target.as_bytes());
        self.archive.begin(&Entry { link, device: special::device(stat), ..header })?;
        let counter = if target.is_some() { &self.report.symlinks } else { &self.report.special };
        counter.add(1);
        self.apple_double(stat, path, &rest, shown)?;
        Ok(true)
    }

    fn file(&mut self, stat: &Stat, path: &[u8], shown: &[u8]) -> Result<bool, Stop> {
        let content = Content::new(self.view, stat);
        let mut runs = Vec::new();
        let (mut data_len, mut damage) = (0u64, None);
        for run in content.runs() {
            let run = match run {
                Ok(run) => run,
                Err(error) => {
                    damage = Some(error);
                    break;
                }
            };
            data_len = data_len.saturating_add(run.end.saturating_sub(run.start));
            runs.push(run);
            if runs.len() > MAX_RUNS {
                self.report.note(shown, "too many holes, archived with zeros in their place");
                runs.clear();
                runs.push(0..content.size());
                data_len = content.size();
                break;
            }
        }
        let mut size = content.size();
        let small = data_len <= u64::try_from(CHUNK).unwrap_or(0);
        self.data.clear();
        let readable = if small { self.read_all(&content, &runs) } else { probe_all(&content, &runs) };
        damage = damage.or(readable.err());
        if let Some(error) = &damage {
            if !self.options.keep_damaged {
                return Err(Stop::Entry(error.to_string()));
            }
            size = self.cut(&content, &mut runs, small);
        }
        let complete = damage.is_none();
        let partial = (!complete).then(|| [path, name::PARTIAL].concat());
        let path = partial.as_deref().unwrap_or(path);
        let rest = self.xattrs(stat, shown)?;
        let header = Entry { size, ..self.header(EntryType::Regular, stat, path) };
        let is_sparse = !matches!(runs.as_slice(), [run] if *run == (0..size)) && size > 0;
        if is_sparse {
            self.archive.begin_sparse(&header, &runs)?;
        } else {
            self.archive.begin(&header)?;
        }
        let whole = if small {
            self.archive.write(&self.data)?;
            self.report.written(u64::try_from(self.data.len()).unwrap_or(0));
            true
        } else {
            self.stream(&content, &runs, shown)?
        };
        self.archive.end()?;
        self.report.files.add(1);
        if let Some(error) = damage {
            self.report.partial.add(1);
            let (all, kept) = (content.size(), Escaped(path));
            self.report.problem(shown, format_args!("{size} of {all} bytes kept as {kept}: {error}"));
        }
        self.apple_double(stat, path, &rest, shown)?;
        Ok(complete && whole)
    }

    /// Reads a small file before its header is written: a damaged one can still be left out.
    fn read_all(&mut self, content: &Content<'_>, runs: &[Range<u64>]) -> Result<(), Error> {
        let data = &mut self.data;
        for run in runs {
            content.read::<Error>(run.clone(), &mut self.buffer, &mut |_, piece| {
                data.extend_from_slice(piece);
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Shortens a damaged file to what could be read, and gives its new size.
    fn cut(&self, content: &Content<'_>, runs: &mut Vec<Range<u64>>, small: bool) -> u64 {
        let mut left = u64::try_from(self.data.len()).unwrap_or(0);
        for (index, run) in runs.iter_mut().enumerate() {
            let len = run.end.saturating_sub(run.start);
            let readable = if small {
                left.min(len)
            } else if content.probe(run).is_ok() {
                len
            } else {
                0
            };
            left = left.saturating_sub(readable);
            if readable < len {
                run.end = run.start.saturating_add(readable);
                let (end, keep) = (run.end, index.saturating_add(usize::from(readable > 0)));
                runs.truncate(keep);
                return end;
            }
        }
        runs.last().map_or(0, |run| run.end)
    }

    /// Copies a large file; what turns out to be unreadable becomes zeros, and false is returned.
    fn stream(&mut self, content: &Content<'_>, runs: &[Range<u64>], shown: &[u8]) -> Result<bool, Stop> {
        let mut whole = true;
        for run in runs {
            let mut at = run.start;
            let (archive, report) = (&mut *self.archive, self.report);
            let copied = content.read::<Stop>(run.clone(), &mut self.buffer, &mut |offset, piece| {
                archive.write(piece)?;
                let len = u64::try_from(piece.len()).unwrap_or(0);
                report.written(len);
                at = offset.saturating_add(len);
                Ok(())
            });
            match copied {
                Ok(()) if at == run.end => continue,
                Err(Stop::All(failure)) => return Err(Stop::All(failure)),
                Err(Stop::Entry(why)) => {
                    self.report.problem(shown, format_args!("zeros in bytes {at} to {}: {why}", run.end));
                }
                Ok(()) => {
                    self.report.problem(shown, format_args!("zeros in bytes {at} to {}", run.end));
                }
            }
            if whole {
                self.report.partial.add(1);
            }
            whole = false;
            self.archive.write_zeros(run.end.saturating_sub(at))?;
        }
        Ok(whole)
    }

    /// Puts attributes into records of the next entry; gives those that do not fit.
    fn xattrs(&mut self, stat: &Stat, shown: &[u8]) -> Result<Vec<Attribute>, Stop> {
        let mut rest = Vec::new();
        let wanted = xattrs::wanted(self.view, stat).unwrap_or_else(|error| {
            self.report.problem(shown, format_args!("extended attributes: {error}"));
            Vec::new()
        });
        for xattr in wanted {
            let name = xattr.name.as_bytes();
            let fits = xattr.size <= MAX_VALUE && xattr.name.to_str().is_some() && !name.contains(&b'=');
            if !fits {
                rest.push(xattr);
                continue;
            }
            match xattr.value(self.view, stat) {
                Ok(value) => self.archive.record(&[b"SCHILY.xattr.", name].concat(), &value),
                Err(error) => {
                    self.report.left_out(shown, format_args!("attribute {}: {error}", xattr.name));
                }
            }
        }
        Ok(rest)
    }

    /// Attributes that do not fit a header, as an AppleDouble file beside the entry at `path`.
    fn apple_double(
        &mut self,
        stat: &Stat,
        path: &[u8],
        xattrs: &[Attribute],
        shown: &[u8],
    ) -> Result<(), Stop> {
        if xattrs.is_empty() {
            return Ok(());
        }
        let double = match AppleDouble::new(self.view, stat, xattrs) {
            Ok(double) => double,
            Err(error) => {
                self.report.left_out(shown, format_args!("extended attributes: {error}"));
                return Ok(());
            }
        };
        for refused in &double.refused {
            self.report.left_out(shown, format_args!("attribute {refused}: its name is too long"));
        }
        let base = path.rsplit(|byte| *byte == b'/').next().unwrap_or(&[]);
        let path = self.free_path(&[b"._", base].concat(), shown);
        let header = self.header(EntryType::Regular, stat, &path);
        self.archive.begin(&Entry { mode: header.mode & 0o666, size: double.len(), ..header })?;
        let mut written = 0u64;
        let done = double.write::<Stop>(self.view, stat, &mut |bytes| {
            written = written.saturating_add(u64::try_from(bytes.len()).unwrap_or(0));
            Ok(self.archive.write(bytes)?)
        });
        match done {
            Ok(()) => {
                let names: Vec<String> = xattrs.iter().map(|xattr| xattr.name.to_string()).collect();
                let what = format_args!("kept in {}: {}", Escaped(&path), names.join(", "));
                self.report.note(shown, what);
            }
            Err(Stop::Entry(why)) => {
                self.report.problem(shown, format_args!("zeros in {}: {why}", Escaped(&path)));
            }
            Err(stop) => return Err(stop),
        }
        self.archive.write_zeros(double.len().saturating_sub(written))?;
        self.archive.end()?;
        self.report.apple_double.add(1);
        Ok(())
    }
}

/// Looks at the end of every stretch of a large file before its header is written.
fn probe_all(content: &Content<'_>, runs: &[Range<u64>]) -> Result<(), Error> {
    runs.iter().try_for_each(|run| content.probe(run))
}
