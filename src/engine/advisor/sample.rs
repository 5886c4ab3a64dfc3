//! A spatial sample: the keys whose hash is at most a bound, in caches that are smaller by the same ratio.
//!
//! Whether a key belongs to it depends on the key alone, so the sample sees all of its uses or none. When the table of
//! keys is full, the bound is lowered, and the caches shrink. While there are few keys, the sample contains all of
//! them, and the result is exact.
//!
//! From Waldspurger, Park, Garthwaite and Ahmad, "Efficient MRC construction with SHARDS", FAST 2015, and Waldspurger,
//! Saemundsson, Ahmad and Park, "Cache modeling and optimization using miniature simulations", ATC 2017.

use super::fifos::{Fifo, GHOSTS_LAST};
use super::keys::{CACHES, Key, Keys, MOST};
use super::recency::Recency;

/// A bit for each S3-FIFO cache.
const ALL: u32 = (1 << CACHES) - 1;

/// What the sample has seen, in uses of keys at the current rate.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) uses: f64,
    /// By the level of the key in the order of use.
    levels: [f64; CACHES + 1],
    /// By the S3-FIFO caches that held the key, a bit for each.
    held: [f64; 1 << CACHES],
}

impl Counts {
    pub(super) fn scale(&mut self, by: f64) {
        self.uses *= by;
        self.levels.iter_mut().chain(&mut self.held).for_each(|count| *count *= by);
    }

    /// The hits of each LRU cache.
    pub(super) fn lru(&self) -> [f64; CACHES] {
        std::array::from_fn(|cache| self.levels.iter().take(cache + 1).sum())
    }

    /// The hits of each S3-FIFO cache.
    pub(super) fn s3_fifo(&self) -> [f64; CACHES] {
        let hits = |cache: usize| self.held.iter().zip(0_u32..).filter(move |(_, set)| set >> cache & 1 == 1);
        std::array::from_fn(|cache| hits(cache).map(|(count, _)| count).sum())
    }
}

#[derive(Debug)]
pub(super) struct Sample {
    keys: Keys,
    recency: Recency,
    fifos: [Fifo; CACHES],
    /// The sizes of the caches that these simulate on a smaller scale.
    sizes: [u32; CACHES],
    /// The keys whose hash is at most this are sampled.
    pub(super) bound: u32,
    /// The number of insertions of keys since ghosts were last forgotten.
    inserted: u32,
    pub(super) counts: Counts,
}

impl Sample {
    pub(super) fn new(sizes: [u32; CACHES]) -> Self {
        let mut sample = Self {
            keys: Keys::new(),
            recency: Recency::new(),
            fifos: Fifo::all(),
            sizes,
            bound: u32::MAX,
            inserted: 0,
            counts: Counts::default(),
        };
        sample.set_sizes(sizes);
        sample
    }

    /// Its size in bytes.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.keys.bytes()
    }

    /// The fraction of all keys that is sampled.
    pub(super) fn rate(&self) -> f64 {
        (f64::from(self.bound) + 1.0) / 4_294_967_296.0
    }

    /// Whether all keys are sampled.
    pub(super) fn is_whole(&self) -> bool {
        self.bound == u32::MAX
    }

    pub(super) fn set_sizes(&mut self, sizes: [u32; CACHES]) {
        self.sizes = sizes;
        self.reset(|_| false);
    }

    /// Records a use of a key, by two parts of its hash. Returns the cost: 1, and 1 for each cache that must store the
    /// key.
    pub(super) fn record(&mut self, hash: u32, mix: u32) -> u64 {
        let Some(key) = self.keys.find(hash, mix).or_else(|| self.add(hash, mix)) else { return 1 };
        self.counts.uses += 1.0;
        let level = self.recency.touch(&mut self.keys, key);
        if let Some(count) = self.counts.levels.get_mut(level) {
            *count += 1.0;
        }
        let held = self.keys.edit(key, Key::count_use).unwrap_or(0);
        if let Some(count) = self.counts.held.get_mut(held as usize) {
            *count += 1.0;
        }
        if held == ALL {
            return 1;
        }
        for (fifo, _) in self.fifos.iter_mut().zip(0_u32..).filter(|(_, at)| held >> at & 1 == 0) {
            fifo.insert(&mut self.keys, key);
        }
        let inserted = ALL.count_ones() - held.count_ones();
        self.inserted += inserted;
        if self.inserted >= GHOSTS_LAST {
            self.sweep();
        }
        1 + u64::from(inserted)
    }

    /// Adds a key to the table. Returns `None` if the bound is now lower.
    #[inline(never)]
    fn add(&mut self, hash: u32, mix: u32) -> Option<u16> {
        if self.keys.is_full() {
            // At least a sixteenth, so that this is not needed again soon.
            let mut freed = self.sweep();
            while freed < MOST / 16 {
                freed += self.lower();
            }
            if hash > self.bound {
                return None;
            }
        }
        self.keys.take(hash, mix)
    }

    fn sweep(&mut self) -> u16 {
        self.inserted = 0;
        let fifos = &self.fifos;
        self.keys.visit(|keys, key| {
            for fifo in fifos {
                fifo.forget(keys, key);
            }
        });
        self.keys.sweep()
    }

    /// Lowers the bound by a quarter. Returns the number of keys that have left.
    fn lower(&mut self) -> u16 {
        let before = self.rate();
        self.bound -= self.bound / 4;
        let (bound, share) = (self.bound, self.rate() / before);
        self.counts.scale(share);
        self.reset(|hash| hash > bound);
        self.forget_ghosts(|hash| hash > bound, share);
        self.sweep()
    }

    /// Lowers the rate to about `rate`, unless all keys are sampled: then a few more or fewer of them might decide
    /// whether those in use fit into a cache.
    pub(super) fn lower_to(&mut self, rate: f64) {
        while !self.is_whole() && self.rate() * 0.75 >= rate {
            self.lower();
        }
    }

    /// Continues after lookups that the sample has not seen. To the caches, keys that were used before those lookups
    /// would seem to come back soon, and S3-FIFO would keep them for long, although the real cache had forgotten them.
    /// So the caches are emptied if they are small enough to fill quickly.
    pub(super) fn resume(&mut self) {
        if self.is_whole() {
            self.reset(|_| true);
            self.forget_ghosts(|_| true, 1.0);
            self.sweep();
        }
    }

    /// Removes ghosts. The others become younger by the factor `share`.
    fn forget_ghosts(&mut self, is_gone: impl Fn(u32) -> bool, share: f64) {
        let fifos = &self.fifos;
        self.keys.visit(|keys, key| {
            let is_gone = is_gone(keys.get(key).hash);
            for fifo in fifos {
                fifo.thin(keys, key, is_gone, share);
            }
        });
    }

    /// Gives the caches their sizes, and removes keys.
    fn reset(&mut self, is_gone: impl Fn(u32) -> bool + Copy) {
        let rate = self.rate();
        // Below the sizes, and at least 1.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let sizes = self.sizes.map(|size| (f64::from(size) * rate).round().max(1.0) as usize);
        self.recency.reset(&mut self.keys, sizes, is_gone);
        for (fifo, size) in self.fifos.iter_mut().zip(sizes) {
            fifo.reset(&mut self.keys, size, is_gone);
        }
    }
}
