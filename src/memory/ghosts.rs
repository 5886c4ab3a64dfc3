//! The hashes of keys that were evicted early, for policies that need to know when one comes back.
//!
//! No call takes long because a table grows: the hashes move to the larger table a few at a time, and their order is
//! kept in pieces.

use std::collections::VecDeque;

use hashbrown::HashTable;

/// A hash, with the number of its place in the order.
type Ghost = (u64, u32);

/// The number of places emptied for each hash that is added to the larger table: all are empty before it is full.
const MOVED: usize = 4;
/// The number of hashes in one piece of the order.
const PIECE: usize = 128;

/// At most nine tenths as many hashes as the cache holds entries. Empty, and without memory, under policies that do not
/// use it.
#[derive(Default)]
pub(super) struct Ghosts {
    hashes: HashTable<Ghost>,
    /// The previous, smaller table, whose places before `emptied` are empty.
    before: HashTable<Ghost>,
    emptied: usize,
    /// The oldest first. A hash that was taken out stays here until it is the oldest.
    order: Order,
    /// The next number. It starts again at 0 after the last.
    next: u32,
}

impl Ghosts {
    /// Remembers a hash; `entries` is the number of entries in the cache.
    pub(super) fn remember(&mut self, hash: u64, entries: usize) {
        self.take(hash);
        self.grow();
        self.hashes.insert_unique(hash, (hash, self.next), |(own, _)| *own);
        self.order.push((hash, self.next));
        self.next = self.next.wrapping_add(1);
        while self.order.len > entries * 9 / 10 {
            let Some(oldest) = self.order.pop() else { return };
            self.remove(oldest.0, |own| *own == oldest);
        }
    }

    /// Returns whether a hash is remembered, and forgets it.
    #[inline]
    pub(super) fn take(&mut self, hash: u64) -> bool {
        // Without a policy that uses them, there are none.
        self.order.len > 0 && self.remove(hash, |own| own.0 == hash)
    }

    fn remove(&mut self, hash: u64, is_it: impl Fn(&Ghost) -> bool) -> bool {
        let remove = |table: &mut HashTable<Ghost>| {
            table.find_entry(hash, &is_it).map(hashbrown::hash_table::OccupiedEntry::remove).is_ok()
        };
        remove(&mut self.hashes) || !self.before.is_empty() && remove(&mut self.before)
    }

    /// Makes room for another hash.
    fn grow(&mut self) {
        if self.hashes.len() == self.hashes.capacity() && self.before.is_empty() {
            let larger = HashTable::with_capacity(2 * self.hashes.len().max(2));
            self.before = std::mem::replace(&mut self.hashes, larger);
            self.emptied = 0;
        }
        if self.before.is_empty() {
            return;
        }
        for _ in 0..MOVED {
            if let Ok(place) = self.before.get_bucket_entry(self.emptied) {
                let (ghost, _) = place.remove();
                self.hashes.insert_unique(ghost.0, ghost, |(own, _)| *own);
            }
            self.emptied += 1;
        }
        if self.before.is_empty() {
            self.before = HashTable::new();
        }
    }

    /// Forgets everything, and frees the memory.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// A queue in pieces.
#[derive(Default)]
struct Order {
    pieces: VecDeque<Vec<Ghost>>,
    /// The ghosts of the first piece that have left.
    left: usize,
    len: usize,
}

impl Order {
    fn push(&mut self, ghost: Ghost) {
        self.len += 1;
        match self.pieces.back_mut() {
            Some(last) if last.len() < PIECE => last.push(ghost),
            _ => self.pieces.push_back(vec![ghost]),
        }
    }

    fn pop(&mut self) -> Option<Ghost> {
        let first = self.pieces.front()?;
        let ghost = first.get(self.left).copied()?;
        self.left += 1;
        self.len -= 1;
        if self.left == PIECE {
            self.pieces.pop_front();
            self.left = 0;
        }
        Some(ghost)
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

    #[test]
    fn growing_moves_a_few_hashes_at_a_time_and_loses_none() {
        const COUNT: u64 = if cfg!(miri) { 300 } else { 30_000 };
        let hash = |at: u64| at.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut ghosts = Ghosts::default();
        let mut growths = 0;
        let mut remember = |ghosts: &mut Ghosts, hash| {
            let held = ghosts.before.len();
            ghosts.remember(hash, usize::MAX / 9);
            let grew = ghosts.before.len() > held;
            growths += u32::from(grew);
            assert!(grew || held - ghosts.before.len() <= MOVED);
            assert!(!grew || held == 0, "the table of before is empty when the next one is full");
        };
        for at in 0..COUNT {
            remember(&mut ghosts, hash(at));
            assert_eq!((ghosts.hashes.len() + ghosts.before.len()) as u64, at + 1);
            // One that was remembered earlier, wherever it is now.
            let other = hash(at / 3);
            assert!(ghosts.take(other) && !ghosts.take(other));
            remember(&mut ghosts, other);
        }
        assert!(growths > if cfg!(miri) { 3 } else { 9 }, "{growths}");
        assert!((0..COUNT).all(|at| ghosts.take(hash(at))));
    }

    #[test]
    fn the_number_of_hashes_is_bounded() {
        let mut ghosts = Ghosts::default();
        for at in 0..5000_u64 {
            ghosts.remember(at.wrapping_mul(0x9e37_79b9_7f4a_7c15), 1000);
            assert_eq!(ghosts.order.len as u64, (at + 1).min(900));
            assert_eq!(ghosts.hashes.len() + ghosts.before.len(), ghosts.order.len);
        }
        assert!(ghosts.order.pieces.len() <= 900 / PIECE + 2);
        // In a cache that has become smaller.
        ghosts.remember(1, 10);
        assert_eq!(ghosts.order.len, 9);
    }
}
