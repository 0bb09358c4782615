//! [`Fs`] for an HFS+ volume: metadata, lookup by name, listing, streams.

use alloc::string::ToString;
use alloc::vec::Vec;

use super::btree::{Cursor, Record};
use super::data::Content;
use super::fork::{Fork, ForkType};
use super::links::shown;
use super::raw::catalog::{CatalogFlags, HFSPlusCatalogFile, ROOT_FOLDER_ID};
use super::record::attribute::AttributeRecord;
use super::record::catalog::{self, CatalogRecord, LinkTo};
use super::record::key;
use super::tree_kind::{attribute_parts, catalog_parts};
use super::volume::{Volume, cnid};
use crate::base::bytes::{len64, pod, to_usize, zeroed};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, LockReason, Result};
use crate::base::ids::FileId;
use crate::base::limits::Limits;
use crate::decmpfs::file::MAX_ATTRIBUTE;
use crate::decmpfs::header::HEADER_LEN;
use crate::decmpfs::{Compressed, DecmpfsHeader};
use crate::fs::listing::list;
use crate::fs::types::{
    DirEntry, DirPos, DirState, ExtentRun, Kind, Name, Stat, StreamId, XattrInfo, bsd_flags,
};
use crate::fs::view::{Fs, sealed};
use crate::text::escape::Escaped;
use crate::text::hfs_name::{push_plain, to_stored, to_stored_as_is};

/// The root folder of every volume.
pub const ROOT_DIR: FileId = FileId(2);

const DECMPFS: &[u8] = b"com.apple.decmpfs";
const FINDER_INFO: &[u8] = b"com.apple.FinderInfo";
const RESOURCE_FORK: &[u8] = b"com.apple.ResourceFork";
/// Attribute of files that have keys of their own.
const PROTECTION: &[u8] = b"com.apple.system.cprotect";
/// Longest target of a link that is read; macOS makes them of up to 1,024 bytes.
const MOST_TARGET: u64 = 4096;

impl Volume {
    /// Metadata by a record that is no link.
    pub(super) fn stat_of(&self, record: &Record) -> Result<Stat> {
        let mut stat = self.stat_by_record(record)?;
        self.complete(&mut stat)?;
        Ok(stat)
    }

    /// Metadata as far as the record itself tells.
    pub(super) fn stat_by_record(&self, record: &Record) -> Result<Stat> {
        let (parent, _) = catalog_parts(record.key());
        let parsed = CatalogRecord::parse(record.value());
        let parsed = parsed.map_err(|flaw| flaw.at_cnid(record.place("", ""), 0))?;
        self.stat_by(&parsed, parent).ok_or_else(|| {
            Error::damage(Damage::ObjectType, record.place("HFSPlusCatalogRecord", "recordType"))
        })
    }

    #[inline]
    pub(super) fn stat_by(&self, record: &CatalogRecord<'_>, parent: u32) -> Option<Stat> {
        // Only of what lies in a private folder the number counts links.
        let is_inode = [self.file_inodes(), self.dir_inodes()].contains(&Some(parent));
        let special = record.common()?.bsdInfo.special.get();
        let links = if is_inode { special } else { 1 };
        catalog::stat(record, parent, links, self.store().block_size(), self.has_expanded_times())
    }

    /// Completes what the record alone does not tell: compression.
    pub(super) fn complete(&self, stat: &mut Stat) -> Result<()> {
        if stat.bsd_flags & bsd_flags::UF_COMPRESSED == 0 || stat.kind != Kind::File {
            return Ok(());
        }
        let Some(content) = self.attribute(cnid(stat.id)?, DECMPFS)? else {
            // A plain file, as the kernel has it; but one without data may have lost what it was compressed to.
            if stat.size == 0 {
                let place = Place::new("HFSPlusAttrKey", "attrName").cnid(cnid(stat.id)?);
                self.store().report(&Corrupt::new(Damage::Missing, place).expected("com.apple.decmpfs"));
            }
            return Ok(());
        };
        let mut header = [0; HEADER_LEN];
        let read = content.read_at(0, &mut header)?;
        match DecmpfsHeader::parse(header.get(..read).unwrap_or(&[])) {
            Ok(header) => header.apply(stat),
            Err(finding) => {
                let place = finding.place.clone().cnid(cnid(stat.id)?);
                return Err(Corrupt { place, ..*finding }.into());
            }
        }
        Ok(())
    }

