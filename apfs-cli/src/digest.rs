//! SHA-256 of streams.

use core::convert::Infallible;

use apfs_core::{AnyFs, Result, Stat, StreamId};
use sha2::{Digest, Sha256};

use crate::content::Reader;
use crate::out::hex;
use crate::progress::Progress;

/// SHA-256 of what a program reads from a file, in hexadecimal.
pub(crate) fn data(view: &AnyFs, stat: &Stat, progress: &Progress) -> Result<String> {
    stream(view, stat, &StreamId::Data, stat.size, progress)
}

/// SHA-256 of a stream of a file that should be `len` bytes long.
pub(crate) fn stream(
    view: &AnyFs,
    stat: &Stat,
    stream: &StreamId,
    len: u64,
    progress: &Progress,
) -> Result<String> {
    let mut hasher = Sha256::new();
    let read = Reader::default().each_chunk(view, (stat, stream), len, |chunk| {
        hasher.update(chunk);
        progress.read(chunk.len());
        Ok::<(), Infallible>(())
    });
    match read {
        Ok(read) => read.map(|()| hex(&hasher.finalize())),
        Err(never) => match never {},
    }
}
