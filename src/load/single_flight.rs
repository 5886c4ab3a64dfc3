//! The loads in progress of one provider, by key.

use std::any::Any;
use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;

use super::flight::{AnyOutcome, Ended, Flight};
use super::scope;
use crate::error::CacheError;
use crate::glob::Glob;

/// The loads in progress of one provider: callers of one key share a load, and writes win over it. Clones share them.
///
/// Each provider of this crate has one. Your own provider needs a field of this type, which
/// [`loading`](crate::CacheProvider::loading) returns, and one line in each method that writes:
///
/// ```
/// use isocache::{CacheAside, CacheProvider, CacheStats, Loading, MaybeSend, MemoryCacheProvider, Result, SingleFlight, WithTtl};
/// use std::time::Duration;
///
/// /// A cache that prints what is written to it.
/// #[derive(Default)]
/// struct Printing {
///     cache: MemoryCacheProvider<String>,
///     single_flight: SingleFlight,
/// }
///
/// impl CacheProvider<String> for Printing {
///     async fn set(&self, key: &str, value: String, ttl: Option<Duration>) -> Result<()> {
///         println!("{key} = {value}");
///         let _write = self.single_flight.write(key).await;
///         self.cache.set(key, value, ttl).await
///     }
///     async fn delete(&self, key: &str) -> Result<bool> {
///         let _write = self.single_flight.write(key).await;
///         self.cache.delete(key).await
///     }
///     async fn clear_pattern(&self, pattern: &str) -> Result<u64> {
///         let _write = self.single_flight.write_pattern(pattern).await;
///         self.cache.clear_pattern(pattern).await
///     }
///     fn loading(&self) -> Option<&dyn Loading<String>> {
///         Some(&self.single_flight)
///     }
///     # async fn get(&self, key: &str) -> Result<Option<String>> { self.cache.get(key).await }
///     # async fn exists(&self, key: &str) -> Result<bool> { self.cache.exists(key).await }
///     # async fn get_stats(&self) -> Result<CacheStats> { self.cache.get_stats().await }
///     # async fn get_with_ttl(&self, key: &str) -> Result<Option<WithTtl<String>>> { self.cache.get_with_ttl(key).await }
/// }
/// # pollster::block_on(async {
/// let cache = Printing::default();
/// let greeting = cache.get_or_set("greeting", None, || async { Ok::<_, String>("hello".to_owned()) }).await;
/// assert_eq!(greeting.unwrap(), "hello");
/// # });
/// ```
#[derive(Clone, Default)]
pub struct SingleFlight {
    loads: Arc<Loads>,
    /// The prefix of a namespace, put in front of each key. `None` for all keys.
    prefix: Option<Arc<str>>,
}

struct Loads {
    /// The flight of each key. Overtaken flights are not included.
    by_key: Mutex<HashMap<Box<str>, Arc<Flight>>>,
    /// The number of flights, including overtaken ones, so that writes can tell without the lock that there are none.
    active: AtomicUsize,
    /// A counter that serves as a clock: it tells whether a flight read its value before a caller began.
    time: AtomicU64,
    /// Versions of groups of keys; the last one is for patterns. Each grows when a write that
    /// [`write`](SingleFlight::write) announces begins, and when it ends.
    writes: [AtomicU64; GROUPS + 1],
    hasher: RandomState,
}

/// The number of groups of keys for which writes are counted. A write to another key of the group sometimes costs an
/// additional lookup.
const GROUPS: usize = 64;

impl Default for Loads {
    fn default() -> Self {
        Self {
            by_key: Mutex::default(),
            active: AtomicUsize::new(0),
            time: AtomicU64::new(0),
            writes: [const { AtomicU64::new(0) }; GROUPS + 1],
            hasher: RandomState::default(),
        }
    }
}

/// A caller's role in the flight of its key.
pub(super) enum Place {
    /// It loads.
    Leader(Leader),
    /// It waits for the leader.
    Follower(Follower),
    /// It is called from the loader of this key.
    Own,
}

impl SingleFlight {
    /// The loads whose keys begin with a prefix, by their keys without it.
    pub(crate) fn within(&self, prefix: &str) -> Self {
        Self { loads: Arc::clone(&self.loads), prefix: Some(prefix.into()) }
    }

