//! The whole volume in record order: the fastest way to list everything with full paths.
//!
//! Inodes come in the order of their ids, each once, with every link it has; nothing is looked up but the
//! directories whose parents come later. Only directories are kept in memory. Files say themselves which
//! directories they are in; that is checked against the directories' own records by a sum for each directory, and
//! where the two disagree the directory is listed again at the end.

use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use super::fs::ROOT_DIR;
use super::places::Places;
use super::record::Flaw;
use super::record::dir::DirRec;
use super::record::inode::Inode;
use super::record::key::{self, RecordType};
use super::record::sibling::SiblingLink;
use super::record::xattr::{DECMPFS_XATTR, SYMLINK_XATTR, Xattr, XattrValue};
use super::view::View;
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::ids::{FileId, Oid};
use crate::base::report::Cancel;
use crate::decmpfs::DecmpfsHeader;
use crate::fs::scan::{Scan, ScanEntry, ScanLedger, ScanSink, each_record, mark, ranges};
use crate::fs::types::{DirEntry, DirPos, Kind, Name, Stat, bsd_flags};
use crate::fs::view::Fs;
use crate::fs::walk::{WalkError, is_root};

impl Scan for View {
    fn nodes(&self) -> u64 {
        self.tree().info().map_or(0, |info| info.bt_node_count.get())
    }

    fn scan_parts(&self, parts: usize) -> Vec<Range<u64>> {
        ranges(self.tree().border_ids(parts.saturating_mul(4)), parts)
    }

    fn scan_range(
        &self,
        ids: Range<u64>,
        cancel: Option<Cancel<'_>>,
        sink: &mut ScanSink<'_>,
    ) -> Result<ScanLedger> {
        let mut pass = Pass::new(self);
        let first = key::first(ids.start, RecordType::Other(0));
        each_record(self.tree(), &first, cancel, sink, |leaf, index, sink| {
            let Some((id, kind)) = key::decode(leaf.key(index)).filter(|(id, _)| *id < ids.end) else {
                return Ok(false);
            };
            if pass.file.id.0 != id {
                pass.finish_file(sink)?;
                pass.file.id = FileId(id);
            }
            let (key, value) = (leaf.key(index), leaf.value(index).unwrap_or(&[]));
            if let Err(flaw) = pass.record(id, kind, key, value, sink)? {
                let error = flaw.at(leaf.place(""), id);
                sink(Err(WalkError { path: Vec::new(), id: FileId(id), entry: None, error }))?;
            }
            Ok(true)
        })?;
        pass.finish_file(sink)?;
        Ok(pass.ledger)
    }

    fn reconcile(&self, ledger: &ScanLedger, sink: &mut ScanSink<'_>) -> Result<u64> {
        let mut given = 0u64;
        let mut places = Places::new(self);
        if let Err(error) = self.stat(ROOT_DIR).and_then(|stat| is_root(&stat)) {
            sink(Err(WalkError { path: b"/".to_vec(), id: ROOT_DIR, entry: None, error }))?;
        }
        for dir in ledger.marked() {
            if !places.resolve(*dir) {
                if places.is_lost(*dir) {
                    let place = Place::new("j_inode_val_t", "parent_id").oid(Oid(*dir)).xid(self.xid());
                    let error =
                        Corrupt::new(Damage::Missing, place).found("a directory that none lists").into();
                    sink(Err(WalkError { path: Vec::new(), id: FileId(*dir), entry: None, error }))?;
                }
                continue;
            }
            let mut pos = DirPos::default();
            let mut left = ledger.sum(*dir);
            loop {
                let mut batch = Vec::new();
                if let Err(error) = self.read_dir(FileId(*dir), &mut pos, &mut batch, 64) {
                    let path = places.path_of_dir(*dir).to_vec();
                    sink(Err(WalkError { path, id: FileId(*dir), entry: None, error }))?;
                    left = 0;
                    if pos.is_end() {
                        break;
                    }
                    continue;
                }
                if batch.is_empty() {
                    break;
                }
                for entry in batch {
                    if self.claims(&entry, *dir) || places.is_at(&entry, *dir) {
                        continue;
                    }
                    left =
                        left.wrapping_sub(mark(entry.id.0, entry.kind == Kind::Dir, entry.name.as_bytes()));
                    let path = places.path(*dir, entry.name.as_bytes()).to_vec();
                    match self
                        .stat_entry(FileId(*dir), &entry)
                        .and_then(|stat| entry.agrees_with(&stat).map(|()| stat))
                    {
                        Ok(stat) if stat.kind == Kind::Dir => {
                            let place = Place::new("j_drec_val_t", "file_id").oid(Oid(entry.id.0));
                            let error = Corrupt::new(Damage::Loop, place.xid(self.xid())).into();
                            sink(Err(WalkError { path, id: entry.id, entry: Some(entry), error }))?;
                        }
                        Ok(stat) => {
                            given = given.saturating_add(1);
                            let link_id = entry.link_id;
                            sink(Ok(ScanEntry { path: &path, stat: &stat, link_id, private: false }))?;
                        }
                        Err(error) => {
                            sink(Err(WalkError { path, id: entry.id, entry: Some(entry), error }))?;
                        }
                    }
                }
            }
            if left != 0 {
                let place = Place::new("j_drec_hashed_key_t", "name").oid(Oid(*dir)).xid(self.xid());
                let finding = Corrupt::new(Damage::Contradiction, place);
                let error =
                    finding.found("files that claim to be in a directory which does not list them").into();
                let path = places.path_of_dir(*dir).to_vec();
                sink(Err(WalkError { path, id: FileId(*dir), entry: None, error }))?;
            }
        }
        Ok(given)
    }
}

