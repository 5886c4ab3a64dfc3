//! The model of a shared store: entries, what they were at any time, and the log of announcements.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use isocache::{Glob, Position, TaggedEntry};

use super::line::Line;
use super::world::World;

/// How many changes are known to readers that come back.
const HISTORY: usize = 40;

/// How long after its time an expiry may be announced: a store notices it when it looks.
const LAZY: u64 = 10_000;

#[derive(Clone, Debug, PartialEq)]
pub enum Val {
    Number(i64),
    Tagged(TaggedEntry<i64>),
}

/// What is stored as which type.
pub trait Stored: Clone + Send + Sync + 'static {
    fn to_val(self) -> Val;
    fn of_val(val: &Val) -> Self;
}

impl Stored for i64 {
    fn to_val(self) -> Val {
        Val::Number(self)
    }

    fn of_val(val: &Val) -> Self {
        let Val::Number(number) = val else { panic!("a tagged entry") };
        *number
    }
}

impl Stored for TaggedEntry<i64> {
    fn to_val(self) -> Val {
        Val::Tagged(self)
    }

    fn of_val(val: &Val) -> Self {
        let Val::Tagged(entry) = val else { panic!("not a tagged entry") };
        entry.clone()
    }
}

struct Entry {
    val: Val,
    /// When it expires, and by which write it came.
    deadline: Option<u64>,
    write: u64,
}

/// Its clones are one store.
#[derive(Clone)]
pub struct Store {
    pub world: World,
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    entries: HashMap<String, Entry>,
    /// What each key was, from when on.
    past: HashMap<String, Vec<(u64, Option<i64>)>>,
    writes: u64,
    epoch: u64,
    sequence: u64,
    /// The changes of the epoch, as far as they are known. No key: everything.
    log: Vec<(u64, Option<String>, Option<usize>)>,
    forgotten: u64,
    lines: Vec<Line>,
}

/// What a reader has missed.
#[derive(Clone, Debug)]
pub enum Missed {
    Keys(Vec<(String, Option<usize>)>),
    Everything,
}

impl Store {
    pub fn new(world: World) -> Self {
        let inner = Inner {
            entries: HashMap::new(),
            past: HashMap::new(),
            writes: 0,
            epoch: 1,
            sequence: 0,
            log: Vec::new(),
            forgotten: 0,
            lines: Vec::new(),
        };
        Self { world, inner: Arc::new(Mutex::new(inner)) }
    }

    fn with<R>(&self, act: impl FnOnce(&mut Inner, u64) -> R) -> R {
        act(&mut self.inner.lock().unwrap(), self.world.now())
    }

    pub fn get(&self, key: &str) -> Option<(Val, Option<u64>)> {
        self.with(|inner, now| {
            let entry = inner.live(key, now)?;
            Some((entry.val.clone(), entry.deadline.map(|deadline| deadline - now)))
        })
    }

    /// `origin` is the client that says that it is its write.
    pub fn set(&self, key: &str, val: Val, ttl: Option<u64>, origin: Option<usize>) {
        let (deadline, write) = self.with(|inner, now| {
            inner.writes += 1;
            let deadline = ttl.map(|ttl| now + ttl);
            inner.note(key, now, Some(&val));
            inner.entries.insert(key.to_owned(), Entry { val, deadline, write: inner.writes });
            inner.announce(Some(key), origin);
            (deadline, inner.writes)
        });
        if let Some(deadline) = deadline {
            let (store, key) = (self.clone(), key.to_owned());
            self.world.at(deadline, move || store.expire(key, write));
        }
    }

    pub fn set_if_absent(&self, key: &str, val: Val, ttl: Option<u64>, origin: Option<usize>) -> bool {
        let is_free = self.get(key).is_none();
        if is_free {
            self.set(key, val, ttl, origin);
        }
        is_free
    }

    pub fn increment(&self, key: &str, by: i64, ttl: Option<u64>, origin: Option<usize>) -> i64 {
        let (old, left) = match self.get(key) {
            Some((val, left)) => (i64::of_val(&val), left),
            None => (0, ttl),
        };
        self.set(key, Val::Number(old + by), left, origin);
        old + by
    }

    pub fn delete(&self, key: &str, origin: Option<usize>) -> bool {
        self.with(|inner, now| {
            let existed = inner.live(key, now).is_some();
            // It may expire at this very moment.
            if inner.entries.remove(key).is_some() {
                inner.note(key, now, None);
                inner.announce(Some(key), origin);
            }
            existed
        })
    }