    pub(super) fn whole<'a>(&self, key: &'a str) -> Cow<'a, str> {
        match &self.prefix {
            None => Cow::Borrowed(key),
            Some(prefix) => Cow::Owned(format!("{prefix}{key}")),
        }
    }

    /// The keys that match a pattern.
    pub(super) fn glob(&self, pattern: &str) -> Glob {
        match &self.prefix {
            None => Glob::new(pattern),
            Some(prefix) => Glob::new(Glob::escape(prefix) + pattern),
        }
    }

    /// The current time, for a caller that begins now.
    pub(super) fn now(&self) -> u64 {
        self.loads.time.load(Ordering::SeqCst)
    }

    /// Joins the flight of `key`, for a caller that found no value, or no fresh one, and began at the time `began`. A
    /// follower never gets a value that was read before that: it may have been overwritten in the store since.
    pub(super) fn join(&self, key: &str, began: u64) -> Place {
        let key = &*self.whole(key);
        let mut by_key = self.by_key();
        if let Some(flight) = by_key.get(key) {
            return if scope::is_inside(flight.address()) {
                Place::Own
            } else {
                Place::Follower(Follower { flight: Arc::clone(flight), began })
            };
        }
        let flight = Arc::<Flight>::default();
        by_key.insert(key.into(), Arc::clone(&flight));
        self.loads.active.fetch_add(1, Ordering::SeqCst);
        let single_flight = Self { loads: Arc::clone(&self.loads), prefix: None };
        Place::Leader(Leader { single_flight, key: key.into(), flight })
    }

    /// Whether there is a flight of `key`.
    pub(super) fn is_loading(&self, key: &str) -> bool {
        self.is_active() && self.by_key().contains_key(&*self.whole(key))
    }

    /// Ends the flight of a leader that is not polled, so that another caller can load.
    pub(super) fn take_over(&self, key: &str, follower: &Follower) {
        let key = &*self.whole(key);
        let mut by_key = self.by_key();
        if by_key.get(key).is_some_and(|flight| Arc::ptr_eq(flight, &follower.flight)) {
            by_key.remove(key);
            follower.flight.stop();
        }
    }

    pub(super) fn is_active(&self) -> bool {
        self.loads.active.load(Ordering::SeqCst) > 0
    }

    /// The version of `key`: it differs after each write to `key`, and sometimes after a write to another key.
    pub(crate) fn writes(&self, key: &str) -> u64 {
        let count = |at: usize| self.loads.writes[at].load(Ordering::SeqCst);
        count(self.group(key)).wrapping_add(count(GROUPS))
    }

    /// Counts a write to `key`.
    pub(super) fn count_write(&self, key: &str) {
        self.loads.writes[self.group(key)].fetch_add(1, Ordering::SeqCst);
    }

    /// Counts a write to all keys.
    pub(super) fn count_write_to_all(&self) {
        self.loads.writes[GROUPS].fetch_add(1, Ordering::SeqCst);
    }

    fn group(&self, key: &str) -> usize {
        // Below the number of groups.
        #[allow(clippy::cast_possible_truncation)]
        {
            (self.loads.hasher.hash_one(&*self.whole(key)) % GROUPS as u64) as usize
        }
    }

    pub(super) fn by_key(&self) -> MutexGuard<'_, HashMap<Box<str>, Arc<Flight>>> {
        self.loads.by_key.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for SingleFlight {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SingleFlight").field("active", &self.loads.active).finish_non_exhaustive()
    }
}

/// The caller that loads. If it is dropped before the end, its followers are woken, and one of them loads.
pub(super) struct Leader {
    /// Without a prefix.
    single_flight: SingleFlight,
    key: Box<str>,
    flight: Arc<Flight>,
}

impl Leader {
    /// The number of the flight, for the scope of the loader.
    pub(super) fn scope(&self) -> usize {
        self.flight.address()
    }

    pub(super) fn flight(&self) -> &Arc<Flight> {
        &self.flight
    }

    /// A follower of this leader, which gets any outcome.
    pub(super) fn follower(&self) -> Follower {
        Follower { flight: Arc::clone(&self.flight), began: 0 }
    }

    /// The time of a read that happens now: later than the beginning of every caller so far.
    pub(super) fn reads(&self) -> u64 {
        self.single_flight.loads.time.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Sets the outcome, which the followers that began before it was `read` get when the leader is dropped.
    pub(super) fn share(&self, outcome: Arc<dyn Any + Send + Sync>, read: u64) {
        self.flight.share(outcome, read);
    }

    pub(super) fn permit(&self) -> StorePermit {
        StorePermit { flight: Arc::clone(&self.flight) }
    }

    /// Begins to store the value. Returns false if it must not be stored. Dropping the leader ends the storing.
    pub(super) fn begin_to_store(&self, in_background: bool) -> bool {
        self.single_flight.count_write(&self.key);
        self.flight.begin_to_store(in_background)
    }

    /// Makes callers that looked before the value was stored look again.
    pub(super) fn has_stored(&self) {
        self.single_flight.count_write(&self.key);
    }

    pub(super) fn fail_to_store(&self, error: CacheError) {
        self.flight.fail_to_store(error);
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        if self.flight.is_stored() {
            self.has_stored();
        }
        {
            let mut by_key = self.single_flight.by_key();
            if by_key.get(&self.key).is_some_and(|flight| Arc::ptr_eq(flight, &self.flight)) {
                by_key.remove(&self.key);
            }
        }
        self.single_flight.loads.active.fetch_sub(1, Ordering::SeqCst);
        self.flight.end();
    }
}

/// A caller that waits for the leader.
pub(super) struct Follower {
    flight: Arc<Flight>,
    began: u64,
}

impl Follower {
    /// Waits for the end of the load. There is no outcome if its leader was dropped, or had it before this caller began.
    pub(super) fn ended(&self) -> impl Future<Output = Ended> + Send + '_ {
        self.flight.ended(self.began)
    }

    /// The outcome, which may be known before the end.
    pub(super) fn outcome(&self) -> AnyOutcome {
        self.flight.outcome(self.began)
    }

    /// See [`Flight::idle_since`].
    pub(super) fn leader_idle_since(&self) -> Option<u64> {
        self.flight.idle_since()
    }
}

/// Permission to store a loaded value. A write to its key, or another load of it, revokes the permission.
///
/// A provider that stores under one lock checks it under that lock; other providers check it before each step.
#[derive(Clone)]
pub struct StorePermit {
    flight: Arc<Flight>,
}

impl StorePermit {
    /// Whether the value may be stored now.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.flight.is_current()
    }
}

impl std::fmt::Debug for StorePermit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StorePermit").field("is_valid", &self.is_valid()).finish()
    }
}
