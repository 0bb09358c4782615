//! The chunks that were expanded last, and those that could not be.

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::base::sync::Mutex;
use crate::codec::Fault;

/// Chunks kept at most, however small they are: they are searched one by one.
const PLACES: usize = 64;

/// Expanded chunks under a byte budget; what was not asked for longest leaves first. The last one always stays, since
/// it will be read in pieces.
#[derive(Debug)]
pub(super) struct ChunkCache {
    /// Number and bytes, most recently used first.
    chunks: Mutex<Vec<(usize, Arc<Vec<u8>>)>>,
    budget: usize,
    /// Chunks that can't be expanded, the newest first: whoever saves what can be read asks for each part of them.
    broken: Mutex<Vec<(usize, Fault)>>,
}

impl ChunkCache {
    pub(super) fn new(budget: usize) -> ChunkCache {
        ChunkCache { chunks: Mutex::new(Vec::new()), budget, broken: Mutex::new(Vec::new()) }
    }

    /// Why a chunk can't be expanded, if that was tried not long ago.
    pub(super) fn fault(&self, index: usize) -> Option<Fault> {
        self.broken.with(|broken| broken.iter().find(|(key, _)| *key == index).map(|(_, fault)| *fault))
    }

    pub(super) fn insert_fault(&self, index: usize, fault: Fault) {
        self.broken.with(|broken| {
            broken.truncate(PLACES.saturating_sub(1));
            broken.insert(0, (index, fault));
        });
    }

    pub(super) fn get(&self, index: usize) -> Option<Arc<Vec<u8>>> {
        self.chunks.with(|chunks| {
            let found = chunks.iter().position(|(key, _)| *key == index)?;
            chunks.get_mut(..=found)?.rotate_right(1);
            chunks.first().map(|(_, bytes)| bytes.clone())
        })
    }

    pub(super) fn insert(&self, index: usize, bytes: Arc<Vec<u8>>) {
        // What leaves is freed when the lock is free again.
        let _gone = self.chunks.with(|chunks| {
            let mut left = self.budget.saturating_sub(bytes.len());
            chunks.retain(|(key, _)| *key != index);
            chunks.insert(0, (index, bytes));
            let fits = |(_, bytes): &&(usize, Arc<Vec<u8>>)| {
                let fits = bytes.len() <= left;
                left = left.saturating_sub(bytes.len());
                fits
            };
            let older = chunks.iter().skip(1).take_while(fits).count();
            chunks.split_off(older.saturating_add(1).min(PLACES).min(chunks.len()))
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was used last stays within the budget; one chunk larger than that stays alone.
    #[test]
    fn keeps_what_is_used() {
        let cache = ChunkCache::new(100);
        for index in 0..4 {
            cache.insert(index, Arc::new(alloc::vec![0; 25]));
        }
        assert!(cache.get(0).is_some());
        cache.insert(4, Arc::new(alloc::vec![0; 25]));
        let kept =
            |cache: &ChunkCache| (0..200).filter(|index| cache.get(*index).is_some()).collect::<Vec<_>>();
        assert_eq!(kept(&cache), [0, 2, 3, 4]);
        cache.insert(5, Arc::new(alloc::vec![0; 200]));
        assert_eq!(kept(&cache), [5]);
        for index in 0..100 {
            cache.insert(index, Arc::new(Vec::new()));
        }
        assert_eq!(kept(&cache).len(), PLACES);
    }
}
