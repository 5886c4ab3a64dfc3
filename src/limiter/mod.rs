//! A rate limiter over counters.

mod answer;
mod fixed_window;
mod headers;
mod sliding_window;
mod token_bucket;

use std::sync::Arc;
use std::time::Duration;

use self::answer::Counts;
pub use self::answer::{OnStoreError, RateLimit, RateLimiterStats};
use self::fixed_window::FixedWindow;
#[cfg(feature = "tower")]
pub(crate) use self::headers::{DEFAULT_POLICY, quoted};
use self::sliding_window::SlidingWindow;
use self::token_bucket::Bucket;
use crate::clock::{Clock, UnixClock};
use crate::error::{CacheError, Result};
use crate::key::{self, KeyPart};
use crate::provider::{CacheProvider, CounterProvider};
use crate::ttl::{MAX_TTL_MS, whole_ms};

/// The highest limit. Counts stay far below the largest number that is exact.
const MAX_LIMIT: u64 = 1 << 32;

/// The longest key of a client, in bytes. The number of the window and a namespace are added to it, and a store that
/// refuses a key for its length would look like a store that fails.
const MAX_KEY: usize = key::MAX_KEY_BYTES / 2;

#[derive(Clone, Copy, Debug)]
enum Algorithm {
    FixedWindow(FixedWindow),
    SlidingWindow(SlidingWindow),
    TokenBucket(Bucket),
}

/// The decision of an algorithm on a request.
struct Verdict {
    allowed: bool,
    /// May be negative.
    remaining: i128,
    /// In milliseconds.
    reset_after: u64,
}

/// Limits the requests of each client, with counters in any provider that counts. All processes that share the store,
/// in either language, count together.
///
/// | | [`fixed_window`](Self::fixed_window) | [`sliding_window`](Self::sliding_window) | [`token_bucket`](Self::token_bucket) |
/// |---|---|---|---|
/// | counts | the requests of the current window | the requests less than a window ago | tokens, which come back evenly |
/// | in any window | twice the limit, where two windows meet | the limit; above 64, `⌈limit / 64⌉ - 1` more | twice the limit |
/// | in any time `s` | `limit × (2 + s / window)` | `limit × ⌈s / window⌉` | `limit × (1 + s / window)` |
/// | refused requests | count, in this window | do not count | do not count |
/// | round trips | 1 | 2, more for a cost above 1; 1 if it refuses | 1 |
/// | entries of a client | 1 | 1 for each request, at most 64 | 1 |
/// | needs of the store | `increment` | `increment_within`; over Redis a script | `increment_within`; over Redis a script |
///
/// Fixed windows begin at whole multiples of their length since 1970, by the system clock; machines whose clocks differ
/// count the difference in another window. The bounds hold for any number of concurrent callers.
///
/// **The sliding window** is exact up to a limit of 64: it decides as a log of all allowed requests would. Above that,
/// it keeps only 64 timestamps, each for up to `⌈limit / 64⌉` requests: it never refuses what a log would allow, and allows
/// up to `⌈limit / 64⌉ - 1` requests more, 1 for a limit of 100. Above 130,000, timestamps are rounded by less than a 64th
/// of the window. If requests that cost more than 1 meet at the limit, one may be refused while another gives back what
/// it has taken.
///
/// **The token bucket** holds `limit` tokens, and an empty one becomes full in `window`. A request takes as many tokens
/// as it costs, and is refused if there are fewer.
///
/// The counters are `rate:{ip}:{endpoint}:{window}:{number}` for a fixed window, with its length in milliseconds,
/// `rate:{ip}:{endpoint}:{window}:sliding:{limit}:{number}` and `rate:{ip}:{endpoint}:{window}:bucket:{limit}`. They
/// expire by themselves. A store that evicts counters forgets their counts; [`get_stats`](Self::get_stats) reports
/// this.
///
/// ```
/// use isocache::{MemoryCacheProvider, RateLimiter};
/// use std::time::Duration;
///
/// # pollster::block_on(async {
/// let counters = MemoryCacheProvider::<i64>::default();
/// let limiter = RateLimiter::token_bucket(counters, 2, Duration::from_secs(3600))?;
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
    /// In milliseconds.
    window: u64,
    on_store_error: OnStoreError,
    clock: Arc<dyn Clock>,
    counts: Arc<Counts>,
}

