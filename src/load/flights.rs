//! The flights of one provider, by key, with who waits for them.

use std::any::Any;
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use foldhash::fast::RandomState;

use super::machine::{Fence, FlightId, Flights as Machine};
use super::scope;
use crate::glob::Glob;

/// What a flight has brought: the value or the error, of whatever types its caller has. `None` if its leader has gone.
type Outcome = Option<Arc<dyn Any + Send + Sync>>;

/// The loads in progress of one provider: what lets callers of one key share a load, and writes win over it.
///
/// The providers of this crate have one each, shared by their clones. A provider of your own needs a field of this type,
/// which it returns from [`flights`](crate::CacheProvider::flights), and one line in each method that writes:
///
/// ```
/// use isocache::{CacheAside, CacheProvider, CacheStats, Flights, MaybeSend, MemoryCacheProvider, Result, WithTtl};
/// use std::time::Duration;
///
/// /// A cache that says what is written to it.
/// #[derive(Default)]
/// struct Told {
///     cache: MemoryCacheProvider<String>,
///     flights: Flights,
/// }
///
/// impl CacheProvider<String> for Told {
///     async fn set(&self, key: &str, value: String, ttl: Option<Duration>) -> Result<()> {
///         println!("{key} = {value}");
///         let _write = self.flights.write(key).await;
///         self.cache.set(key, value, ttl).await
///     }
///     async fn delete(&self, key: &str) -> Result<bool> {
///         let _write = self.flights.write(key).await;
///         self.cache.delete(key).await
///     }
///     async fn clear_pattern(&self, pattern: &str) -> Result<u64> {
///         let _write = self.flights.write_pattern(pattern).await;
///         self.cache.clear_pattern(pattern).await
///     }
///     fn flights(&self) -> Option<&Flights> {
///         Some(&self.flights)
///     }
///     # async fn get(&self, key: &str) -> Result<Option<String>> { self.cache.get(key).await }
///     # async fn exists(&self, key: &str) -> Result<bool> { self.cache.exists(key).await }
///     # async fn get_stats(&self) -> Result<CacheStats> { self.cache.get_stats().await }
///     # async fn get_with_ttl(&self, key: &str) -> Result<Option<WithTtl<String>>> { self.cache.get_with_ttl(key).await }
/// }
/// # pollster::block_on(async {
/// let told = Told::default();
/// let greeting = told.get_or_set("greeting", None, || async { Ok::<_, String>("hello".to_owned()) }).await;
/// assert_eq!(greeting.unwrap(), "hello");
/// # });
/// ```
pub struct Flights {
    table: Mutex<Table>,
    /// The number of flights, so that writes can tell without the lock that there are none.
    active: AtomicUsize,
    /// Grow when a write begins that is told to [`write`](Self::write), and when it ends: the one of its key; the last with
    /// each pattern.
    writes: [AtomicU64; STRIPES + 1],
    hasher: RandomState,
}

/// Writes are counted for so many groups of keys. A write to another key of the group costs one more lookup, sometimes.
const STRIPES: usize = 64;

impl Default for Flights {
    fn default() -> Self {
        Self {
            table: Mutex::default(),
            active: AtomicUsize::new(0),
            writes: [const { AtomicU64::new(0) }; STRIPES + 1],
            hasher: RandomState::default(),
        }
    }
}

#[derive(Default)]
struct Table {
    machine: Machine,
    /// The flight of each key; a detached flight is the one of no key.
    by_key: HashMap<Box<str>, Arc<Flight>>,
}

/// One flight, as its leader and its followers hold it.
struct Flight {
    id: FlightId,
    landing: Mutex<Landing>,
    ended: Condvar,
}

#[derive(Default)]
struct Landing {
    /// What was brought, as soon as it is known, which is before it is stored.
    outcome: Option<Outcome>,
    ended: bool,
    wakers: Vec<Waker>,
    /// How many times all have been woken. It tells whether a place among the wakers is still that of who took it.
    woken: u64,
}

impl Flight {
    fn landing(&self) -> MutexGuard<'_, Landing> {
        self.landing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number that no other flight has while this one lives.
    fn address(self: &Arc<Self>) -> usize {
        Arc::as_ptr(self).addr()
    }

    fn update(&self, change: impl FnOnce(&mut Landing)) {
        let wakers = {
            let mut landing = self.landing();
            change(&mut landing);
            landing.woken += 1;
            std::mem::take(&mut landing.wakers)
        };
        self.ended.notify_all();
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Waits until `ready` finds what it looks for.
    async fn until<R>(&self, ready: impl Fn(&Landing) -> Option<R>) -> R {
        let mut place = None;
        poll_fn(|context: &mut Context<'_>| {
            let mut landing = self.landing();
            if let Some(found) = ready(&landing) {
                return Poll::Ready(found);
            }
            let mine = place.filter(|(woken, _)| *woken == landing.woken);
            if let Some(waker) = mine.and_then(|(_, at): (u64, usize)| landing.wakers.get_mut(at)) {
                waker.clone_from(context.waker());
            } else {
                place = Some((landing.woken, landing.wakers.len()));
                landing.wakers.push(context.waker().clone());
            }
            Poll::Pending
        })
        .await
    }

