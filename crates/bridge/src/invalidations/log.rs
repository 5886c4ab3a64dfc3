//! [`Log`]: the changes, and their readers.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use prometheus_client::metrics::counter::Counter;
use tokio::sync::{Notify, watch};

use super::Position;
use super::pending::{Event, Pending};
use super::prefix_index::{PrefixIndex, disjoint};

/// How many changed keys are kept for readers that come back.
const HISTORY_KEYS: usize = 65_536;

/// How many bytes these keys may have.
const HISTORY_BYTES: usize = 8 << 20;

/// How many keys one answer to a reader that comes back names. If it missed more, it drops everything.
const MAX_MISSED: usize = 16_384;

/// The changes of a store, numbered, and the readers of them. It is closed until changes can be observed.
#[derive(Debug, Default)]
pub struct Log {
    is_open: AtomicBool,
    opened: watch::Sender<bool>,
    recorded: Counter,
    resets: Counter,
    state: Mutex<Option<State>>,
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

#[derive(Debug)]
struct Queue {
    pending: Mutex<Pending>,
    changed: Notify,
}

impl Queue {
    fn with<R>(&self, change: impl FnOnce(&mut Pending) -> R) -> R {
        let result = change(&mut self.pending.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_one();
        result
    }
}

/// The last changes: single keys, or `None` where the store was emptied.
#[derive(Debug, Default)]
struct History {
    changes: VecDeque<(u64, Option<Bytes>)>,
    bytes: usize,
    /// The last sequence number whose changes are not all kept.
    forgotten: u64,
}

impl History {
    fn push(&mut self, sequence: u64, key: Option<Bytes>) {
        self.bytes += key.as_ref().map_or(0, Bytes::len);
        self.changes.push_back((sequence, key));
        while self.changes.len() > HISTORY_KEYS || self.bytes > HISTORY_BYTES {
            let Some((sequence, key)) = self.changes.pop_front() else { return };
            self.bytes -= key.as_ref().map_or(0, Bytes::len);
            self.forgotten = sequence;
        }
    }

    /// The changes after a sequence number; `None` if they are not all kept.
    fn since(&self, sequence: u64) -> Option<impl Iterator<Item = Option<&Bytes>>> {
        let first = self.changes.partition_point(|(own, _)| *own <= sequence);
        (sequence >= self.forgotten).then(|| self.changes.range(first..).map(|(_, key)| key.as_ref()))
    }
}

/// What a caller has missed since a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missed {
    /// These keys have changed.
    Keys(Vec<Bytes>),
    /// Everything may have changed.
    Everything,
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

    /// Records changed keys.
    pub fn keys(&self, keys: Vec<Bytes>) {
        let mut state = self.state();
        let Some(state) = state.as_mut().filter(|_| !keys.is_empty()) else { return };
        self.recorded.inc_by(keys.len() as u64);
        state.position.sequence += 1;
        for key in keys {
            for reader in state.index.readers(&key) {
                let Some(reader) = state.readers.get(&reader) else { continue };
                if reader.queue.with(|pending| pending.key(&key, state.position)) {
                    self.resets.inc();
                }
            }
            state.history.push(state.position.sequence, Some(key));
        }
    }

    /// Records that the store was emptied.
    pub fn all(&self) {
        let mut state = self.state();
        let Some(state) = state.as_mut() else { return };
        self.recorded.inc();
        state.position.sequence += 1;
        for reader in state.readers.values() {
            reader.queue.with(|pending| pending.all(state.position));
        }
        state.history.push(state.position.sequence, None);
    }

    /// Tells all readers that they have been told of every change.
    pub fn heartbeat(&self) {
        let state = self.state();
        let Some(state) = state.as_ref() else { return };
        for reader in state.readers.values() {
            reader.queue.with(|pending| pending.heartbeat(state.position));
        }
    }

