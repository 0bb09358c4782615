//! [`Fs`] for a merged tree: each question goes to the volume that a file is on, and the answer gets merged numbers.

use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::vec::Vec;

use super::merged::MergedView;
use super::number::{NOWHERE, Tag, split};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::ids::{FileId, Oid};
use crate::base::limits::Limits;
use crate::fs::types::{
    DirEntry, DirPos, DirState, ExtentRun, Kind, Name, Stat, StreamId, XattrInfo, bsd_flags,
};
use crate::fs::view::{Fs, sealed};
use crate::text::escape::Escaped;

impl MergedView {
    /// An entry of a directory of a volume, as the merged tree has it.
    pub(super) fn merged_entry(&self, dir: FileId, mut entry: DirEntry) -> DirEntry {
        let id = split(dir).0.merged(entry.id);
        entry.id = self.inner.instead.get(&id).copied().filter(|_| entry.kind == Kind::Dir).unwrap_or(id);
        if let Some(link_id) = self.alias(dir, &entry) {
            entry.link_id = Some(link_id);
        }
        entry
    }

    /// The number of an entry of Data that a firmlink shows elsewhere.
    fn alias(&self, dir: FileId, entry: &DirEntry) -> Option<u64> {
        // Looking for the directory first would need a name to be copied; few directories are shown elsewhere.
        self.inner.moved.contains_key(&entry.id).then_some(())?;
        self.inner.aliases.get(&(dir, entry.name.clone())).map(|alias| alias.link_id)
    }

    /// Metadata of a file of a volume, as the merged tree has it.
    pub(super) fn merged_stat(&self, tag: Tag, mut stat: Stat) -> Stat {
        stat.id = tag.merged(stat.id);
        // Only directories are elsewhere than on their volume.
        let moved = (stat.kind == Kind::Dir).then(|| self.inner.moved.get(&stat.id)).flatten();
        stat.parent = match moved {
            Some(moved) => moved.above.last().copied().unwrap_or_else(|| self.root()),
            None => tag.merged(stat.parent),
        };
        stat
    }

    /// A directory that no volume has.
    fn made_up(&self, id: FileId) -> Result<Stat> {
        let made_up = self.inner.made_up.iter().find(|made_up| made_up.id == id);
        let made_up = made_up.ok_or_else(|| Error::not_found(alloc::format!("file {id}")))?;
        let entries = self.inner.added.get(&id).map_or(0, Vec::len);
        Ok(Stat {
            id,
            parent: made_up.parent,
            kind: Kind::Dir,
            mode: 0o040_755,
            uid: 0,
            gid: 0,
            nlink: 1,
            nchildren: u32::try_from(entries).ok(),
            size: 0,
            allocated: 0,
            sparse_bytes: None,
            modified: None,
            changed: None,
            created: None,
            accessed: None,
            bsd_flags: 0,
            internal_flags: 0,
            private_id: 0,
            rdev: None,
            document_id: None,
            resource_size: None,
            compression: None,
            protection_class: 0,
            write_generation: 0,
            first_extents: None,
        })
    }

    /// A flagged directory in a place where none was looked for is told, or what is behind it would be missing in silence.
    pub(super) fn check_flag(&self, tag: Tag, stat: &Stat) -> Result<()> {
        let is_flagged = stat.kind == Kind::Dir && stat.bsd_flags & bsd_flags::SF_FIRMLINK != 0;
        if !is_flagged || tag != Tag::SYSTEM || self.data().is_none() {
            return Ok(());
        }
        if self.inner.flagged.contains(&split(stat.id).1) {
            return Ok(());
        }
        let what = alloc::format!("a firmlink in a place where macOS has none, directory {}", stat.id);
        Err(Error::unsupported(what, "it leads to a directory of the Data volume, which can be shown alone"))
    }

    /// Gives the entries that no volume has, from a number on.
    fn list_added(&self, dir: FileId, from: usize, pos: &mut DirPos, out: &mut Vec<DirEntry>, max: usize) {
        let added = self.inner.added.get(&dir).map_or(&[][..], Vec::as_slice);
        let given = added.iter().skip(from).take(max);
        let until = from.saturating_add(given.len());
        out.extend(given.cloned());
        pos.0 = if until >= added.len() { DirState::End } else { added_from(until) };
    }
}

/// Place in a listing behind all entries of the volume. Keys of records are longer.
fn added_from(index: usize) -> DirState {
    DirState::After(Box::new([u8::try_from(index).unwrap_or(u8::MAX)]))
}

impl sealed::Sealed for MergedView {}

impl Fs for MergedView {
    fn root(&self) -> FileId {
        Tag::SYSTEM.merged(self.system().root())
    }

    fn limits(&self) -> &Limits {
        self.system().limits()
    }

    fn stat(&self, id: FileId) -> Result<Stat> {
        let (tag, own) = split(id);
        match self.inner.members.get(tag.index()) {
            Some(member) => member.view.stat(own).map(|stat| self.merged_stat(tag, stat)),
            None => self.made_up(id),
        }
    }

    fn stat_entry(&self, _: FileId, entry: &DirEntry) -> Result<Stat> {
        if entry.id == NOWHERE {
            return Err(Corrupt::new(Damage::Range, self.entry_place(entry.id)).into());
        }
        let stat = self.stat(entry.id).map_err(|error| self.lost_entry(entry.id, error))?;
        self.check_flag(split(entry.id).0, &stat).map(|()| stat)
    }

