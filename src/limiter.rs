//! A rate limiter over counters.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::Clock;
use crate::error::{CacheError, Result};
use crate::key::{self, KeyPart};
use crate::provider::{CacheProvider, CounterProvider};
use crate::ttl::{MAX_TTL_MS, whole_ms};

/// The highest limit: counts of a window stay far below what numbers hold.
const MAX_LIMIT: u64 = 1 << 32;

/// The longest key of a client, in bytes. The number of the window and a namespace go with it, and a store that refused the
/// whole for its length would look like one that fails.
const MAX_KEY: usize = key::MAX_KEY_BYTES / 2;

/// The answer to a check when the store fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnStoreError {
    /// The error.
    #[default]
    Fail,
    /// The request is allowed.
    Allow,
    /// The request is refused.
    Refuse,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Algorithm {
    Fixed,
    Sliding,
}

/// The answer to a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Whether the request may go on.
    pub allowed: bool,
    /// The number of requests in a window.
    pub limit: u64,
    /// How many more requests would be allowed now.
    pub remaining: u64,
    /// If the request was refused: the time until it would be allowed, if no other request comes before. If it was allowed: the
    /// time until the end of the window in which it was counted.
    pub reset_after: Duration,
    /// The length of a window.
    pub window: Duration,
    /// The failure of the store, where [`OnStoreError`] has answered in its place: whether the request was counted is unknown.
    pub error: Option<CacheError>,
}

/// What a [`RateLimiter`] and its clones have counted since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateLimiterStats {
    /// Checks that allowed a request.
    pub allowed: u64,
    /// Checks that refused a request.
    pub refused: u64,
    /// Checks in which the store failed.
    pub failed: u64,
    /// Entries that the store has evicted to keep a limit. Above 0, the limiter may have forgotten clients that it had
    /// refused: give it a larger store, or one of its own.
    pub forgotten: u64,
}

#[derive(Default)]
struct Counts {
    allowed: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
}

/// Limits requests in a window, counted in any provider that counts. All processes that share the store count together.
///
/// Windows begin at whole multiples of their length since 1970, by the clock of the machine; machines whose clocks differ
/// count the difference in another window. The counters are `rate:{ip}:{endpoint}:{window}:{number}`, in milliseconds, and
/// expire by themselves.
///
/// | | [`fixed_window`](Self::fixed_window) | [`sliding_window`](Self::sliding_window) |
/// |---|---|---|
/// | counts | the requests of this window | those, and the part of the window before that still overlaps |
/// | in one window | never more than the limit | never more than the limit |
/// | across a border | up to twice the limit at once | about `limit × (1 + s / window)` in any time `s` up to a window |
/// | round trips | 1 | 2; 1 if it refuses at once |
/// | refused requests | count, in this window only | do not count |
///
/// The sliding window takes the requests of the window before as spread evenly over it. Both bounds hold for any number of
/// concurrent callers, because a request is allowed by the sum that its own increment returned. If several callers meet at
/// the limit of a sliding window, one that came in time may be refused while another is taking its count back. A store that
/// evicts counters forgets what they counted; [`get_stats`](Self::get_stats) tells.
///
/// ```
/// use isocache::{MemoryCacheProvider, RateLimiter};
/// use std::time::Duration;
///
/// # pollster::block_on(async {
/// let counters = MemoryCacheProvider::<i64>::default();
/// let limiter = RateLimiter::fixed_window(counters, 2, Duration::from_secs(3600))?;
/// # let limiter = limiter.clock(isocache::ManualClock::new());
/// assert!(limiter.check("10.0.0.7", "/login").await?.allowed);
/// assert_eq!(limiter.peek("10.0.0.7", "/login").await?.remaining, 1);
/// assert!(limiter.check("10.0.0.7", "/login").await?.allowed);
/// assert!(!limiter.check("10.0.0.7", "/login").await?.allowed);
/// assert!(limiter.reset("10.0.0.7", "/login").await?);
/// # Ok::<(), isocache::CacheError>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct RateLimiter<P> {
    counters: P,
    algorithm: Algorithm,
    limit: u64,
    window: u64,
    on_store_error: OnStoreError,
    clock: Arc<dyn Clock>,
    counts: Arc<Counts>,
}

