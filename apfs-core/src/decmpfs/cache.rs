//! Decompressed chunks that were read in part: whoever reads on in small steps does not expand them again.

use alloc::sync::Arc;

use super::chunk::CHUNK;
use crate::base::ids::FileId;
use crate::io::cache::Cache;

/// Chunks of the files of one volume, under a byte budget.
#[derive(Debug)]
pub struct ChunkCache {
    chunks: Cache<Arc<Chunk>>,
}

#[derive(Debug)]
struct Chunk {
    file: FileId,
    index: u64,
    bytes: Arc<[u8]>,
}

impl ChunkCache {
    /// A cache of at most `bytes` bytes, but room for a few chunks in any case.
    #[must_use]
    pub fn new(bytes: usize) -> ChunkCache {
        ChunkCache { chunks: Cache::new(bytes, CHUNK) }
    }

    /// A chunk of a file, if it is here.
    pub(super) fn get(&self, file: FileId, index: u64) -> Option<Arc<[u8]>> {
        let chunk = self.chunks.get(slot(file, index))?;
        // Different chunks may share a slot.
        ((chunk.file, chunk.index) == (file, index)).then(|| chunk.bytes.clone())
    }

    pub(super) fn insert(&self, file: FileId, index: u64, bytes: Arc<[u8]>) {
        self.chunks.insert(slot(file, index), Arc::new(Chunk { file, index, bytes }));
    }
}

fn slot(file: FileId, index: u64) -> u64 {
    file.0.rotate_left(32) ^ index
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Chunks of files whose slots are the same are told apart.
    #[test]
    fn shared_slots() {
        let cache = ChunkCache::new(1 << 20);
        let (one, other) = ((FileId(1), 0), (FileId(0), 1 << 32));
        assert_eq!(slot(one.0, one.1), slot(other.0, other.1));
        cache.insert(one.0, one.1, Arc::from([1]));
        assert_eq!(cache.get(one.0, one.1).as_deref(), Some(&[1][..]));
        assert_eq!(cache.get(other.0, other.1), None);
    }
}
