//! [`Log`]: the changes, numbered, and who is told of them.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::mem::take;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::watch;

use super::counts::Counts;
use super::history::{History, Missed};
use super::pending::Pending;
use super::prefix_index::{PrefixIndex, disjoint};
use super::reader::{Queue, Reader};
use super::{Change, Origin, Position};

/// The changes of a store, numbered, and the readers of them. It is closed until changes can be observed.
#[derive(Debug, Default)]
pub struct Log {
    is_open: AtomicBool,
    opened: watch::Sender<bool>,
    counts: Counts,
    /// What was noted and is not numbered yet, in the order in which it happened.
    noted: Mutex<Vec<Noted>>,
    state: Mutex<Option<State>>,
}

/// What a store did.
#[derive(Debug)]
pub enum Noted {
    /// It changed these keys, in this order.
    Keys(Vec<Change>),
    /// It was emptied.
    All,
}

/// Which changes a reader wants to see.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// The prefixes of the keys; the empty prefix is every key.
    pub prefixes: Vec<Bytes>,
    /// The position up to which the reader has seen everything, if there is one.
    pub since: Option<Position>,
    /// The origin of the reader's own changes.
    pub origin: Option<Origin>,
}

/// An epoch.
#[derive(Debug)]
struct State {
    position: Position,
    history: History,
    next_reader: u64,
    readers: HashMap<u64, Registered>,
    index: PrefixIndex,
}

#[derive(Debug)]
struct Registered {
    prefixes: Vec<Bytes>,
    queue: Arc<Queue>,
}

impl Log {
    /// The current position; `None` while the log is closed.
    pub fn position(&self) -> Option<Position> {
        if !self.is_open() {
            return None;
        }
        self.state().as_ref().map(|state| state.position)
    }

    /// Whether changes are recorded. A store checks this before it changes anything, in the same critical section.
    #[inline]
    pub fn is_open(&self) -> bool {
        self.is_open.load(Ordering::Acquire)
    }

    /// Begins a new epoch. From now on, no change may be missed.
    pub fn open(&self) {
        self.close();
        let mut state = self.state();
        // Seeded by the system for each epoch, so that no two are alike.
        let position = Position { epoch: RandomState::new().hash_one(0), sequence: 0 };
        let history = History::default();
        *state =
            Some(State { position, history, next_reader: 0, readers: HashMap::new(), index: PrefixIndex::default() });
        self.is_open.store(true, Ordering::Release);
        drop(state);
        self.opened.send_replace(true);
    }

    /// Ends the epoch, because changes can no longer be observed. Readers end.
    pub fn close(&self) {
        let mut state = self.state();
        self.is_open.store(false, Ordering::Release);
        self.opened.send_replace(false);
        take(&mut *self.noted.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(ended) = state.take() {
            for reader in ended.readers.into_values() {
                reader.queue.with(|pending| pending.ended = true);
            }
        }
    }

    /// Waits until the log is open.
    pub async fn opened(&self) {
        // The sender is a part of the log, so it cannot be gone.
        let _ = self.opened.subscribe().wait_for(|open| *open).await;
    }

    /// Notes what was done, in the critical section in which it was done: only the order of the changes says whose the last
    /// one is. [`publish`](Self::publish) must follow, outside it.
    pub fn note(&self, noted: Noted) {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).push(noted);
    }

    /// Records everything that was noted, and tells the readers. Afterwards, what the caller has noted is recorded, by the
    /// caller or by somebody else.
    pub fn publish(&self) {
        let mut state = self.state();
        let noted = take(&mut *self.noted.lock().unwrap_or_else(PoisonError::into_inner));
        let Some(state) = state.as_mut().filter(|_| !noted.is_empty()) else { return };
        let now = Instant::now();
        for noted in noted {
            match noted {
                Noted::Keys(changes) => state.keys(changes, now, &self.counts),
                Noted::All => state.all(now, &self.counts),
            }
        }
    }

