//! [`Fs`] for a view: metadata, lookup by name, listing, streams.

use alloc::string::ToString;
use alloc::vec::Vec;

use super::btree::Cursor;
use super::compressed::Fork;
use super::data::{Content, Stream};
use super::record::dir::DirRec;
use super::record::inode::Inode;
use super::record::key::{self, RecordType};
use super::record::sibling::SiblingLink;
use super::record::xattr::{
    DECMPFS_XATTR, FINDER_INFO_XATTR, RESOURCE_FORK_XATTR, SYMLINK_XATTR, Xattr, XattrValue,
};
use super::view::View;
use crate::base::bytes::{get, len64, to_usize, zeroed};
use crate::base::damage::{Corrupt, Damage};
use crate::base::error::{Error, Result};
use crate::base::ids::FileId;
use crate::base::limits::Limits;
use crate::decmpfs::header::HEADER_LEN;
use crate::decmpfs::{Compressed, DecmpfsHeader};
use crate::fs::listing::list;
use crate::fs::types::{DirEntry, DirPos, ExtentRun, Kind, Name, Stat, StreamId, XattrInfo, bsd_flags};
use crate::fs::view::{Fs, sealed};
use crate::text::escape::Escaped;

/// The root directory of every volume (`ROOT_DIR_INO_NUM`).
pub const ROOT_DIR: FileId = FileId(2);

/// A file name is at most 255 bytes by the VFS; keys could hold 1022.
const MAX_NAME: usize = 1022;

/// Links of one file that are searched for one of its entries.
const MAX_LINKS_SEARCHED: usize = 4096;