    pub fn clear(&self, pattern: &str, origin: Option<usize>) -> u64 {
        let glob = Glob::new(pattern);
        let mut keys: Vec<String> =
            self.with(|inner, _| inner.entries.keys().filter(|key| glob.matches(key)).cloned().collect());
        keys.sort();
        keys.iter().map(|key| u64::from(self.delete(key, origin))).sum()
    }

    /// Empties the store.
    pub fn flush(&self) {
        self.with(|inner, now| {
            inner.lose(now);
            inner.announce(None, None);
        });
    }

    fn expire(&self, key: String, write: u64) {
        let expires = self.with(|inner, now| {
            let expires = inner.entries.get(&key).is_some_and(|entry| entry.write == write);
            if expires {
                inner.entries.remove(&key);
                inner.note(&key, now, None);
            }
            expires
        });
        if expires {
            let delay = if self.world.one_in(2) { 0 } else { self.world.within(0..=LAZY) };
            let store = self.clone();
            self.world.after(delay, move || store.with(|inner, _| inner.announce(Some(&key), None)));
        }
    }

    /// What announces changes restarts: with or without the entries. Readers may not notice.
    pub fn restart(&self, loses_entries: bool, is_noticed: bool) {
        let lines = self.with(|inner, now| {
            inner.epoch += 1;
            inner.sequence = 0;
            inner.forgotten = 0;
            inner.log.clear();
            if loses_entries {
                inner.lose(now);
            }
            std::mem::take(&mut inner.lines)
        });
        for line in lines {
            if is_noticed { line.close() } else { line.vanish() }
        }
    }

    pub fn position(&self) -> Position {
        self.with(|inner, _| Position { epoch: inner.epoch, sequence: inner.sequence })
    }

    pub fn missed(&self, since: Position) -> Missed {
        self.with(|inner, _| inner.missed(since))
    }

    /// Registers a reader.
    pub fn subscribe(&self, line: &Line) {
        self.with(|inner, _| {
            inner.lines.retain(Line::is_open);
            inner.lines.push(line.clone());
        });
    }

    /// Whether `key` was `value` at some time from `from` to `to`.
    pub fn was(&self, key: &str, value: Option<i64>, from: u64, to: u64) -> bool {
        self.with(|inner, _| {
            let Some(past) = inner.past.get(key) else { return value.is_none() };
            let starts = std::iter::once((0, None)).chain(past.iter().copied());
            let ends = past.iter().map(|(time, _)| *time).chain([u64::MAX]);
            starts.zip(ends).any(|((start, was), end)| was == value && start <= to && end >= from)
        })
    }

    /// When `key` became `value` for the first time.
    pub fn since(&self, key: &str, value: i64) -> Option<u64> {
        self.with(|inner, _| inner.past.get(key)?.iter().find(|(_, was)| *was == Some(value)).map(|(time, _)| *time))
    }

    pub fn past(&self, key: &str) -> String {
        self.with(|inner, _| format!("{:?}", inner.past.get(key)))
    }
}

impl Inner {
    fn live(&self, key: &str, now: u64) -> Option<&Entry> {
        self.entries.get(key).filter(|entry| entry.deadline.is_none_or(|deadline| deadline > now))
    }

    fn note(&mut self, key: &str, now: u64, val: Option<&Val>) {
        let value = match val {
            Some(Val::Number(number)) => Some(*number),
            _ => None,
        };
        self.past.entry(key.to_owned()).or_default().push((now, value));
    }

    fn lose(&mut self, now: u64) {
        let keys: Vec<String> = self.entries.keys().cloned().collect();
        self.entries.clear();
        for key in keys {
            self.note(&key, now, None);
        }
    }

    fn announce(&mut self, key: Option<&str>, origin: Option<usize>) {
        self.sequence += 1;
        self.log.push((self.sequence, key.map(str::to_owned), origin));
        if self.log.len() > HISTORY {
            self.forgotten = self.log.remove(0).0;
        }
        let position = Position { epoch: self.epoch, sequence: self.sequence };
        for line in &self.lines {
            line.changed(key, origin, position);
        }
    }

    fn missed(&self, since: Position) -> Missed {
        if since.epoch != self.epoch || since.sequence < self.forgotten || since.sequence > self.sequence {
            return Missed::Everything;
        }
        // The last change of a key is the one that counts.
        let mut keys: Vec<(String, Option<usize>)> = Vec::new();
        for (_, key, origin) in self.log.iter().filter(|(sequence, ..)| *sequence > since.sequence) {
            let Some(key) = key else { return Missed::Everything };
            keys.retain(|(known, _)| known != key);
            keys.push((key.clone(), *origin));
        }
        Missed::Keys(keys)
    }
}
