//! The caches that are compared, behind one interface. All hash with foldhash, and all are given the key as `&str`, as a
//! caller has it: what needs a `String` to store makes one.

use std::cell::RefCell;
use std::future::Future;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use foldhash::fast::RandomState;
use isocache::{CacheProvider, DynCacheProvider, MemoryCache, MemoryCacheProvider};

/// A cache under test.
pub trait Cache: Send + Sync + Sized {
    fn new(capacity: usize, ttl: Option<Duration>) -> Self;
    fn get(&self, key: &str) -> Option<u64>;
    fn set(&self, key: &str, value: u64);
    /// Does what the cache has put off.
    fn settle(&self) {}
    fn len(&self) -> u64;
}

fn isocache(capacity: usize, ttl: Option<Duration>) -> MemoryCache<u64> {
    let builder = MemoryCache::builder().max_entries(capacity);
    let builder = if let Some(ttl) = ttl { builder.default_ttl(ttl) } else { builder };
    builder.build().expect("the limits are good")
}

/// `MemoryCache` under S3-FIFO.
pub struct IsocacheS3Fifo(MemoryCache<u64>);

impl Cache for IsocacheS3Fifo {
    fn new(capacity: usize, ttl: Option<Duration>) -> Self {
        let builder = MemoryCache::builder().max_entries(capacity).policy(isocache::Policy::S3Fifo);
        let builder = if let Some(ttl) = ttl { builder.default_ttl(ttl) } else { builder };
        Self(builder.build().expect("the limits are good"))
    }
    #[inline]
    fn get(&self, key: &str) -> Option<u64> {
        self.0.get(key).expect("the key is good")
    }
    #[inline]
    fn set(&self, key: &str, value: u64) {
        self.0.set(key, value, None).expect("the entry is good");
    }
    fn len(&self) -> u64 {
        self.0.len() as u64
    }
}

/// `MemoryCache` by its synchronous methods.
pub struct IsocacheSync(MemoryCache<u64>);

impl Cache for IsocacheSync {
    fn new(capacity: usize, ttl: Option<Duration>) -> Self {
        Self(isocache(capacity, ttl))
    }
    #[inline]
    fn get(&self, key: &str) -> Option<u64> {
        self.0.get(key).expect("the key is good")
    }
    #[inline]
    fn set(&self, key: &str, value: u64) {
        self.0.set(key, value, None).expect("the entry is good");
    }
    fn len(&self) -> u64 {
        self.0.len() as u64
    }
}

/// The answer of a future that must not wait.
#[inline]
fn now<R>(future: impl Future<Output = R>) -> R {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("memory never waits"),
    }
}

/// Any provider, by the trait.
pub struct Provider<P>(P);

impl<P: CacheProvider<u64>> Provider<P> {
    #[inline]
    fn read(&self, key: &str) -> Option<u64> {
        now(self.0.get(key)).expect("the key is good")
    }
    #[inline]
    fn write(&self, key: &str, value: u64) {
        now(self.0.set(key, value, None)).expect("the entry is good");
    }
    fn entries(&self) -> u64 {
        now(self.0.get_stats()).expect("memory never fails").entries.expect("memory counts its entries")
    }
}

/// `MemoryCacheProvider` by the asynchronous trait.
pub type IsocacheAsync = Provider<MemoryCacheProvider<u64>>;

impl Cache for IsocacheAsync {
    fn new(capacity: usize, ttl: Option<Duration>) -> Self {
        Self(isocache(capacity, ttl).into())
    }
    #[inline]
    fn get(&self, key: &str) -> Option<u64> {
        self.read(key)
    }
    #[inline]
    fn set(&self, key: &str, value: u64) {
        self.write(key, value);
    }
    fn len(&self) -> u64 {
        self.entries()
    }
}

/// `MemoryCacheProvider` behind the erased handle.
pub type IsocacheDyn = Provider<DynCacheProvider<u64>>;

