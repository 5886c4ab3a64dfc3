//! The keys that were evicted early, by their hashes, for policies that want to know when one comes back.

use std::collections::VecDeque;

use hashbrown::HashTable;

/// At most nine tenths as many hashes as the cache holds entries. Empty, and without memory, under policies that do not
/// use it.
#[derive(Default)]
pub(super) struct Ghosts {
    /// Each hash, with the number of its place in the order.
    hashes: HashTable<(u64, u32)>,
    /// The oldest first. A hash that was taken out stays here until it is the oldest.
    order: VecDeque<(u64, u32)>,
    /// The next number. It starts again at 0 after the last.
    next: u32,
}

impl Ghosts {
    /// Remembers a hash; `entries` is the number of entries in the cache.
    pub(super) fn remember(&mut self, hash: u64, entries: usize) {
        self.take(hash);
        self.hashes.insert_unique(hash, (hash, self.next), |(own, _)| *own);
        self.order.push_back((hash, self.next));
        self.next = self.next.wrapping_add(1);
        while self.order.len() > entries * 9 / 10 {
            let Some(oldest) = self.order.pop_front() else { return };
            if let Ok(found) = self.hashes.find_entry(oldest.0, |own| *own == oldest) {
                found.remove();
            }
        }
    }

    /// Whether a hash is remembered. It is forgotten.
    pub(super) fn take(&mut self, hash: u64) -> bool {
        self.hashes.find_entry(hash, |own| own.0 == hash).map(hashbrown::hash_table::OccupiedEntry::remove).is_ok()
    }

    /// Forgets everything, and frees the memory.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_forgotten_first() {
        let mut ghosts = Ghosts::default();
        (0..30).for_each(|hash| ghosts.remember(hash, 10));
        assert!((0..21).all(|hash| !ghosts.take(hash)) && ghosts.take(21) && !ghosts.take(21));
        ghosts.remember(21, 10);
        assert!((22..30).all(|hash| ghosts.take(hash)));
        ghosts.clear();
        assert!(!ghosts.take(21));
    }
}
