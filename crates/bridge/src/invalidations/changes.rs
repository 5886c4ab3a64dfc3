//! [`Changes`]: changed keys, as readers receive them.

use std::collections::HashMap;
use std::sync::OnceLock;

use bytes::Bytes;

use super::history::ChangedKey;
use super::pending::{MAX_BYTES, MAX_KEYS};
use super::{Change, Origin, Position};

/// Changed keys that are announced together, and the position after them. Readers of the same changes share this value
/// and its text.
#[derive(Debug)]
pub struct Changes {
    /// The last change of each key.
    last: Vec<Change>,
    /// The total length of the keys, in bytes.
    bytes: usize,
    position: Position,
    /// The origin whose changes are the reader's own.
    own: Option<Origin>,
    text: OnceLock<Bytes>,
}

impl Changes {
    /// Changes for all readers that made none of them.
    pub(super) fn new(changes: Vec<Change>, position: Position) -> Self {
        Self::of(None, last_of_each(changes), position)
    }

    /// Changes for a reader with an origin.
    pub(super) fn of(own: Option<Origin>, changes: Vec<Change>, position: Position) -> Self {
        let bytes = changes.iter().map(|change| change.key.len()).sum();
        Self { last: changes, bytes, position, own, text: OnceLock::new() }
    }

    /// Whether this is within the limits on waiting changes.
    pub(super) fn fit(&self) -> bool {
        self.last.len() <= MAX_KEYS && self.bytes <= MAX_BYTES
    }

    pub(super) fn changes(&self) -> &[Change] {
        &self.last
    }

    /// Whether one of the changes was made by this origin.
    pub(super) fn are_by(&self, origin: Option<Origin>) -> bool {
        origin.is_some() && self.last.iter().any(|change| change.origin == origin)
    }

    /// The position after these changes.
    pub fn position(&self) -> Position {
        self.position
    }

    /// The keys, with the reader's own marked.
    pub fn keys(&self) -> Vec<ChangedKey> {
        let is_own = |change: &Change| self.own.is_some() && change.origin == self.own;
        self.last.iter().map(|change| ChangedKey { key: change.key.clone(), is_own: is_own(change) }).collect()
    }

    /// The text of the event, made only once.
    pub fn text(&self, make: impl FnOnce(&Self) -> Bytes) -> Bytes {
        self.text.get_or_init(|| make(self)).clone()
    }
}

/// Ignores the text.
impl PartialEq for Changes {
    fn eq(&self, other: &Self) -> bool {
        self.keys() == other.keys() && self.position == other.position
    }
}

impl Eq for Changes {}

fn last_of_each(changes: Vec<Change>) -> Vec<Change> {
    if changes.len() < 2 {
        return changes;
    }
    let last: HashMap<Bytes, Option<Origin>> = changes.into_iter().map(|change| (change.key, change.origin)).collect();
    last.into_iter().map(|(key, origin)| Change { key, origin }).collect()
}
