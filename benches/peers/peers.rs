//! The list of those that are compared.

use crate::caches::{self, Cache};
use crate::pauses::{self, Pauses};
use crate::speed::{self, Run, Scenario};

pub struct Peer {
    pub name: &'static str,
    pub about: &'static str,
    pub has_ttl: bool,
    pub is_ours: bool,
    pub run: fn(&Scenario<'_>) -> Run,
    pub allocations: fn() -> (f64, f64),
    pub bytes_per_entry: fn(usize) -> f64,
    pub pauses: fn(usize) -> Pauses,
}

const fn peer<C: Cache>(name: &'static str, about: &'static str, has_ttl: bool, is_ours: bool) -> Peer {
    Peer {
        name,
        about,
        has_ttl,
        is_ours,
        run: speed::run::<C>,
        allocations: speed::allocations::<C>,
        bytes_per_entry: speed::bytes_per_entry::<C>,
        pauses: pauses::of::<C>,
    }
}

pub const PEERS: &[Peer] = &[
    peer::<caches::IsocacheSync>(
        "isocache",
        "MemoryCache: get, set; exact LRU, one lock until threads compete for it",
        true,
        true,
    ),
    peer::<caches::IsocacheS3Fifo>("+ s3fifo", "the same under S3-FIFO", true, true),
    peer::<caches::IsocacheAsync>("+ async", "the same by the trait CacheProvider, polled once", true, true),
    peer::<caches::IsocacheDyn>("+ dyn", "the same through DynCacheProvider", true, true),
    peer::<caches::LruMutex>("lru+Mutex", "lru 0.19 and std::sync::Mutex; exact LRU; no ttl", false, false),
    peer::<caches::QuickCache>("quick_cache", "quick_cache 0.7 sync; S3-FIFO, shards; no ttl", false, false),
    peer::<caches::Moka>("moka", "moka 0.12 sync; TinyLFU, its default", true, false),
    peer::<caches::MiniMoka>("mini-moka", "mini-moka 0.10 sync; TinyLFU", true, false),
];
