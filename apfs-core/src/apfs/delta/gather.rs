//! Differing records gathered by the file that they are about.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::pieces::{self, Piece, Ranges};
use super::records::{Pair, Side};
use crate::apfs::btree::Cursor;
use crate::apfs::node::Node;
use crate::apfs::record::dir::DirRec;
use crate::apfs::record::inode::Inode;
use crate::apfs::record::key::{self, RecordType};
use crate::apfs::record::other::dstream_users;
use crate::apfs::record::xattr::{Xattr, XattrValue};
use crate::apfs::view::View;
use crate::base::bytes::{len64, u64_at};
use crate::base::error::{Error, Result};
use crate::base::ids::BlockSize;
use crate::base::report::Cancel;

/// Names of a file that one state has alone: directory and name.
pub(super) type Names = Vec<(u64, Box<[u8]>)>;

/// What is known of the files that differ.
pub(super) struct Gathered {
    /// Files with the names that each state has alone.
    pub(super) files: BTreeMap<u64, Pair<Names>>,
    /// Streams and where their data differs, beyond what their sizes say.
    pub(super) streams: BTreeMap<u64, Ranges>,
    /// Files that records of the differences say to use a stream of another id than their own.
    users: BTreeMap<u64, BTreeSet<u64>>,
    /// Extents of the stream that is under way.
    extents: Pair<Vec<Piece>>,
    stream: u64,
    is_hashed: bool,
    block_size: BlockSize,
    most: usize,
    count: usize,
}

impl Gathered {
    pub(super) fn new(view: &View, most: usize) -> Gathered {
        Gathered {
            files: BTreeMap::new(),
            streams: BTreeMap::new(),
            users: BTreeMap::new(),
            extents: Pair::default(),
            stream: 0,
            is_hashed: view.name_rule().is_hashed(),
            block_size: view.volume().container().block_size(),
            most,
            count: 0,
        }
    }

    /// Counts what is about to take memory.
    pub(super) fn count(&mut self) -> Result<()> {
        self.count_as(1)
    }

    fn count_as(&mut self, differences: usize) -> Result<()> {
        self.count = self.count.saturating_add(differences);
        if self.count <= self.most {
            return Ok(());
        }
        let most = len64(self.most);
        Err(Error::limit("differences of two states", most, most.saturating_add(1)))
    }

    fn file(&mut self, id: u64) -> Result<&mut Pair<Names>> {
        if !self.files.contains_key(&id) {
            self.count()?;
        }
        Ok(self.files.entry(id).or_default())
    }

    fn user(&mut self, stream: u64, file: u64) -> Result<()> {
        if stream != file && self.users.entry(stream).or_default().insert(file) {
            self.count()?;
        }
        Ok(())
    }

    /// Takes a record of the tree of files that one state has alone or with another value. The inner error is about
    /// the record.
    pub(super) fn record(&mut self, side: Side, leaf: &Node, index: usize) -> Result<Result<()>> {
        let (key, value) = (leaf.key(index), leaf.value(index).unwrap_or(&[]));
        let Some((id, kind)) = key::decode(key) else { return Ok(Ok(())) };
        let flaw = match kind {
            RecordType::Inode => match Inode::parse(value) {
                Ok(inode) => {
                    self.file(id)?;
                    self.user(inode.raw.private_id.get(), id)?;
                    return Ok(Ok(()));
                }
                Err(flaw) => {
                    self.file(id)?;
                    flaw
                }
            },
            RecordType::Xattr => {
                self.file(id)?;
                match Xattr::parse(key, value) {
                    Ok(Xattr { value: XattrValue::Stream(stream), .. }) => {
                        self.user(stream.xattr_obj_id.get(), id)?;
                        return Ok(Ok(()));
                    }
                    Ok(_) => return Ok(Ok(())),
                    Err(flaw) => flaw,
                }
            }
            RecordType::DirRec => match DirRec::parse(key, value, self.is_hashed) {
                Ok(entry) => {
                    // A long name takes the room of several.
                    self.count_as(entry.name.len().div_ceil(64))?;
                    self.file(entry.file_id)?.of_mut(side).push((id, entry.name.into()));
                    return Ok(Ok(()));
                }
                Err(flaw) => flaw,
            },
            RecordType::FileExtent => match pieces::piece(key, value, false, self.block_size) {
                Ok(piece) => return self.piece(side, id, piece).map(Ok),
                Err(flaw) => flaw,
            },
            _ => return Ok(Ok(())),
        };
        Ok(Err(flaw.at(leaf.place(""), id)))
    }

