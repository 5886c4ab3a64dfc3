//! Rate limits: token buckets on an injected clock.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use isocache::Clock;

use super::limits::Limits;
use super::profile::Profile;

/// The time until the next request passes, for the header `Retry-After`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// Milliseconds, at least 1.
    pub ms: u64,
}

impl Wait {
    /// The status of the response.
    pub const STATUS: u16 = 429;
    /// The text of the error.
    pub const TEXT: &'static str = "ERR rate limit exceeded";

    /// The time in whole seconds, at least 1.
    pub fn seconds(self) -> u64 {
        self.ms.div_ceil(1000).max(1)
    }
}

/// A token bucket. Its level is in thousandths, so that a rate per second is also the number of thousandths per millisecond.
#[derive(Debug)]
struct Bucket {
    rate: i64,
    full: i64,
    level: i64,
}

impl Bucket {
    fn new(rate: u64, burst: Option<u64>) -> Self {
        let small = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let full = small(burst.unwrap_or(rate).max(1)).saturating_mul(1000);
        Self { rate: small(rate).max(1), full, level: full }
    }

    fn fill(&mut self, ms: u64) {
        let more = self.rate.saturating_mul(i64::try_from(ms).unwrap_or(i64::MAX));
        self.level = self.level.saturating_add(more).min(self.full);
    }

    /// The milliseconds until the level is above 0; 0 if it is.
    fn wait_ms(&self) -> u64 {
        if self.level > 0 {
            0
        } else {
            1_i64.saturating_sub(self.level).unsigned_abs().div_ceil(self.rate.unsigned_abs())
        }
    }

    /// The level may become negative: a cost that is known only afterwards, or exceeds a burst, delays later requests.
    fn take(&mut self, cost: u64) {
        let cost = i64::try_from(cost).unwrap_or(i64::MAX).saturating_mul(1000);
        self.level = self.level.saturating_sub(cost);
    }
}

/// The buckets of one profile.
#[derive(Debug)]
struct Account {
    commands: Option<Bucket>,
    bytes: Option<Bucket>,
    at_ms: u64,
}

impl Account {
    fn new(limits: &Limits, at_ms: u64) -> Self {
        Self {
            commands: limits.commands_per_second.map(|rate| Bucket::new(rate, limits.commands_burst)),
            bytes: limits.bytes_per_second.map(|rate| Bucket::new(rate, limits.bytes_burst)),
            at_ms,
        }
    }

    fn buckets(&mut self) -> impl Iterator<Item = &mut Bucket> {
        self.commands.iter_mut().chain(self.bytes.iter_mut())
    }

    fn fill(&mut self, now_ms: u64) {
        let elapsed = now_ms.saturating_sub(self.at_ms);
        self.at_ms = self.at_ms.max(now_ms);
        self.buckets().for_each(|bucket| bucket.fill(elapsed));
    }

    fn take(&mut self, commands: u64, bytes: u64) {
        if let Some(bucket) = &mut self.commands {
            bucket.take(commands);
        }
        if let Some(bucket) = &mut self.bytes {
            bucket.take(bytes);
        }
    }
}

/// The rate limits of all profiles. It keeps a bounded number of accounts.
///
/// ```
/// use isocache::ManualClock;
/// use isocache_bridge::access::{Limits, Profile, RequestQuota};
/// use std::time::Duration;
///
/// let clock = ManualClock::new();
/// let limiter = RequestQuota::new(clock.clone(), 1000);
/// let mut profile = Profile::admin("job");
/// profile.limits.commands_per_second = Some(10);
/// assert!(limiter.take(&profile, 10, 100).is_ok());
/// assert_eq!(limiter.take(&profile, 1, 100).unwrap_err().ms, 1);
/// clock.advance(Duration::from_millis(100));
/// assert!(limiter.take(&profile, 1, 100).is_ok());
/// ```
#[derive(Debug)]
pub struct RequestQuota<C> {
    clock: C,
    max_accounts: usize,
    accounts: Mutex<Accounts>,
}

#[derive(Debug, Default)]
struct Accounts {
    by_name: HashMap<Box<str>, Account>,
    swept_ms: u64,
}

impl Accounts {
    /// Removes the accounts whose buckets are full again. Since it visits all accounts, it runs at most once per second.
    fn sweep(&mut self, now_ms: u64) {
        if now_ms.saturating_sub(self.swept_ms) < 1000 {
            return;
        }
        self.swept_ms = now_ms;
        self.by_name.retain(|_, account| {
            account.fill(now_ms);
            account.buckets().any(|bucket| bucket.level < bucket.full)
        });
    }
}

/// The account shared by all profiles beyond the limit. No profile has an empty name.
const OTHERS: &str = "";

impl<C: Clock> RequestQuota<C> {
    /// Creates a quota with at most `max_accounts` accounts. Further profiles share one more account, with the rate of the
    /// first of them, so that many subjects do not multiply the rate.
    pub fn new(clock: C, max_accounts: usize) -> Self {
        Self { clock, max_accounts, accounts: Mutex::default() }
    }

    /// Takes the cost of a request, or returns how long to wait. A request passes if the level is above 0, even if it costs
    /// more. The next request then waits until the level is above 0 again, which keeps the average rate.
    ///
    /// # Errors
    /// [`Wait`] if the level is 0 or below, which then does not change.
    pub fn take(&self, profile: &Profile, commands: u64, bytes: u64) -> Result<(), Wait> {
        self.with(profile, |account| {
            let ms = account.buckets().map(|bucket| bucket.wait_ms()).max().unwrap_or(0);
            if ms > 0 {
                return Err(Wait { ms });
            }
            account.take(commands, bytes);
            Ok(())
        })
        .unwrap_or(Ok(()))
    }

    /// Takes bytes that can only be counted afterwards, such as those of a response.
    pub fn charge(&self, profile: &Profile, bytes: u64) {
        self.with(profile, |account| account.take(0, bytes));
    }

    /// The number of accounts.
    pub fn accounts(&self) -> usize {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner).by_name.len()
    }

    fn with<T>(&self, profile: &Profile, act: impl FnOnce(&mut Account) -> T) -> Option<T> {
        let limits = &profile.limits;
        if limits.commands_per_second.is_none() && limits.bytes_per_second.is_none() {
            return None;
        }
        let now_ms = self.clock.now_ms();
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut name = profile.name.as_str();
        if !accounts.by_name.contains_key(name) {
            if accounts.by_name.len() >= self.max_accounts {
                accounts.sweep(now_ms);
            }
            if accounts.by_name.len() >= self.max_accounts {
                name = OTHERS;
            }
            accounts.by_name.entry(name.into()).or_insert_with(|| Account::new(limits, now_ms));
        }
        let account = accounts.by_name.get_mut(name)?;
        account.fill(now_ms);
        Some(act(account))
    }
}