impl<P> RateLimiter<P> {
    /// Allows at most `limit` requests in each window.
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`] for a limit that is not from 1 to 2^32, and a window that is not from 1 ms to a
    /// third of [`MAX_TTL_MS`].
    pub fn fixed_window(counters: P, limit: u64, window: Duration) -> Result<Self> {
        Self::new(counters, limit, window, |limit, length| Ok(Algorithm::FixedWindow(FixedWindow { limit, length })))
    }

    /// Allows at most `limit` requests in any period of the length of the window.
    ///
    /// # Errors
    /// As for [`fixed_window`](Self::fixed_window), and for limits above 130,000 in a window so short that its requests
    /// could not be told apart. Checks fail if the provider has no
    /// [`increment_within`](CounterProvider::increment_within).
    pub fn sliding_window(counters: P, limit: u64, window: Duration) -> Result<Self> {
        Self::new(counters, limit, window, |limit, length| {
            SlidingWindow::new(limit, length).map(Algorithm::SlidingWindow)
        })
    }

    /// Allows `limit` requests at once, and then one for each token that comes back: `limit` tokens in `window`,
    /// evenly. For a burst of 100 and 10 requests per second, the limit is 100 and the window 10 s.
    ///
    /// A rate that is not a whole number of thousandths of a millisecond per token is rounded down by less than 1 %;
    /// results then contain the rounded window.
    ///
    /// # Errors
    /// As for [`fixed_window`](Self::fixed_window), and for more than 10 tokens per millisecond where they do not divide
    /// the window evenly. Checks fail if the provider has no
    /// [`increment_within`](CounterProvider::increment_within).
    pub fn token_bucket(counters: P, limit: u64, window: Duration) -> Result<Self> {
        let limiter =
            Self::new(counters, limit, window, |limit, window| Bucket::new(limit, window).map(Algorithm::TokenBucket));
        limiter.map(|limiter| match limiter.algorithm {
            Algorithm::TokenBucket(bucket) => Self { window: bucket.window(), ..limiter },
            Algorithm::FixedWindow(_) | Algorithm::SlidingWindow(_) => limiter,
        })
    }

    fn new(
        counters: P,
        limit: u64,
        window: Duration,
        algorithm: impl FnOnce(u64, u64) -> Result<Algorithm>,
    ) -> Result<Self> {
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(CacheError::invalid("limit", format!("{limit} is not from 1 to {MAX_LIMIT}")));
        }
        let longest = MAX_TTL_MS / 3;
        let window = match whole_ms(window) {
            Ok(ms) if ms <= longest => ms,
            _ => return Err(CacheError::invalid("window", format!("{window:?} is not from 1 ms to {longest} ms"))),
        };
        Ok(Self {
            counters,
            algorithm: algorithm(limit, window)?,
            limit,
            window,
            on_store_error: OnStoreError::default(),
            clock: Arc::new(UnixClock),
            counts: Arc::default(),
        })
    }

    /// Sets the result of a check if the store fails. The default is [`OnStoreError::Fail`].
    #[must_use]
    pub fn on_store_error(mut self, on_store_error: OnStoreError) -> Self {
        self.on_store_error = on_store_error;
        self
    }

    /// Sets the clock. The default is the system clock. All limiters that share the counters must agree on the time.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    fn answer(&self, Verdict { allowed, remaining, reset_after }: Verdict) -> RateLimit {
        let remaining = u64::try_from(remaining).unwrap_or(0);
        let [reset_after, window] = [reset_after, self.window].map(Duration::from_millis);
        RateLimit { allowed, limit: self.limit, remaining, reset_after, window, error: None }
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

    /// The result for a request, even if the store has failed.
    fn answered(&self, verdict: Result<Verdict>, now: u64) -> Result<RateLimit> {
        let error = match verdict {
            Ok(verdict) => return Ok(self.answer(verdict)),
            // It concerns the request or the limiter, not the state of the store.
            Err(error @ CacheError::InvalidArgument { .. }) => return Err(error),
            Err(error) => error,
        };
        self.counts.failed();
        if self.on_store_error == OnStoreError::Fail {
            return Err(error);
        }
        let allowed = self.on_store_error == OnStoreError::Allow;
        let reset_after = match self.algorithm {
            Algorithm::FixedWindow(window) => window.left(now),
            Algorithm::SlidingWindow(_) | Algorithm::TokenBucket(_) => self.window,
        };
        Ok(RateLimit { error: Some(error), ..self.answer(Verdict { allowed, remaining: 0, reset_after }) })
    }
}

impl<P: CounterProvider + CacheProvider<i64>> RateLimiter<P> {
    /// Counts a request from `ip` to `endpoint`, and returns whether it is allowed.
    ///
    /// Pass the route as the endpoint, not the path of the request: a client that can choose the name of its counter has
    /// no limit.
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`] for a key longer than 32 KiB, and for a sliding window or a token bucket over a
    /// provider that cannot count within bounds, whatever [`OnStoreError`] says; and, with [`Fail`](OnStoreError::Fail), the failure of the
    /// store.
    pub async fn check(&self, ip: impl KeyPart, endpoint: impl KeyPart) -> Result<RateLimit> {
        self.check_key(&key::patterns::rate(ip, endpoint)).await
    }

    /// As [`check`](Self::check), under any key.
    ///
    /// # Errors
    /// As for [`check`](Self::check).
    pub async fn check_key(&self, key: &str) -> Result<RateLimit> {
        self.check_cost(key, 1).await
    }

    /// As [`check_key`](Self::check_key), for a request that counts as `cost` requests. It is allowed as a whole or not
    /// at all.
    ///
    /// # Errors
    /// As for [`check`](Self::check), and for a cost that is not from 1 to the limit.
    pub async fn check_cost(&self, key: &str, cost: u64) -> Result<RateLimit> {
        let units = self.units(key, cost)?;
        let now = self.clock.now_ms();
        let verdict = match &self.algorithm {
            Algorithm::FixedWindow(window) => window.check(&self.counters, key, units, now).await,
            Algorithm::SlidingWindow(window) => window.check(&self.counters, key, cost, now).await,
            Algorithm::TokenBucket(bucket) => bucket.check(&self.counters, key, cost, now).await,
        };
        let answer = self.answered(verdict, now)?;
        self.counts.checked(answer.allowed);
        Ok(answer)
    }

    /// Returns what [`check`](Self::check) would return now, without counting a request.
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
        self.peek_cost(key, 1).await
    }

    /// As [`peek_key`](Self::peek_key), for a request that counts as `cost` requests.
    ///
    /// # Errors
    /// As for [`check_cost`](Self::check_cost).
    pub async fn peek_cost(&self, key: &str, cost: u64) -> Result<RateLimit> {
        let units = self.units(key, cost)?;
        let now = self.clock.now_ms();
        let verdict = match &self.algorithm {
            Algorithm::FixedWindow(window) => window.peek(&self.counters, key, units, now).await,
            Algorithm::SlidingWindow(window) => window.peek(&self.counters, key, cost, now).await,
            Algorithm::TokenBucket(bucket) => bucket.peek(&self.counters, key, cost, now).await,
        };
        self.answered(verdict, now)
    }

    /// Forgets the requests of a client. Returns whether there were any that still counted.
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`] as for [`check`](Self::check); the failure of the store, whatever [`OnStoreError`]
    /// says.
    pub async fn reset(&self, ip: impl KeyPart, endpoint: impl KeyPart) -> Result<bool> {
        self.reset_key(&key::patterns::rate(ip, endpoint)).await
    }

    /// As [`reset`](Self::reset), under any key.
    ///
    /// # Errors
    /// As for [`reset`](Self::reset).
    pub async fn reset_key(&self, key: &str) -> Result<bool> {
        self.units(key, 1)?;
        match &self.algorithm {
            Algorithm::FixedWindow(window) => self.counters.delete(&window.counter(key, self.clock.now_ms())).await,
            Algorithm::SlidingWindow(window) => {
                let counters = window.counters(key);
                Ok(self.counters.delete_many(&counters.iter().map(String::as_str).collect::<Vec<_>>()).await? > 0)
            }
            Algorithm::TokenBucket(bucket) => self.counters.delete(&bucket.counter(key)).await,
        }
    }

    /// Returns the counts of this limiter, and the number of entries that its store has evicted.
    ///
    /// # Errors
    /// The failure of the store.
    pub async fn get_stats(&self) -> Result<RateLimiterStats> {
        Ok(self.counts.stats(self.counters.get_stats().await?.evictions))
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