    /// As `until`, holding the thread.
    fn until_blocking<R>(&self, ready: impl Fn(&Landing) -> Option<R>) -> R {
        let mut landing = self.landing();
        loop {
            if let Some(found) = ready(&landing) {
                return found;
            }
            landing = self.ended.wait(landing).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// A caller's place in the flight of its key.
pub(super) enum Place<'a> {
    /// It loads.
    Leader(Leader<'a>),
    /// It waits for who loads.
    Follower(Follower),
    /// It is the loader of this very key that asks.
    Own,
}

impl Flights {
    /// The place of a caller who found nothing, or nothing fresh, under `key`.
    pub(super) fn join(&self, key: &str) -> Place<'_> {
        let mut table = self.table();
        if let Some(flight) = table.by_key.get(key) {
            return if scope::is_inside(flight.address()) {
                Place::Own
            } else {
                Place::Follower(Follower { flight: Arc::clone(flight) })
            };
        }
        let flight = Arc::new(Flight { id: table.machine.begin(), landing: Mutex::default(), ended: Condvar::new() });
        table.by_key.insert(key.into(), Arc::clone(&flight));
        self.active.fetch_add(1, Ordering::SeqCst);
        Place::Leader(Leader { flights: self, key: key.into(), flight })
    }

    /// Whether a flight of `key` is there.
    pub(super) fn is_loading(&self, key: &str) -> bool {
        self.active.load(Ordering::SeqCst) > 0 && self.table().by_key.contains_key(key)
    }

    /// A number that is another after each write to `key`, or with luck the same after a write to another one.
    pub(super) fn writes(&self, key: &str) -> u64 {
        let count = |at: usize| self.writes[at].load(Ordering::SeqCst);
        count(self.stripe(key)).wrapping_add(count(STRIPES))
    }

    fn count(&self, what: &What<'_>) {
        let one = |at: usize| {
            self.writes[at].fetch_add(1, Ordering::SeqCst);
        };
        match what {
            What::Key(key) => one(self.stripe(key)),
            What::Keys(keys) => keys.iter().for_each(|key| one(self.stripe(key))),
            What::Pattern(_) => one(STRIPES),
        }
    }

    fn stripe(&self, key: &str) -> usize {
        // Below the number of stripes.
        #[allow(clippy::cast_possible_truncation)]
        {
            (self.hasher.hash_one(key) % STRIPES as u64) as usize
        }
    }

    /// Says that `key` is about to be written or removed. The write wins over a load in progress: hold what this returns
    /// until the write is complete. It waits while a loaded value of `key` is being stored.
    pub async fn write<'a>(&'a self, key: &'a str) -> Write<'a> {
        self.count(&What::Key(key));
        while let Some(storing) = self.fence(key) {
            storing.until(|landing| landing.ended.then_some(())).await;
        }
        Write { flights: self, what: What::Key(key), counted: true }
    }

    /// As [`write`](Self::write), for several keys.
    pub async fn write_many<'a>(&'a self, keys: Vec<&'a str>) -> Write<'a> {
        for key in &keys {
            drop(self.write(key).await);
        }
        Write { flights: self, what: What::Keys(keys), counted: true }
    }

    /// As [`write`](Self::write), for all keys that match a glob.
    pub async fn write_pattern<'a>(&'a self, pattern: &str) -> Write<'a> {
        let glob = Glob::new(pattern);
        self.writes[STRIPES].fetch_add(1, Ordering::SeqCst);
        while let Some(storing) = self.fence_matching(&glob) {
            storing.until(|landing| landing.ended.then_some(())).await;
        }
        Write { flights: self, what: What::Pattern(glob), counted: true }
    }

    /// As [`write`](Self::write), holding the thread: for what never waits long. Without a flight it costs one look at a
    /// counter.
    #[inline]
    pub(crate) fn write_now<'a>(&'a self, key: &'a str) -> Write<'a> {
        if self.active.load(Ordering::SeqCst) > 0 {
            while let Some(storing) = self.fence(key) {
                storing.until_blocking(|landing| landing.ended.then_some(()));
            }
        }
        Write { flights: self, what: What::Key(key), counted: false }
    }