impl View {
    /// Runs `use_it` on the inode of a file.
    fn with_inode<R>(&self, id: FileId, use_it: impl FnOnce(&Inode<'_>) -> R) -> Result<R> {
        let record = self.tree().get(&key::first(id.0, RecordType::Inode))?;
        let record = record.ok_or_else(|| Error::not_found(alloc::format!("file {id}")))?;
        match Inode::parse(record.value()) {
            Ok(inode) => Ok(use_it(&inode)),
            Err(flaw) => Err(flaw.at(record.place("", ""), id.0)),
        }
    }

    /// Runs `use_it` on an attribute of a file, if it has one of that name.
    fn with_xattr<R>(
        &self,
        id: FileId,
        name: &[u8],
        use_it: impl FnOnce(&Xattr<'_>) -> R,
    ) -> Result<Option<R>> {
        let Some(key) = key::named(id.0, RecordType::Xattr, name) else { return Ok(None) };
        let Some(record) = self.tree().get(&key)? else { return Ok(None) };
        match Xattr::parse(record.key(), record.value()) {
            Ok(xattr) => Ok(Some(use_it(&xattr))),
            Err(flaw) => Err(flaw.at(record.place("", ""), id.0)),
        }
    }

    /// Where an attribute's value is; Finder info may be kept in the inode instead.
    pub(crate) fn xattr_content(&self, id: FileId, name: &[u8]) -> Result<Option<Content>> {
        let found = self.with_xattr(id, name, |xattr| match xattr.value {
            XattrValue::Embedded(bytes) => Content::Inline(bytes.to_vec()),
            XattrValue::Stream(stream) => Content::Stream(Stream {
                id: stream.xattr_obj_id.get(),
                size: stream.dstream.size.get(),
                allocated: stream.dstream.alloced_size.get(),
            }),
        })?;
        if found.is_none() && name == FINDER_INFO_XATTR {
            let info = self.with_inode(id, |inode| inode.finder_info.map(<[u8]>::to_vec))?;
            return Ok(info.map(Content::Inline));
        }
        Ok(found)
    }

    /// Header of a compressed file. The flag without the attribute means a plain file, as the kernel has it.
    fn decmpfs(&self, id: FileId) -> Result<Option<DecmpfsHeader>> {
        let Some(content) = self.xattr_content(id, DECMPFS_XATTR)? else { return Ok(None) };
        let mut header = [0; HEADER_LEN];
        let read = self.read_content(&content, 0, &mut header)?;
        match DecmpfsHeader::parse(get(&header, 0, read).unwrap_or(&[])) {
            Ok(header) => Ok(Some(header)),
            Err(finding) => {
                let place = finding.place.clone().oid(crate::base::ids::Oid(id.0)).xid(self.xid());
                Err(Corrupt { place, ..*finding }.into())
            }
        }
    }

    /// Completes what the inode alone does not tell: compression, and the length of a link's target.
    pub(crate) fn complete(&self, stat: &mut Stat) -> Result<()> {
        if stat.bsd_flags & bsd_flags::UF_COMPRESSED != 0
            && matches!(stat.kind, Kind::File | Kind::Dir)
            && let Some(header) = self.decmpfs(stat.id)?
        {
            header.apply(stat);
        }
        if stat.kind == Kind::Symlink {
            // Targets are embedded with few exceptions: their length stands in the record.
            stat.size =
                self.with_xattr(stat.id, SYMLINK_XATTR, |xattr| xattr.size())?.unwrap_or(0).saturating_sub(1);
        }
        Ok(())
    }

    /// A compressed file; `None` if the file is a plain one.
    fn compressed(&self, stat: &Stat) -> Result<Option<Compressed<Fork<'_>>>> {
        if stat.kind != Kind::File || stat.compression.is_none() {
            return Ok(None);
        }
        check_present(stat)?;
        let Some(attribute) = self.xattr_content(stat.id, DECMPFS_XATTR)? else { return Ok(None) };
        let fork = || self.xattr_content(stat.id, RESOURCE_FORK_XATTR);
        self.open_compressed(stat.id, &attribute, fork).map(Some)
    }

    /// What a stream of a file is made of, if it is stored as it is read.
    fn content(&self, id: FileId, stream: &StreamId) -> Result<Content> {
        match stream {
            StreamId::Data => {
                let stat = self.stat(id)?;
                if stat.kind == Kind::Dir {
                    return Err(Error::IsADirectory);
                }
                if stat.kind == Kind::File && stat.compression.is_some() {
                    let what = alloc::format!("extents of the content of compressed file {id}");
                    return Err(Error::unsupported(what, "ask for those of its resource fork"));
                }
                check_present(&stat)?;
                self.raw_content(id)
            }
            StreamId::Raw => self.raw_content(id),
            StreamId::ResourceFork => {
                let fork = self.xattr_content(id, RESOURCE_FORK_XATTR)?;
                fork.ok_or_else(|| Error::not_found(alloc::format!("resource fork of file {id}")))
            }
            StreamId::Xattr(name) => {
                let value = self.xattr_content(id, name.as_bytes())?;
                value.ok_or_else(|| Error::not_found(alloc::format!("attribute {name} of file {id}")))
            }
        }
    }

    fn raw_content(&self, id: FileId) -> Result<Content> {
        self.with_inode(id, |inode| {
            let dstream = inode.dstream;
            Content::Stream(Stream {
                id: inode.raw.private_id.get(),
                size: dstream.map_or(0, |dstream| dstream.size.get()),
                allocated: dstream.map_or(0, |dstream| dstream.alloced_size.get()),
            })
        })
    }

    /// Goes through the records of one file and type. The callback says whether to go on.
    fn records(
        &self,
        id: FileId,
        kind: RecordType,
        mut each: impl FnMut(&super::btree::Record) -> Result<bool>,
    ) -> Result<()> {
        let mut cursor = Cursor::new();
        cursor.seek(self.tree(), &key::first(id.0, kind))?;
        while let Some(record) = cursor.record() {
            if key::decode(record.key()) != Some((id.0, kind)) || !each(&record)? {
                break;
            }
            cursor.advance(self.tree())?;
        }
        Ok(())
    }

    /// Every link of a file: directory and name. One without link records has its primary name alone.
    ///
    /// # Errors
    /// `NotFound` if there is no such file.
    pub fn links(&self, id: FileId) -> Result<Vec<(FileId, Name)>> {
        let mut links = Vec::new();
        self.records(id, RecordType::SiblingLink, |record| {
            let link = SiblingLink::parse(record.key(), record.value())
                .map_err(|flaw| flaw.at(record.place("", ""), id.0))?;
            links.push((FileId(link.parent_id), Name::from(link.name)));
            Ok(true)
        })?;
        if links.is_empty() {
            self.with_inode(id, |inode| {
                let name = inode.name.map(Name::from).unwrap_or_default();
                links.push((FileId(inode.raw.parent_id.get()), name));
            })?;
        }
        Ok(links)
    }

    /// True if a file's own records name this entry of a directory. A file with a great many links that do not say
    /// which entry is theirs is believed.
    pub(crate) fn has_link(&self, entry: &DirEntry, dir: u64) -> Result<bool> {
        if let Some(link_id) = entry.link_id {
            let key = key::sibling_link(entry.id.0, link_id);
            let record = self.tree().get(&key)?;
            let link =
                record.as_ref().and_then(|record| SiblingLink::parse(record.key(), record.value()).ok());
            if link.is_some_and(|link| link.parent_id == dir && link.name == entry.name.as_bytes()) {
                return Ok(true);
            }
        }
        let (mut seen, mut found) = (0usize, false);
        self.records(entry.id, RecordType::SiblingLink, |record| {
            let link = SiblingLink::parse(record.key(), record.value()).ok();
            found |= link.is_some_and(|link| link.parent_id == dir && link.name == entry.name.as_bytes());
            seen = seen.saturating_add(1);
            found |= seen >= MAX_LINKS_SEARCHED;
            Ok(!found)
        })?;
        if seen > 0 {
            return Ok(found);
        }
        self.with_inode(entry.id, |inode| {
            inode.raw.parent_id.get() == dir && inode.name == Some(entry.name.as_bytes())
        })
    }

    /// Path of a file by its primary link, from the root.
    ///
    /// # Errors
    /// `Corrupt` if the parents never reach the root.
    pub fn path_of(&self, id: FileId) -> Result<Vec<u8>> {
        let mut names: Vec<Name> = Vec::new();
        let mut here = id;
        while here != ROOT_DIR {
            let (parent, name) = self.with_inode(here, |inode| {
                (inode.raw.parent_id.get(), inode.name.map(Name::from).unwrap_or_default())
            })?;
            names.push(name);
            here = FileId(parent);
            if names.len() > self.limits().directory_depth {
                let (limit, found) = (len64(self.limits().directory_depth), len64(names.len()));
                return Err(Error::limit("directory depth", limit, found));
            }
        }
        let mut path = Vec::new();
        for name in names.iter().rev() {
            path.push(b'/');
            path.extend_from_slice(name.as_bytes());
        }
        Ok(if path.is_empty() { b"/".to_vec() } else { path })
    }

    fn dir_entry(&self, dir: FileId, record: &super::btree::Record) -> Result<DirEntry> {
        DirRec::parse(record.key(), record.value(), self.name_rule().is_hashed())
            .map(|entry| entry.to_entry())
            .map_err(|flaw| flaw.at(record.place("", ""), dir.0))
    }

    /// Finds a name by looking at every entry: for names whose hash depends on the version of Unicode.
    fn lookup_slowly(&self, dir: FileId, name: &[u8]) -> Result<Option<DirEntry>> {
        let mut found = None;
        self.records(dir, RecordType::DirRec, |record| {
            let entry = self.dir_entry(dir, record);
            found = entry.ok().filter(|entry| self.name_rule().same(entry.name.as_bytes(), name));
            Ok(found.is_none())
        })?;
        Ok(found)
    }

    /// The entry of exactly these bytes, at the cost of one search whatever the directory holds.
    pub(crate) fn exact_entry(&self, dir: FileId, name: &[u8]) -> Result<Option<DirEntry>> {
        let mut key = if self.name_rule().is_hashed() {
            key::hashed_dir(dir.0, self.name_rule().hash(name)).to_vec()
        } else {
            [&key::first(dir.0, RecordType::DirRec)[..], &[0; 2]].concat()
        };
        // Lengths in keys do not order, so none is needed here.
        key.extend_from_slice(name);
        key.push(0);
        let record = self.tree().get(&key)?;
        record.map(|record| self.dir_entry(dir, &record)).transpose()
    }

    fn lookup_hashed(&self, dir: FileId, name: &[u8]) -> Result<Option<DirEntry>> {
        let hash = self.name_rule().hash(name);
        let mut cursor = Cursor::new();
        cursor.seek(self.tree(), &key::hashed_dir(dir.0, hash))?;
        while let Some(record) = cursor.record() {
            if key::decode(record.key()) != Some((dir.0, RecordType::DirRec)) {
                break;
            }
            let entry = DirRec::parse(record.key(), record.value(), true)
                .map_err(|flaw| flaw.at(record.place("", ""), dir.0))?;
            if entry.hash != Some(hash) {
                break;
            }
            if self.name_rule().same(entry.name, name) {
                return Ok(Some(entry.to_entry()));
            }
            cursor.advance(self.tree())?;
        }
        Ok(None)
    }
}

/// Content of dataless files can't be read.
fn check_present(stat: &Stat) -> Result<()> {
    if stat.kind == Kind::File && stat.is_dataless() {
        let what = alloc::format!("content of dataless file {}", stat.id);
        return Err(Error::unsupported(what, "its content is not on this disk"));
    }
    Ok(())
}

impl sealed::Sealed for View {}

impl Fs for View {
    fn root(&self) -> FileId {
        ROOT_DIR
    }

