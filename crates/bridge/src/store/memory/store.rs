//! [`MemoryStore`]: what its users see.

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use foldhash::fast::RandomState;
use isocache::Result;
use isocache::engine::PolicyKind;
use isocache_protocol::{Command, Reply};

use super::channels::{Channels, Subscription};
use super::commands;
use super::database::{Database, Table};
use super::error;
use super::options::MemoryStoreOptions;

/// The commands that run under one lock: enough that the lock costs little, so few that others wait little.
const BUNCH: usize = 32;

/// A bounded key-value store that answers as Redis does. See the [module](super) for what it has and where it differs.
///
/// Its clones are the same store. One lock guards it; nothing waits under it.
#[derive(Clone)]
pub struct MemoryStore {
    shared: Arc<Shared>,
}

/// What the clones of a store have in common.
pub(super) struct Shared {
    pub(super) options: MemoryStoreOptions,
    pub(super) hasher: RandomState,
    pub(super) channels: Arc<Channels>,
    /// When the store was made, by its clock.
    pub(super) started: i64,
    /// The keys drawn at random so far: with the hasher, which differs in each store, the source of chance.
    pub(super) draws: AtomicU64,
    table: Mutex<Table>,
}

impl Shared {
    /// Milliseconds since 1970.
    pub(super) fn now(&self) -> i64 {
        i64::try_from(self.options.clock.now_ms()).unwrap_or(i64::MAX)
    }
}

impl MemoryStore {
    /// An empty store.
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`](isocache::CacheError::InvalidArgument) for an option that is out of range.
    pub fn new(options: MemoryStoreOptions) -> Result<Self> {
        let limits = options.limits()?;
        let mut shared = Shared {
            channels: Arc::new(Channels::new(options.subscriber_queue)),
            options,
            hasher: RandomState::default(),
            started: 0,
            draws: AtomicU64::new(0),
            table: Mutex::new(Table::new(limits, PolicyKind::Lru, false)),
        };
        shared.started = shared.now();
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Runs the commands, one after the other, and returns a reply for each. Others may run theirs in between; what one
    /// command does, they see as a whole or not at all.
    #[must_use]
    pub fn run(&self, commands: &[Command]) -> Vec<Reply> {
        let mut replies = Vec::with_capacity(commands.len());
        for bunch in commands.chunks(BUNCH) {
            self.with_database(|database| {
                replies.extend(bunch.iter().map(|command| commands::run(database, command)));
            });
        }
        replies
    }

    /// Runs the commands as Redis runs what stands between `MULTI` and `EXEC`: nobody else's come in between. A command that
    /// fails when it runs has its error in the list; the others run.
    ///
    /// # Errors
    /// The text of Redis' error if a command is unknown or has a wrong number of arguments. Then none was run.
    pub fn transaction(&self, commands: &[Command]) -> Result<Vec<Reply>, String> {
        if commands.iter().any(|command| commands::refused(command).is_some()) {
            return Err(error::ABORTED.to_owned());
        }
        Ok(self.with_database(|database| commands.iter().map(|command| commands::run(database, command)).collect()))
    }

    /// Removes the keys that match a pattern, a bounded number under the lock at a time; how many there were.
    pub fn clear(&self, pattern: &[u8]) -> u64 {
        let (mut cursor, mut removed) = (Bytes::from_static(b"0"), 0);
        loop {
            let scan: Command = [b"SCAN", &*cursor, b"MATCH", pattern, b"COUNT", b"512"].into_iter().collect();
            let Some(Reply::Array(step)) = self.run(&[scan]).pop() else { return removed };
            let [Reply::Bulk(next), Reply::Array(keys)] = step.as_slice() else { return removed };
            let names = keys.iter().filter_map(Reply::bytes);
            let unlink: Command = std::iter::once(&b"UNLINK"[..]).chain(names.map(|key| &key[..])).collect();
            if let (2.., Some(Reply::Integer(count))) = (unlink.len(), self.run(&[unlink]).pop()) {
                removed += u64::try_from(count).unwrap_or(0);
            }
            if **next == *b"0" {
                return removed;
            }
            cursor = next.clone();
        }
    }

    /// Subscribes to channels by name and by pattern, from now on. The subscription ends when it is dropped, or when more
    /// messages wait for it than [`MemoryStoreOptions::subscriber_queue`] says.
    #[must_use]
    pub fn subscribe(&self, channels: &[Bytes], patterns: &[Bytes]) -> Subscription {
        self.shared.channels.subscribe(channels, patterns)
    }

    /// Runs `work` under the lock. What it removed is dropped outside of it.
    pub(super) fn with_database<R>(&self, work: impl FnOnce(&mut Database<'_>) -> R) -> R {
        let shared = &*self.shared;
        // A clock is the caller's code: it is asked outside the lock.
        let now = shared.now();
        // A panic under the lock can only come from running out of memory, between changes.
        let mut table = shared.table.lock().unwrap_or_else(PoisonError::into_inner);
        let mut database = Database::new(shared, &mut table, now);
        let result = work(&mut database);
        let leavers = database.into_leavers();
        drop(table);
        drop(leavers);
        result
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (entries, bytes) = self.with_database(|database| (database.len(), database.weight()));
        f.debug_struct("MemoryStore").field("entries", &entries).field("bytes", &bytes).finish_non_exhaustive()
    }
}