    /// The record of a file, links followed.
    fn file(&self, id: FileId) -> Result<Record> {
        self.follow(self.record(cnid(id)?)?)
    }

    /// Content of a file, stored as it is read.
    fn data_of(&self, stat: &Stat) -> Result<Content<'_>> {
        self.check_readable(stat)?;
        let blocks = stat.allocated.checked_div(self.store().block_size()).unwrap_or(0);
        let blocks = u32::try_from(blocks).unwrap_or(u32::MAX);
        let fork = Fork { size: stat.size, blocks, first: stat.first_extents.unwrap_or_default() };
        Ok(Content::Stream(self.stream(cnid(stat.id)?, fork, ForkType::Data)?))
    }

    /// What is encrypted with keys of its own is never given for data.
    fn check_readable(&self, stat: &Stat) -> Result<()> {
        if self.is_protected() && self.attribute(cnid(stat.id)?, PROTECTION)?.is_some() {
            let what = alloc::format!("content of file {}", stat.id);
            return Err(Error::locked(what, LockReason::PerFileKeys));
        }
        Ok(())
    }

    /// A fork of a file by its record.
    fn fork_of(&self, record: &Record, which: ForkType) -> Result<Content<'_>> {
        let stat = self.stat_by_record(record)?;
        self.check_readable(&stat)?;
        let raw: Option<&HFSPlusCatalogFile> =
            if stat.kind == Kind::Dir { None } else { pod(record.value()) };
        let fork = raw.map(|file| match which {
            ForkType::Data => Fork::from(&file.dataFork),
            ForkType::Resource => Fork::from(&file.resourceFork),
        });
        let stream = self.stream(cnid(stat.id)?, fork.unwrap_or_default(), which)?;
        Ok(Content::Stream(stream))
    }

    /// A compressed file; `None` if the file is a plain one.
    fn compressed(&self, stat: &Stat) -> Result<Option<Compressed<Content<'_>>>> {
        if stat.kind != Kind::File || stat.compression.is_none() {
            return Ok(None);
        }
        self.check_readable(stat)?;
        let Some(attribute) = self.attribute(cnid(stat.id)?, DECMPFS)? else { return Ok(None) };
        if attribute.len() > MAX_ATTRIBUTE {
            return Err(Error::limit("length of a decmpfs attribute", MAX_ATTRIBUTE, attribute.len()));
        }
        let mut bytes = zeroed(to_usize(attribute.len())?)?;
        attribute.read_at(0, &mut bytes)?;
        let fork = || {
            let fork = self.fork_of(&self.file(stat.id)?, ForkType::Resource)?;
            Ok(Some(fork).filter(|fork| fork.len() > 0))
        };
        Compressed::open(stat.id, &bytes, fork).map(Some)
    }

    /// Looks whether the header of a compressed file and the table of its chunks make sense, without expanding any.
    pub(crate) fn check_compressed(&self, id: FileId) -> Result<()> {
        let stat = self.stat(id)?;
        self.compressed(&stat)?.map_or(Ok(()), |file| file.check_table())
    }

    /// What a stream of a file is made of, if it is stored as it is read.
    fn content(&self, id: FileId, stream: &StreamId) -> Result<Content<'_>> {
        match stream {
            StreamId::Data => {
                let stat = self.stat(id)?;
                if stat.kind == Kind::Dir {
                    return Err(Error::IsADirectory);
                }
                if stat.compression.is_some() {
                    let what = alloc::format!("extents of the content of compressed file {id}");
                    return Err(Error::unsupported(what, "ask for those of its resource fork"));
                }
                self.data_of(&stat)
            }
            StreamId::Raw => self.fork_of(&self.file(id)?, ForkType::Data),
            StreamId::ResourceFork => {
                let fork = self.fork_of(&self.file(id)?, ForkType::Resource)?;
                let missing = || Error::not_found(alloc::format!("resource fork of file {id}"));
                Some(fork).filter(|fork| fork.len() > 0).ok_or_else(missing)
            }
            StreamId::Xattr(name) => {
                let missing = || Error::not_found(alloc::format!("attribute {name} of file {id}"));
                let record = self.file(id)?;
                let own = match name.as_bytes() {
                    FINDER_INFO => finder_info(&record).map(|info| Content::Inline(info.to_vec())),
                    RESOURCE_FORK => {
                        Some(self.fork_of(&record, ForkType::Resource)?).filter(|fork| fork.len() > 0)
                    }
                    _ => None,
                };
                match own {
                    Some(content) => Ok(content),
                    None => self.attribute(number(&record), name.as_bytes())?.ok_or_else(missing),
                }
            }
        }
    }

    /// A folder's record of a file, as an entry, and the record of what a hard link leads to, if that can be found.
    fn dir_entry(&self, record: &Record) -> Result<Option<(DirEntry, Record)>> {
        let (dir, stored) = catalog_parts(record.key());
        let parsed = CatalogRecord::parse(record.value());
        let parsed = parsed.map_err(|flaw| flaw.at_cnid(record.place("", ""), dir))?;
        let Some(common) = parsed.common() else {
            // The folder's own thread has no name.
            let place = record.place("HFSPlusCatalogRecord", "recordType").cnid(dir);
            return if stored.is_empty() { Ok(None) } else { Err(Error::damage(Damage::ObjectType, place)) };
        };
        check_name(stored, || record.place("HFSPlusCatalogKey", "nodeName").cnid(dir))?;
        let name = shown(stored);
        let added = catalog::date_added(common);
        let own = common.cnid.get();
        let mut entry =
            DirEntry { name, id: FileId(u64::from(own)), kind: parsed.kind(), added, link_id: None };
        let mut target = record.clone();
        if let Some(to) = parsed.link() {
            entry.link_id = Some(u64::from(own));
            if matches!(to, LinkTo::Folder(_)) {
                entry.kind = Kind::Dir;
            }
            // Should it lead nowhere, whoever asks for its metadata learns why.
            if let Ok(record) = self.follow(record.clone()) {
                entry.id = FileId(u64::from(number(&record)));
                entry.kind = CatalogRecord::parse(record.value()).map_or(entry.kind, |parsed| parsed.kind());
                target = record;
            }
        }
        Ok(Some((entry, target)))
    }

    /// The record that an entry of a folder was made of. Two names can be shown alike, so its number counts too.
    fn record_of(&self, folder: u32, entry: &DirEntry) -> Result<Record> {
        let own = cnid(FileId(entry.link_id.unwrap_or(entry.id.0)))?;
        if let Some(record) = self.entry_record(folder, entry.name.as_bytes())?
            && number(&record) == own
        {
            return Ok(record);
        }
        let place = Place::new("HFSPlusCatalogKey", "nodeName").cnid(folder);
        let lost = || Error::damage(Damage::Missing, place);
        let is_it = |record: &Record| {
            let (parent, stored) = catalog_parts(record.key());
            parent == folder && shown(stored) == entry.name
        };
        match self.record(own) {
            Ok(record) if is_it(&record) => Ok(record),
            Ok(_) | Err(Error::NotFound(_)) => Err(lost()),
            Err(error) => Err(error),
        }
    }

    /// The record of an entry of a folder by its name as it is shown.
    fn entry_record(&self, dir: u32, name: &[u8]) -> Result<Option<Record>> {
        let as_is = to_stored_as_is(name).filter(|stored| !stored.is_empty());
        if let Some(stored) = as_is
            && let Some(record) = self.catalog().get(&key::catalog(dir, &stored))?
        {
            return Ok(Some(record));
        }
        Ok(None)
    }

    /// Finds a name by looking at every entry: for names that older systems and Linux stored otherwise.
    fn lookup_slowly(&self, dir: u32, name: &[u8], stored: Option<&[u8]>) -> Result<Option<Record>> {
        let mut cursor = Cursor::new();
        cursor.seek(self.catalog(), &key::catalog(dir, &[]))?;
        while let Some(record) = cursor.record() {
            let (parent, here) = catalog_parts(record.key());
            if parent != dir {
                break;
            }
            let is_same = stored.is_some_and(|stored| self.rule().equivalent(here, stored));
            if !here.is_empty() && (is_same || shown(here).as_bytes() == name) {
                return Ok(Some(record));
            }
            cursor.advance(self.catalog())?;
        }
        Ok(None)
    }

    /// The number of entries that a folder says it has.
    fn valence(&self, dir: u32) -> Result<u32> {
        let record = self.record(dir)?;
        match CatalogRecord::parse(record.value()) {
            Ok(CatalogRecord::Folder(folder)) => Ok(folder.valence.get()),
            Ok(_) => Err(Error::NotADirectory),
            Err(flaw) => Err(flaw.at_cnid(record.place("", ""), dir)),
        }
    }
}

