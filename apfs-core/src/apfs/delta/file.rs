//! One file in two states.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::change::{Change, Fields, Op};
use super::gather::Names;
use super::pieces::{self, Ranges};
use super::records::{Pair, Side};
use super::xattrs::{self, Streams};
use crate::apfs::fs::ROOT_DIR;
use crate::apfs::places::Places;
use crate::apfs::record::inode::Inode;
use crate::apfs::record::key::{self, RecordType};
use crate::apfs::record::xattr::{DECMPFS_XATTR, RESOURCE_FORK_XATTR};
use crate::apfs::view::View;
use crate::base::bytes::len64;
use crate::base::error::{Error, Result};
use crate::base::ids::FileId;
use crate::fs::types::{DirPos, Kind, Stat};
use crate::fs::view::Fs;

/// Entries of a directory that are read at a time.
const BATCH: usize = 256;

/// Both states, with the directories whose place is known by now.
pub(super) struct Files {
    views: [View; 2],
    places: Pair<Places>,
    /// Entries of directories that were read in search of names.
    searched: usize,
}

impl Files {
    pub(super) fn new([a, b]: [&View; 2]) -> Files {
        Files { views: [a.clone(), b.clone()], places: Pair(Places::new(a), Places::new(b)), searched: 0 }
    }

    /// All changes of a file. `names` are those that each state has alone; `streams` is where data differs.
    pub(super) fn changes(
        &mut self,
        id: FileId,
        names: Option<&Pair<Names>>,
        streams: Streams<'_>,
    ) -> Result<Vec<Change>> {
        let mut alone = Pair(Vec::new(), Vec::new());
        for side in Side::BOTH {
            let of = |side| names.map_or(&[][..], |names| names.of(side));
            // Where only the rest of an entry differs, as when the file got a second name, both states have it.
            let other: BTreeSet<_> = of(side.other()).iter().collect();
            for (dir, name) in of(side).iter().filter(|name| !other.contains(name)) {
                alone.of_mut(side).extend(self.path_in(side, *dir, name)?);
            }
            alone.of_mut(side).sort();
        }
        let Pair(gone, come) = alone;
        // A name that one state has alone shows that the file is there; else it must be looked for.
        let paths = match (gone.first(), come.first()) {
            (Some(old), Some(new)) => [Some(old.clone()), Some(new.clone())],
            (Some(old), None) => [Some(old.clone()), self.path(Side::Second, id)?],
            (None, Some(new)) => [self.path(Side::First, id)?, Some(new.clone())],
            (None, None) => [self.path(Side::First, id)?, self.path(Side::Second, id)?],
        };
        let [a, b] = &self.views;
        let before = paths[0].is_some().then(|| a.stat(id)).transpose()?;
        let after = paths[1].is_some().then(|| b.stat(id)).transpose()?;
        let bare = |op, path: Vec<u8>, old_path: Option<Vec<u8>>, stat: &Stat| Change {
            op,
            path,
            old_path,
            ino: id,
            kind: stat.kind,
            fields: Fields::empty(),
            ranges: Vec::new(),
            xattrs: Vec::new(),
            before: before.clone(),
            after: after.clone(),
        };
        let (old, new) = match (&before, &after) {
            (None, None) => return Ok(Vec::new()),
            (Some(old), None) => {
                let gone = if gone.is_empty() { Vec::from_iter(paths[0].clone()) } else { gone };
                return Ok(gone.into_iter().map(|path| bare(Op::Deleted, path, None, old)).collect());
            }
            (None, Some(new)) => {
                let come = if come.is_empty() { Vec::from_iter(paths[1].clone()) } else { come };
                return Ok(come.into_iter().map(|path| bare(Op::Created, path, None, new)).collect());
            }
            (Some(old), Some(new)) => (old, new),
        };
        let mut changes = Vec::new();
        let renamed = gone.len().min(come.len());
        let (mut gone, mut come) = (gone.into_iter(), come.into_iter());
        for (from, to) in gone.by_ref().take(renamed).zip(come.by_ref().take(renamed)) {
            changes.push(bare(Op::Renamed, to, Some(from), new));
        }
        if changes.is_empty() {
            // Names that came or went are told by themselves; the file's own change goes by a name that stayed.
            let here = [self.path(Side::First, id)?, self.path(Side::Second, id)?];
            let [old_path, path] = here;
            let path = path.or_else(|| paths[1].clone()).unwrap_or_default();
            let old_path = old_path.filter(|old_path| *old_path != path);
            changes.push(bare(Op::Modified, path, old_path, new));
        }
        if let Some(change) = changes.first_mut() {
            self.compare(id, [old, new], streams, change)?;
        }
        changes.retain(|change| change.op != Op::Modified || change.has_content());
        changes.extend(come.map(|path| bare(Op::Created, path, None, new)));
        changes.extend(gone.map(|path| bare(Op::Deleted, path, None, old)));
        Ok(changes)
    }

    /// Metadata, data and attributes of a file that is in both states.
    fn compare(
        &self,
        id: FileId,
        stats: [&Stat; 2],
        streams: Streams<'_>,
        change: &mut Change,
    ) -> Result<()> {
        let [old, new] = stats;
        change.fields = Fields::between(old, new);
        change.xattrs = xattrs::compare(self.views.each_ref(), id.0, streams)?;
        change.ranges = self.ranges(stats, streams, change)?.into_iter().map(length).collect();
        if !change.has_content() && change.op == Op::Modified && self.has_other_inode(id)? {
            change.fields = Fields::OTHER;
        }
        Ok(())
    }