    /// Takes a record of the extent tree of a sealed volume.
    pub(super) fn sealed_extent(&mut self, side: Side, leaf: &Node, index: usize) -> Result<Result<()>> {
        let (key, value) = (leaf.key(index), leaf.value(index).unwrap_or(&[]));
        let Some(id) = u64_at(key, 0) else { return Ok(Ok(())) };
        match pieces::piece(key, value, true, self.block_size) {
            Ok(piece) => self.piece(side, id, piece).map(Ok),
            Err(flaw) => Ok(Err(flaw.at(leaf.place(""), id))),
        }
    }

    fn piece(&mut self, side: Side, stream: u64, piece: Piece) -> Result<()> {
        if self.stream != stream {
            self.finish_stream()?;
            self.stream = stream;
        }
        self.count()?;
        self.extents.of_mut(side).push(piece);
        Ok(())
    }

    /// All extents of a stream were seen: what is equal in both states was not among them.
    pub(super) fn finish_stream(&mut self) -> Result<()> {
        let Pair(first, second) = core::mem::take(&mut self.extents);
        let held = first.len().saturating_add(second.len());
        if held > 0 {
            let (mut a, mut b) = (first.into_iter(), second.into_iter());
            let ranges = pieces::compare(|| Ok(a.next()), || Ok(b.next()), self.most)?;
            self.count = self.count.saturating_sub(held).saturating_add(ranges.len());
            if !ranges.is_empty() {
                self.streams.insert(self.stream, ranges);
            }
        }
        Ok(())
    }

    /// Adds every file whose data or attribute is a stream that differs, also where none of the file's own records
    /// does, as with a clone. Only where the differences themselves do not show all users of a stream is the tree of
    /// files searched.
    pub(super) fn find_users(&mut self, views: [&View; 2], cancel: Option<Cancel<'_>>) -> Result<()> {
        let mut lost = BTreeSet::new();
        let streams: Vec<u64> = self.streams.keys().copied().collect();
        for stream in streams {
            let mut users = self.users.remove(&stream).unwrap_or_default();
            let mut wanted = 1;
            for view in views {
                if let Some(private_id) = private_id(view, stream)?
                    && private_id == stream
                {
                    users.insert(stream);
                }
                wanted = wanted.max(known_users(view, stream)?);
            }
            if len64(users.len()) < u64::from(wanted) {
                lost.insert(stream);
            }
            for user in users {
                self.file(user)?;
            }
        }
        self.users.clear();
        if lost.is_empty() {
            return Ok(());
        }
        self.search_users(views, &lost, cancel)
    }

    /// Goes through all inodes and attributes of both states.
    fn search_users(
        &mut self,
        views: [&View; 2],
        lost: &BTreeSet<u64>,
        cancel: Option<Cancel<'_>>,
    ) -> Result<()> {
        for view in views {
            let mut cursor = Cursor::new();
            cursor.seek(view.tree(), &key::first(0, RecordType::Other(0)))?;
            while let Some((leaf, index)) = cursor.leaf() {
                if index == 0 && cancel.is_some_and(|cancel| cancel()) {
                    return Err(Error::Cancelled);
                }
                let (key, value) = (leaf.key(index), leaf.value(index).unwrap_or(&[]));
                let found = match key::decode(key) {
                    Some((id, RecordType::Inode)) => {
                        Inode::parse(value).ok().map(|inode| (id, inode.raw.private_id.get()))
                    }
                    Some((id, RecordType::Xattr)) => match Xattr::parse(key, value) {
                        Ok(Xattr { value: XattrValue::Stream(stream), .. }) => {
                            Some((id, stream.xattr_obj_id.get()))
                        }
                        _ => None,
                    },
                    _ => None,
                };
                if let Some((id, _)) = found.filter(|(_, stream)| lost.contains(stream)) {
                    self.file(id)?;
                }
                // What can't be read is told where the states are compared.
                while cursor.advance(view.tree()).is_err() {}
            }
        }
        Ok(())
    }
}

/// Data stream of an inode, if there is one of that id.
fn private_id(view: &View, id: u64) -> Result<Option<u64>> {
    let record = view.tree().get(&key::first(id, RecordType::Inode))?;
    let inode = record.as_ref().and_then(|record| Inode::parse(record.value()).ok());
    Ok(inode.map(|inode| inode.raw.private_id.get()))
}

/// How many users a stream says that it has.
fn known_users(view: &View, stream: u64) -> Result<u32> {
    let record = view.tree().get(&key::first(stream, RecordType::DstreamId))?;
    Ok(record.and_then(|record| dstream_users(record.value()).ok()).unwrap_or(0))
}
