//! [`MemoryStore`], the public interface of the embedded store.

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, Once, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use foldhash::fast::RandomState;
use isocache::__bridge::StaleCheck;
use isocache::Result;
use isocache::engine::{Advisor, Estimate};
use isocache_protocol::{Command, Reply};
use tokio::time::{MissedTickBehavior, interval};

use super::channels::{Channels, Subscription};
use super::commands;
use super::database::{Database, Table};
use super::error;
use super::options::MemoryStoreOptions;
use crate::invalidations::{Log, Origin};

/// The number of commands that run under one lock. It is large enough to amortize the lock, and small enough that other
/// callers do not wait long.
const CHUNK: usize = 32;

/// The interval at which expired entries are removed while removals are announced. It is that of Redis.
const SWEEP_INTERVAL: Duration = Duration::from_millis(100);

/// The maximum number of entries inspected under one lock.
const SWEEP_BUDGET: u32 = 1024;

/// A bounded key-value store with the commands of Redis. The [module](super) lists the differences.
///
/// Clones share the same store. One lock guards it, and no operation blocks while it holds the lock.
#[derive(Clone)]
pub struct MemoryStore {
    shared: Arc<Shared>,
    /// The client that changes entries through this clone.
    origin: Option<Origin>,
}

/// The state that the clones of a store share.
pub(super) struct Shared {
    pub(super) options: MemoryStoreOptions,
    pub(super) hasher: RandomState,
    pub(super) channels: Arc<Channels>,
    /// The changes of the entries.
    pub(super) log: Arc<Log>,
    /// Done once the log is open.
    announcing: Once,
    /// When the store was created, by its clock.
    pub(super) started: i64,
    /// The number of calls of `RANDOMKEY`. Hashed with the randomly seeded hasher, it gives random numbers.
    pub(super) draws: AtomicU64,
    table: Mutex<Table>,
    /// Locked only under the lock of the table.
    pub(super) advisor: Option<Mutex<Advisor>>,
}

impl Shared {
    /// Milliseconds since 1970.
    pub(super) fn now(&self) -> i64 {
        i64::try_from(self.options.clock.now_ms()).unwrap_or(i64::MAX)
    }
}