/// Where a moment is among the windows.
#[derive(Clone, Copy)]
struct Moment {
    number: u64,
    /// Milliseconds since the window began.
    elapsed: u64,
}

impl<P> RateLimiter<P> {
    /// At most `limit` requests in each window.
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`] for a limit that is not from 1 to 2^32, and a window that is not from 1 ms to a
    /// third of [`MAX_TTL_MS`].
    pub fn fixed_window(counters: P, limit: u64, window: Duration) -> Result<Self> {
        Self::new(counters, Algorithm::Fixed, limit, window)
    }

    /// At most `limit` requests in each window, and about as many in any time of its length.
    ///
    /// # Errors
    /// As for [`fixed_window`](Self::fixed_window).
    pub fn sliding_window(counters: P, limit: u64, window: Duration) -> Result<Self> {
        Self::new(counters, Algorithm::Sliding, limit, window)
    }

    fn new(counters: P, algorithm: Algorithm, limit: u64, window: Duration) -> Result<Self> {
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(CacheError::invalid("limit", format!("{limit} is not from 1 to {MAX_LIMIT}")));
        }
        let longest = MAX_TTL_MS / 3;
        let window = match whole_ms(window) {
            Ok(ms) if ms <= longest => ms,
            _ => return Err(CacheError::invalid("window", format!("{window:?} is not from 1 ms to {longest} ms"))),
        };
        let clock = Arc::new(crate::clock::UnixClock);
        Ok(Self {
            counters,
            algorithm,
            limit,
            window,
            on_store_error: OnStoreError::default(),
            clock,
            counts: Arc::default(),
        })
    }

    /// The answer to a check when the store fails. [`OnStoreError::Fail`] by default.
    #[must_use]
    pub fn on_store_error(mut self, on_store_error: OnStoreError) -> Self {
        self.on_store_error = on_store_error;
        self
    }

    /// A clock instead of the machine's. All who share the counters must agree on it.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    fn moment(&self) -> Moment {
        let now = self.clock.now_ms();
        Moment { number: now / self.window, elapsed: now % self.window }
    }

    /// The counter of a window.
    fn counter(&self, key: &str, number: u64) -> String {
        format!("{key}:{}:{number}", self.window)
    }

    /// How many requests there is room for, if the window before had `before` and this one has `current`; negative, if there are
    /// too many. Of the window before, the milliseconds overlap that lie after this moment, less one window. The estimate is
    /// rounded down: a part of a request refuses nobody.
    fn room(&self, before: i64, current: i64, elapsed: u64) -> i128 {
        let [limit, window, elapsed] = [self.limit, self.window, elapsed].map(i128::from);
        limit - i128::from(current) - i128::from(before) * (window - 1 - elapsed) / window
    }

    /// How long until there is room for a request of this cost, in milliseconds, from a moment without.
    fn wait(&self, before: i64, current: i64, elapsed: u64, cost: u64) -> u64 {
        let [limit, window, elapsed, cost] = [self.limit, self.window, elapsed, cost].map(i128::from);
        let [before, current] = [before, current].map(i128::from);
        // When in a window there is room beside `current`, if the window before had `before`.
        let since = |before: i128, current: i128| {
            (window - 1 - ((limit - current - cost + 1) * window - 1) / before.max(1)).max(0)
        };
        let wait = match self.algorithm {
            Algorithm::Sliding if current + cost <= limit => since(before, current) - elapsed,
            // Not in this window any more. In the next one, this one is the one before.
            Algorithm::Sliding => window - elapsed + since(current, 0),
            Algorithm::Fixed => window - elapsed,
        };
        u64::try_from(wait.max(1)).unwrap_or(self.window)
    }

    fn answer(&self, allowed: bool, remaining: i128, reset_after: u64) -> RateLimit {
        let remaining = u64::try_from(remaining).unwrap_or(0);
        let [reset_after, window] = [reset_after, self.window].map(Duration::from_millis);
        RateLimit { allowed, limit: self.limit, remaining, reset_after, window, error: None }
    }
}

impl<P: CounterProvider + CacheProvider<i64>> RateLimiter<P> {
    /// Counts a request from `ip` to `endpoint`, and tells whether it is allowed.
    ///
    /// Pass the route as the endpoint, not the path of the request: a client that can choose the name of its counter has no
    /// limit.
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`] for a key longer than 32 KiB, whatever [`OnStoreError`] says; and, if that is
    /// [`Fail`](OnStoreError::Fail), the failure of the store.
    pub async fn check(&self, ip: impl KeyPart, endpoint: impl KeyPart) -> Result<RateLimit> {
        self.check_key(&key::patterns::rate(ip, endpoint)).await
    }

    /// As [`check`](Self::check), under any key: `rate:{key of a client}`.
    ///
    /// # Errors
    /// As for [`check`](Self::check).
    pub async fn check_key(&self, key: &str) -> Result<RateLimit> {
        self.check_cost(key, 1).await
    }

    /// As [`check_key`](Self::check_key), for a request that counts as `cost` requests. It is allowed as a whole or not at all.
    ///
    /// # Errors
    /// As for [`check`](Self::check), and for a cost that is not from 1 to the limit.
    pub async fn check_cost(&self, key: &str, cost: u64) -> Result<RateLimit> {
        let units = self.units(key, cost)?;
        let checked = match self.algorithm {
            Algorithm::Fixed => self.check_fixed(key, units).await,
            Algorithm::Sliding => self.check_sliding(key, cost, units).await,
        };
        let answer = self.answered(checked)?;
        let count = if answer.allowed { &self.counts.allowed } else { &self.counts.refused };
        count.fetch_add(1, Ordering::Relaxed);
        Ok(answer)
    }

    /// The answer that [`check`](Self::check) would give now, without counting: `remaining` requests are left.
    ///
    /// # Errors
    /// As for [`check`](Self::check).
    pub async fn peek(&self, ip: impl KeyPart, endpoint: impl KeyPart) -> Result<RateLimit> {
        self.peek_key(&key::patterns::rate(ip, endpoint)).await
    }

    /// As [`peek`](Self::peek), under any key.
    ///
    /// # Errors
    /// As for [`check`](Self::check).
    pub async fn peek_key(&self, key: &str) -> Result<RateLimit> {
        self.units(key, 1)?;
        self.answered(self.peek_now(key).await)
    }

    /// Forgets the requests of a client; true if there were any in this window or the one before.
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`] as for [`check`](Self::check); the failure of the store, whatever [`OnStoreError`] says.
    pub async fn reset(&self, ip: impl KeyPart, endpoint: impl KeyPart) -> Result<bool> {
        self.reset_key(&key::patterns::rate(ip, endpoint)).await
    }

    /// As [`reset`](Self::reset), under any key.
    ///
    /// # Errors
    /// As for [`reset`](Self::reset).
    pub async fn reset_key(&self, key: &str) -> Result<bool> {
        self.units(key, 1)?;
        let Moment { number, .. } = self.moment();
        let counters = [number, number.saturating_sub(1)].map(|number| self.counter(key, number));
        Ok(self.counters.delete_many(&counters.each_ref().map(String::as_str)).await? > 0)
    }

    /// What this limiter has counted, and how many entries its store has evicted.
    ///
    /// # Errors
    /// The failure of the store.
    pub async fn get_stats(&self) -> Result<RateLimiterStats> {
        let forgotten = self.counters.get_stats().await?.evictions;
        let [allowed, refused, failed] = [&self.counts.allowed, &self.counts.refused, &self.counts.failed]
            .map(|count| count.load(Ordering::Relaxed));
        Ok(RateLimiterStats { allowed, refused, failed, forgotten })
    }

    /// The cost as an increment, if key and cost are valid.
    fn units(&self, key: &str, cost: u64) -> Result<i64> {
        key::check(key)?;
        if key.len() > MAX_KEY {
            let (quoted, length) = (key::quote(key), key.len());
            let reason = format!("{quoted} has {length} bytes, more than the {MAX_KEY} of a rate limiter");
            return Err(CacheError::invalid("key", reason));
        }
        match i64::try_from(cost) {
            Ok(units) if (1..=self.limit).contains(&cost) => Ok(units),
            _ => Err(CacheError::invalid("cost", format!("{cost} is not from 1 to the limit, {}", self.limit))),
        }
    }

    fn answered(&self, answer: Result<RateLimit>) -> Result<RateLimit> {
        match answer {
            Ok(answer) => Ok(answer),
            // It is about the request, and not about the store.
            Err(error @ CacheError::InvalidArgument { .. }) => Err(error),
            Err(error) => {
                self.counts.failed.fetch_add(1, Ordering::Relaxed);
                if self.on_store_error == OnStoreError::Fail {
                    return Err(error);
                }
                let allowed = self.on_store_error == OnStoreError::Allow;
                let left = self.window - self.moment().elapsed;
                Ok(RateLimit { error: Some(error), ..self.answer(allowed, 0, left) })
            }
        }
    }

    async fn check_fixed(&self, key: &str, units: i64) -> Result<RateLimit> {
        let Moment { number, elapsed } = self.moment();
        // Twice the window, so that a clock that is behind still finds the counter.
        let count = self.add(&self.counter(key, number), units, 2).await?;
        let room = i128::from(self.limit) - i128::from(count);
        Ok(self.answer(room >= 0, room, self.window - elapsed))
    }

    async fn check_sliding(&self, key: &str, cost: u64, units: i64) -> Result<RateLimit> {
        let Moment { number, elapsed } = self.moment();
        let (now, before) = self.counts_of(key, number).await?;
        let left = self.room(before, now, elapsed);
        if left < i128::from(cost) {
            return Ok(self.answer(false, left, self.wait(before, now, elapsed, cost)));
        }
        let current = self.counter(key, number);
        let sum = self.add(&current, units, 3).await?;
        let room = self.room(before, sum, elapsed);
        if room >= 0 {
            return Ok(self.answer(true, room, self.window - elapsed));
        }
        // Others came between. If it cannot be taken back, the count stays too high, which refuses and never allows.
        let _ = self.add(&current, -units, 3).await;
        let wait = self.wait(before, sum - units, elapsed, cost);
        Ok(self.answer(false, room + i128::from(cost), wait))
    }

    async fn peek_now(&self, key: &str) -> Result<RateLimit> {
        let Moment { number, elapsed } = self.moment();
        let (now, before) = self.counts_of(key, number).await?;
        let room = self.room(before, now, elapsed);
        let allowed = room >= 1;
        let reset_after = if allowed { self.window - elapsed } else { self.wait(before, now, elapsed, 1) };
        Ok(self.answer(allowed, room, reset_after))
    }

    /// The counts of a window and, if the windows slide, of the one before.
    async fn counts_of(&self, key: &str, number: u64) -> Result<(i64, i64)> {
        let current = self.counter(key, number);
        let last = match self.algorithm {
            Algorithm::Fixed => None,
            Algorithm::Sliding => number.checked_sub(1).map(|last| self.counter(key, last)),
        };
        let names: Vec<&str> = [Some(current.as_str()), last.as_deref()].into_iter().flatten().collect();
        let counts = self.counters.get_many(&names).await?;
        let count = |at: usize| counts.get(at).copied().flatten().unwrap_or(0).max(0);
        Ok((count(0), count(1)))
    }

    /// Adds to a counter, which expires after a number of windows.
    async fn add(&self, counter: &str, by: i64, windows: u64) -> Result<i64> {
        self.counters.increment(counter, by, Some(Duration::from_millis(self.window * windows))).await
    }
}

impl<P> std::fmt::Debug for RateLimiter<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { algorithm, limit, window, on_store_error, .. } = self;
        let mut shown = f.debug_struct("RateLimiter");
        shown.field("algorithm", algorithm).field("limit", limit).field("window_ms", window);
        shown.field("on_store_error", on_store_error).finish_non_exhaustive()
    }
}
