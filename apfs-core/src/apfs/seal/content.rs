//! Which streams of a file are hashed, and what of them: compressed files are hashed as programs read them
//! (sheet apfs-08, section 5).

use alloc::boxed::Box;

use super::check::{SealTally, Shared};
use super::finding::{SealEvent, SealSink, SealedFile};
use super::pieces::{Compared, Hashed, Pieces};
use crate::apfs::data::{Content, Stream};
use crate::apfs::record::inode::Inode;
use crate::apfs::record::xattr::{RESOURCE_FORK_XATTR, Xattr, XattrValue};
use crate::apfs::view::View;
use crate::base::damage::Place;
use crate::base::error::{Error, Result};
use crate::base::ids::FileId;
use crate::base::report::Cancel;
use crate::crypto::digest::Algorithm;
use crate::fs::types::{Kind, Stat};
use crate::fs::view::Fs;

/// Compares the data of files as their records come by.
pub(super) struct Files<'v> {
    view: &'v View,
    shared: &'v Shared,
    pieces: Pieces<'v>,
    /// The file whose records are under way, and whether its resource fork is compressed data.
    file: (u64, bool),
    tally: SealTally,
}

impl<'v> Files<'v> {
    pub(super) fn new(
        view: &'v View,
        shared: &'v Shared,
        algorithm: Algorithm,
        cancel: Option<Cancel<'v>>,
    ) -> Files<'v> {
        let pieces = Pieces::new(view, algorithm, cancel);
        Files { view, shared, pieces, file: (0, false), tally: SealTally::default() }
    }

    /// Files and bytes compared so far.
    pub(super) fn tally(&self) -> SealTally {
        self.tally
    }

    /// The record of an inode.
    pub(super) fn inode(&mut self, id: u64, value: &[u8], sink: &mut SealSink<'_>) -> Result<()> {
        self.file = (id, false);
        let inode = match Inode::parse(value) {
            Ok(inode) => inode,
            Err(flaw) => {
                return tell(self.view, id, 0, 0, flaw.at(Place::default(), id), sink);
            }
        };
        if inode.kind() != Kind::File {
            return Ok(());
        }
        self.tally.files = self.tally.files.saturating_add(1);
        let mut stat = inode.stat(FileId(id));
        if let Err(error) = self.view.complete(&mut stat) {
            return tell(self.view, id, 0, 0, error, sink);
        }
        if stat.compression.is_some() {
            self.file.1 = true;
            return self.compressed(&stat, sink);
        }
        self.plain(
            id,
            &Stream { id: stat.private_id, size: stat.size, allocated: stat.allocated },
            true,
            sink,
        )
    }

    /// The record of an attribute: its value can be a stream with hashes of its own.
    pub(super) fn xattr(&mut self, id: u64, key: &[u8], value: &[u8], sink: &mut SealSink<'_>) -> Result<()> {
        // The hash of its node covers the record itself; readers tell what is wrong with it.
        let Ok(Xattr { name, value: XattrValue::Stream(stream), .. }) = Xattr::parse(key, value) else {
            return Ok(());
        };
        if self.file == (id, true) && name == RESOURCE_FORK_XATTR {
            return Ok(());
        }
        let stream = Stream {
            id: stream.xattr_obj_id.get(),
            size: stream.dstream.size.get(),
            allocated: stream.dstream.alloced_size.get(),
        };
        self.plain(id, &stream, false, sink)
    }

    /// Data that is stored as it is read.
    fn plain(&mut self, id: u64, stream: &Stream, required: bool, sink: &mut SealSink<'_>) -> Result<()> {
        let view = self.view;
        let read = |offset: u64, buffer: &mut [u8]| view.read_stream(stream, offset, buffer);
        let block = view.store().block_size();
        let whole = block.blocks_for(stream.size).saturating_mul(block.bytes());
        let stored = Stream { size: whole, allocated: whole.max(stream.allocated), ..*stream };
        let stored = |offset: u64, buffer: &mut [u8]| view.read_stream(&stored, offset, buffer);
        let hashed =
            Hashed { stream: stream.id, size: stream.size, read: &read, stored: Some(&stored), required };
        self.compare(id, &hashed, sink)
    }

    /// A compressed file: its hashes stand under the number of its resource fork, or without one under its own.
    fn compressed(&mut self, stat: &Stat, sink: &mut SealSink<'_>) -> Result<()> {
        let (view, id) = (self.view, stat.id.0);
        let fork = match view.xattr_content(stat.id, RESOURCE_FORK_XATTR) {
            Ok(Some(Content::Stream(stream))) => Some(stream.id),
            Ok(_) => None,
            Err(error) => return tell(self.view, id, 0, 0, error, sink),
        };
        let stream = match fork {
            Some(fork) if self.pieces.has_hashes(fork).unwrap_or(true) => fork,
            _ => id,
        };
        let read = |offset: u64, buffer: &mut [u8]| view.read_file(stat, offset, buffer);
        self.compare(id, &Hashed { stream, size: stat.size, read: &read, stored: None, required: true }, sink)
    }

    fn compare(&mut self, id: u64, hashed: &Hashed<'_>, sink: &mut SealSink<'_>) -> Result<()> {
        // Files and attributes can share a stream: what would be hashed again and again is hashed once.
        let used = (hashed.stream, hashed.size, hashed.stored.is_none());
        let is_own = hashed.stream == id && hashed.required;
        if !is_own && !self.shared.is_first(used, self.view.store().limits())? {
            return Ok(());
        }
        let view = self.view;
        let Compared { pieces, bytes } = self.pieces.compare(hashed, &mut |offset, error| match error {
            Error::Cancelled => Err(error),
            error => tell(view, id, hashed.stream, offset, error, sink),
        })?;
        self.tally.pieces = self.tally.pieces.saturating_add(pieces);
        self.tally.bytes = self.tally.bytes.saturating_add(bytes);
        if bytes > 0 { sink(SealEvent::Hashed(bytes)) } else { Ok(()) }
    }
}

fn tell(view: &View, id: u64, stream: u64, offset: u64, error: Error, sink: &mut SealSink<'_>) -> Result<()> {
    let path = view.path_of(FileId(id)).unwrap_or_default();
    sink(SealEvent::File(Box::new(SealedFile { id: FileId(id), path, stream, offset, error })))
}
