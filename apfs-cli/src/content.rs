//! Bytes of streams from end to end.

use apfs_core::{AnyFs, Fs, Result, Stat, StreamId};

use crate::ahead;

/// Bytes read at a time.
const CHUNK: usize = 1 << 20;
/// Where the buffer begins: the kernel copies to page borders several times faster than to other places.
const ALIGNMENT: usize = 4096;

/// Reads whole streams, one after another, through one buffer.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    buffer: Vec<u8>,
}

impl Reader {
    /// Gives the bytes of a stream of a file in order, at most a mebibyte at a time. `len` is how long it should be.
    ///
    /// The outer error is that of `take`, the inner one says why the stream could not be read to its end.
    pub(crate) fn each_chunk<E>(
        &mut self,
        view: &AnyFs,
        (stat, stream): (&Stat, &StreamId),
        len: u64,
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<Result<()>, E> {
        let read = |offset: u64, buffer: &mut [u8]| match stream {
            StreamId::Data => view.read_file(stat, offset, buffer),
            stream => view.read_at(stat.id, stream, offset, buffer),
        };
        let workers = ahead::workers(len);
        if workers > 1 {
            return ahead::in_order(len, workers, read, take);
        }
        // One byte more than the length, so that a short stream needs one read and shows its end.
        let size = usize::try_from(len.saturating_add(1)).map_or(CHUNK, |len| len.min(CHUNK));
        if self.buffer.len() < size.saturating_add(ALIGNMENT) {
            self.buffer.resize(size.saturating_add(ALIGNMENT), 0);
        }
        let start = self.buffer.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
        let end = start.saturating_add(size);
        let mut offset = 0u64;
        loop {
            let buffer = self.buffer.get_mut(start..end).unwrap_or(&mut []);
            let read = match read(offset, buffer) {
                Ok(read) => read,
                Err(error) => return Ok(Err(error)),
            };
            take(buffer.get(..read).unwrap_or(&[]))?;
            offset = offset.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
            if read < size || offset == len {
                return Ok(Ok(()));
            }
        }
    }
}
