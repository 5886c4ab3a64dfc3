//! Recorded accesses.

use std::hash::{BuildHasher, Hasher};

use foldhash::quality::FixedState;
use hashbrown::HashTable;

/// The maximum number of requests in a trace: 4,294,967,294.
pub const MAX_REQUESTS: u32 = u32::MAX - 1;

/// Recorded accesses: the key of each request. Takes 4 bytes for each request, and about 20 for each key.
///
/// Keys are distinguished by a hash of 64 bits. The chance that any two of a million keys collide is 1 in 30 million.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    requests: Vec<u32>,
    known: HashTable<(u64, u32)>,
    hasher: FixedState,
}

impl Trace {
    /// Adds a request for a key. Returns false, and adds nothing, if [`MAX_REQUESTS`] is reached.
    pub fn push(&mut self, key: &[u8]) -> bool {
        if self.len() == MAX_REQUESTS {
            return false;
        }
        let mut hasher = self.hasher.build_hasher();
        hasher.write(key);
        let hash = hasher.finish();
        let next = self.keys();
        let entry = self.known.entry(hash, |known| known.0 == hash, |known| known.0);
        let (_, id) = *entry.or_insert((hash, next)).get();
        self.requests.push(id);
        true
    }

    /// The requests, each as the number of its key, from 0.
    #[must_use]
    pub fn requests(&self) -> &[u32] {
        &self.requests
    }

    /// The number of requests.
    #[must_use]
    pub fn len(&self) -> u32 {
        // `push` enforces the limit.
        u32::try_from(self.requests.len()).unwrap_or(u32::MAX)
    }

    /// Whether there is no request.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// The number of distinct keys.
    #[must_use]
    pub fn keys(&self) -> u32 {
        // There are at most as many as requests.
        u32::try_from(self.known.len()).unwrap_or(u32::MAX)
    }
}

impl<K: AsRef<[u8]>> FromIterator<K> for Trace {
    fn from_iter<I: IntoIterator<Item = K>>(keys: I) -> Self {
        let mut trace = Self::default();
        for key in keys {
            trace.push(key.as_ref());
        }
        trace
    }
}
