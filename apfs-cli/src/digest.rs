//! SHA-256 of streams.

use apfs_core::apfs::View;
use apfs_core::{Fs, Result, Stat, StreamId};
use sha2::{Digest, Sha256};

use crate::out::hex;

/// Bytes read at a time.
const CHUNK: usize = 1 << 20;

/// SHA-256 of what a program reads from a file, in hexadecimal.
pub(crate) fn data(view: &View, stat: &Stat) -> Result<String> {
    stream(view, stat, &StreamId::Data, stat.size)
}

/// SHA-256 of a stream of a file; `len` sizes the buffer.
pub(crate) fn stream(view: &View, stat: &Stat, stream: &StreamId, len: u64) -> Result<String> {
    let mut buffer = vec![0; usize::try_from(len).unwrap_or(CHUNK).clamp(1, CHUNK)];
    let (mut hasher, mut offset) = (Sha256::new(), 0u64);
    loop {
        let read = view.read_at(stat.id, stream, offset, &mut buffer)?;
        hasher.update(buffer.get(..read).unwrap_or(&[]));
        offset = offset.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        if read < buffer.len() || offset == len {
            return Ok(hex(&hasher.finalize()));
        }
    }
}