/// A stored name must be one component of a path.
pub(super) fn check_name(stored: &[u8], place: impl FnOnce() -> Place) -> Result<()> {
    match stored {
        b"" | b"\0." | b"\0.\0." => Err(Error::damage(Damage::Name, place())),
        _ => Ok(()),
    }
}

/// Number of a folder's or file's record; 0 for anything else.
pub(super) fn number(record: &Record) -> u32 {
    let parsed = CatalogRecord::parse(record.value()).ok();
    parsed.and_then(|parsed| parsed.common().map(|common| common.cnid.get())).unwrap_or(0)
}

/// A record without this flag may have attributes all the same, if Linux made them.
fn says_it_has_attributes(record: &Record) -> bool {
    let parsed = CatalogRecord::parse(record.value()).ok();
    let common = parsed.and_then(|parsed| parsed.common());
    common.is_some_and(|common| catalog::flags(common).contains(CatalogFlags::HAS_ATTRIBUTES))
}

fn finder_info(record: &Record) -> Option<[u8; 32]> {
    CatalogRecord::parse(record.value()).ok()?.common().and_then(catalog::finder_info)
}

impl sealed::Sealed for Volume {}

impl Fs for Volume {
    fn root(&self) -> FileId {
        ROOT_DIR
    }

    fn limits(&self) -> &Limits {
        Volume::limits(self)
    }

