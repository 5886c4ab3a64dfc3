//! LRU caches of five sizes at once: one order of use, and each cache holds its newest part.

use super::keys::{CACHES, Keys, NONE, OUT};

#[derive(Debug)]
pub(super) struct Recency {
    newest: u16,
    oldest: u16,
    len: usize,
    /// The oldest key of each full cache.
    marks: [u16; CACHES],
    sizes: [usize; CACHES],
}

impl Recency {
    pub(super) fn new() -> Self {
        Self { newest: NONE, oldest: NONE, len: 0, marks: [NONE; CACHES], sizes: [0; CACHES] }
    }

    /// Makes a key the newest. Returns its previous level.
    #[inline]
    pub(super) fn touch(&mut self, keys: &mut Keys, key: u16) -> usize {
        let own = keys.get(key);
        let level = own.level();
        if self.newest == key {
            return level;
        }
        if level < OUT {
            for mark in &mut self.marks {
                if *mark == key {
                    *mark = own.newer;
                }
            }
            self.unlink(keys, own.newer, own.older);
        }
        let newest = self.newest;
        keys.edit(key, |key| (key.older, key.newer) = (newest, NONE));
        if keys.edit(newest, |newest| newest.newer = key).is_none() {
            self.oldest = key;
        }
        self.newest = key;
        self.len += 1;
        keys.set_level(key, 0);
        let marks = self.marks.iter_mut().zip(&self.sizes).zip(1..).take(level);
        for ((mark, &size), pushed_to) in marks {
            if *mark != NONE {
                keys.set_level(*mark, pushed_to);
                *mark = keys.get(*mark).newer;
            } else if self.len == size {
                *mark = self.oldest;
            }
        }
        if level == OUT {
            self.trim(keys);
        }
        level
    }

    /// Sets the sizes, and removes the keys that must leave.
    pub(super) fn reset(&mut self, keys: &mut Keys, sizes: [usize; CACHES], is_gone: impl Fn(u32) -> bool) {
        self.sizes = sizes;
        self.marks = [NONE; CACHES];
        let (mut key, mut place) = (self.newest, 0);
        while key != NONE {
            let own = keys.get(key);
            if is_gone(own.hash) {
                self.unlink(keys, own.newer, own.older);
                keys.set_level(key, OUT);
            } else {
                place += 1;
                let level = sizes.iter().position(|&size| place <= size).unwrap_or(OUT);
                keys.set_level(key, level);
                for (mark, &size) in self.marks.iter_mut().zip(&sizes) {
                    if place == size {
                        *mark = key;
                    }
                }
            }
            key = own.older;
        }
        self.trim(keys);
    }

    /// Unlinks a key from its neighbours.
    fn unlink(&mut self, keys: &mut Keys, newer: u16, older: u16) {
        if keys.edit(newer, |key| key.older = older).is_none() {
            self.newest = older;
        }
        if keys.edit(older, |key| key.newer = newer).is_none() {
            self.oldest = newer;
        }
        self.len -= 1;
    }

    /// Removes the keys at the end that no cache holds.
    fn trim(&mut self, keys: &mut Keys) {
        while self.oldest != NONE && keys.get(self.oldest).level() == OUT {
            let own = keys.get(self.oldest);
            self.unlink(keys, own.newer, NONE);
        }
    }
}
