//! The block cache: shared values under a byte budget, many locks, least recently used leaves first.

use alloc::vec::Vec;
use core::fmt;

use crate::base::sync::Mutex;

/// Places in one set. More places mean fewer wrong evictions, and longer searches.
const WAYS: usize = 8;

/// A cache of block-sized values by block number.
///
/// It is set-associative: a block can only be kept in the set that its number hashes to. That bounds memory
/// without bookkeeping, and gives every set a lock of its own.
pub(crate) struct Cache<V> {
    sets: Vec<Mutex<Vec<(u64, V)>>>,
}

impl<V: Clone> Cache<V> {
    /// A cache for as many values of `each` bytes as fit in `bytes`, at least one set.
    pub(crate) fn new(bytes: usize, each: usize) -> Cache<V> {
        let places = bytes.checked_div(each).unwrap_or(0);
        let sets = places.div_ceil(WAYS).max(1);
        Cache { sets: (0..sets).map(|_| Mutex::new(Vec::new())).collect() }
    }

    /// The value of a block, if it is here.
    pub(crate) fn get(&self, block: u64) -> Option<V> {
        self.set(block)?.with(|set| {
            let found = set.iter().position(|(key, _)| *key == block)?;
            // Most recently used first: what falls off the end was not asked for longest.
            set.get_mut(..=found)?.rotate_right(1);
            set.first().map(|(_, value)| value.clone())
        })
    }

    /// True if the value of a block is here. Does not count as use.
    pub(crate) fn contains(&self, block: u64) -> bool {
        self.set(block).is_some_and(|set| set.with(|set| set.iter().any(|(key, _)| *key == block)))
    }

    /// Keeps a value, in place of the least recently used one of its set if that is full.
    pub(crate) fn insert(&self, block: u64, value: V) {
        let Some(set) = self.set(block) else { return };
        set.with(|set| {
            set.retain(|(key, _)| *key != block);
            set.truncate(WAYS.saturating_sub(1));
            set.insert(0, (block, value));
        });
    }

    fn set(&self, block: u64) -> Option<&Mutex<Vec<(u64, V)>>> {
        // Fibonacci hashing: neighbouring blocks and regular strides spread over all sets.
        let hash = block.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_right(32);
        let count = u64::try_from(self.sets.len()).unwrap_or(1);
        let index = hash.checked_rem(count)?;
        self.sets.get(usize::try_from(index).ok()?)
    }
}

impl<V> fmt::Debug for Cache<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("sets", &self.sets.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was used last stays; the budget holds; a later value replaces an earlier one.
    #[test]
    fn keeps_what_is_used() {
        let cache = Cache::new(WAYS * 4096, 4096);
        for block in 0..8 {
            cache.insert(block, block);
        }
        assert_eq!(cache.get(0), Some(0));
        cache.insert(100, 100);
        assert_eq!(cache.get(0), Some(0), "used just now");
        assert_eq!(cache.get(1), None, "used longest ago");
        cache.insert(0, 7);
        assert_eq!(cache.get(0), Some(7));
        assert_eq!((0..200).filter(|block| cache.get(*block).is_some()).count(), WAYS);
    }

    /// A budget of nothing still works.
    #[test]
    fn tiny_budget() {
        let cache = Cache::new(0, 0);
        cache.insert(3, 'x');
        assert_eq!(cache.get(3), Some('x'));
    }
}