    fn stat(&self, id: FileId) -> Result<Stat> {
        self.stat_of(&self.file(id)?)
    }

    fn stat_entry(&self, dir: FileId, entry: &DirEntry) -> Result<Stat> {
        let record = self.follow(self.record_of(cnid(dir)?, entry)?)?;
        self.check_number(&record)?;
        self.stat_of(&record)
    }

    fn entry_place(&self, id: FileId) -> Place {
        let place = Place::new("HFSPlusCatalogRecord", "fileID");
        cnid(id).map_or(place.clone(), |cnid| place.cnid(cnid))
    }

    fn is_private(&self, dir: FileId, name: &[u8]) -> bool {
        dir == ROOT_DIR && Volume::is_private_name(name)
    }

    fn has_dir_links(&self) -> bool {
        // What can't be read may have them.
        self.dir_inodes().is_some_and(|folder| self.valence(folder).map_or(true, |valence| valence > 0))
    }

    fn lookup(&self, dir: FileId, name: &[u8]) -> Result<DirEntry> {
        let missing = || Error::not_found(Escaped(name).to_string());
        let folder = cnid(dir)?;
        let stored = to_stored(name).filter(|stored| !stored.is_empty());
        let mut record = match &stored {
            Some(stored) => self.catalog().get(&key::catalog(folder, stored))?,
            None => None,
        };
        if record.is_none() {
            record = self.entry_record(folder, name)?;
        }
        // What is stored of ASCII has always been the same, but for the one letter that no system stores.
        if record.is_none() && (!name.is_ascii() || name.contains(&b':')) {
            record = self.lookup_slowly(folder, name, stored.as_deref())?;
        }
        let record = record.ok_or_else(missing)?;
        let (entry, target) = self.dir_entry(&record)?.ok_or_else(missing)?;
        self.check_number(&target)?;
        Ok(entry)
    }

    fn read_dir(&self, dir: FileId, pos: &mut DirPos, out: &mut Vec<DirEntry>, max: usize) -> Result<()> {
        let folder = cnid(dir)?;
        let starts = matches!(pos.0, DirState::Start);
        if matches!(pos.0, DirState::End) {
            return Ok(());
        }
        if starts {
            // Without its thread a folder can't be told from one that never was.
            match self.thread(folder, |thread| thread.is_folder) {
                Ok(Some(true)) => {}
                Ok(Some(false)) if matches!(self.valence(folder), Err(Error::NotADirectory)) => {
                    pos.0 = DirState::End;
                    return Err(Error::NotADirectory);
                }
                Ok(_) => {
                    pos.0 = DirState::End;
                    let place = Place::new("HFSPlusCatalogThread", "recordType").cnid(folder);
                    return Err(Error::damage(Damage::Missing, place));
                }
                Err(_) => pos.1.incomplete = true,
            }
        }
        let before = out.len();
        let belongs = |key: &[u8]| catalog_parts(key).0 == folder;
        let listed = list(self.catalog(), &key::catalog(folder, &[]), belongs, pos, max, |record| {
            let entry = self.dir_entry(record)?;
            let is_entry = entry.is_some();
            out.extend(entry.map(|(entry, _)| entry));
            Ok(is_entry)
        });
        let more = u32::try_from(out.len().saturating_sub(before)).unwrap_or(u32::MAX);
        pos.1.entries = pos.1.entries.saturating_add(more);
        pos.1.incomplete |= listed.is_err();
        listed?;
        if pos.is_end() && !pos.1.incomplete {
            let valence = self.valence(folder)?;
            if valence != pos.1.entries {
                let place = Place::new("HFSPlusCatalogFolder", "valence").cnid(folder);
                let finding = Corrupt::new(Damage::Contradiction, place);
                return Err(finding.expected(valence).found(pos.1.entries).into());
            }
        }
        Ok(())
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
        if *stream == StreamId::Data {
            return self.read_file(&self.stat(id)?, offset, buf);
        }
        self.content(id, stream)?.read_at(offset, buf)
    }