    fn limits(&self) -> &Limits {
        self.store().limits()
    }

    fn stat(&self, id: FileId) -> Result<Stat> {
        let mut stat = self.with_inode(id, |inode| inode.stat(id))?;
        self.complete(&mut stat)?;
        Ok(stat)
    }

    fn lookup(&self, dir: FileId, name: &[u8]) -> Result<DirEntry> {
        let missing = || Error::not_found(Escaped(name).to_string());
        if name.len() > MAX_NAME {
            return Err(missing());
        }
        if !self.name_rule().is_hashed() {
            let key = key::named(dir.0, RecordType::DirRec, name).ok_or_else(missing)?;
            let record = self.tree().get(&key)?.ok_or_else(missing)?;
            return self.dir_entry(dir, &record);
        }
        if let Some(entry) = self.lookup_hashed(dir, name)? {
            return Ok(entry);
        }
        // ASCII hashes alike in every version of Unicode.
        let found = if name.is_ascii() { None } else { self.lookup_slowly(dir, name)? };
        found.ok_or_else(missing)
    }

    fn read_dir(&self, dir: FileId, pos: &mut DirPos, out: &mut Vec<DirEntry>, max: usize) -> Result<()> {
        let belongs = |key: &[u8]| key::decode(key) == Some((dir.0, RecordType::DirRec));
        list(self.tree(), &key::first(dir.0, RecordType::DirRec), belongs, pos, max, |record| {
            out.push(self.dir_entry(dir, record)?);
            Ok(true)
        })
    }