    fn ranges(&self, [old, new]: [&Stat; 2], streams: Streams<'_>, change: &Change) -> Result<Ranges> {
        if old.kind != Kind::File || new.kind != Kind::File {
            return Ok(Ranges::new());
        }
        let (size, common) = (old.size.max(new.size), old.size.min(new.size));
        let ids = [old.private_id, new.private_id];
        if old.compression.is_some() || new.compression.is_some() {
            let of_content = |name: &[u8]| name == DECMPFS_XATTR || name == RESOURCE_FORK_XATTR;
            let differs = old.compression != new.compression
                || change.xattrs.iter().any(|xattr| of_content(xattr.name.as_bytes()));
            let mut all = Ranges::new();
            if differs {
                pieces::append(&mut all, (0, size));
            }
            return Ok(all);
        }
        let mut ranges = match streams {
            Some(streams) if old.private_id == new.private_id => {
                streams.get(&new.private_id).map_or(Ranges::new(), |found| pieces::clipped(found, size))
            }
            _ => pieces::clipped(&xattrs::stream_ranges(self.views.each_ref(), ids)?, size),
        };
        // What was cut off or added differs, stored or not.
        let kept = ranges.iter().take_while(|(start, _)| *start <= common).count();
        ranges.truncate(kept);
        pieces::append(&mut ranges, (common, size));
        Ok(ranges)
    }

    /// True if the inodes differ in something that [`Stat`] does not show, but for the name in them.
    fn has_other_inode(&self, id: FileId) -> Result<bool> {
        let mut links = Vec::new();
        let mut values = Vec::new();
        for view in &self.views {
            let Some(record) = view.tree().get(&key::first(id.0, RecordType::Inode))? else { continue };
            if let Ok(inode) = Inode::parse(record.value()) {
                links.push((inode.raw.parent_id.get(), inode.name.map(<[u8]>::to_vec)));
            }
            values.push(record.value().to_vec());
        }
        let all_equal = |values: &[Vec<u8>]| values.first() == values.last();
        Ok(links.first() == links.last() && !all_equal(&values))
    }

    /// Path of an entry, if its directory is below the root.
    fn path_in(&mut self, side: Side, dir: u64, name: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.resolve(side, dir)?.then(|| self.places.of_mut(side).path(dir, name).to_vec()))
    }

    /// True if a directory is below the root. One of which that can't be known is an error.
    fn resolve(&mut self, side: Side, dir: u64) -> Result<bool> {
        let places = self.places.of_mut(side);
        match places.resolve(dir) {
            true => Ok(true),
            false => places.why_not(dir).map_or(Ok(false), Err),
        }
    }

    fn view(&self, side: Side) -> &View {
        let [a, b] = &self.views;
        match side {
            Side::First => a,
            Side::Second => b,
        }
    }

    /// Path of a file by a name that its directory has; `None` if the file is not in that state.
    pub(super) fn path(&mut self, side: Side, id: FileId) -> Result<Option<Vec<u8>>> {
        if id == ROOT_DIR {
            return Ok(Some(b"/".to_vec()));
        }
        let view = self.view(side).clone();
        let Some(record) = view.tree().get(&key::first(id.0, RecordType::Inode))? else { return Ok(None) };
        let inode = Inode::parse(record.value()).map_err(|flaw| flaw.at(record.place("", ""), id.0))?;
        let parent = inode.raw.parent_id.get();
        if let Some(name) = inode.name
            && let Some(path) = self.entry_path(side, id, parent, name)?
        {
            return Ok(Some(path));
        }
        for (parent, name) in view.links(id)? {
            if let Some(path) = self.entry_path(side, id, parent.0, name.as_bytes())? {
                return Ok(Some(path));
            }
        }
        // The file's own name may be an old one: the directory's record counts. Many such files in one large directory
        // would take for ever.
        let most = view.volume().container().limits().differences;
        let (mut pos, mut batch) = (DirPos::default(), Vec::new());
        while self.resolve(side, parent)? && !pos.is_end() {
            view.read_dir(FileId(parent), &mut pos, &mut batch, BATCH)?;
            self.searched = self.searched.saturating_add(batch.len());
            if self.searched > most {
                return Err(Error::limit("entries searched for names", len64(most), len64(self.searched)));
            }
            if let Some(entry) = batch.iter().find(|entry| entry.id == id) {
                return self.path_in(side, parent, entry.name.as_bytes());
            }
            batch.clear();
        }
        Ok(None)
    }

    fn entry_path(&mut self, side: Side, id: FileId, dir: u64, name: &[u8]) -> Result<Option<Vec<u8>>> {
        if !self.resolve(side, dir)? {
            return Ok(None);
        }
        let entry = match self.view(side).exact_entry(FileId(dir), name) {
            Ok(entry) => entry,
            Err(Error::Corrupt(_)) => None,
            Err(error) => return Err(error),
        };
        let is_it = entry.is_some_and(|entry| entry.id == id && entry.name.as_bytes() == name);
        if is_it { self.path_in(side, dir, name) } else { Ok(None) }
    }
}

/// A range as offset and length.
fn length((start, end): (u64, u64)) -> (u64, u64) {
    (start, end.saturating_sub(start))
}
