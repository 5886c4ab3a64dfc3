//! A rate limiter over counters.

use std::sync::Arc;
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

/// What a check answers when the store fails.
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
    /// The limit: requests in a window.
    pub limit: u64,
    /// How many more would be allowed now.
    pub remaining: u64,
    /// If it was refused: how long until a request is allowed, if nobody else asks meanwhile. If it was allowed: how long
    /// until the window ends in which it was counted.
    pub reset_after: Duration,
    /// The failure of the store, where [`OnStoreError`] has answered in its place: nothing was counted for certain then.
    pub error: Option<CacheError>,
}

/// So many requests in a window, counted in any provider that counts, so that all processes on one store count together.
///
/// Windows begin at whole multiples of their length since 1970, by the clock of the machine; machines whose clocks differ
/// count the difference in another window. The counters are `rate:{ip}:{endpoint}:{window}:{number}`, in milliseconds, and
/// go by themselves; [`keys::rate::glob`](crate::keys::rate::glob) clears those of an address.
///
/// | | [`fixed_window`](Self::fixed_window) | [`sliding_window`](Self::sliding_window) |
/// |---|---|---|
/// | counts | the requests of this window | those, and of the window before the share that still overlaps |
/// | in one window | never more than the limit | never more than the limit |
/// | across a border | up to twice the limit at once | at most `limit × (1 + s / window)` in any time `s` up to a window |
/// | round trips | 1 | 2; 1 where it refuses at once |
/// | refused requests | count, in this window only | do not count |
///
/// The sliding window takes the requests of the window before as spread evenly over it. Both bounds hold for any number of
/// concurrent callers, because a request is allowed by the sum that its own increment gave. Where several callers meet at
/// the limit of a sliding window, one that came in time may be refused while another is taking its count back; none too
/// many is allowed. A store that evicts or loses counters forgets what they counted.
///
/// ```
/// use isocache::{MemoryCacheProvider, RateLimiter};
/// use std::time::Duration;
///
/// # pollster::block_on(async {
/// let counters = MemoryCacheProvider::<i64>::default();
/// let limiter = RateLimiter::fixed_window(counters, 2, Duration::from_secs(3600))?;
/// # let limiter = limiter.clock(isocache::ManualClock::new());
/// assert_eq!(limiter.check("10.0.0.7", "/login").await?.remaining, 1);
/// assert_eq!(limiter.check("10.0.0.7", "/login").await?.remaining, 0);
/// assert!(!limiter.check("10.0.0.7", "/login").await?.allowed);
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
        Ok(Self { counters, algorithm, limit, window, on_store_error: OnStoreError::default(), clock })
    }

    /// What a check answers when the store fails. [`OnStoreError::Fail`] if not set.
    #[must_use]
    pub fn on_store_error(mut self, on_store_error: OnStoreError) -> Self {
        self.on_store_error = on_store_error;
        self
    }

    /// Another clock than the machine's. All that share counters must agree on it.
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

    /// How many requests there are room for, when the window before had `before` and this one has `current`; less than
    /// none, if there are too many.
    fn room(&self, before: i64, current: i64, elapsed: u64) -> i128 {
        let [limit, window, elapsed] = [self.limit, self.window, elapsed].map(i128::from);
        let fading = i128::from(before) * (window - elapsed);
        ((limit - i128::from(current)) * window - fading).div_euclid(window)
    }

    /// How long until there is room for one, in milliseconds, from a moment without.
    fn wait(&self, before: i64, current: i64, elapsed: u64) -> u64 {
        let [limit, window, elapsed] = [self.limit, self.window, elapsed].map(i128::from);
        let [before, current] = [before, current].map(i128::from);
        // When in a window there is room beside `current`, if the window before had `before`.
        let since = |before: i128, current: i128| window - (limit - 1 - current) * window / before.max(1);
        let wait = if current < limit {
            since(before, current) - elapsed
        } else {
            // Not in this window any more. In the next one, this one is the one before.
            window - elapsed + since(current, 0)
        };
        u64::try_from(wait.max(1)).unwrap_or(self.window)
    }

    fn answer(&self, allowed: bool, remaining: u64, reset_after: u64) -> RateLimit {
        let reset_after = Duration::from_millis(reset_after);
        RateLimit { allowed, limit: self.limit, remaining, reset_after, error: None }
    }
}

