//! The last changes, for readers that come back.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use super::{Change, Origin};

/// How many changed keys are kept.
pub(super) const MAX_KEYS: usize = 65_536;

/// How many bytes these keys may have.
pub(super) const MAX_BYTES: usize = 8 << 20;

/// How many keys one answer names. Who missed more drops everything.
pub(super) const MAX_MISSED: usize = 16_384;

/// What a caller has missed since a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missed {
    /// Keys that have changed, in their order.
    Keys(Vec<ChangedKey>),
    /// Everything may have changed.
    Everything,
}

/// A key that has changed, as a reader is told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChangedKey {
    /// The key.
    pub key: Bytes,
    /// Whether its last change was the reader's own.
    pub is_own: bool,
}

/// The last changes: single keys, or `None` where the store was emptied.
#[derive(Debug, Default)]
pub(super) struct History {
    changes: VecDeque<(u64, Option<Change>)>,
    bytes: usize,
    /// The last sequence number whose changes are not all kept.
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

    /// What a reader of some prefixes has missed since a sequence number.
    pub(super) fn since(&self, sequence: u64, prefixes: &[Bytes], origin: Option<Origin>) -> Missed {
        if sequence < self.forgotten {
            return Missed::Everything;
        }
        let first = self.changes.partition_point(|(own, _)| *own <= sequence);
        let mut missed = BTreeMap::new();
        for (_, change) in self.changes.range(first..) {
            let Some(Change { key, origin: by }) = change else { return Missed::Everything };
            if prefixes.iter().any(|prefix| key.starts_with(prefix)) {
                // The last change of a key decides whose it is.
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
