//! Depth-first walk over any [`Fs`] with an explicit stack.
#![allow(clippy::result_large_err, reason = "the entry itself is larger than its error")]

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::fmt;

use super::types::{DirEntry, DirPos, Kind, Name, Stat};
use super::view::Fs;
use crate::base::bytes::len64;
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::ids::{FileId, Oid};
use crate::text::escape::Escaped;

/// Entries read ahead per directory.
const BATCH: usize = 64;

/// One file or directory met on a walk.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WalkEntry {
    /// Path from the start of the walk, `/` for the start itself, names as stored.
    pub path: Vec<u8>,
    /// Directories between the start and this entry.
    pub depth: usize,
    /// The directory's record of it; for the start of the walk a record without a name.
    pub entry: DirEntry,
    /// Its metadata.
    pub stat: Stat,
}

/// Something that could not be read on a walk. The walk goes on beside it.
#[derive(Debug)]
#[non_exhaustive]
pub struct WalkError {
    /// Path of the entry, or of the directory whose listing failed; empty if it is not known.
    pub path: Vec<u8>,
    /// File that the error is about.
    pub id: FileId,
    /// The directory's record, if it is an entry whose metadata can't be read.
    pub entry: Option<DirEntry>,
    /// Why.
    pub error: Error,
}

impl fmt::Display for WalkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            return write!(f, "{}", self.error);
        }
        write!(f, "{}: {}", Escaped(&self.path), self.error)
    }
}

impl core::error::Error for WalkError {}

/// Iterator over everything from a start down, directories before their content, as a Mac shows it.
///
/// What the file system keeps for itself is left out, see [`Walk::private`]. A directory with several hard links is
/// entered at each of them, never inside itself.
///
/// Damage costs only what it touches: it comes as an item and the walk goes on.
pub struct Walk<'f, F: Fs + ?Sized> {
    fs: &'f F,
    start: Option<FileId>,
    path: Vec<u8>,
    stack: Vec<Frame>,
    /// Directories met: each is entered once, or entries that lead to it again would multiply the work. Hard links to
    /// directories are the exception.
    met: BTreeSet<FileId>,
    private: bool,
    /// Directories entered again.
    repeats: u64,
}

struct Frame {
    dir: FileId,
    pos: DirPos,
    batch: alloc::vec::IntoIter<DirEntry>,
    path_len: usize,
    done: bool,
    /// One of several hard links leads here, or to a directory above: what is in it can be met again too.
    below_link: bool,
}

impl<'f, F: Fs + ?Sized> Walk<'f, F> {
    /// A walk from a file or directory.
    #[must_use]
    pub fn new(fs: &'f F, start: FileId) -> Walk<'f, F> {
        let (path, stack, met) = (Vec::new(), Vec::new(), BTreeSet::new());
        Walk { fs, start: Some(start), path, stack, met, private: false, repeats: 0 }
    }

    /// Every entry of every directory once: also what the file system keeps for itself ([`Fs::is_private`]), while
    /// hard links to directories are given and not entered. From the root on that is the same set as a
    /// [scan](super::scan::Scan) gives.
    #[must_use]
    pub fn private(mut self, every_entry_once: bool) -> Walk<'f, F> {
        self.private = every_entry_once;
        self
    }

    /// Leaves out the content of the directory that came last.
    pub fn skip_content(&mut self) {
        self.stack.pop();
    }

    fn begin(&mut self, start: FileId) -> Result<WalkEntry, WalkError> {
        let is_sound = |stat: &Stat| if start == self.fs.root() { is_root(stat) } else { Ok(()) };
        let stat = self.fs.stat(start).and_then(|stat| is_sound(&stat).map(|()| stat));
        let stat = stat.map_err(|error| WalkError { path: b"/".to_vec(), id: start, entry: None, error })?;
        let kind = stat.kind;
        if kind == Kind::Dir {
            self.met.insert(start);
            self.stack.push(Frame::new(start, 0, false));
        }
        let entry = DirEntry { name: Name::default(), id: start, kind, added: None, link_id: None };
        Ok(WalkEntry { path: b"/".to_vec(), depth: 0, entry, stat })
    }

