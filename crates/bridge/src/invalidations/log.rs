//! [`Log`]: the numbered changes of a store, and their readers.

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

use super::changes::Changes;
use super::counts::Counts;
use super::history::{History, Missed};
use super::pending::Pending;
use super::prefix_index::{PrefixIndex, disjoint};
use super::reader::{Queue, Reader};
use super::{Change, Origin, Position};

/// The numbered changes of a store, and their readers. It is closed until changes can be observed.
#[derive(Debug, Default)]
pub struct Log {
    is_open: AtomicBool,
    opened: watch::Sender<bool>,
    counts: Counts,
    /// Changes that are not numbered yet, in the order in which they happened.
    noted: Mutex<Vec<Noted>>,
    state: Mutex<Option<State>>,
}

/// A change made by a store.
#[derive(Debug)]
pub enum Noted {
    /// It changed these keys, in this order.
    Keys(Vec<Change>),
    /// It was emptied.
    All,
}

/// The changes that a reader wants.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// The prefixes of the keys. The empty prefix matches every key.
    pub prefixes: Vec<Bytes>,
    /// The position up to which the reader has seen every change, if any.
    pub since: Option<Position>,
    /// The origin of the reader's own changes.
    pub origin: Option<Origin>,
}

/// The state of an epoch.
#[derive(Debug)]
struct State {
    position: Position,
    history: History,
    /// The number of the next reader or audience.
    next: u64,
    audiences: HashMap<u64, Audience>,
    by_prefixes: HashMap<Vec<Bytes>, u64>,
    index: PrefixIndex,
}

/// The readers of the same prefixes. They receive the same changes.
#[derive(Debug)]
struct Audience {
    prefixes: Vec<Bytes>,
    readers: HashMap<u64, Arc<Queue>>,
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
        *state = Some(State::new(position));
        self.is_open.store(true, Ordering::Release);
        drop(state);
        self.opened.send_replace(true);
    }

    /// Ends the epoch and its readers, because changes can no longer be observed.
    pub fn close(&self) {
        let mut state = self.state();
        self.is_open.store(false, Ordering::Release);
        self.opened.send_replace(false);
        take(&mut *self.noted.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(ended) = state.take() {
            for reader in ended.readers() {
                reader.with(|pending| pending.ended = true);
            }
        }
    }

    /// Waits until the log is open.
    pub async fn opened(&self) {
        // The sender is part of the log, so it cannot be gone.
        let _ = self.opened.subscribe().wait_for(|open| *open).await;
    }

    /// Notes a change. Must be called in the critical section that makes the change, since the order decides whose
    /// change of a key is the last. [`publish`](Self::publish) must follow, outside it.
    pub fn note(&self, noted: Noted) {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).push(noted);
    }

    /// Records all noted changes and sends them to the readers. On return, the caller's changes are recorded, by this
    /// call or by another.
    pub fn publish(&self) {
        let mut state = self.state();
        let noted = take(&mut *self.noted.lock().unwrap_or_else(PoisonError::into_inner));
        let Some(state) = state.as_mut().filter(|_| !noted.is_empty()) else { return };
        let now = Instant::now();
        let mut changes = Vec::new();
        for noted in noted {
            match noted {
                Noted::Keys(more) if changes.is_empty() => changes = more,
                Noted::Keys(more) => changes.extend(more),
                Noted::All => {
                    state.keys(take(&mut changes), now, &self.counts);
                    state.all(now, &self.counts);
                }
            }
        }
        state.keys(changes, now, &self.counts);
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

    /// Tells all readers that they have been sent every change so far.
    pub fn heartbeat(&self) {
        let state = self.state();
        let Some(state) = state.as_ref() else { return };
        for reader in state.readers() {
            reader.with(|pending| pending.heartbeat(state.position));
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
            // Sent at once, after any missed changes: the reader is then up to date.
            pending.heartbeat(state.position);
        }
        let queue = Arc::new(Queue::new(pending));
        let (audience, id) = state.add(prefixes, Arc::clone(&queue));
        Some(Reader { audience, id, position: state.position, queue, log: Arc::clone(self) })
    }

    /// The changes that a caller has missed (none if it names no position), and the current position. `None` while the
    /// log is closed.
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
        self.state().as_ref().map_or(0, |state| state.readers().count())
    }

    /// Counts of changes and their delivery.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Unregisters a reader.
    pub(super) fn remove(&self, reader: &Reader) {
        let mut state = self.state();
        if let Some(state) = state.as_mut().filter(|state| state.position.epoch == reader.position.epoch) {
            state.remove(reader.audience, reader.id);
        }
    }

    fn state(&self) -> MutexGuard<'_, Option<State>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn new(position: Position) -> Self {
        Self {
            position,
            history: History::default(),
            next: 0,
            audiences: HashMap::new(),
            by_prefixes: HashMap::new(),
            index: PrefixIndex::default(),
        }
    }

    fn readers(&self) -> impl Iterator<Item = &Arc<Queue>> {
        self.audiences.values().flat_map(|audience| audience.readers.values())
    }

    /// Registers a reader. Returns the number of its audience and its own.
    fn add(&mut self, prefixes: Vec<Bytes>, queue: Arc<Queue>) -> (u64, u64) {
        let id = self.next;
        self.next += 1;
        let audience = *self.by_prefixes.entry(prefixes.clone()).or_insert(id);
        let index = &mut self.index;
        let readers = self.audiences.entry(audience).or_insert_with(|| {
            for prefix in &prefixes {
                index.insert(prefix, audience);
            }
            Audience { prefixes, readers: HashMap::new() }
        });
        readers.readers.insert(id, queue);
        (audience, id)
    }

    fn remove(&mut self, audience: u64, reader: u64) {
        let Some(readers) = self.audiences.get_mut(&audience) else { return };
        readers.readers.remove(&reader);
        if readers.readers.is_empty()
            && let Some(Audience { prefixes, .. }) = self.audiences.remove(&audience)
        {
            self.by_prefixes.remove(&prefixes);
            for prefix in &prefixes {
                self.index.remove(prefix, audience);
            }
        }
    }

    /// Records changed keys and sends them to their readers together.
    fn keys(&mut self, changes: Vec<Change>, now: Instant, counts: &Counts) {
        counts.recorded(changes.len());
        let mut told: HashMap<u64, Vec<Change>> = HashMap::new();
        for change in changes {
            self.position.sequence += 1;
            for audience in self.index.readers(&change.key) {
                told.entry(audience).or_default().push(change.clone());
            }
            self.history.push(self.position.sequence, Some(change));
        }
        for (audience, changes) in told {
            let Some(audience) = self.audiences.get(&audience) else { continue };
            let changes = Arc::new(Changes::new(changes, self.position));
            for reader in audience.readers.values() {
                if reader.with(|pending| pending.changed(&changes, now)) {
                    counts.reset();
                }
            }
        }
    }

    fn all(&mut self, now: Instant, counts: &Counts) {
        counts.recorded(1);
        self.position.sequence += 1;
        for reader in self.readers() {
            reader.with(|pending| pending.all(self.position, now));
        }
        self.history.push(self.position.sequence, None);
    }

    fn missed(&self, prefixes: &[Bytes], since: Position, origin: Option<Origin>) -> Missed {
        let is_known = since.epoch == self.position.epoch && since.sequence <= self.position.sequence;
        if is_known { self.history.since(since.sequence, prefixes, origin) } else { Missed::Everything }
    }
}