    fn stream_len(&self, id: FileId, stream: &StreamId) -> Result<u64> {
        if *stream == StreamId::Data {
            let stat = self.stat(id)?;
            return match stat.kind {
                Kind::Dir => Err(Error::IsADirectory),
                // The size of a link is that of its target, which is no stream.
                Kind::Symlink => Ok(0),
                _ => Ok(stat.size),
            };
        }
        Ok(self.content(id, stream)?.len())
    }

    fn read_at(&self, id: FileId, stream: &StreamId, offset: u64, buf: &mut [u8]) -> Result<usize> {
        if *stream == StreamId::Data
            && let Some(file) = self.compressed(&self.stat(id)?)?
        {
            return file.read_at(offset, buf, self.chunks());
        }
        self.read_content(&self.content(id, stream)?, offset, buf)
    }

    fn read_file(&self, stat: &Stat, offset: u64, buf: &mut [u8]) -> Result<usize> {
        if let Some(file) = self.compressed(stat)? {
            return file.read_at(offset, buf, self.chunks());
        }
        if stat.kind != Kind::File || stat.is_dataless() {
            return self.read_at(stat.id, &StreamId::Data, offset, buf);
        }
        let stream = Stream { id: stat.private_id, size: stat.size, allocated: stat.allocated };
        self.read_stream(&stream, offset, buf)
    }

    fn extents(
        &self,
        id: FileId,
        stream: &StreamId,
        from: u64,
        out: &mut Vec<ExtentRun>,
        max: usize,
    ) -> Result<()> {
        match self.content(id, stream)? {
            Content::Stream(stream) => self.stream_extents(&stream, from, out, max),
            Content::Inline(_) => Err(Error::unsupported("extents of a value inside a record", "")),
        }
    }

    fn xattrs(&self, id: FileId) -> Result<Vec<XattrInfo>> {
        let mut xattrs = Vec::new();
        self.records(id, RecordType::Xattr, |record| {
            let xattr = Xattr::parse(record.key(), record.value())
                .map_err(|flaw| flaw.at(record.place("", ""), id.0))?;
            xattrs.push(XattrInfo { name: Name::from(xattr.name), size: xattr.size(), flags: xattr.flags });
            Ok(true)
        })?;
        if !xattrs.iter().any(|xattr| xattr.name.as_bytes() == FINDER_INFO_XATTR)
            && let Some(len) = self.with_inode(id, |inode| inode.finder_info.map(<[u8]>::len))?
        {
            let flags = super::raw::fs::XATTR_DATA_EMBEDDED;
            xattrs.push(XattrInfo { name: Name::from(FINDER_INFO_XATTR), size: len64(len), flags });
        }
        Ok(xattrs)
    }

    fn read_link(&self, id: FileId) -> Result<Name> {
        if self.with_inode(id, |inode| inode.kind())? != Kind::Symlink {
            return Err(Error::NotASymlink);
        }
        let content = self.content(id, &StreamId::Xattr(Name::from(SYMLINK_XATTR)))?;
        let target = match content {
            Content::Inline(bytes) => bytes,
            Content::Stream(stream) => {
                let limit = 65_536;
                if stream.size > limit {
                    return Err(Error::limit("length of a link target", limit, stream.size));
                }
                let mut bytes = zeroed(to_usize(stream.size)?)?;
                self.read_stream(&stream, 0, &mut bytes)?;
                bytes
            }
        };
        let target = target.strip_suffix(&[0]).unwrap_or(&target);
        if target.is_empty() || target.contains(&0) {
            let place =
                crate::base::damage::Place::new("j_xattr_val_t", "xdata").oid(crate::base::ids::Oid(id.0));
            return Err(Corrupt::new(Damage::Name, place.xid(self.xid())).into());
        }
        Ok(Name::from(target))
    }
}