    /// Records changed keys.
    pub fn keys(&self, changes: Vec<Change>) {
        self.note(Noted::Keys(changes));
        self.publish();
    }

    /// Records that the store was emptied.
    pub fn all(&self) {
        self.note(Noted::All);
        self.publish();
    }

    /// Tells all readers that they have been told of every change.
    pub fn heartbeat(&self) {
        let state = self.state();
        let Some(state) = state.as_ref() else { return };
        for reader in state.readers.values() {
            reader.queue.with(|pending| pending.heartbeat(state.position));
        }
    }

    /// Registers a reader. `None` while the log is closed.
    pub fn read(self: &Arc<Self>, wanted: Wanted) -> Option<Reader> {
        let Wanted { prefixes, since, origin } = wanted;
        let prefixes = disjoint(prefixes);
        let mut state = self.state();
        let state = state.as_mut()?;
        let mut pending = Pending::new(state.position, origin);
        let is_reset = match since.map(|since| state.missed(&prefixes, since, origin)) {
            None => false,
            Some(Missed::Keys(keys)) => pending.missed(keys),
            Some(Missed::Everything) => {
                pending.reset();
                true
            }
        };
        if is_reset {
            self.counts.reset();
        }
        if since.is_some() {
            // At once, after what was missed or if nothing was: the reader is up to date then.
            pending.heartbeat(state.position);
        }
        let queue = Arc::new(Queue::new(pending));
        let id = state.next_reader;
        state.next_reader += 1;
        for prefix in &prefixes {
            state.index.insert(prefix, id);
        }
        state.readers.insert(id, Registered { prefixes, queue: Arc::clone(&queue) });
        Some(Reader { id, position: state.position, queue, log: Arc::clone(self) })
    }

    /// The changes that a caller has missed, which are none if it names no position, and the current position. `None` while
    /// the log is closed.
    pub fn missed(&self, wanted: Wanted) -> Option<(Missed, Position)> {
        let Wanted { prefixes, since, origin } = wanted;
        let state = self.state();
        let state = state.as_ref()?;
        let Some(since) = since else { return Some((Missed::Keys(Vec::new()), state.position)) };
        let missed = state.missed(&disjoint(prefixes), since, origin);
        if missed == Missed::Everything {
            self.counts.reset();
        }
        Some((missed, state.position))
    }

    /// The number of readers.
    pub fn readers(&self) -> usize {
        self.state().as_ref().map_or(0, |state| state.readers.len())
    }

    /// What is counted.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Ends the registration of a reader.
    pub(super) fn remove(&self, reader: u64, epoch: u64) {
        let mut state = self.state();
        let Some(state) = state.as_mut().filter(|state| state.position.epoch == epoch) else { return };
        if let Some(registered) = state.readers.remove(&reader) {
            for prefix in &registered.prefixes {
                state.index.remove(prefix, reader);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, Option<State>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn keys(&mut self, changes: Vec<Change>, now: Instant, counts: &Counts) {
        counts.recorded(changes.len());
        for change in changes {
            // Each has a number of its own: a reader may take one of several before the next is there, and come back with its
            // position.
            self.position.sequence += 1;
            for reader in self.index.readers(&change.key) {
                let Some(reader) = self.readers.get(&reader) else { continue };
                if reader.queue.with(|pending| pending.change(&change, self.position, now)) {
                    counts.reset();
                }
            }
            self.history.push(self.position.sequence, Some(change));
        }
    }

    fn all(&mut self, now: Instant, counts: &Counts) {
        counts.recorded(1);
        self.position.sequence += 1;
        for reader in self.readers.values() {
            reader.queue.with(|pending| pending.all(self.position, now));
        }
        self.history.push(self.position.sequence, None);
    }

    fn missed(&self, prefixes: &[Bytes], since: Position, origin: Option<Origin>) -> Missed {
        let is_known = since.epoch == self.position.epoch && since.sequence <= self.position.sequence;
        if is_known { self.history.since(since.sequence, prefixes, origin) } else { Missed::Everything }
    }
}
