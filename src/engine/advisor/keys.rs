//! The sampled keys, in one table whose size never changes.

/// The number of simulated caches for each policy: one for each of the sizes.
pub(super) const CACHES: usize = 5;
/// The maximum number of sampled keys. With the buckets they take a little less than 64 KiB.
pub(super) const MOST: u16 = 2480;
const BUCKETS: usize = 2048;
/// No key.
pub(super) const NONE: u16 = u16::MAX;
/// The level of a key that none of the simulated LRU caches holds.
pub(super) const OUT: usize = CACHES;

/// The lowest bit of each S3-FIFO cache in the state of a key.
const ONES: u32 = 0x1_1111;
const LEVEL: u32 = 20;

/// The position of a key in an S3-FIFO cache: the upper two of its four bits. The lower two count its uses.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Nowhere = 0,
    Small = 1,
    Main = 2,
    Ghost = 3,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    pub(super) hash: u32,
    /// Four bits for each S3-FIFO cache, and the level in the order of use: the smallest LRU cache that holds it.
    state: u32,
    /// The next key of its bucket, or the next free one.
    chain: u16,
    /// Its neighbours in the order of use.
    pub(super) newer: u16,
    pub(super) older: u16,
    /// By S3-FIFO cache: the next key of its queue, or its number if it is a ghost.
    pub(super) next: [u16; CACHES],
}

/// Level [`OUT`], and nowhere.
const BLANK: Key = Key { hash: 0, state: 5 << LEVEL, chain: NONE, newer: NONE, older: NONE, next: [NONE; CACHES] };

impl Key {
    pub(super) fn level(&self) -> usize {
        (self.state >> LEVEL) as usize
    }

    pub(super) fn place(&self, cache: usize) -> Place {
        match self.state >> (4 * cache + 2) & 3 {
            0 => Place::Nowhere,
            1 => Place::Small,
            2 => Place::Main,
            _ => Place::Ghost,
        }
    }

    pub(super) fn uses(&self, cache: usize) -> u32 {
        self.state >> (4 * cache) & 3
    }

    /// The lowest bit of each S3-FIFO cache that holds the key.
    fn held(&self) -> u32 {
        (self.state >> 2 ^ self.state >> 3) & ONES
    }

    /// Counts a use in each S3-FIFO cache that holds the key, up to three. Returns the caches, a bit for each.
    pub(super) fn count_use(&mut self) -> u32 {
        let held = self.held();
        self.state += held & !(self.state & self.state >> 1);
        (0..CACHES).fold(0, |set, cache| set | (held >> (3 * cache) & 1 << cache))
    }
}

#[derive(Debug)]
pub(super) struct Keys {
    table: Vec<Key>,
    buckets: Vec<u16>,
    /// The first free key.
    free: u16,
}

impl Keys {
    pub(super) fn new() -> Self {
        let next = |key: u16| if key + 1 < MOST { key + 1 } else { NONE };
        let table = (0..MOST).map(|key| Key { chain: next(key), ..BLANK }).collect();
        Self { table, buckets: vec![NONE; BUCKETS], free: 0 }
    }

    /// Its size in bytes.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.table.capacity() * size_of::<Key>() + self.buckets.capacity() * size_of::<u16>()
    }

    #[inline]
    pub(super) fn get(&self, key: u16) -> Key {
        self.table.get(usize::from(key)).copied().unwrap_or(BLANK)
    }

    #[inline]
    pub(super) fn edit<R>(&mut self, key: u16, edit: impl FnOnce(&mut Key) -> R) -> Option<R> {
        self.table.get_mut(usize::from(key)).map(edit)
    }

    pub(super) fn set_level(&mut self, key: u16, level: usize) {
        // A level is at most `OUT`.
        #[allow(clippy::cast_possible_truncation)]
        self.edit(key, |key| key.state = key.state & ((1 << LEVEL) - 1) | (level as u32) << LEVEL);
    }

    pub(super) fn set_place(&mut self, key: u16, cache: usize, place: Place, uses: u32) {
        let bits = (place as u32) << 2 | uses;
        self.edit(key, |key| key.state = key.state & !(15 << (4 * cache)) | bits << (4 * cache));
    }

    /// The bucket of a key, by bits of the hash that the sampling does not use.
    fn bucket(mix: u32) -> usize {
        mix as usize % BUCKETS
    }

    #[inline]
    pub(super) fn find(&self, hash: u32, mix: u32) -> Option<u16> {
        let mut key = self.buckets.get(Self::bucket(mix)).copied().unwrap_or(NONE);
        while let Some(own) = self.table.get(usize::from(key)) {
            if own.hash == hash {
                return Some(key);
            }
            key = own.chain;
        }
        None
    }

    pub(super) fn is_full(&self) -> bool {
        self.free == NONE
    }

    /// Takes a free key, which is in no cache.
    pub(super) fn take(&mut self, hash: u32, mix: u32) -> Option<u16> {
        let key = self.free;
        let own = self.table.get_mut(usize::from(key))?;
        let bucket = self.buckets.get_mut(Self::bucket(mix))?;
        self.free = own.chain;
        *own = Key { hash, chain: *bucket, ..BLANK };
        *bucket = key;
        Some(key)
    }

    /// Calls `visit` with every key in use.
    pub(super) fn visit(&mut self, mut visit: impl FnMut(&mut Self, u16)) {
        for at in 0..BUCKETS {
            let mut key = self.buckets.get(at).copied().unwrap_or(NONE);
            while key != NONE {
                visit(self, key);
                key = self.get(key).chain;
            }
        }
    }

    /// Frees the keys that no cache holds or remembers, and returns their number.
    pub(super) fn sweep(&mut self) -> u16 {
        let mut freed = 0;
        for at in 0..BUCKETS {
            let Some(&first) = self.buckets.get(at) else { continue };
            let (mut key, mut before) = (first, NONE);
            while key != NONE {
                let Key { state, chain, .. } = self.get(key);
                if state == BLANK.state {
                    if self.edit(before, |before| before.chain = chain).is_none()
                        && let Some(bucket) = self.buckets.get_mut(at)
                    {
                        *bucket = chain;
                    }
                    let free = self.free;
                    self.edit(key, |key| key.chain = free);
                    self.free = key;
                    freed += 1;
                } else {
                    before = key;
                }
                key = chain;
            }
        }
        freed
    }
}