impl View {
    /// True if the file itself says that it has this entry: then the scan has given it.
    fn claims(&self, entry: &DirEntry, dir: u64) -> bool {
        let listed = self
            .stat(entry.id)
            .is_ok_and(|stat| entry.agrees_with(&stat).is_ok() && (stat.kind == Kind::Dir || stat.nlink > 0));
        listed && self.has_link(entry, dir).unwrap_or(false)
    }
}

/// What has been read of the file whose records are under way.
#[derive(Default)]
struct FileUnderWay {
    id: FileId,
    stat: Option<Stat>,
    /// Directory and name of the primary link; gone when a link record was seen, which tell all links.
    primary: Option<(u64, Vec<u8>)>,
    /// The metadata lacks what an attribute tells: the size of a compressed file, the length of a link's target.
    needs_xattr: bool,
}

struct Pass<'v> {
    view: &'v View,
    file: FileUnderWay,
    places: Places,
    ledger: ScanLedger,
    /// Sum of the directory that was added to last, kept out of the map while it does not change.
    sum: (u64, u64),
    hashed: bool,
}

impl<'v> Pass<'v> {
    fn new(view: &'v View) -> Pass<'v> {
        Pass {
            view,
            file: FileUnderWay::default(),
            places: Places::new(view),
            ledger: ScanLedger::default(),
            sum: (0, 0),
            hashed: view.name_rule().is_hashed(),
        }
    }

    /// Takes one record. The outer error stops the scan, the inner one is about the record.
    fn record(
        &mut self,
        id: u64,
        kind: RecordType,
        key: &[u8],
        value: &[u8],
        sink: &mut ScanSink<'_>,
    ) -> Result<core::result::Result<(), Flaw>> {
        match kind {
            RecordType::Inode => match Inode::parse(value) {
                Ok(inode) => self.begin_file(id, &inode),
                Err(flaw) => return Ok(Err(flaw)),
            },
            RecordType::Xattr if self.file.needs_xattr => match Xattr::parse(key, value) {
                Ok(xattr) => self.note_xattr(&xattr),
                Err(flaw) => return Ok(Err(flaw)),
            },
            RecordType::SiblingLink => match SiblingLink::parse(key, value) {
                Ok(link) => self.give_link(&link, sink)?,
                Err(flaw) => return Ok(Err(flaw)),
            },
            RecordType::DirRec => match DirRec::parse(key, value, self.hashed) {
                Ok(entry) => self.note_entry(id, &entry),
                Err(flaw) => return Ok(Err(flaw)),
            },
            _ => {}
        }
        Ok(Ok(()))
    }

    fn begin_file(&mut self, id: u64, inode: &Inode<'_>) {
        let stat = inode.stat(FileId(id));
        let needs_more = stat.bsd_flags & bsd_flags::UF_COMPRESSED != 0 || stat.kind == Kind::Symlink;
        self.file.needs_xattr = needs_more;
        self.file.stat = Some(stat);
        let mut buffer = self.file.primary.take().map_or_else(Vec::new, |(_, name)| name);
        buffer.clear();
        buffer.extend_from_slice(inode.name.unwrap_or(&[]));
        self.file.primary = inode.name.is_some().then(|| (inode.raw.parent_id.get(), buffer));
    }

    /// Takes from a passing attribute what would otherwise have to be looked up.
    fn note_xattr(&mut self, xattr: &Xattr<'_>) {
        let Some(stat) = &mut self.file.stat else { return };
        match (stat.kind, xattr.name, xattr.value) {
            (Kind::Symlink, SYMLINK_XATTR, _) => stat.size = xattr.size().saturating_sub(1),
            (Kind::File, DECMPFS_XATTR, XattrValue::Embedded(bytes)) => match DecmpfsHeader::parse(bytes) {
                Ok(header) => header.apply(stat),
                // The look-up that follows says what is wrong, and where.
                Err(_) => return,
            },
            _ => return,
        }
        self.file.needs_xattr = false;
    }

    /// Metadata complete, or why it can't be.
    fn complete(&mut self, stat: &mut Stat) -> Option<Error> {
        let needed = core::mem::take(&mut self.file.needs_xattr);
        needed.then(|| self.view.complete(stat)).and_then(Result::err)
    }

    fn note_entry(&mut self, dir: u64, entry: &DirRec<'_>) {
        self.add(dir, mark(entry.file_id, entry.kind() == Kind::Dir, entry.name));
        if entry.kind() == Kind::Dir {
            self.places.note(dir, entry.file_id, entry.name);
        }
    }

    /// One of several links: given at once, since a file can have any number of them.
    fn give_link(&mut self, link: &SiblingLink<'_>, sink: &mut ScanSink<'_>) -> Result<()> {
        self.file.primary = None;
        match self.file.stat.clone() {
            Some(mut stat) if stat.kind != Kind::Dir && stat.nlink > 0 => {
                let incomplete = self.complete(&mut stat);
                self.file.stat = Some(stat.clone());
                let place = (link.parent_id, link.name, Some(link.sibling_id));
                self.give(place, &stat, incomplete, sink)
            }
            _ => Ok(()),
        }
    }

    fn add(&mut self, dir: u64, mark: u64) {
        if self.sum.0 != dir {
            self.store_sum();
            self.sum = (dir, 0);
        }
        self.sum.1 = self.sum.1.wrapping_add(mark);
    }

    fn store_sum(&mut self) {
        if self.sum.1 != 0 {
            self.ledger.add(self.sum.0, self.sum.1);
            self.sum.1 = 0;
        }
    }

    /// All records of a file were seen: gives it, unless its link records did.
    fn finish_file(&mut self, sink: &mut ScanSink<'_>) -> Result<()> {
        if let Some(mut stat) = self.file.stat.take() {
            if stat.id == ROOT_DIR {
                // Should it be damaged, `reconcile` says so.
                if self.complete(&mut stat).is_none() {
                    self.ledger.count(1);
                    sink(Ok(ScanEntry { path: b"/", stat: &stat, link_id: None, private: false }))?;
                }
            } else if stat.kind == Kind::Dir {
                let incomplete = self.complete(&mut stat);
                self.give_dir(&stat, incomplete, sink)?;
            } else if stat.nlink > 0
                && let Some((dir, name)) = self.file.primary.take()
            {
                let incomplete = self.complete(&mut stat);
                self.give((dir, &name, None), &stat, incomplete, sink)?;
                self.file.primary = Some((dir, name));
            }
        }
        self.store_sum();
        Ok(())
    }

    fn give_dir(&mut self, stat: &Stat, incomplete: Option<Error>, sink: &mut ScanSink<'_>) -> Result<()> {
        let Some((parent, name)) = self.places.find(stat.id.0) else { return Ok(()) };
        self.give((parent, &name, None), stat, incomplete, sink)
    }

    fn give(
        &mut self,
        (dir, name, link_id): (u64, &[u8], Option<u64>),
        stat: &Stat,
        incomplete: Option<Error>,
        sink: &mut ScanSink<'_>,
    ) -> Result<()> {
        if !self.places.resolve(dir) {
            return Ok(());
        }
        self.add(dir, mark(stat.id.0, stat.kind == Kind::Dir, name).wrapping_neg());
        let path = self.places.path(dir, name);
        match incomplete {
            Some(error) => {
                let entry =
                    DirEntry { name: Name::from(name), id: stat.id, kind: stat.kind, added: None, link_id };
                sink(Err(WalkError { path: path.to_vec(), id: stat.id, entry: Some(entry), error }))
            }
            None => {
                self.ledger.count(1);
                sink(Ok(ScanEntry { path, stat, link_id, private: false }))
            }
        }
    }
}

impl fmt::Debug for Pass<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pass").field("places", &self.places).field("entries", &self.ledger.entries()).finish()
    }
}