impl Cache for IsocacheDyn {
    fn new(capacity: usize, ttl: Option<Duration>) -> Self {
        Self(DynCacheProvider::new(MemoryCacheProvider::from(isocache(capacity, ttl))))
    }
    #[inline]
    fn get(&self, key: &str) -> Option<u64> {
        self.read(key)
    }
    #[inline]
    fn set(&self, key: &str, value: u64) {
        self.write(key, value);
    }
    fn len(&self) -> u64 {
        self.entries()
    }
}

/// The `lru` crate behind the standard library's mutex.
pub struct LruMutex(Mutex<lru::LruCache<String, u64, RandomState>>);

impl Cache for LruMutex {
    fn new(capacity: usize, _ttl: Option<Duration>) -> Self {
        let capacity = capacity.try_into().expect("the capacity is not 0");
        Self(Mutex::new(lru::LruCache::with_hasher(capacity, RandomState::default())))
    }
    #[inline]
    fn get(&self, key: &str) -> Option<u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).copied()
    }
    #[inline]
    fn set(&self, key: &str, value: u64) {
        let key = key.to_owned();
        // What is pushed out is dropped outside the lock, as a careful user would see to.
        let old = self.0.lock().unwrap_or_else(PoisonError::into_inner).push(key, value);
        drop(old);
    }
    fn len(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len() as u64
    }
}

/// `quick_cache::sync::Cache`.
pub struct QuickCache(quick_cache::sync::Cache<String, u64, quick_cache::UnitWeighter, RandomState>);

impl Cache for QuickCache {
    fn new(capacity: usize, _ttl: Option<Duration>) -> Self {
        let lifecycle = quick_cache::sync::DefaultLifecycle::default();
        let (weighter, hasher) = (quick_cache::UnitWeighter, RandomState::default());
        Self(quick_cache::sync::Cache::with(capacity, capacity as u64, weighter, hasher, lifecycle))
    }
    #[inline]
    fn get(&self, key: &str) -> Option<u64> {
        self.0.get(key)
    }
    #[inline]
    fn set(&self, key: &str, value: u64) {
        self.0.insert(key.to_owned(), value);
    }
    fn len(&self) -> u64 {
        self.0.len() as u64
    }
}

/// `moka::sync::Cache`.
pub struct Moka(moka::sync::Cache<String, u64, RandomState>);

impl Cache for Moka {
    fn new(capacity: usize, ttl: Option<Duration>) -> Self {
        let builder = moka::sync::Cache::builder().max_capacity(capacity as u64);
        let builder = if let Some(ttl) = ttl { builder.time_to_live(ttl) } else { builder };
        Self(builder.build_with_hasher(RandomState::default()))
    }
    #[inline]
    fn get(&self, key: &str) -> Option<u64> {
        self.0.get(key)
    }
    #[inline]
    fn set(&self, key: &str, value: u64) {
        self.0.insert(key.to_owned(), value);
    }
    fn settle(&self) {
        self.0.run_pending_tasks();
    }
    fn len(&self) -> u64 {
        self.0.entry_count()
    }
}

/// `mini_moka::sync::Cache`.
pub struct MiniMoka(mini_moka::sync::Cache<String, u64, RandomState>);

thread_local! {
    /// mini-moka looks up by `&String` only. Copying the key into one that is there costs the least.
    static SCRATCH: RefCell<String> = const { RefCell::new(String::new()) };
}

impl Cache for MiniMoka {
    fn new(capacity: usize, ttl: Option<Duration>) -> Self {
        let builder = mini_moka::sync::Cache::builder().max_capacity(capacity as u64);
        let builder = if let Some(ttl) = ttl { builder.time_to_live(ttl) } else { builder };
        Self(builder.build_with_hasher(RandomState::default()))
    }
    #[inline]
    fn get(&self, key: &str) -> Option<u64> {
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.clear();
            scratch.push_str(key);
            self.0.get(&*scratch)
        })
    }
    #[inline]
    fn set(&self, key: &str, value: u64) {
        self.0.insert(key.to_owned(), value);
    }
    fn settle(&self) {
        use mini_moka::sync::ConcurrentCacheExt;
        self.0.sync();
    }
    fn len(&self) -> u64 {
        self.0.entry_count()
    }
}