impl<P: CounterProvider + CacheProvider<i64>> RateLimiter<P> {
    /// Counts a request from `ip` to `endpoint`, and says whether it may go on.
    ///
    /// Give the route as the endpoint, not the path as it came: who may choose the name of the counter has no limit.
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`] for a key of more than 32 KiB, whatever [`OnStoreError`] says; and, if that is
    /// [`Fail`](OnStoreError::Fail), the failure of the store.
    pub async fn check(&self, ip: impl KeyPart, endpoint: impl KeyPart) -> Result<RateLimit> {
        let key = key::patterns::rate(ip, endpoint);
        self.check_key(&key).await
    }

    /// As [`check`](Self::check), under any key: `rate:{key of a client}`.
    ///
    /// # Errors
    /// As for [`check`](Self::check).
    pub async fn check_key(&self, key: &str) -> Result<RateLimit> {
        key::check(key)?;
        if key.len() > MAX_KEY {
            let (quoted, length) = (key::quote(key), key.len());
            let reason = format!("{quoted} has {length} bytes, more than the {MAX_KEY} of a rate limiter");
            return Err(CacheError::invalid("key", reason));
        }
        let checked = match self.algorithm {
            Algorithm::Fixed => self.check_fixed(key).await,
            Algorithm::Sliding => self.check_sliding(key).await,
        };
        match (checked, self.on_store_error) {
            // It is about the request, and not about the store.
            (Err(error @ CacheError::InvalidArgument { .. }), _) | (Err(error), OnStoreError::Fail) => Err(error),
            (Err(error), how) => {
                let allowed = how == OnStoreError::Allow;
                let left = self.window - self.moment().elapsed;
                Ok(RateLimit { error: Some(error), ..self.answer(allowed, 0, left) })
            }
            (checked, _) => checked,
        }
    }

    async fn check_fixed(&self, key: &str) -> Result<RateLimit> {
        let Moment { number, elapsed } = self.moment();
        // Twice the window, so that a clock that is behind still finds the counter.
        let count = self.add(&self.counter(key, number), 1, 2).await?;
        let room = self.room(0, count, elapsed);
        Ok(self.answer(room >= 0, u64::try_from(room).unwrap_or(0), self.window - elapsed))
    }

    async fn check_sliding(&self, key: &str) -> Result<RateLimit> {
        let Moment { number, elapsed } = self.moment();
        let current = self.counter(key, number);
        let last = number.checked_sub(1).map(|last| self.counter(key, last));
        let names = [Some(current.as_str()), last.as_deref()];
        let names: Vec<&str> = names.into_iter().flatten().collect();
        let counts = self.counters.get_many(&names).await?;
        let count = |at: usize| counts.get(at).copied().flatten().unwrap_or(0).max(0);
        let (now, before) = (count(0), count(1));
        if self.room(before, now, elapsed) < 1 {
            return Ok(self.answer(false, 0, self.wait(before, now, elapsed)));
        }
        let sum = self.add(&current, 1, 3).await?;
        let room = self.room(before, sum, elapsed);
        if let Ok(room) = u64::try_from(room) {
            return Ok(self.answer(true, room, self.window - elapsed));
        }
        // Others came between. If it cannot be taken back, the count stays too high by one, which refuses and never allows.
        let _ = self.add(&current, -1, 3).await;
        Ok(self.answer(false, 0, self.wait(before, sum - 1, elapsed)))
    }

    /// Adds to a counter that lives for so many windows.
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