    /// Registers a reader of the keys with some prefixes; the empty prefix is every key. `since` is the position up to which
    /// it has seen everything, if there is one. `None` while the log is closed.
    pub fn read(self: &Arc<Self>, prefixes: Vec<Bytes>, since: Option<Position>) -> Option<Reader> {
        let prefixes = disjoint(prefixes);
        let mut state = self.state();
        let state = state.as_mut()?;
        let mut pending = Pending::new(state.position);
        match since.map(|since| state.missed(&prefixes, since)) {
            None => {}
            Some(Missed::Keys(keys)) => {
                for key in keys {
                    pending.key(&key, state.position);
                }
            }
            Some(Missed::Everything) => {
                pending.reset(state.position);
                self.resets.inc();
            }
        }
        let queue = Arc::new(Queue { pending: Mutex::new(pending), changed: Notify::new() });
        let id = state.next_reader;
        state.next_reader += 1;
        for prefix in &prefixes {
            state.index.insert(prefix, id);
        }
        state.readers.insert(id, Registered { prefixes, queue: Arc::clone(&queue) });
        Some(Reader { id, position: state.position, queue, log: Arc::clone(self) })
    }

    /// The changes of keys with some prefixes since a position, and the current position. `None` while the log is closed.
    pub fn missed(&self, prefixes: Vec<Bytes>, since: Position) -> Option<(Missed, Position)> {
        let prefixes = disjoint(prefixes);
        let state = self.state();
        let state = state.as_ref()?;
        let missed = state.missed(&prefixes, since);
        if missed == Missed::Everything {
            self.resets.inc();
        }
        Some((missed, state.position))
    }

    /// The number of readers.
    pub fn readers(&self) -> usize {
        self.state().as_ref().map_or(0, |state| state.readers.len())
    }

    /// How many changes were recorded, and how many times a reader was told to drop everything.
    pub fn counters(&self) -> (Counter, Counter) {
        (self.recorded.clone(), self.resets.clone())
    }

    fn state(&self) -> MutexGuard<'_, Option<State>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn missed(&self, prefixes: &[Bytes], since: Position) -> Missed {
        let is_known = since.epoch == self.position.epoch && since.sequence <= self.position.sequence;
        let Some(changes) = is_known.then(|| self.history.since(since.sequence)).flatten() else {
            return Missed::Everything;
        };
        let mut missed = Vec::new();
        for change in changes {
            let Some(key) = change else { return Missed::Everything };
            if prefixes.iter().any(|prefix| key.starts_with(prefix)) {
                missed.push(key.clone());
            }
        }
        missed.sort_unstable();
        missed.dedup();
        if missed.len() > MAX_MISSED { Missed::Everything } else { Missed::Keys(missed) }
    }
}

/// A reader of the log. Dropping it ends the registration.
#[derive(Debug)]
pub struct Reader {
    id: u64,
    /// Where it began.
    pub position: Position,
    queue: Arc<Queue>,
    log: Arc<Log>,
}

