//! The changes that wait for one reader.

use std::collections::HashMap;
use std::mem::{replace, take};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::changes::Changes;
use super::history::ChangedKey;
use super::{Change, Origin, Position};

/// The maximum number of keys that wait for a reader. A slower reader must drop everything.
pub(super) const MAX_KEYS: usize = 4096;

/// The maximum total size of these keys, in bytes.
pub(super) const MAX_BYTES: usize = 1 << 20;

/// An event for a reader. After it, the reader has seen every change up to the position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// These keys have changed.
    Keys(Arc<Changes>),
    /// Every key may have changed: the store was emptied.
    All(Position),
    /// Changes were missed.
    Reset(Position),
    /// Nothing has changed; announcements still arrive.
    Heartbeat(Position),
}

/// The changes since the last event, merged: a key that changes twice appears once.
#[derive(Debug)]
pub(super) struct Pending {
    what: What,
    position: Position,
    /// The origin of the reader's own changes.
    origin: Option<Origin>,
    /// When the first of these changes was announced.
    since: Option<Instant>,
    heartbeat: bool,
    /// Whether the epoch has ended.
    pub(super) ended: bool,
}

#[derive(Debug, Default)]
enum What {
    #[default]
    Nothing,
    /// Changes shared with other readers. A reader that keeps up has only these.
    Shared(Arc<Changes>),
    /// Keys, with the origin of the last change of each.
    Keys {
        keys: HashMap<Bytes, Option<Origin>>,
        bytes: usize,
    },
    All,
    Reset,
}

impl What {
    /// Adds changed keys. Returns whether there are too many.
    fn add(&mut self, changes: &[Change]) -> bool {
        if let Self::Nothing = self {
            *self = Self::Keys { keys: HashMap::with_capacity(changes.len().min(MAX_KEYS)), bytes: 0 };
        } else if let Self::Shared(shared) = self {
            let shared = Arc::clone(shared);
            *self = Self::Nothing;
            self.add(shared.changes());
        }
        let Self::Keys { keys, bytes } = self else { return false };
        for Change { key, origin } in changes {
            if keys.insert(key.clone(), *origin).is_none() {
                *bytes += key.len();
            }
            if keys.len() > MAX_KEYS || *bytes > MAX_BYTES {
                *self = Self::Reset;
                return true;
            }
        }
        false
    }
}

impl Pending {
    pub(super) fn new(position: Position, origin: Option<Origin>) -> Self {
        Self { what: What::Nothing, position, origin, since: None, heartbeat: false, ended: false }
    }

    /// Adds changes. Returns whether the reader has become too slow.
    pub(super) fn changed(&mut self, changes: &Arc<Changes>, now: Instant) -> bool {
        self.position = changes.position();
        self.since.get_or_insert(now);
        if matches!(self.what, What::Nothing) && !changes.are_by(self.origin) && changes.fit() {
            self.what = What::Shared(Arc::clone(changes));
            return false;
        }
        self.what.add(changes.changes())
    }

    /// Adds the changes that a new reader has missed. Returns whether there are too many.
    pub(super) fn missed(&mut self, missed: Vec<ChangedKey>) -> bool {
        let own = |is_own: bool| self.origin.filter(|_| is_own);
        let missed: Vec<Change> =
            missed.into_iter().map(|ChangedKey { key, is_own }| Change { key, origin: own(is_own) }).collect();
        self.what.add(&missed)
    }

    pub(super) fn all(&mut self, position: Position, now: Instant) {
        self.position = position;
        self.since.get_or_insert(now);
        if !matches!(self.what, What::Reset) {
            self.what = What::All;
        }
    }

    pub(super) fn reset(&mut self) {
        self.what = What::Reset;
    }

    pub(super) fn heartbeat(&mut self, position: Position) {
        self.position = position;
        self.heartbeat = true;
    }