    fn read_file(&self, stat: &Stat, offset: u64, buf: &mut [u8]) -> Result<usize> {
        match stat.kind {
            Kind::Dir => return Err(Error::IsADirectory),
            Kind::Symlink => return Ok(0),
            _ => {}
        }
        match self.compressed(stat)? {
            Some(file) => file.read_at(offset, buf, self.chunks()),
            None => self.data_of(stat)?.read_at(offset, buf),
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
        match self.content(id, stream)? {
            Content::Stream(stream) => stream.extents(from, out, max),
            Content::Inline(_) => Err(Error::unsupported("extents of a value inside a record", "")),
        }
    }

    fn xattrs(&self, id: FileId) -> Result<Vec<XattrInfo>> {
        let record = self.file(id)?;
        let own = number(&record);
        let mut xattrs = Vec::new();
        if let Some(tree) = self.attributes()? {
            let mut cursor = Cursor::new();
            cursor.seek(tree, &key::attribute(own, &[], 0))?;
            // The last value that is a fork: only such a one has more extents.
            let mut fork: Option<Vec<u8>> = None;
            while let Some(record) = cursor.record() {
                let (file, stored, block) = attribute_parts(record.key());
                if file != own {
                    break;
                }
                let parsed = AttributeRecord::parse(record.value());
                let parsed = parsed.map_err(|flaw| flaw.at_cnid(record.place("", ""), own))?;
                match (parsed.value_len(), block) {
                    (Some(size), 0) => {
                        let mut name = Vec::new();
                        push_plain(stored, &mut name);
                        xattrs.push(XattrInfo { name: Name::from(name), size, flags: 0 });
                        fork = matches!(parsed, AttributeRecord::Fork(_)).then(|| stored.to_vec());
                    }
                    (None, 1..) if fork.as_deref() == Some(stored) => {}
                    // What a name leads to would be left out in silence.
                    _ => {
                        let place = record.place("HFSPlusAttrRecord", "recordType").cnid(own);
                        return Err(Error::damage(Damage::ObjectType, place));
                    }
                }
                cursor.advance(tree)?;
            }
        }
        if xattrs.is_empty() && says_it_has_attributes(&record) {
            let place = record.place("HFSPlusCatalogRecord", "flags").cnid(own);
            self.store().report(&Corrupt::new(Damage::Contradiction, place).expected("attributes"));
        }
        if let Some(info) = finder_info(&record)
            && !xattrs.iter().any(|xattr| xattr.name.as_bytes() == FINDER_INFO)
        {
            xattrs.push(XattrInfo { name: Name::from(FINDER_INFO), size: len64(info.len()), flags: 0 });
        }
        Ok(xattrs)
    }

    fn read_link(&self, id: FileId) -> Result<Name> {
        let record = self.file(id)?;
        let stat = self.stat_by_record(&record)?;
        if stat.kind != Kind::Symlink {
            return Err(Error::NotASymlink);
        }
        if stat.size > MOST_TARGET {
            return Err(Error::limit("length of a link target", MOST_TARGET, stat.size));
        }
        let mut target = zeroed(to_usize(stat.size)?)?;
        self.fork_of(&record, ForkType::Data)?.read_at(0, &mut target)?;
        let target = target.strip_suffix(&[0]).unwrap_or(&target);
        if target.is_empty() || target.contains(&0) {
            let place = Place::new("HFSPlusCatalogFile", "dataFork").cnid(number(&record));
            return Err(Error::damage(Damage::Name, place));
        }
        Ok(Name::from(target))
    }
}

/// The root has a number of its own in the raw structures.
const _: () = assert!(ROOT_FOLDER_ID == 2);