impl Reader {
    /// Waits for the next event; `None` at the end of the epoch.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            {
                let mut pending = self.queue.pending.lock().unwrap_or_else(PoisonError::into_inner);
                if pending.ended {
                    return None;
                }
                if let Some(event) = pending.take() {
                    return Some(event);
                }
            }
            self.queue.changed.notified().await;
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut state = self.log.state();
        let Some(state) = state.as_mut().filter(|state| state.position.epoch == self.position.epoch) else { return };
        if let Some(reader) = state.readers.remove(&self.id) {
            for prefix in &reader.prefixes {
                state.index.remove(prefix, self.id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Bytes {
        Bytes::copy_from_slice(name.as_bytes())
    }

    fn open() -> Arc<Log> {
        let log = Arc::new(Log::default());
        log.open();
        log
    }

    fn everything() -> Vec<Bytes> {
        vec![Bytes::new()]
    }

    fn next(reader: &mut Reader) -> Option<Event> {
        use futures_util::FutureExt;
        reader.next().now_or_never().expect("an event, or the end")
    }

    fn is_idle(reader: &mut Reader) -> bool {
        use futures_util::FutureExt;
        reader.next().now_or_never().is_none()
    }

    #[test]
    fn a_closed_log_records_nothing() {
        let log = Arc::new(Log::default());
        log.keys(vec![key("a")]);
        log.all();
        log.heartbeat();
        let (recorded, resets) = log.counters();
        assert_eq!((log.position(), log.readers(), recorded.get(), resets.get()), (None, 0, 0, 0));
        assert!(log.read(everything(), None).is_none());
    }

    #[test]
    fn readers_see_the_changes_of_their_prefixes() {
        let log = open();
        let mut all = log.read(everything(), None).unwrap();
        let mut users = log.read(vec![key("user:1"), key("user:"), key("card:")], None).unwrap();
        log.keys(vec![key("user:1"), key("order:1")]);
        let at = log.position().unwrap();
        let Some(Event::Keys(mut keys, position)) = next(&mut all) else { panic!() };
        keys.sort_unstable();
        assert_eq!((keys, position), (vec![key("order:1"), key("user:1")], at));
        assert_eq!(next(&mut users), Some(Event::Keys(vec![key("user:1")], at)));
        log.keys(vec![key("order:2")]);
        assert!(is_idle(&mut users));
        log.all();
        assert_eq!(next(&mut users), Some(Event::All(log.position().unwrap())));
        log.heartbeat();
        assert_eq!(next(&mut users), Some(Event::Heartbeat(log.position().unwrap())));
        drop((all, users));
        assert_eq!(log.readers(), 0);
        assert!(log.state().as_ref().unwrap().index.readers(b"user:1").next().is_none());
    }

    #[test]
    fn a_reader_that_comes_back_is_told_what_it_missed() {
        let log = open();
        log.keys(vec![key("a:1")]);
        let since = log.position().unwrap();
        log.keys(vec![key("a:2"), key("b:2")]);
        log.keys(vec![key("a:3"), key("a:2")]);
        let missed = Missed::Keys(vec![key("a:2"), key("a:3")]);
        assert_eq!(log.missed(vec![key("a:")], since), Some((missed, log.position().unwrap())));
        let mut reader = log.read(vec![key("b:")], Some(since)).unwrap();
        assert_eq!(next(&mut reader), Some(Event::Keys(vec![key("b:2")], log.position().unwrap())));
        let mut reader = log.read(vec![key("c:")], Some(since)).unwrap();
        assert!(is_idle(&mut reader));
        log.all();
        assert_eq!(log.missed(vec![key("c:")], since).unwrap().0, Missed::Everything);
    }

    #[test]
    fn unknown_positions_mean_that_everything_may_have_changed() {
        let log = open();
        let old = log.position().unwrap();
        let mut reader = log.read(everything(), Some(Position { sequence: 5, ..old })).unwrap();
        assert_eq!(next(&mut reader), Some(Event::Reset(old)));
        log.open();
        assert_eq!(next(&mut reader), None);
        let new = log.position().unwrap();
        assert_ne!(old.epoch, new.epoch);
        assert_eq!(log.missed(everything(), old), Some((Missed::Everything, new)));
        // An old reader does not disturb a new one with the same number.
        let kept = log.read(everything(), None).unwrap();
        drop(reader);
        assert_eq!(log.readers(), 1);
        drop(kept);
        log.close();
        assert_eq!(log.missed(everything(), new), None);
    }

    #[test]
    fn the_history_is_bounded() {
        let log = open();
        let start = log.position().unwrap();
        for number in 0..HISTORY_KEYS {
            log.keys(vec![key(&number.to_string())]);
        }
        assert_eq!(
            log.missed(vec![key("77")], start).unwrap().0,
            Missed::Keys(
                (0..HISTORY_KEYS)
                    .map(|number| number.to_string())
                    .filter(|name| name.starts_with("77"))
                    .map(|name| key(&name))
                    .collect::<std::collections::BTreeSet<_>>()
                    .into_iter()
                    .collect()
            )
        );
        assert_eq!(log.missed(everything(), start).unwrap().0, Missed::Everything, "too many to name");
        log.keys(vec![key("one more")]);
        assert_eq!(log.missed(vec![key("77")], start).unwrap().0, Missed::Everything);
        let log = open();
        let start = log.position().unwrap();
        log.keys(vec![key(&"x".repeat(HISTORY_BYTES))]);
        assert!(matches!(log.missed(everything(), start).unwrap().0, Missed::Keys(_)));
        log.keys(vec![key("a")]);
        assert_eq!(log.missed(everything(), start).unwrap().0, Missed::Everything);
    }

    #[tokio::test]
    async fn a_change_wakes_a_reader_that_waits() {
        let log = open();
        let mut reader = log.read(everything(), None).unwrap();
        let waiting = tokio::spawn(async move { reader.next().await });
        tokio::task::yield_now().await;
        log.keys(vec![key("a")]);
        assert_eq!(waiting.await.unwrap(), Some(Event::Keys(vec![key("a")], log.position().unwrap())));
        log.close();
        let reopened = tokio::spawn({
            let log = Arc::clone(&log);
            async move { log.opened().await }
        });
        tokio::task::yield_now().await;
        assert!(!reopened.is_finished());
        log.open();
        reopened.await.unwrap();
    }
}