    fn visit(&mut self, dir: FileId, entry: DirEntry, path_len: usize) -> Result<WalkEntry, WalkError> {
        self.path.truncate(path_len);
        self.path.push(b'/');
        self.path.extend_from_slice(entry.name.as_bytes());
        let depth = self.stack.len();
        let (path, id) = (self.path.clone(), entry.id);
        let stat = self.fs.stat_entry(dir, &entry);
        let stat = match stat.and_then(|stat| entry.agrees_with(&stat).map(|()| stat)) {
            Ok(stat) => stat,
            Err(error) => return Err(WalkError { path, id, entry: Some(entry), error }),
        };
        if stat.kind == Kind::Dir && !(self.private && entry.link_id.is_some()) {
            let below_link =
                entry.link_id.is_some() || self.stack.last().is_some_and(|frame| frame.below_link);
            if let Some(error) = self.refuse_descent(id, below_link) {
                return Err(WalkError { path, id, entry: Some(entry), error });
            }
            self.stack.push(Frame::new(id, self.path.len(), below_link));
        }
        Ok(WalkEntry { path, depth, entry, stat })
    }

    /// A directory that was met before, deeper than the limit, is not entered. One with several hard links and what is
    /// below can be met again, but not inside itself.
    fn refuse_descent(&mut self, dir: FileId, below_link: bool) -> Option<Error> {
        if !self.met.insert(dir) {
            if !below_link || self.stack.iter().any(|frame| frame.dir == dir) {
                return Some(Error::damage(Damage::Loop, self.fs.entry_place(dir)));
            }
            self.repeats = self.repeats.saturating_add(1);
            let limit = self.fs.limits().repeated_dirs;
            if self.repeats > limit {
                return Some(Error::limit("directories met again by hard links", limit, self.repeats));
            }
        }
        let limit = self.fs.limits().directory_depth;
        (self.stack.len() >= limit)
            .then(|| Error::limit("directory depth", len64(limit), len64(limit).saturating_add(1)))
    }

    /// True if an entry is left out.
    fn hides(&self, dir: FileId, entry: &DirEntry) -> bool {
        !self.private && self.fs.is_private(dir, entry.name.as_bytes())
    }
}

/// The root must be a directory, or everything below it would be left out in silence.
pub(crate) fn is_root(stat: &Stat) -> Result<()> {
    if stat.kind == Kind::Dir {
        return Ok(());
    }
    let place = Place::new("j_inode_val_t", "mode").oid(Oid(stat.id.0));
    Err(Corrupt::new(Damage::Contradiction, place).expected("a directory").found(stat.kind.word()).into())
}

impl Frame {
    fn new(dir: FileId, path_len: usize, below_link: bool) -> Frame {
        Frame {
            dir,
            pos: DirPos::default(),
            batch: Vec::new().into_iter(),
            path_len,
            done: false,
            below_link,
        }
    }
}

impl<F: Fs + ?Sized> Iterator for Walk<'_, F> {
    type Item = Result<WalkEntry, WalkError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(start) = self.start.take() {
            return Some(self.begin(start));
        }
        loop {
            let frame = self.stack.last_mut()?;
            let (dir, path_len) = (frame.dir, frame.path_len);
            if let Some(entry) = frame.batch.next() {
                if self.hides(dir, &entry) {
                    continue;
                }
                return Some(self.visit(dir, entry, path_len));
            }
            if frame.done {
                self.stack.pop();
                continue;
            }
            let mut batch = Vec::new();
            let listed = self.fs.read_dir(frame.dir, &mut frame.pos, &mut batch, BATCH);
            frame.done = listed.is_ok() && batch.is_empty();
            frame.batch = batch.into_iter();
            if let Err(error) = listed {
                let path = if path_len == 0 { b"/".to_vec() } else { self.path.get(..path_len)?.to_vec() };
                let error = WalkError { path, id: frame.dir, entry: None, error };
                // A failed listing that did not move would fail the same way for ever.
                frame.done = frame.pos.is_end();
                return Some(Err(error));
            }
        }
    }
}

impl<F: Fs + ?Sized> fmt::Debug for Walk<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Walk").field("path", &Escaped(&self.path)).field("depth", &self.stack.len()).finish()
    }
}
