//! The changes that wait for one reader.

use std::collections::HashMap;
use std::time::Instant;

use bytes::Bytes;

use super::history::ChangedKey;
use super::{Change, Origin, Position};

/// How many keys may wait for a reader. One that reads so slowly that more would wait is told to drop everything.
pub(super) const MAX_KEYS: usize = 4096;

/// How many bytes these keys may have.
pub(super) const MAX_BYTES: usize = 1 << 20;

/// What a reader is told, and the position that it has then seen everything up to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// These keys have changed.
    Keys(Vec<ChangedKey>, Position),
    /// Every key may have changed: the store was emptied.
    All(Position),
    /// Changes were missed.
    Reset(Position),
    /// Nothing but that the announcements still arrive.
    Heartbeat(Position),
}

/// The changes since the last event. They are merged: a key that changes twice is told once.
#[derive(Debug)]
pub(super) struct Pending {
    what: What,
    position: Position,
    /// The origin of the reader's own changes.
    origin: Option<Origin>,
    /// When the first of these changes was announced.
    since: Option<Instant>,
    heartbeat: bool,
    /// Whether there will be no more.
    pub(super) ended: bool,
}

#[derive(Debug)]
enum What {
    /// Keys, and whether the last change of each was the reader's own.
    Keys {
        keys: HashMap<Bytes, bool>,
        bytes: usize,
    },
    All,
    Reset,
}

impl What {
    fn nothing() -> Self {
        Self::Keys { keys: HashMap::new(), bytes: 0 }
    }
}

impl Pending {
    pub(super) fn new(position: Position, origin: Option<Origin>) -> Self {
        Self { what: What::nothing(), position, origin, since: None, heartbeat: false, ended: false }
    }

    /// Adds a changed key. Returns whether the reader has become too slow.
    pub(super) fn change(&mut self, change: &Change, position: Position, now: Instant) -> bool {
        self.position = position;
        self.since.get_or_insert(now);
        let is_own = change.origin.is_some() && change.origin == self.origin;
        let What::Keys { keys, bytes } = &mut self.what else { return false };
        if let Some(known) = keys.get_mut(&change.key) {
            *known = is_own;
            return false;
        }
        keys.insert(change.key.clone(), is_own);
        *bytes += change.key.len();
        let too_slow = keys.len() > MAX_KEYS || *bytes > MAX_BYTES;
        if too_slow {
            self.what = What::Reset;
        }
        too_slow
    }

    /// Begins with what a reader has missed. Returns whether that is too much.
    pub(super) fn missed(&mut self, missed: Vec<ChangedKey>) -> bool {
        let bytes = missed.iter().map(|missed| missed.key.len()).sum();
        let too_much = missed.len() > MAX_KEYS || bytes > MAX_BYTES;
        let keys = || missed.into_iter().map(|missed| (missed.key, missed.is_own)).collect();
        self.what = if too_much { What::Reset } else { What::Keys { keys: keys(), bytes } };
        too_much
    }

    pub(super) fn all(&mut self, position: Position, now: Instant) {
        self.position = position;
        self.since.get_or_insert(now);
        if matches!(self.what, What::Keys { .. }) {
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

    /// Takes the next event, if there is one, and when the first of its changes was announced.
    pub(super) fn take(&mut self) -> Option<(Event, Option<Instant>)> {
        let position = self.position;
        let event = match std::mem::replace(&mut self.what, What::nothing()) {
            What::All => Event::All(position),
            What::Reset => Event::Reset(position),
            What::Keys { keys, .. } if !keys.is_empty() => {
                let keys = keys.into_iter().map(|(key, is_own)| ChangedKey { key, is_own });
                Event::Keys(keys.collect(), position)
            }
            What::Keys { .. } => {
                return std::mem::take(&mut self.heartbeat).then_some((Event::Heartbeat(position), None));
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

    /// Adds a key that somebody has changed.
    fn change(pending: &mut Pending, name: &str, sequence: u64) -> bool {
        pending.change(&by(name, None), at(sequence), Instant::now())
    }

    fn keys(keys: &[(&str, bool)], sequence: u64) -> Event {
        let key = |(name, is_own): &(&str, bool)| ChangedKey { key: by(name, None).key, is_own: *is_own };
        Event::Keys(keys.iter().map(key).collect(), at(sequence))
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
    }
    #[test]
    fn the_last_change_of_a_key_says_whose_it_is() {
        let (own, other) = (Origin::new(b"own").ok(), Origin::new(b"other").ok());
        let mut pending = Pending::new(at(0), own);
        let mut told = |origins: &[Option<Origin>]| {
            for origin in origins {
                pending.change(&by("a", *origin), at(1), Instant::now());
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
        nobody.change(&by("a", None), at(1), Instant::now());
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
        let mut pending = Pending::new(at(7), None);
        assert!(!pending.missed(missed(1).collect()));
        assert_eq!(pending.take(), Some((keys(&[("0", true)], 7), None)));
        assert!(pending.missed(missed(MAX_KEYS + 1).collect()));
        assert_eq!(pending.take(), Some((Event::Reset(at(7)), None)));
    }
}
