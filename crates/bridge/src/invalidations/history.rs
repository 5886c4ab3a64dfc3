//! The most recent changes, for readers that reconnect.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use super::{Change, Origin};

/// The maximum number of changed keys that are kept.
pub(super) const MAX_KEYS: usize = 65_536;

/// The maximum total size of these keys, in bytes.
pub(super) const MAX_BYTES: usize = 8 << 20;

/// The maximum number of missed keys sent to a reader. One that missed more must drop everything.
pub(super) const MAX_MISSED: usize = 16_384;

/// The changes that a caller missed since a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missed {
    /// The changed keys, sorted.
    Keys(Vec<ChangedKey>),
    /// Everything may have changed.
    Everything,
}

/// A changed key, as a reader receives it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChangedKey {
    /// The key.
    pub key: Bytes,
    /// Whether the reader itself made the last change.
    pub is_own: bool,
}

/// The most recent changes: single keys, or `None` where the store was emptied.
#[derive(Debug, Default)]
pub(super) struct History {
    changes: VecDeque<(u64, Option<Change>)>,
    bytes: usize,
    /// The last sequence number that is no longer kept.
    forgotten: u64,
}

impl History {
    pub(super) fn push(&mut self, sequence: u64, change: Option<Change>) {
        let bytes = |change: &Option<Change>| change.as_ref().map_or(0, |change| change.key.len());
        self.bytes += bytes(&change);
        self.changes.push_back((sequence, change));
        while self.changes.len() > MAX_KEYS || self.bytes > MAX_BYTES {
            let Some((sequence, change)) = self.changes.pop_front() else { return };
            self.bytes -= bytes(&change);
            self.forgotten = sequence;
        }
    }

    /// The changes to keys with these prefixes since a sequence number.
    pub(super) fn since(&self, sequence: u64, prefixes: &[Bytes], origin: Option<Origin>) -> Missed {
        if sequence < self.forgotten {
            return Missed::Everything;
        }
        let first = self.changes.partition_point(|(own, _)| *own <= sequence);
        let mut missed = BTreeMap::new();
        for (_, change) in self.changes.range(first..) {
            let Some(Change { key, origin: by }) = change else { return Missed::Everything };
            if prefixes.iter().any(|prefix| key.starts_with(prefix)) {
                // The last change of a key decides whether it is the reader's own.
                missed.insert(key, origin.is_some() && *by == origin);
                if missed.len() > MAX_MISSED {
                    return Missed::Everything;
                }
            }
        }
        let keys = missed.into_iter().map(|(key, is_own)| ChangedKey { key: key.clone(), is_own });
        Missed::Keys(keys.collect())
    }
}
