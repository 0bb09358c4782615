//! The data of one stream, compared piece by piece with the hashes in its `FILE_INFO` records (sheet apfs-08, section 5).

use alloc::vec::Vec;

use crate::apfs::btree::Cursor;
use crate::apfs::data::Stream;
use crate::apfs::record::key::{self, RecordType};
use crate::apfs::record::other::DataHash;
use crate::apfs::view::View;
use crate::base::bytes::{get, len64, to_usize, zeroed};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::ids::Oid;
use crate::base::report::Cancel;
use crate::crypto::digest::{Algorithm, Digest, Hex};
use crate::fs::types::ExtentKind;

/// Bytes read at a time.
const WINDOW: u64 = 256 << 10;

/// Reads bytes of what is hashed; less than asked only at the end.
pub(super) type Read<'r> = dyn Fn(u64, &mut [u8]) -> Result<usize> + 'r;

/// A stream whose data is hashed.
pub(super) struct Hashed<'r> {
    /// Number under which the hashes are kept.
    pub(super) stream: u64,
    /// Bytes that a program reads.
    pub(super) size: u64,
    pub(super) read: &'r Read<'r>,
    /// Reads the last block as it is stored, with what is behind the end; where the data is stored as it is read.
    pub(super) stored: Option<&'r Read<'r>>,
    /// It is wrong if there are no hashes at all.
    pub(super) required: bool,
}

/// What was compared.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Compared {
    pub(super) pieces: u64,
    pub(super) bytes: u64,
}

/// Receives what is wrong: the offset of the piece, and how.
pub(super) type Wrong<'s> = dyn FnMut(u64, Error) -> Result<()> + 's;

/// Compares streams, one after another, through one buffer.
pub(super) struct Pieces<'v> {
    view: &'v View,
    algorithm: Algorithm,
    cancel: Option<Cancel<'v>>,
    buffer: Vec<u8>,
    /// Range of the stream that the buffer holds.
    held: (u64, u64),
}

