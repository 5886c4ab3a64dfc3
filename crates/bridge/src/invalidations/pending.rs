//! The changes that wait for one reader.

use std::collections::HashSet;

use bytes::Bytes;

use super::Position;

/// How many keys may wait for a reader. One that reads so slowly that more would wait is told to drop everything.
pub(super) const MAX_KEYS: usize = 4096;

/// How many bytes these keys may have.
pub(super) const MAX_BYTES: usize = 1 << 20;

/// What a reader is told, and the position that it has then seen everything up to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// These keys have changed.
    Keys(Vec<Bytes>, Position),
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
    heartbeat: bool,
    /// Whether there will be no more.
    pub(super) ended: bool,
}

#[derive(Debug)]
enum What {
    Keys { keys: HashSet<Bytes>, bytes: usize },
    All,
    Reset,
}

impl What {
    fn nothing() -> Self {
        Self::Keys { keys: HashSet::new(), bytes: 0 }
    }
}

impl Pending {
    pub(super) fn new(position: Position) -> Self {
        Self { what: What::nothing(), position, heartbeat: false, ended: false }
    }

    /// Adds a changed key. Returns whether the reader has become too slow.
    pub(super) fn key(&mut self, key: &Bytes, position: Position) -> bool {
        self.position = position;
        let What::Keys { keys, bytes } = &mut self.what else { return false };
        if !keys.insert(key.clone()) {
            return false;
        }
        *bytes += key.len();
        let too_slow = keys.len() > MAX_KEYS || *bytes > MAX_BYTES;
        if too_slow {
            self.what = What::Reset;
        }
        too_slow
    }

    pub(super) fn all(&mut self, position: Position) {
        self.position = position;
        if matches!(self.what, What::Keys { .. }) {
            self.what = What::All;
        }
    }

    pub(super) fn reset(&mut self, position: Position) {
        self.position = position;
        self.what = What::Reset;
    }

    pub(super) fn heartbeat(&mut self, position: Position) {
        self.position = position;
        self.heartbeat = true;
    }

    /// Takes the next event, if there is one.
    pub(super) fn take(&mut self) -> Option<Event> {
        let position = self.position;
        match std::mem::replace(&mut self.what, What::nothing()) {
            What::All => Some(Event::All(position)),
            What::Reset => Some(Event::Reset(position)),
            What::Keys { keys, .. } if !keys.is_empty() => Some(Event::Keys(keys.into_iter().collect(), position)),
            What::Keys { .. } => std::mem::take(&mut self.heartbeat).then_some(Event::Heartbeat(position)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(sequence: u64) -> Position {
        Position { epoch: 1, sequence }
    }

    fn key(name: &str) -> Bytes {
        Bytes::copy_from_slice(name.as_bytes())
    }

    #[test]
    fn changes_are_merged_with_the_last_position() {
        let mut pending = Pending::new(at(0));
        assert_eq!(pending.take(), None);
        pending.key(&key("a"), at(1));
        pending.heartbeat(at(1));
        pending.key(&key("a"), at(2));
        assert_eq!(pending.take(), Some(Event::Keys(vec![key("a")], at(2))));
        assert_eq!(pending.take(), Some(Event::Heartbeat(at(2))));
        assert_eq!(pending.take(), None);
        pending.key(&key("a"), at(3));
        pending.all(at(4));
        pending.key(&key("b"), at(5));
        assert_eq!(pending.take(), Some(Event::All(at(5))));
        pending.all(at(6));
        pending.reset(at(7));
        pending.all(at(8));
        pending.key(&key("c"), at(9));
        assert_eq!(pending.take(), Some(Event::Reset(at(9))));
        assert_eq!(pending.take(), None);
    }

    #[test]
    fn a_slow_reader_keeps_no_more_than_its_limits() {
        let mut pending = Pending::new(at(0));
        for number in 0..MAX_KEYS {
            assert!(!pending.key(&key(&number.to_string()), at(1)), "{number}");
        }
        assert!(!pending.key(&key("0"), at(2)), "a key that waits already");
        assert!(pending.key(&key("one more"), at(3)));
        assert!(!pending.key(&key("after"), at(4)));
        assert_eq!(pending.take(), Some(Event::Reset(at(4))));
        let long = "x".repeat(MAX_BYTES / 2);
        assert!(!pending.key(&key(&format!("{long}1")), at(5)));
        assert!(pending.key(&key(&format!("{long}2")), at(6)));
        assert_eq!(pending.take(), Some(Event::Reset(at(6))));
    }
}
