//! S3-FIFO caches of five sizes, by the rules of `s3fifo.rs`.

use super::keys::{CACHES, Keys, NONE, Place};

/// The number of insertions after which ghosts must be checked, so that none is taken for a newer one: their numbers
/// restart at 0 after 65,535.
pub(super) const GHOSTS_LAST: u32 = 30_000;

/// A queue of keys, each of which links to the next.
#[derive(Clone, Copy, Debug)]
struct Queue {
    oldest: u16,
    newest: u16,
    len: usize,
}

const EMPTY: Queue = Queue { oldest: NONE, newest: NONE, len: 0 };

impl Queue {
    fn push(&mut self, keys: &mut Keys, cache: usize, key: u16) {
        set_next(keys, cache, key, NONE);
        if self.newest == NONE {
            self.oldest = key;
        } else {
            set_next(keys, cache, self.newest, key);
        }
        self.newest = key;
        self.len += 1;
    }

    fn pop(&mut self, keys: &Keys, cache: usize) -> u16 {
        let key = self.oldest;
        if key != NONE {
            self.oldest = next(keys, cache, key);
            self.len -= 1;
        }
        if self.oldest == NONE {
            self.newest = NONE;
        }
        key
    }
}

fn next(keys: &Keys, cache: usize, key: u16) -> u16 {
    keys.get(key).next.get(cache).copied().unwrap_or(NONE)
}

fn set_next(keys: &mut Keys, cache: usize, key: u16, next: u16) {
    keys.edit(key, |key| {
        if let Some(own) = key.next.get_mut(cache) {
            *own = next;
        }
    });
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Fifo {
    /// The index of this cache.
    cache: usize,
    size: usize,
    small: Queue,
    main: Queue,
    /// The number of the latest ghost.
    ghosts: u16,
}

impl Fifo {
    pub(super) fn all() -> [Self; CACHES] {
        std::array::from_fn(|cache| Self { cache, size: 0, small: EMPTY, main: EMPTY, ghosts: 0 })
    }

    fn len(&self) -> usize {
        self.small.len + self.main.len
    }

    /// Stores a key that this cache does not hold.
    pub(super) fn insert(&mut self, keys: &mut Keys, key: u16) {
        let is_back = keys.get(key).place(self.cache) == Place::Ghost && self.remembers(keys, key);
        self.evict(keys, self.size.saturating_sub(1));
        if is_back {
            self.join_main(keys, key, 0);
        } else {
            self.small.push(keys, self.cache, key);
            keys.set_place(key, self.cache, Place::Small, 0);
        }
    }

    fn join_main(&mut self, keys: &mut Keys, key: u16, uses: u32) {
        self.main.push(keys, self.cache, key);
        keys.set_place(key, self.cache, Place::Main, uses);
    }

    fn evict(&mut self, keys: &mut Keys, most: usize) {
        while self.len() > most {
            let from_small = self.small.len > 0 && self.small.len * 10 >= self.len();
            let queue = if from_small { &mut self.small } else { &mut self.main };
            let key = queue.pop(keys, self.cache);
            let uses = keys.get(key).uses(self.cache);
            if uses > 0 {
                self.join_main(keys, key, if from_small { 0 } else { uses - 1 });
            } else if from_small {
                self.ghosts = self.ghosts.wrapping_add(1);
                set_next(keys, self.cache, key, self.ghosts);
                keys.set_place(key, self.cache, Place::Ghost, 0);
            } else {
                keys.set_place(key, self.cache, Place::Nowhere, 0);
            }
        }
    }

    fn age(&self, keys: &Keys, key: u16) -> u16 {
        self.ghosts.wrapping_sub(next(keys, self.cache, key))
    }

    /// Whether a ghost is among the latest ones, which number nine tenths of the entries.
    fn remembers(&self, keys: &Keys, key: u16) -> bool {
        usize::from(self.age(keys, key)) < self.len() * 9 / 10
    }

    /// Forgets a key that is a ghost but no longer remembered.
    pub(super) fn forget(&self, keys: &mut Keys, key: u16) {
        if keys.get(key).place(self.cache) == Place::Ghost && !self.remembers(keys, key) {
            keys.set_place(key, self.cache, Place::Nowhere, 0);
        }
    }

    /// Sets the size, and removes the keys that must leave.
    pub(super) fn reset(&mut self, keys: &mut Keys, size: usize, is_gone: impl Fn(u32) -> bool) {
        self.size = size;
        for mut old in [std::mem::replace(&mut self.small, EMPTY), std::mem::replace(&mut self.main, EMPTY)] {
            while old.oldest != NONE {
                let key = old.pop(keys, self.cache);
                let own = keys.get(key);
                if is_gone(own.hash) {
                    keys.set_place(key, self.cache, Place::Nowhere, 0);
                } else if own.place(self.cache) == Place::Small {
                    self.small.push(keys, self.cache, key);
                } else {
                    self.main.push(keys, self.cache, key);
                }
            }
        }
        self.evict(keys, size);
    }

    /// Removes a ghost that must leave. The others become younger, in proportion to the ghosts that are left.
    pub(super) fn thin(&self, keys: &mut Keys, key: u16, is_gone: bool, share: f64) {
        if keys.get(key).place(self.cache) != Place::Ghost {
            return;
        }
        if is_gone {
            keys.set_place(key, self.cache, Place::Nowhere, 0);
        } else {
            // At most its previous age.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let age = (f64::from(self.age(keys, key)) * share).round() as u16;
            set_next(keys, self.cache, key, self.ghosts.wrapping_sub(age));
        }
    }
}