impl<'v> Pieces<'v> {
    pub(super) fn new(view: &'v View, algorithm: Algorithm, cancel: Option<Cancel<'v>>) -> Pieces<'v> {
        Pieces { view, algorithm, cancel, buffer: Vec::new(), held: (0, 0) }
    }

    /// True if there are hashes of a stream.
    pub(super) fn has_hashes(&self, stream: u64) -> Result<bool> {
        let mut cursor = Cursor::new();
        cursor.seek(self.view.tree(), &key::first(stream, RecordType::FileInfo))?;
        let head = cursor.leaf().and_then(|(leaf, index)| key::decode(leaf.key(index)));
        Ok(head == Some((stream, RecordType::FileInfo)))
    }

    /// Compares a stream. The pieces must follow one another and cover all of it.
    pub(super) fn compare(&mut self, hashed: &Hashed<'_>, wrong: &mut Wrong<'_>) -> Result<Compared> {
        self.held = (0, 0);
        let mut compared = Compared::default();
        let mut covered = 0u64;
        let tree = self.view.tree();
        let mut cursor = Cursor::new();
        let mut moved = cursor.seek(tree, &key::first(hashed.stream, RecordType::FileInfo));
        loop {
            // Which hashes a node held that can't be read is not known.
            if let Err(error) = moved {
                wrong(covered, error)?;
                return Ok(compared);
            }
            let Some((leaf, index)) = cursor.leaf() else { break };
            if key::decode(leaf.key(index)) != Some((hashed.stream, RecordType::FileInfo)) {
                break;
            }
            let value = leaf.value(index).unwrap_or(&[]);
            match DataHash::parse(leaf.key(index), value) {
                Ok(None) => {}
                Ok(Some(piece)) => match self.piece_len(&piece, covered, hashed, leaf.place("")) {
                    Ok(len) => {
                        compared.pieces = compared.pieces.saturating_add(1);
                        compared.bytes = compared.bytes.saturating_add(len);
                        if let Err(error) = self.compare_piece(&piece, len, hashed, leaf.place("")) {
                            if matches!(error, Error::Cancelled) {
                                return Err(error);
                            }
                            wrong(piece.offset, error)?;
                        }
                        covered = piece.offset.saturating_add(len);
                    }
                    Err(error) => {
                        wrong(covered, error)?;
                        return Ok(compared);
                    }
                },
                Err(flaw) => {
                    wrong(covered, flaw.at(leaf.place(""), hashed.stream))?;
                    return Ok(compared);
                }
            }
            moved = cursor.advance(tree);
        }
        let is_told = compared.pieces == 0 && !hashed.required;
        if covered < hashed.size && !is_told {
            let place = Place::new("j_file_data_hash_val_t", "").oid(Oid(hashed.stream)).offset(covered);
            let finding = Corrupt::new(Damage::Missing, place.xid(self.view.xid()));
            let expected = alloc::format!("hashes up to byte {}", hashed.size);
            wrong(covered, finding.expected(expected).found(covered).into())?;
        }
        Ok(compared)
    }

    /// Length of a piece that begins where it must.
    fn piece_len(&self, piece: &DataHash<'_>, covered: u64, hashed: &Hashed<'_>, node: Place) -> Result<u64> {
        let place = |structure, field| Place { structure, field, ..node.clone() }.oid(Oid(hashed.stream));
        if piece.offset != covered || covered >= hashed.size {
            let place = place("j_file_info_key_t", "info_and_lba");
            let finding = Corrupt::new(Damage::Contradiction, place);
            let expected = match covered >= hashed.size {
                true => alloc::format!("no hash behind the end at byte {}", hashed.size),
                false => alloc::format!("byte {covered}"),
            };
            let found = match self.is_block_of(piece.offset, hashed.stream) {
                true => alloc::format!("{}, the number of a block of the file", piece.offset),
                false => alloc::format!("{}", piece.offset),
            };
            return Err(finding.expected(expected).found(found).into());
        }
        let value = "j_file_data_hash_val_t";
        if piece.blocks == 0 {
            return Err(Corrupt::new(Damage::Range, place(value, "hashed_len")).found(0).into());
        }
        let len = u64::from(piece.blocks).saturating_mul(self.view.store().block_size().bytes());
        let limit = self.view.store().limits().seal_piece_bytes;
        if len > limit {
            return Err(Error::limit("length of a hashed piece", limit, len));
        }
        Ok(len)
    }

    /// Some writers are said to keep the number of a block where others keep the offset in the file.
    fn is_block_of(&self, number: u64, stream: u64) -> bool {
        let size = u64::MAX;
        let stream = Stream { id: stream, size, allocated: size };
        let mut runs = Vec::new();
        let found = self.view.stream_extents(&stream, 0, &mut runs, 64);
        let start = self.view.store().block_size().bytes().checked_mul(number);
        found.is_ok()
            && runs.iter().any(|run| match (run.kind, start) {
                (ExtentKind::Data(at), Some(start)) => (at..at.saturating_add(run.len)).contains(&start),
                _ => false,
            })
    }

    fn compare_piece(
        &mut self,
        piece: &DataHash<'_>,
        len: u64,
        hashed: &Hashed<'_>,
        node: Place,
    ) -> Result<()> {
        let place = |field| {
            let place = Place { structure: "j_file_data_hash_val_t", field, ..node.clone() };
            place.oid(Oid(hashed.stream)).offset(piece.offset)
        };
        if piece.hash.len() != self.algorithm.len() {
            let finding = Corrupt::new(Damage::Range, place("hash_size"));
            return Err(finding.expected(self.algorithm.len()).found(piece.hash.len()).into());
        }
        let digest = self.digest(piece.offset, len, hashed.size, hashed.read)?;
        if digest.as_bytes() == piece.hash {
            return Ok(());
        }
        let end = piece.offset.saturating_add(len);
        if let Some(stored) = hashed.stored.filter(|_| end > hashed.size) {
            // What is behind the end is zeros to some writers, and to others what the block holds.
            let whole = self.view.store().block_size().blocks_for(hashed.size);
            let whole = whole.saturating_mul(self.view.store().block_size().bytes());
            self.held = (0, 0);
            let other = self.digest(piece.offset, len, whole, stored);
            self.held = (0, 0);
            if other.is_ok_and(|other| other.as_bytes() == piece.hash) {
                return Ok(());
            }
        }
        Err(Corrupt::new(Damage::Hash, place("")).expected(Hex(piece.hash)).found(digest).into())
    }

    /// Hash of a piece, zeros behind the end of what can be read.
    fn digest(&mut self, offset: u64, len: u64, size: u64, read: &Read<'_>) -> Result<Digest> {
        let end = offset.saturating_add(len);
        let algorithm = self.algorithm;
        let lost = Error::Misuse("a window holds what it was filled for");
        if len <= WINDOW {
            return Ok(algorithm.digest(self.window(offset, end, size, read)?.ok_or(lost)?));
        }
        let mut hasher = algorithm.hasher();
        let mut at = offset;
        while at < end {
            let stop = end.min(at.saturating_add(WINDOW));
            let Some(bytes) = self.window(at, stop, size, read)? else { return Err(lost) };
            hasher.update(bytes);
            at = stop;
        }
        Ok(hasher.finish())
    }

    /// The bytes of a range that is not longer than a window. What follows is read along.
    fn window(&mut self, start: u64, end: u64, size: u64, read: &Read<'_>) -> Result<Option<&[u8]>> {
        let end = end.min(start.saturating_add(WINDOW));
        if start < self.held.0 || end > self.held.1 {
            if self.cancel.is_some_and(|cancel| cancel()) {
                return Err(Error::Cancelled);
            }
            let block = self.view.store().block_size();
            let whole = block.blocks_for(size).saturating_mul(block.bytes());
            let ahead = whole.min(start.saturating_add(WINDOW)).max(end);
            self.held = (0, 0);
            // Damage further on must not cost this range.
            if ahead > end && self.fill(start, ahead, read).is_ok() {
                self.held = (start, ahead);
            } else {
                self.fill(start, end, read)?;
                self.held = (start, end);
            }
        }
        let skip = to_usize(start.saturating_sub(self.held.0))?;
        Ok(get(&self.buffer, skip, to_usize(end.saturating_sub(start))?))
    }

    fn fill(&mut self, start: u64, end: u64, read: &Read<'_>) -> Result<()> {
        if self.buffer.is_empty() {
            self.buffer = zeroed(to_usize(WINDOW)?)?;
        }
        let len = to_usize(end.saturating_sub(start))?;
        let Some(buffer) = self.buffer.get_mut(..len) else {
            return Err(Error::limit("length of a window", WINDOW, len64(len)));
        };
        let filled = read(start, buffer)?;
        buffer.iter_mut().skip(filled).for_each(|byte| *byte = 0);
        Ok(())
    }
}