    fn entry_place(&self, id: FileId) -> Place {
        let place = Place::new("j_drec_val_t", "file_id");
        if id == NOWHERE { place } else { place.oid(Oid(split(id).1.0)) }
    }

    fn is_private(&self, dir: FileId, name: &[u8]) -> bool {
        self.inner.aliases.contains_key(&(dir, Name::from(name)))
    }

    fn above(&self, dir: FileId) -> Option<Vec<FileId>> {
        self.inner.moved.get(&dir).map(|moved| moved.above.clone())
    }

    fn lookup(&self, dir: FileId, name: &[u8]) -> Result<DirEntry> {
        let (tag, own) = split(dir);
        let found = match self.inner.members.get(tag.index()) {
            Some(member) => member.view.lookup(own, name),
            None => Err(Error::not_found(Escaped(name).to_string())),
        };
        let entry = match found {
            Ok(entry) => self.merged_entry(dir, entry),
            Err(Error::NotFound(_)) => {
                let added = self.inner.added.get(&dir).map_or(&[][..], Vec::as_slice);
                let rule = self.system().name_rule();
                let entry = added.iter().find(|entry| rule.same(entry.name.as_bytes(), name));
                entry.cloned().ok_or_else(|| Error::not_found(Escaped(name).to_string()))?
            }
            Err(error) => return Err(error),
        };
        if entry.kind == Kind::Dir
            && split(entry.id).0 == Tag::SYSTEM
            && let Ok(stat) = self.stat(entry.id)
        {
            self.check_flag(Tag::SYSTEM, &stat)?;
        }
        Ok(entry)
    }

    fn read_dir(&self, dir: FileId, pos: &mut DirPos, out: &mut Vec<DirEntry>, max: usize) -> Result<()> {
        let (tag, own) = split(dir);
        let has_added = self.inner.added.contains_key(&dir);
        match &pos.0 {
            DirState::After(key) if has_added && key.len() == 1 => {
                let from = key.first().copied().map_or(0, usize::from);
                self.list_added(dir, from, pos, out, max);
                return Ok(());
            }
            DirState::End => return Ok(()),
            _ => {}
        }
        let before = out.len();
        let listed = match self.inner.members.get(tag.index()) {
            Some(member) => member.view.read_dir(own, pos, out, max),
            None => {
                pos.0 = DirState::End;
                Ok(())
            }
        };
        for entry in out.iter_mut().skip(before) {
            let taken = core::mem::replace(
                entry,
                DirEntry {
                    name: Name::default(),
                    id: NOWHERE,
                    kind: Kind::Unknown(0),
                    added: None,
                    link_id: None,
                },
            );
            *entry = self.merged_entry(dir, taken);
        }
        if has_added && pos.is_end() {
            pos.0 = added_from(0);
            let left = max.saturating_sub(out.len().saturating_sub(before));
            if listed.is_ok() && left > 0 {
                self.list_added(dir, 0, pos, out, left);
            }
        }
        listed
    }

    fn stream_len(&self, id: FileId, stream: &StreamId) -> Result<u64> {
        match split(id) {
            (Tag::MADE_UP, _) => Err(self.no_stream(id, stream)?),
            (tag, own) => self.member(tag)?.view.stream_len(own, stream),
        }
    }

    fn read_at(&self, id: FileId, stream: &StreamId, offset: u64, buf: &mut [u8]) -> Result<usize> {
        match split(id) {
            (Tag::MADE_UP, _) => Err(self.no_stream(id, stream)?),
            (tag, own) => self.member(tag)?.view.read_at(own, stream, offset, buf),
        }
    }

    fn read_file(&self, stat: &Stat, offset: u64, buf: &mut [u8]) -> Result<usize> {
        match split(stat.id) {
            (Tag::MADE_UP, _) => Err(self.no_stream(stat.id, &StreamId::Data)?),
            (tag, own) => self.member(tag)?.view.read_file(&Stat { id: own, ..stat.clone() }, offset, buf),
        }
    }

    fn extents(
        &self,
        id: FileId,
        stream: &StreamId,
        from: u64,
        out: &mut Vec<ExtentRun>,
        max: usize,
    ) -> Result<()> {
        match split(id) {
            (Tag::MADE_UP, _) => Err(self.no_stream(id, stream)?),
            (tag, own) => self.member(tag)?.view.extents(own, stream, from, out, max),
        }
    }

    fn xattrs(&self, id: FileId) -> Result<Vec<XattrInfo>> {
        match split(id) {
            (Tag::MADE_UP, _) => self.made_up(id).map(|_| Vec::new()),
            (tag, own) => self.member(tag)?.view.xattrs(own),
        }
    }

    fn read_link(&self, id: FileId) -> Result<Name> {
        match split(id) {
            (Tag::MADE_UP, _) => self.made_up(id).and(Err(Error::NotASymlink)),
            (tag, own) => self.member(tag)?.view.read_link(own),
        }
    }
}

impl MergedView {
    /// The error of reading a directory that no volume has.
    fn no_stream(&self, id: FileId, stream: &StreamId) -> Result<Error> {
        self.made_up(id).map(|_| match stream {
            StreamId::Data | StreamId::Raw => Error::IsADirectory,
            _ => Error::not_found(alloc::format!("attribute of file {id}")),
        })
    }
}
