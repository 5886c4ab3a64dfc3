//! Rates: token buckets on an injected clock.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use isocache::Clock;

use super::limits::Limits;
use super::profile::Profile;

/// How long until the next request would pass, in milliseconds; for the header `Retry-After`.
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

    /// In whole seconds, at least 1.
    pub fn seconds(self) -> u64 {
        self.ms.div_ceil(1000).max(1)
    }
}

/// A bucket that fills at a rate. What is in it is counted in thousandths, so that a rate a second is a number a millisecond.
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

    /// 0 if something is left, else the milliseconds until there is.
    fn wait_ms(&self) -> u64 {
        if self.level > 0 {
            0
        } else {
            1_i64.saturating_sub(self.level).unsigned_abs().div_ceil(self.rate.unsigned_abs())
        }
    }

    /// May leave it below 0: a request whose cost is known only afterwards, or is more than a burst, is paid for later.
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

/// What the profiles have used of their rates. Keeps a bounded number of accounts.
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
    most: usize,
    accounts: Mutex<Accounts>,
}

#[derive(Debug, Default)]
struct Accounts {
    by_name: HashMap<Box<str>, Account>,
    swept_ms: u64,
}

impl Accounts {
    /// Drops the accounts that are full again, which are as good as none; once a second at most, for it looks at all.
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

/// The account of all those for whom there is no room. No profile has an empty name.
const OTHERS: &str = "";

impl<C: Clock> RequestQuota<C> {
    /// About `most` profiles at a time (one more, at most) have an account of their own; those beyond share one, at the rate of the first of
    /// them, so that many subjects together get no more than one.
    pub fn new(clock: C, most: usize) -> Self {
        Self { clock, most, accounts: Mutex::default() }
    }

    /// Takes what a request costs, or tells how long to wait. A request passes as long as something is left; what it takes
    /// beyond that is paid back before the next one passes, so that the rate holds in the long run.
    ///
    /// # Errors
    /// If nothing is left. Nothing is taken then.
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

    /// Takes bytes that are known only now, such as those of a response.
    pub fn charge(&self, profile: &Profile, bytes: u64) {
        self.with(profile, |account| account.take(0, bytes));
    }

    /// How many accounts there are.
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
            if accounts.by_name.len() >= self.most {
                accounts.sweep(now_ms);
            }
            if accounts.by_name.len() >= self.most {
                name = OTHERS;
            }
            accounts.by_name.entry(name.into()).or_insert_with(|| Account::new(limits, now_ms));
        }
        let account = accounts.by_name.get_mut(name)?;
        account.fill(now_ms);
        Some(act(account))
    }
}