    /// Takes the next event, if any, and the time at which its first change was announced.
    pub(super) fn take(&mut self) -> Option<(Event, Option<Instant>)> {
        let position = self.position;
        let event = match replace(&mut self.what, What::Nothing) {
            What::All => Event::All(position),
            What::Reset => Event::Reset(position),
            What::Shared(changes) => Event::Keys(changes),
            What::Keys { keys, .. } if !keys.is_empty() => {
                let changes = keys.into_iter().map(|(key, origin)| Change { key, origin }).collect();
                Event::Keys(Arc::new(Changes::of(self.origin, changes, position)))
            }
            What::Nothing | What::Keys { .. } => {
                return take(&mut self.heartbeat).then_some((Event::Heartbeat(position), None));
            }
        };
        Some((event, self.since.take()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(sequence: u64) -> Position {
        Position { epoch: 1, sequence }
    }

    fn by(name: &str, origin: Option<Origin>) -> Change {
        Change { key: Bytes::copy_from_slice(name.as_bytes()), origin }
    }

    /// Adds changes up to a sequence number.
    fn add(pending: &mut Pending, changes: Vec<Change>, sequence: u64) -> bool {
        pending.changed(&Arc::new(Changes::new(changes, at(sequence))), Instant::now())
    }

    fn change(pending: &mut Pending, name: &str, sequence: u64) -> bool {
        add(pending, vec![by(name, None)], sequence)
    }

    fn keys(keys: &[(&str, bool)], sequence: u64) -> Event {
        let own = Origin::new(b"own").ok();
        let changes = keys.iter().map(|(name, is_own)| by(name, own.filter(|_| *is_own))).collect();
        Event::Keys(Arc::new(Changes::of(own, changes, at(sequence))))
    }

    fn take(pending: &mut Pending) -> Option<Event> {
        let (event, since) = pending.take()?;
        assert_eq!(since.is_some(), !matches!(event, Event::Heartbeat(_)), "{event:?}");
        Some(event)
    }

    #[test]
    fn changes_are_merged_with_the_last_position() {
        let mut pending = Pending::new(at(0), None);
        assert_eq!(take(&mut pending), None);
        change(&mut pending, "a", 1);
        pending.heartbeat(at(1));
        change(&mut pending, "a", 2);
        assert_eq!(take(&mut pending), Some(keys(&[("a", false)], 2)));
        assert_eq!(take(&mut pending), Some(Event::Heartbeat(at(2))));
        assert_eq!(take(&mut pending), None);
        change(&mut pending, "a", 3);
        pending.all(at(4), Instant::now());
        change(&mut pending, "b", 5);
        assert_eq!(take(&mut pending), Some(Event::All(at(5))));
        pending.all(at(6), Instant::now());
        pending.reset();
        pending.all(at(8), Instant::now());
        change(&mut pending, "c", 9);
        assert_eq!(take(&mut pending), Some(Event::Reset(at(9))));
        assert_eq!(take(&mut pending), None);
    }

    #[test]
    fn a_slow_reader_keeps_no_more_than_its_limits() {
        let mut pending = Pending::new(at(0), None);
        for number in 0..MAX_KEYS {
            assert!(!change(&mut pending, &number.to_string(), 1), "{number}");
        }
        assert!(!change(&mut pending, "0", 2), "a key that waits already");
        assert!(change(&mut pending, "one more", 3));
        assert!(!change(&mut pending, "after", 4));
        assert_eq!(take(&mut pending), Some(Event::Reset(at(4))));
        let long = "x".repeat(MAX_BYTES / 2);
        assert!(!change(&mut pending, &format!("{long}1"), 5));
        assert!(change(&mut pending, &format!("{long}2"), 6));
        assert_eq!(take(&mut pending), Some(Event::Reset(at(6))));
        let many = (0..=MAX_KEYS).map(|number| by(&number.to_string(), None)).collect();
        assert!(add(&mut pending, many, 7), "at once");
    }

    #[test]
    fn readers_that_keep_up_share_what_they_are_told() {
        let (own, other) = (Origin::new(b"own").ok(), Origin::new(b"other").ok());
        let changes = Arc::new(Changes::new(vec![by("a", None), by("b", own), by("b", other)], at(3)));
        let is_shared = |pending: &mut Pending| {
            let Some(Event::Keys(told)) = take(pending) else { panic!() };
            Arc::ptr_eq(&told, &changes)
        };
        for (origin, shares) in [(None, true), (own, true), (other, false)] {
            let mut pending = Pending::new(at(0), origin);
            pending.changed(&changes, Instant::now());
            assert_eq!(is_shared(&mut pending), shares, "{origin:?}");
            pending.changed(&changes, Instant::now());
            change(&mut pending, "c", 4);
            let Some(Event::Keys(told)) = take(&mut pending) else { panic!() };
            let mut keys = told.keys();
            keys.sort_unstable();
            let key = |name, is_own| ChangedKey { key: by(name, None).key, is_own };
            assert_eq!(keys, [key("a", false), key("b", !shares), key("c", false)]);
            assert_eq!(told.position(), at(4));
        }
    }

    #[test]
    fn the_last_change_of_a_key_says_whose_it_is() {
        let (own, other) = (Origin::new(b"own").ok(), Origin::new(b"other").ok());
        let mut pending = Pending::new(at(0), own);
        let mut told = |origins: &[Option<Origin>]| {
            for origin in origins {
                add(&mut pending, vec![by("a", *origin)], 1);
            }
            take(&mut pending)
        };
        for (origins, is_own) in [
            (&[own][..], true),
            (&[other], false),
            (&[None], false),
            (&[other, own], true),
            (&[own, other], false),
            (&[own, None], false),
            (&[own, other, own], true),
        ] {
            assert_eq!(told(origins), Some(keys(&[("a", is_own)], 1)), "{origins:?}");
        }
        let mut nobody = Pending::new(at(0), None);
        add(&mut nobody, vec![by("a", None)], 1);
        assert_eq!(
            take(&mut nobody),
            Some(keys(&[("a", false)], 1)),
            "nobody's changes are not those of a reader without a name"
        );
    }

    #[test]
    fn too_much_that_was_missed_is_everything() {
        let missed =
            |count: usize| (0..count).map(|number| ChangedKey { key: by(&number.to_string(), None).key, is_own: true });
        let mut pending = Pending::new(at(7), Origin::new(b"own").ok());
        assert!(!pending.missed(missed(1).collect()));
        assert_eq!(pending.take(), Some((keys(&[("0", true)], 7), None)));
        assert!(pending.missed(missed(MAX_KEYS + 1).collect()));
        assert_eq!(pending.take(), Some((Event::Reset(at(7)), None)));
    }
}