impl MemoryStore {
    /// Creates an empty store.
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`](isocache::CacheError::InvalidArgument) for an option that is out of range.
    pub fn new(options: MemoryStoreOptions) -> Result<Self> {
        let limits = options.limits()?;
        let mut shared = Shared {
            channels: Arc::new(Channels::new(options.subscriber_queue)),
            log: Arc::default(),
            announcing: Once::new(),
            table: Mutex::new(Table::new(limits, options.policy, false)),
            // It grows with the number of entries that fit into the byte limit.
            advisor: options.advise.then(|| Mutex::new(Advisor::new(1))),
            options,
            hasher: RandomState::default(),
            started: 0,
            draws: AtomicU64::new(0),
        };
        shared.started = shared.now();
        Ok(Self { shared: Arc::new(shared), origin: None })
    }

    /// The same store, for the commands of an origin.
    #[must_use]
    pub fn by(&self, origin: Origin) -> Self {
        Self { shared: Arc::clone(&self.shared), origin: Some(origin) }
    }

    /// Runs the commands in order and returns a reply for each. Each command is atomic; commands of other callers may run
    /// between them.
    #[must_use]
    pub fn run(&self, commands: &[Command]) -> Vec<Reply> {
        let mut replies = Vec::with_capacity(commands.len());
        for chunk in commands.chunks(CHUNK) {
            self.with_database(|database| {
                replies.extend(chunk.iter().map(|command| commands::run(database, command)));
            });
        }
        replies
    }

    /// Runs the commands as one transaction, like `MULTI` and `EXEC` of Redis: no other command runs between them. If a
    /// command fails, its reply is the error, and the others still run.
    ///
    /// # Errors
    /// Redis' error text if a command is unknown or has a wrong number of arguments. No command has then run.
    pub fn transaction(&self, commands: &[Command]) -> Result<Vec<Reply>, String> {
        if commands.iter().any(|command| commands::refused(command).is_some()) {
            return Err(error::ABORTED.to_owned());
        }
        Ok(self.with_database(|database| commands.iter().map(|command| commands::run(database, command)).collect()))
    }

    /// Removes the keys that match a pattern and returns their number. Stale entries that `check` recognizes do not
    /// count. Holds the lock for a bounded number at a time.
    pub fn clear(&self, pattern: &[u8], check: Option<StaleCheck>) -> u64 {
        let (mut cursor, mut removed) = (Bytes::from_static(b"0"), 0);
        loop {
            let scan: Command = [b"SCAN", &*cursor, b"MATCH", pattern, b"COUNT", b"512"].into_iter().collect();
            let Some(Reply::Array(step)) = self.run(&[scan]).pop() else { return removed };
            let [Reply::Bulk(next), Reply::Array(keys)] = step.as_slice() else { return removed };
            let keys: Vec<&Bytes> = keys.iter().filter_map(Reply::bytes).collect();
            removed += self.with_database(|database| {
                let remove = |key: &&&Bytes| {
                    let is_stale = check.is_some_and(|check| {
                        database.find(key).is_some_and(|slot| check.is_stale(&database.value(slot)))
                    });
                    database.remove(key) && !is_stale
                };
                keys.iter().filter(remove).count() as u64
            });
            if **next == *b"0" {
                return removed;
            }
            cursor = next.clone();
        }
    }

    /// Subscribes to channels by name and by pattern. The subscription ends when it is dropped, or when more than
    /// [`MemoryStoreOptions::subscriber_queue`] messages wait for it.
    #[must_use]
    pub fn subscribe(&self, channels: &[Bytes], patterns: &[Bytes]) -> Subscription {
        self.shared.channels.subscribe(channels, patterns)
    }

    /// The log of changes, which are recorded from the first call on, with heartbeats at an interval. From then on,
    /// expired entries are removed and announced even if nobody looks them up.
    ///
    /// # Panics
    /// If called outside a tokio runtime.
    #[must_use]
    pub fn changes(&self, heartbeat: Duration) -> Arc<Log> {
        let log = &self.shared.log;
        self.shared.announcing.call_once(|| {
            log.open();
            tokio::spawn(announce(Arc::downgrade(&self.shared), heartbeat));
        });
        Arc::clone(log)
    }

    /// The log of the changes, open or not.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.shared.log
    }

    /// Estimates of the hits of `GET` and `MGET` at other sizes and under each policy, from a sample; none without
    /// [`MemoryStoreOptions::advise`].
    #[must_use]
    pub fn advise(&self) -> Vec<Estimate> {
        let counters = self.with_database(|database| database.counters());
        self.shared.advisor.as_ref().map_or_else(Vec::new, |advisor| {
            let advisor = advisor.lock().unwrap_or_else(PoisonError::into_inner);
            advisor.estimates(self.shared.options.policy, counters.hits, counters.misses)
        })
    }

    /// Runs `work` under the lock. Removed entries are dropped after the lock is released.
    pub(super) fn with_database<R>(&self, work: impl FnOnce(&mut Database<'_>) -> R) -> R {
        let shared = &*self.shared;
        // The clock may be code of the caller, so it is read outside the lock.
        let now = shared.now();
        // A panic under the lock can only come from a failed allocation, which happens between changes.
        let mut table = shared.table.lock().unwrap_or_else(PoisonError::into_inner);
        let mut database = Database::new(shared, &mut table, now, self.origin);
        let result = work(&mut database);
        let (_leavers, has_changes) = database.finish();
        drop(table);
        if has_changes {
            shared.log.publish();
        }
        result
    }
}

/// Sends heartbeats and removes expired entries as long as the store exists.
async fn announce(shared: Weak<Shared>, heartbeat: Duration) {
    let [mut heartbeats, mut sweeps] = [heartbeat, SWEEP_INTERVAL].map(|period| {
        let mut ticks = interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks
    });
    loop {
        let is_heartbeat = tokio::select! {
            _ = heartbeats.tick() => true,
            _ = sweeps.tick() => false,
        };
        let Some(shared) = shared.upgrade() else { return };
        if is_heartbeat {
            shared.log.heartbeat();
        } else {
            let store = MemoryStore { shared, origin: None };
            while store.with_database(|database| database.sweep_some(SWEEP_BUDGET)) > 0 {}
        }
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (entries, bytes) = self.with_database(|database| (database.len(), database.weight()));
        f.debug_struct("MemoryStore").field("entries", &entries).field("bytes", &bytes).finish_non_exhaustive()
    }
}