    /// As [`write_now`](Self::write_now), for several keys.
    pub(crate) fn write_many_now<'a>(&'a self, keys: &[&'a str]) -> Write<'a> {
        for key in keys {
            drop(self.write_now(key));
        }
        Write { flights: self, what: What::Keys(keys.to_vec()), counted: false }
    }

    /// As [`write_pattern`](Self::write_pattern), holding the thread.
    pub(crate) fn write_pattern_now(&self, pattern: &str) -> Write<'_> {
        let glob = Glob::new(pattern);
        if self.active.load(Ordering::SeqCst) > 0 {
            while let Some(storing) = self.fence_matching(&glob) {
                storing.until_blocking(|landing| landing.ended.then_some(()));
            }
        }
        Write { flights: self, what: What::Pattern(glob), counted: false }
    }

    /// Detaches the flight of `key`; or returns it, if it is storing.
    fn fence(&self, key: &str) -> Option<Arc<Flight>> {
        self.table().fence(key)
    }

    fn fence_matching(&self, glob: &Glob) -> Option<Arc<Flight>> {
        let mut table = self.table();
        let keys: Vec<Box<str>> = table.by_key.keys().filter(|key| glob.matches(key)).cloned().collect();
        keys.iter().filter_map(|key| table.fence(key)).last()
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn fence(&mut self, key: &str) -> Option<Arc<Flight>> {
        let flight = self.by_key.get(key)?;
        match self.machine.fence(flight.id) {
            Fence::Detached => {
                self.by_key.remove(key);
                None
            }
            Fence::Wait if scope::is_inside(flight.address()) => None,
            Fence::Wait => Some(Arc::clone(flight)),
        }
    }
}

impl std::fmt::Debug for Flights {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Flights").field("active", &self.active).finish_non_exhaustive()
    }
}

/// A write in progress, from [`Flights::write`]. Flights that began since then are detached when it is dropped.
#[must_use = "hold it until the write is complete"]
#[derive(Debug)]
pub struct Write<'a> {
    flights: &'a Flights,
    what: What<'a>,
    /// Whether it is among the writes that are counted.
    counted: bool,
}

#[derive(Debug)]
enum What<'a> {
    Key(&'a str),
    Keys(Vec<&'a str>),
    Pattern(Glob),
}

impl Drop for Write<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.counted {
            // Again: who looked during the write may have come before it landed.
            self.flights.count(&self.what);
        }
        if self.flights.active.load(Ordering::SeqCst) > 0 {
            // A flight that is storing by now began after the write had: its value is as new.
            match &self.what {
                What::Key(key) => drop(self.flights.fence(key)),
                What::Keys(keys) => keys.iter().for_each(|key| drop(self.flights.fence(key))),
                What::Pattern(glob) => drop(self.flights.fence_matching(glob)),
            }
        }
    }
}

/// Who loads. Dropped before the end, it wakes those who wait, and one of them loads.
pub(super) struct Leader<'a> {
    flights: &'a Flights,
    key: Box<str>,
    flight: Arc<Flight>,
}

impl Leader<'_> {
    /// The number for the scope of the loader.
    pub(super) fn scope(&self) -> usize {
        self.flight.address()
    }

    /// Gives the outcome to who waits.
    pub(super) fn share(&self, outcome: Arc<dyn Any + Send + Sync>) {
        self.flight.update(|landing| landing.outcome = Some(Some(outcome)));
    }

    /// Whether the loaded value is to be stored. If so, writes to the key wait until this leader is dropped.
    pub(super) fn may_store(&self) -> bool {
        self.flights.table().machine.land(self.flight.id)
    }
}

impl Drop for Leader<'_> {
    fn drop(&mut self) {
        {
            let mut table = self.flights.table();
            if table.machine.end(self.flight.id) {
                table.by_key.remove(&self.key);
            }
        }
        self.flights.active.fetch_sub(1, Ordering::SeqCst);
        self.flight.update(|landing| {
            landing.ended = true;
            landing.outcome.get_or_insert(None);
        });
    }
}

/// Who waits for a leader.
pub(super) struct Follower {
    flight: Arc<Flight>,
}

impl Follower {
    /// What the leader brings; `None` if it is gone without.
    pub(super) fn outcome(&self) -> impl Future<Output = Outcome> + Send + '_ {
        self.flight.until(|landing| landing.outcome.clone())
    }

    /// As [`outcome`](Self::outcome), holding the thread for up to `limit`.
    pub(super) fn outcome_blocking(&self, limit: Option<Duration>) -> Option<Outcome> {
        let Some(limit) = limit else { return Some(self.flight.until_blocking(|landing| landing.outcome.clone())) };
        let landing = self.flight.landing();
        let waited = self.flight.ended.wait_timeout_while(landing, limit, |landing| landing.outcome.is_none());
        waited.unwrap_or_else(PoisonError::into_inner).0.outcome.clone()
    }
}
